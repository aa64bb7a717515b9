"""PSNR, SSIM and multi-scale SSIM as pure functions of images and reference.

Samples are worked on one after the other and sums are taken in float64, so a sample's score is the same
to the last bit whatever else is in the batch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from isptune.compiled import can_compile
from isptune.errors import ConfigurationError
from isptune.stages.strips import is_plain
from isptune.wording.naming import did_you_mean
from isptune_fidelity.windows import WINDOW, in_one_piece, strips, window_mean

# An error below this is not told apart from none: an error of 1e-7, the resolution of float32, is 140 dB.
LOWEST_ERROR = 1e-14

# (K1 L)^2 and (K2 L)^2 of Wang et al. (2004) with K1 = 0.01, K2 = 0.03 and the range L = 1.
_C1 = 0.01**2
_C2 = 0.03**2

# Subtracted before variances are taken, which it does not change.
_CENTRE = 0.5

# Wang, Simoncelli and Bovik (2003), section 3.2, from the finest scale to the coarsest.
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)

# A mean below zero has no real fractional power; this floor keeps the product finite, and its gradient.
_LOWEST_MEAN = 1e-6

CHANNELS = ("rgb", "luma")
# ITU-R BT.601, as in the reference implementation of SSIM.
_LUMA = (0.299, 0.587, 0.114)


def psnr(images: Tensor, reference: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of a data range of 1, over all three channels together.

    ``10 log10(1 / max(MSE, 1e-14))``: identical images score 140 dB, not infinity, and the gradient there
    is 0, not NaN.

    Args:
        images: (N, 3, H, W) in [0, 1].
        reference: (1, 3, H, W) or (N, 3, H, W).

    Returns:
        (N,) in dB, in [0, 140] for images in [0, 1].

    Raises:
        ConfigurationError: the shapes do not fit each other.

    Example:
        >>> psnr(torch.full((1, 3, 8, 8), 0.6), torch.full((1, 3, 8, 8), 0.5)).round().tolist()
        [20.0]
    """
    images, reference = _matched(images, reference, "psnr")
    whole = in_one_piece(images, reference)
    totals = [images.new_zeros((), dtype=torch.float64) for _ in range(len(images))]
    for start, count in strips(images.shape[-2], images.shape[-1], whole):
        for i, image in enumerate(images.narrow(2, start, count)):
            difference = image - _of(reference, i).narrow(1, start, count)
            squares = difference.square() if whole else difference.mul_(difference)
            totals[i] = totals[i] + _total(squares).sum()
    errors = _stacked(totals, images) / math.prod(images.shape[1:])
    return (-10 * errors.clamp(min=LOWEST_ERROR).log10()).to(images.dtype)


def ssim(images: Tensor, reference: Tensor, channels: str = "rgb", compiled: bool = False) -> Tensor:
    """Structural similarity: Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 13(4), 2004, equation 13.

    An 11 x 11 Gaussian window of sigma 1.5 px, K1 = 0.01, K2 = 0.03, a range of 1, and the mean over the
    windows that lie wholly inside the image. No downsampling beforehand.

    Args:
        images: (N, 3, H, W) in [0, 1], H and W at least 11.
        reference: (1, 3, H, W) or (N, 3, H, W).
        channels: ``"rgb"``, the mean of the three channels' SSIM; ``"luma"``, the SSIM of BT.601 luma,
            which is the paper's and does not see errors of colour alone.
        compiled: use compiled loops for float32 pictures on a CPU, without gradients: sums are taken in
            another order.

    Returns:
        (N,) in [-1, 1]; 1 for identical images.

    Raises:
        ConfigurationError: the shapes do not fit each other, or the images are smaller than the window.

    Example:
        >>> image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        >>> ssim(image, image).tolist()
        [1.0]
    """
    images, reference = _planes(*_matched(images, reference, "ssim"), channels)
    smallest = min(images.shape[-2:])
    if smallest < WINDOW:
        raise ConfigurationError(
            f"ssim needs images of at least {WINDOW} px on each side, "
            f"got {images.shape[-1]}x{images.shape[-2]}"
        )
    similarity, _ = _similarity(images, reference, compiled)
    return similarity.mean(dim=1).to(images.dtype)


