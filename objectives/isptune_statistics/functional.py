"""Statistics of single images as pure functions: (N, 3, H, W) in [0, 1] to (N,).

Samples are worked on one after the other and sums over rows are taken in float64, so a sample's value is
the same to the last bit whatever else is in the batch. All act on the values as they are stored
(gamma-coded for ordinary pictures); luma is ITU-R BT.601's.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from isptune.compiled import can_compile
from isptune.stages.strips import is_plain

_LUMA = (0.299, 0.587, 0.114)


def _gradient_filter() -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Taps of a Gaussian of sigma 1 px over 7 px, and of its derivative scaled to 1 on a unit ramp."""
    offsets = range(-3, 4)
    gauss = [math.exp(-0.5 * i * i) for i in offsets]
    slope = [i * g for i, g in zip(offsets, gauss, strict=True)]
    ramp = sum(i * s for i, s in zip(offsets, slope, strict=True))
    return tuple(g / sum(gauss) for g in gauss), tuple(s / ramp for s in slope)


_SMOOTH, _SLOPE = _gradient_filter()

# The steepest luma in [0, 1] that the filter can see: every positive tap on 1 and every negative on 0,
# along both axes.
SHARPEST = math.sqrt(2) * sum(tap for tap in _SLOPE if tap > 0)

# |[1 -2 1] x [1 -2 1]| is at most 8 on values in [0, 1].
NOISIEST = math.sqrt(math.pi / 2) * 8 / 6

# Of the opponent signals rg^2 + yb^2 is at most 1.25 (pure red, green or blue mixed with at most one more),
# and s + 0.3 m with s^2 + m^2 fixed is largest for m = 0.3 s.
MOST_COLOURFUL = 255 * math.sqrt(1.25 * (1 + 0.3**2))


def sharpness(images: Tensor, compiled: bool = False) -> Tensor:
    """Root mean square of the luma gradient, in luma per pixel.

    ``sqrt(mean(|grad(G * Y)|^2))`` with G a Gaussian of sigma 1 px, over the pixels whose 7 x 7 window lies
    inside the image. This is Tenengrad (Krotkov 1987) with Gaussian derivatives in the place of Sobel's:
    white noise enters with a fifth of its standard deviation per axis, where a Laplacian multiplies it by
    4.5, so that noise does not pass for sharpness so easily.

    Args:
        images: (N, 3, H, W) in [0, 1], H and W at least 7.
        compiled: use compiled loops for float32 pictures on a CPU, without gradients: sums are taken in
            another order.

    Returns:
        (N,) in [0, ``SHARPEST``]; 0 for a flat image, 1/k for a ramp of length k.
    """
    if compiled and len(images) and is_plain(images) and can_compile(images):
        # numba takes a second to import.
        from isptune_statistics.compiled.edges import squared_gradients

        return squared_gradients(images, _SMOOTH, _SLOPE).sqrt().to(images.dtype)

    def one(image: Tensor) -> Tensor:
        luma = _luma(image)
        across = _correlate(_correlate(luma, _SMOOTH, -2), _SLOPE, -1)
        down = _correlate(_correlate(luma, _SMOOTH, -1), _SLOPE, -2)
        return _root(_mean(across.square() + down.square()))

    return _per_sample(one, images)


def noise_level(images: Tensor) -> Tensor:
    """Standard deviation of white noise, in the images' own unit of [0, 1]: Immerkaer 1996.

    ``sqrt(pi/2) / (6 (W-2) (H-2)) * sum |I * N|`` with N = [1 -2 1] x [1 -2 1], which is blind to edges
    along either axis and to gradients, per channel, then the mean of the three channels. Fine texture is
    counted as noise, as in every estimate from a single image (J. Immerkaer, Computer Vision and Image
    Understanding 64(2), 1996, equation 6).

    Args:
        images: (N, 3, H, W) in [0, 1], H and W at least 3.

    Returns:
        (N,) in [0, ``NOISIEST``].
    """

    def one(image: Tensor) -> Tensor:
        return _mean(_second_difference(_second_difference(image, -1), -2).abs()).mean()

    return _per_sample(one, images) * (math.sqrt(math.pi / 2) / 6)


def contrast(images: Tensor) -> Tensor:
    """RMS contrast: the standard deviation of luma over the pixels (Peli, JOSA A 7(10), 1990).

    Args:
        images: (N, 3, H, W) in [0, 1].

    Returns:
        (N,) in [0, 0.5]; 0.5 for half black, half white.
    """

    def one(image: Tensor) -> Tensor:
        return _root(_moments(_luma(image))[1])

    return _per_sample(one, images)


