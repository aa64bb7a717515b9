"""Noise on patches: signal-to-noise ratio, dynamic range, visual noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from isptune_charts.colour import lab
from isptune_charts.patches import Patch, residuals

HIGHEST_SNR = 80.0
"""In dB: a patch without any noise has as much."""

# Linear sRGB (D65) to XYZ, and XYZ to an achromatic and two opponent channels (ISO 15739, annex B).
_TO_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
_TO_OPPONENT = ((0.0, 1.0, 0.0), (1.0, -1.0, 0.0), (0.0, 0.4, -0.4))


def snr(mean: Tensor, deviation: Tensor) -> Tensor:
    """Signal-to-noise ratio ``20 log10(mean / deviation)`` in dB, at most ``HIGHEST_SNR``, at least 0.

    Args:
        mean, deviation: of luminance in linear light, of any shape.
    """
    floor = 10 ** (-HIGHEST_SNR / 20)
    ratio = mean.clamp(min=1e-9) / deviation.clamp(min=1e-12)
    # The noise of rounding is added, which is nothing beside any other.
    ratio = 1 / (1 / ratio.square() + floor**2).sqrt()
    return 20 * torch.log10(ratio.clamp(min=1.0))


def dynamic_range(known: Tensor, mean: Tensor, deviation: Tensor, white: float = 0.95) -> Tensor:
    """From the brightest step that is not clipped down to the luminance that equals its noise, in stops.

    Noise is told in the scene's light: the deviation over the local slope of the tone curve (ISO 15739). It
    is 1 signal to 1 noise where they are equal. Below the darkest step noise is taken to stay as it is
    there, so a chart need not be as dark as the camera sees.

    Args:
        known: (K,) luminance of the steps, rising; 1 for white.
        mean, deviation: (N, K) of luminance in linear light.
        white: steps of this mean and above are clipped.

    Returns:
        (N,) stops, at least 0.
    """
    known = known.to(mean)
    slope = torch.empty_like(mean)
    slope[:, 1:-1] = (mean[:, 2:] - mean[:, :-2]) / (known[2:] - known[:-2])
    slope[:, 0] = (mean[:, 1] - mean[:, 0]) / (known[1] - known[0])
    slope[:, -1] = (mean[:, -1] - mean[:, -2]) / (known[-1] - known[-2])
    noise = deviation.clamp(min=1e-9) / slope.clamp(min=1e-4)
    ratio = torch.log2(known / noise)
    # The first step from below that is seen: signal above noise there and on.
    seen = ratio.detach() > 0
    first = torch.where(seen.any(dim=1), seen.int().argmax(dim=1), len(known) - 1)
    at = ratio.gather(1, first[:, None])[:, 0]
    light = torch.log2(known)
    before = (first - 1).clamp(min=0)
    under = ratio.gather(1, before[:, None])[:, 0]
    share = (at / (at - under).clamp(min=1e-6)).clamp(0, 1)
    crossed = light[first] - share * (light[first] - light[before])
    # No step before it: the noise of the darkest is that of the dark.
    darkest = torch.where(first == 0, torch.log2(noise[:, 0]), crossed)
    unclipped = mean.detach() < white
    places = torch.arange(len(known), device=mean.device)
    last = torch.where(unclipped, places, 0).amax(dim=1)
    return (light[last] - darkest).clamp(min=0)


def opponent_residuals(light: Tensor, patch: Patch) -> tuple[Tensor, Tensor]:
    """Mean (N, 3) and noise (N, 3, h, w) of a patch of linear pictures in opponent channels."""
    left, _ = residuals(light, patch)
    cut, inside = patch.of(light)
    mean = (cut * inside).sum(dim=(-2, -1)) / inside.sum()
    matrix = light.new_tensor(_TO_OPPONENT) @ light.new_tensor(_TO_XYZ)
    return mean @ matrix.T, torch.einsum("ij,njhw->nihw", matrix, left)


def contrast_sensitivity(frequencies: Tensor) -> Tensor:
    """(3, ...) how much an eye makes of each frequency, in cycles per degree, in the opponent channels.

    The luminance curve ``75 f^0.8 exp(-0.2 f) / 34.05``, and sums of two falling curves for the chroma
    channels that are 1 at 0 (Johnson and Fairchild, Color Research and Application 28(6), 2003).
    """
    f = frequencies
    bright = 75 * f.clamp(min=1e-9) ** 0.8 * torch.exp(-0.2 * f) / 34.05
    red = 109.1413 * torch.exp(-0.00038 * f**3.42436) + 93.59711 * torch.exp(-0.00367 * f**2.16771)
    blue = 7.032845 * torch.exp(-0.000004 * f**4.258205) + 40.69095 * torch.exp(-0.103909 * f**1.648658)
    return torch.stack([bright, red / (109.1413 + 93.59711), blue / (7.032845 + 40.69095)])


def visual_noise_moments(light: Tensor, patch: Patch, pixels_per_degree: float) -> Tensor:
    """(N, 4) variances of L*, a* and b* and the covariance of L* and a*, of the noise that an eye sees.

    Args:
        light: (N, 3, H, W) linear sRGB.
        patch: of uniform colour.
        pixels_per_degree: of the eye's field, which follows from a screen's pixels and the distance.
    """
    mean, noise = opponent_residuals(light, patch)
    height, width = noise.shape[-2:]
    # To the next even size, as much again of nothing, so that a filter does not see the other side.
    spectrum = torch.fft.rfft2(noise, s=(2 * height, 2 * width))
    down = torch.fft.fftfreq(2 * height, device=light.device, dtype=light.dtype)[:, None]
    across = torch.fft.rfftfreq(2 * width, device=light.device, dtype=light.dtype)
    seen = contrast_sensitivity((down.square() + across.square()).sqrt() * pixels_per_degree)
    filtered = torch.fft.irfft2(spectrum * seen, s=(2 * height, 2 * width))[..., :height, :width]
    back = torch.linalg.inv(light.new_tensor(_TO_OPPONENT) @ light.new_tensor(_TO_XYZ))
    colours = torch.einsum("ij,njhw->nhwi", back, mean[:, :, None, None] + filtered)
    inside = patch.inside.to(light)[None, :, :, None]
    values = lab(colours)
    count = inside.sum()
    values = (values - (values * inside).sum(dim=(1, 2), keepdim=True) / count) * inside
    squares = values.square().sum(dim=(1, 2)) / (count - 1)
    both = (values[..., 0] * values[..., 1]).sum(dim=(1, 2)) / (count - 1)
    return torch.cat([squares, both[:, None]], dim=1)


def visual_noise(moments: Tensor) -> Tensor:
    """The objective metric of visual noise of Keelan, Jin and Prokushkin (2011), which IEEE 1858 uses.

    ``log10(1 + 23.0 var L* + 4.24 var a* - 5.47 var b* + 4.77 cov(L*, a*))``

    Args:
        moments: (..., 4), see ``visual_noise_moments``.

    Returns:
        (...) from 0 for none; noise begins to be seen at about 0.46.
    """
    weights = moments.new_tensor([23.0, 4.24, -5.47, 4.77])
    return torch.log1p((moments * weights).sum(dim=-1).clamp(min=0)) / math.log(10)