def ms_ssim(
    images: Tensor,
    reference: Tensor,
    scales: int = len(SCALE_WEIGHTS),
    channels: str = "rgb",
    compiled: bool = False,
) -> Tensor:
    """Multi-scale structural similarity: Wang, Simoncelli and Bovik, Asilomar 2003, equation 7.

    The product over the scales of the mean contrast-structure term to the power of the scale's weight
    (0.0448, 0.2856, 0.3001, 0.2363, 0.1333 from fine to coarse), with the luminance term at the coarsest.
    Every next scale is the mean of 2 x 2 pixels; at an odd size the last row and column are means of the
    pixels there are, as in the reference implementation. A mean below 1e-6 counts as 1e-6, because a
    negative one has no real power.

    Args:
        images: (N, 3, H, W) in [0, 1], the smaller side at least ``smallest_side(scales)`` px.
        reference: (1, 3, H, W) or (N, 3, H, W).
        scales: how many of the five scales, from the finest; the weights of fewer than five are divided
            by their sum.
        channels: as in ``ssim``; the product is taken per channel.
        compiled: as in ``ssim``.

    Returns:
        (N,) in [0, 1]; 1 for identical images.

    Raises:
        ConfigurationError: the shapes do not fit each other, or the images are too small for the scales.
    """
    images, reference = _planes(*_matched(images, reference, "ms-ssim"), channels)
    weights = _weights(scales)
    needed, smallest = smallest_side(scales), min(images.shape[-2:])
    if smallest < needed:
        most = max((n for n in range(1, scales) if smallest_side(n) <= smallest), default=0)
        raise ConfigurationError(
            f"ms-ssim with {scales} scales needs images of at least {needed} px on each side, "
            f"got {images.shape[-1]}x{images.shape[-2]}"
            + (f"; set the option 'scales' to {most} or fewer" if most else "")
        )
    dtype = images.dtype
    product: Tensor | float = 1.0
    for scale, weight in enumerate(weights):
        if scale:
            images, reference = _halved(images), _halved(reference)
        similarity, structure = _similarity(images, reference, compiled)
        last = scale == len(weights) - 1
        product = product * (similarity if last else structure).clamp(min=_LOWEST_MEAN) ** weight
    assert isinstance(product, Tensor)
    return product.mean(dim=1).to(dtype)


def smallest_side(scales: int) -> int:
    """The smallest side, in pixels, on which the window still fits at the coarsest scale."""
    return (WINDOW - 1) * 2 ** (scales - 1) + 1


def check_channels(channels: str) -> str:
    """The option ``channels`` itself, refused with a ConfigurationError where it is unknown."""
    if channels not in CHANNELS:
        raise ConfigurationError(
            f"channels is '{channels}'; allowed: {', '.join(CHANNELS)}"
            + did_you_mean(str(channels), CHANNELS)
        )
    return channels


def check_scales(scales: int) -> int:
    """The option ``scales`` itself, refused with a ConfigurationError where it is not allowed."""
    if isinstance(scales, bool) or not isinstance(scales, int) or not 1 <= scales <= len(SCALE_WEIGHTS):
        raise ConfigurationError(
            f"scales is {scales!r}; allowed: whole numbers from 1 to {len(SCALE_WEIGHTS)}"
        )
    return scales


def _weights(scales: int) -> tuple[float, ...]:
    chosen = SCALE_WEIGHTS[: check_scales(scales)]
    # The published five sum to 1.0001 and are used as printed; fewer have to be weighed anew.
    return chosen if scales == len(SCALE_WEIGHTS) else tuple(weight / sum(chosen) for weight in chosen)