def colourfulness(images: Tensor) -> Tensor:
    """Colourfulness M3 of Hasler and Suesstrunk, on the paper's scale of 0..255.

    With rg = R - G and yb = (R + G) / 2 - B of values in 0..255:
    ``sqrt(std(rg)^2 + std(yb)^2) + 0.3 sqrt(mean(rg)^2 + mean(yb)^2)``. The paper's labels: 15 slightly,
    33 moderately, 45 averagely, 59 quite, 82 highly, 109 extremely colourful (Measuring colourfulness in
    natural images, Proc. SPIE 5007, 2003).

    Args:
        images: (N, 3, H, W) in [0, 1].

    Returns:
        (N,) in [0, ``MOST_COLOURFUL``]; 0 for a grey image.
    """

    def one(image: Tensor) -> Tensor:
        red, green, blue = image.to(torch.promote_types(image.dtype, torch.float32))
        mean_rg, variance_rg = _moments(red - green)
        mean_yb, variance_yb = _moments((red + green) / 2 - blue)
        spread = _root(variance_rg + variance_yb)
        return spread + 0.3 * _root(mean_rg.square() + mean_yb.square())

    return _per_sample(one, images) * 255


def exposure(images: Tensor, sigma: float = 0.2) -> Tensor:
    """Well-exposedness of Mertens, Kautz and Van Reeth (Exposure Fusion, Pacific Graphics 2007).

    The mean over the pixels of ``prod_c exp(-(I_c - 0.5)^2 / (2 sigma^2))``: 1 where all three channels are
    mid grey, towards 0 where any of them nears black or white.

    Args:
        images: (N, 3, H, W) in [0, 1].
        sigma: the width of the Gaussian; the paper's is 0.2.

    Returns:
        (N,) in (0, 1].
    """

    def one(image: Tensor) -> Tensor:
        distance = (image - 0.5).square().sum(dim=0, keepdim=True)
        return _mean(torch.exp(distance / (-2 * sigma**2))).sum()

    return _per_sample(one, images)


def clipping(images: Tensor, margin: float = 0.5 / 255) -> Tensor:
    """Fraction of samples (channel values) at the rails: at most ``margin`` or at least ``1 - margin``.

    A count, hence piecewise constant: it has no useful gradient.

    Args:
        images: (N, 3, H, W) in [0, 1].
        margin: how near to 0 or 1 counts; the default is what rounds to 0 or 255 in 8 bits.

    Returns:
        (N,) in [0, 1].
    """

    def one(image: Tensor) -> Tensor:
        clipped = (image <= margin) | (image >= 1 - margin)
        return clipped.sum().to(torch.float64) / image.numel()

    return _per_sample(one, images.detach())


def _per_sample(one: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """(N,) values of a function of (3, H, W) that gives a float64 scalar, in the type of the images.

    Half precision is too coarse for the sums and is raised to single first.
    """
    dtype = torch.promote_types(images.dtype, torch.float32)
    values = [one(image.to(dtype)) for image in images]
    return torch.stack(values).to(dtype) if values else images.new_zeros(0, dtype=dtype)


def _luma(image: Tensor) -> Tensor:
    """(1, H, W) BT.601 luma of (3, H, W)."""
    red, green, blue = image.split(1, dim=0)
    return red * _LUMA[0] + green * _LUMA[1] + blue * _LUMA[2]


def _mean(values: Tensor) -> Tensor:
    """(...) float64 mean over (H, W): rows in the values' own type, which are short, the rest in float64."""
    height, width = values.shape[-2:]
    return values.sum(dim=-1).to(torch.float64).sum(dim=-1) / (height * width)


def _moments(plane: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and population variance of a plane as float64 scalars."""
    mean = _mean(plane).sum()
    # Deviations, not mean square minus squared mean, which loses the variance of a nearly flat image.
    return mean, _mean((plane - mean.to(plane.dtype)).square()).sum()


def _root(value: Tensor) -> Tensor:
    """Square root whose gradient at 0 is 0 and not infinite: a flat image must not give NaN."""
    value = value.sum()
    positive = value > 0
    return torch.where(positive, torch.where(positive, value, 1.0).sqrt(), 0.0)


def _correlate(image: Tensor, taps: tuple[float, ...], dim: int) -> Tensor:
    """Correlation along one dimension where the taps lie wholly inside the image."""
    length = image.shape[dim] - len(taps) + 1
    result = image.narrow(dim, 0, length) * taps[0]
    for i, tap in enumerate(taps[1:], start=1):
        if tap:
            result = result + image.narrow(dim, i, length) * tap
    return result


def _second_difference(image: Tensor, dim: int) -> Tensor:
    length = image.shape[dim] - 2
    outer = image.narrow(dim, 0, length) + image.narrow(dim, 2, length)
    return outer - 2 * image.narrow(dim, 1, length)
