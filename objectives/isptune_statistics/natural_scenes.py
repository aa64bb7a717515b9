"""Natural-scene statistics of luma: the 36 features of BRISQUE, for whole images and for patches.

Luma, locally normalised to zero mean and unit contrast (MSCN coefficients), is distributed much alike in all
good photographs, and products of neighbouring coefficients are too; blur, noise and compression each bend
these distributions in their own way. A. Mittal, A. K. Moorthy, A. C. Bovik, "No-reference image quality
assessment in the spatial domain", IEEE Transactions on Image Processing 21(12), 2012.

Our own choices, where the paper is silent or its code does otherwise:

- luma is BT.601's in 0..255 and is not rounded; the constant of the normalisation is the paper's C = 1;
- the window is cut off at 7 x 7 and beyond the border the nearest pixel is repeated;
- the second scale is luma reduced by 2 with an antialiased bicubic; a last odd row or column is left out;
- pairs of neighbours lie wholly inside the image (the authors' code joins opposite borders);
- shapes are read off a table from 0.2 to 10 by linear interpolation, and saturate at its ends;
- where nothing varies, shapes are those of faint white noise, and all spreads are 0.

All is computed in float64, since the local variance is a small difference of large numbers. Nothing here is
meant to be differentiated.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as nn_functional

SMALLEST = 32
SCALES = 2

_WINDOW = 7
_SIGMA = 7 / 6
_LUMA = (0.299, 0.587, 0.114)
_SHAPES = (0.2, 10.0, 9801)
# The ratio E|x|^2 / E x^2 of a normal variable, and of the product of two independent ones.
_NORMAL = 2 / math.pi
_PRODUCT = _NORMAL**2
# Second moments below this are rounding errors of float64, whatever the image.
_NOTHING = 1e-18

_ORIENTATIONS = ("horizontal", "vertical", "diagonal", "antidiagonal")
FEATURES = tuple(
    f"{name}-{scale}"
    for scale in range(1, SCALES + 1)
    for name in (
        "shape",
        "variance",
        *(
            f"{orientation}-{parameter}"
            for orientation in _ORIENTATIONS
            for parameter in ("shape", "mean", "left-variance", "right-variance")
        ),
    )
)


def luma_255(images: Tensor) -> Tensor:
    """(N, 1, H, W) float64 BT.601 luma in 0..255 of (N, 3, H, W) in [0, 1]."""
    images = images.detach()
    luma = images[:, 0:1].to(torch.float64) * (255 * _LUMA[0])
    for channel in (1, 2):
        luma += images[:, channel : channel + 1].to(torch.float64) * (255 * _LUMA[channel])
    return luma


def mscn(luma: Tensor, constant: float = 1.0, compiled: bool = False) -> tuple[Tensor, Tensor]:
    """Mean-subtracted, contrast-normalised coefficients ``(Y - mu) / (sigma + C)`` (equation 1).

    Args:
        luma: (N, 1, H, W) in 0..255, H and W at least 7.
        constant: C, which keeps flat areas from being divided by zero.
        compiled: use compiled loops on a CPU: sums are taken in another order.

    Returns:
        The coefficients and sigma, the Gaussian-weighted local standard deviation, both (N, 1, H, W)
        float64; 0 where the window is flat, up to rounding.
    """
    luma = luma.to(torch.float64)
    if compiled and luma.device.type == "cpu" and luma.numel():
        from isptune_statistics.compiled.coefficients import mscn as in_loops

        return in_loops(luma, constant)
    mean = _smoothed(luma)
    spread = _smoothed(luma.square()).sub_(mean.square()).clamp_(min=0).sqrt_()
    # What squares of values up to 255 leave behind when they cancel, in float64, is below this.
    spread[spread < 1e-4] = 0
    coefficients = (luma - mean).div_(spread + constant)
    return coefficients, spread


def half_size(luma: Tensor) -> Tensor:
    """(N, C, H // 2, W // 2): reduced by 2 with an antialiased bicubic; H and W must be even."""
    height, width = luma.shape[-2:]
    return nn_functional.interpolate(
        luma, size=(height // 2, width // 2), mode="bicubic", antialias=True, align_corners=False
    )


def fit_generalised_gaussian(samples: Tensor) -> tuple[Tensor, Tensor]:
    """Shape and variance of a zero-mean generalised Gaussian, by matching E|x|^2 / E x^2.

    The density is proportional to ``exp(-(|x| / beta)^shape)``: 2 is the normal distribution, 1 Laplace's.
    K. Sharifi, A. Leon-Garcia, IEEE Transactions on Circuits and Systems for Video Technology 5(1), 1995.

    Args:
        samples: (..., H, W).

    Returns:
        Shape in [0.2, 10] and variance, each (...) float64.
    """
    samples = samples.to(torch.float64)
    return _generalised(samples.abs().mean(dim=(-2, -1)), samples.square().mean(dim=(-2, -1)))


def _generalised(absolute: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """The fit from E|x| and E x^2."""
    flat = second <= _NOTHING
    ratio = torch.where(flat, _NORMAL, absolute.square() / second.clamp(min=_NOTHING))
    return _shape_of(ratio), torch.where(flat, 0.0, second)


def fit_asymmetric_gaussian(samples: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Parameters of an asymmetric generalised Gaussian around 0, by moment matching.

    The two halves have one shape and spreads of their own: N. E. Lasmar, Y. Stitou, Y. Berthoumieu,
    "Multiscale skewed heavy tailed model for texture analysis", ICIP 2009.

    Args:
        samples: (..., H, W).

    Returns:
        Shape in [0.2, 10], mean of the fitted distribution, left and right variance, each (...) float64.
    """
    samples = samples.to(torch.float64)
    count = samples.shape[-2] * samples.shape[-1]
    # Products with masks of truth values would take ten times as long as these two halves.
    above = samples.clamp(min=0)
    below = above - samples
    total = above.sum(dim=(-2, -1)) + below.sum(dim=(-2, -1))
    right, left = (half.square_().sum(dim=(-2, -1)) for half in (above, below))
    signs = samples.sign()
    surplus = signs.sum(dim=(-2, -1))
    both = signs.abs_().sum(dim=(-2, -1))
    return _asymmetric(total, left, right, (both - surplus) / 2, (both + surplus) / 2, count)


def _asymmetric(
    total: Tensor, left: Tensor, right: Tensor, fewer: Tensor, more: Tensor, count: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The fit from the sum of magnitudes, the sums of squares of both sides, and how many are on each."""
    absolute, second = total / count, (right + left) / count
    left, right = left / fewer.clamp(min=1), right / more.clamp(min=1)
    flat = second <= _NOTHING
    left, right = torch.where(flat, 0.0, left), torch.where(flat, 0.0, right)
    low, high = left.sqrt(), right.sqrt()
    # (g^3 + 1)(g + 1) / (g^2 + 1)^2 with g = low / high, written so that either side may be 0.
    skew = (low**3 + high**3) * (low + high) / (left + right).square().clamp(min=_NOTHING**2)
    ratio = absolute.square() / second.clamp(min=_NOTHING) * skew
    shape = _shape_of(torch.where(flat, _PRODUCT, ratio))
    one, two, three = (torch.lgamma(k / shape) for k in (1, 2, 3))
    mean = (high - low) * torch.exp(two - (one + three) / 2)
    return shape, mean, left, right


def coefficients_of(
    images: Tensor, compiled: bool = False, luma: Tensor | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """MSCN coefficients and local standard deviations, scale by scale.

    Args:
        images: (N, 3, H, W) in [0, 1], H and W at least 32.
        compiled: as in ``mscn``.
        luma: their ``luma_255`` where it is there already.

    Yields:
        Two tensors (N, H', W'): the even part of the image, then half of it in each direction.
    """
    height, width = (length // 2 * 2 for length in images.shape[-2:])
    luma = luma_255(images[..., :height, :width]) if luma is None else luma[..., :height, :width]
    for scale in range(SCALES):
        if scale:
            luma = half_size(luma)
        coefficients, spread = mscn(luma, compiled=compiled)
        yield coefficients[:, 0], spread[:, 0]


def plane_features(coefficients: Tensor, compiled: bool = False) -> Tensor:
    """The 18 features of one scale (table I): GGD of the coefficients, AGGD of the products of neighbours.

    Args:
        coefficients: (..., H, W) MSCN.
        compiled: as in ``mscn``.

    Returns:
        (..., 18) float64, in the order of the first half of ``FEATURES``.
    """
    if compiled and coefficients.device.type == "cpu" and coefficients.numel():
        return _features_by_loops(coefficients)
    features = list(fit_generalised_gaussian(coefficients))
    inner, upper, lower = coefficients, coefficients[..., :-1, :], coefficients[..., 1:, :]
    for one, other in (
        (inner[..., :-1], inner[..., 1:]),
        (upper, lower),
        (upper[..., :-1], lower[..., 1:]),
        (upper[..., 1:], lower[..., :-1]),
    ):
        features += fit_asymmetric_gaussian(one * other)
    return torch.stack(features, dim=-1)


def _features_by_loops(coefficients: Tensor) -> Tensor:
    from isptune_statistics.compiled.coefficients import OF_PRODUCT, OWN, sums_of

    height, width = coefficients.shape[-2:]
    own, *products = sums_of(coefficients.to(torch.float64)).tensor_split(
        list(range(OWN, OWN + len(_ORIENTATIONS) * OF_PRODUCT, OF_PRODUCT)), dim=-1
    )
    absolute, second = (own / (height * width)).unbind(dim=-1)
    features = list(_generalised(absolute, second))
    across, down = height * (width - 1), (height - 1) * width
    both = (height - 1) * (width - 1)
    for part, count in zip(products, (across, down, both, both), strict=True):
        above, below, right, left, more, fewer = part.unbind(dim=-1)
        features += _asymmetric(above + below, left, right, fewer, more, count)
    return torch.stack(features, dim=-1)


def natural_scene_features(images: Tensor) -> Tensor:
    """The 36 features of BRISQUE: shape and variance, and four products, at two scales.

    Args:
        images: (N, 3, H, W) in [0, 1], H and W at least 32.

    Returns:
        (N, 36) float64, in the order of ``FEATURES``; finite for every image, also a flat one.

    Example:
        >>> import torch
        >>> natural_scene_features(torch.rand(2, 3, 64, 48)).shape
        torch.Size([2, 36])
    """
    if not len(images):
        return images.new_zeros(0, len(FEATURES), dtype=torch.float64)
    return torch.cat([plane_features(plane) for plane, _ in coefficients_of(images)], dim=-1)


def _smoothed(plane: Tensor) -> Tensor:
    """The weighted local mean; beyond the border the nearest pixel is repeated."""
    half = _WINDOW // 2
    taps = [math.exp(-0.5 * (i / _SIGMA) ** 2) for i in range(-half, half + 1)]
    for dim, padding in ((-1, (half, half, 0, 0)), (-2, (0, 0, half, half))):
        padded = nn_functional.pad(plane, padding, mode="replicate")
        length = plane.shape[dim]
        # Pairs of equal weight and a fixed order of summation: the same bits in every batch.
        result = padded.narrow(dim, half, length) * (taps[half] / sum(taps))
        for i in range(half):
            weight = taps[i] / sum(taps)
            result.add_(padded.narrow(dim, i, length), alpha=weight)
            result.add_(padded.narrow(dim, _WINDOW - 1 - i, length), alpha=weight)
        plane = result
    return plane


def _shape_of(ratio: Tensor) -> Tensor:
    """The shape whose E|x|^2 / E x^2 = Gamma(2/a)^2 / (Gamma(1/a) Gamma(3/a)) is the given ratio."""
    shapes, table = _shape_table(ratio.device)
    place = torch.searchsorted(table, ratio.contiguous()).clamp(1, len(table) - 1)
    before, after = table[place - 1], table[place]
    share = ((ratio - before) / (after - before)).clamp(0, 1)
    return torch.lerp(shapes[place - 1], shapes[place], share)


@functools.cache
@torch.inference_mode(False)
def _shape_table(device: torch.device) -> tuple[Tensor, Tensor]:
    """Shapes, and the ratio of each."""
    low, high, count = _SHAPES
    shapes = torch.linspace(low, high, count, dtype=torch.float64, device=device)
    one, two, three = (torch.lgamma(k / shapes) for k in (1, 2, 3))
    return shapes, torch.exp(2 * two - one - three)