def _matched(images: Tensor, reference: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """Both in one floating-point type of at least single precision, refused where the shapes do not fit."""
    fits = images.ndim == 4 and images.shape[1] == 3 and reference.ndim == 4
    if not fits or images.shape[1:] != reference.shape[1:] or len(reference) not in (1, len(images)):
        raise ConfigurationError(
            f"{name} needs images of the shape (N, 3, H, W) and a reference of (1, 3, H, W) or the same, "
            f"got {tuple(images.shape)} and {tuple(reference.shape)}"
        )
    dtype = torch.promote_types(torch.promote_types(images.dtype, reference.dtype), torch.float32)
    return images.to(dtype), reference.to(dtype)


def _planes(images: Tensor, reference: Tensor, channels: str) -> tuple[Tensor, Tensor]:
    """The planes to compare: (N, 3, H, W) of RGB or (N, 1, H, W) of luma."""
    if check_channels(channels) == "rgb":
        return images, reference
    return _luma(images), _luma(reference)


def _luma(images: Tensor) -> Tensor:
    red, green, blue = images.split(1, dim=1)
    return red * _LUMA[0] + green * _LUMA[1] + blue * _LUMA[2]


def _of(reference: Tensor, index: int) -> Tensor:
    return reference[index if len(reference) > 1 else 0]


def _halved(images: Tensor) -> Tensor:
    return torch.nn.functional.avg_pool2d(images, 2, ceil_mode=True, count_include_pad=False)


def _total(values: Tensor) -> Tensor:
    """(C,) float64 sums of (C, H, W): rows in the values' own type, which is short, the rest in float64."""
    return values.sum(dim=-1).to(torch.float64).sum(dim=-1)


def _stacked(values: list[Tensor], like: Tensor) -> Tensor:
    return torch.stack(values) if values else like.new_zeros(0, dtype=torch.float64)


def _similarity(images: Tensor, reference: Tensor, compiled: bool) -> tuple[Tensor, Tensor]:
    """(N, C) float64 means of the SSIM map and of its contrast-structure factor."""
    if compiled and len(images) and is_plain(images, reference) and can_compile(images, reference):
        # numba takes a second to import.
        from isptune_fidelity.compiled.similarity import similarity as in_loops

        return in_loops(images, reference, (_C1, _C2))
    border = WINDOW - 1
    rows, columns = images.shape[-2] - border, images.shape[-1] - border
    whole = in_one_piece(images, reference)
    zero = images.new_zeros(images.shape[1], dtype=torch.float64)
    similarities, structures = [zero] * len(images), [zero] * len(images)
    for start, count in strips(rows, columns, whole):
        # Centred values lose less of the variance where mean square and squared mean nearly cancel.
        pristine = reference.narrow(2, start, count + border) - _CENTRE
        # One reference serves the whole batch: its own moments are taken once.
        moments = [_moments(plane) for plane in pristine]
        for i, image in enumerate(images.narrow(2, start, count + border)):
            mean_y, variance_y = moments[i if len(moments) > 1 else 0]
            similarity, structure = _maps(image - _CENTRE, _of(pristine, i), mean_y, variance_y)
            similarities[i] = similarities[i] + _total(similarity)
            structures[i] = structures[i] + _total(structure)
    windows = rows * columns
    shape = (len(images), images.shape[1])
    return (
        _stacked(similarities, images).reshape(shape) / windows,
        _stacked(structures, images).reshape(shape) / windows,
    )


def _moments(image: Tensor) -> tuple[Tensor, Tensor]:
    mean = window_mean(image)
    return mean, window_mean(image * image) - mean * mean


def _maps(x: Tensor, y: Tensor, mean_y: Tensor, variance_y: Tensor) -> tuple[Tensor, Tensor]:
    """The SSIM map and its contrast-structure factor, (C, H - 10, W - 10) each, of centred planes."""
    mean_x, variance_x = _moments(x)
    covariance = window_mean(x * y) - mean_x * mean_y
    structure = (2 * covariance + _C2) / (variance_x + variance_y + _C2)
    mean_x, mean_y = mean_x + _CENTRE, mean_y + _CENTRE
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x * mean_x + mean_y * mean_y + _C1)
    return luminance * structure, structure
