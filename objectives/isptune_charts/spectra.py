"""Spectra by frequency: of the noise of a patch, and of the texture of a picture."""

from __future__ import annotations

import torch
from torch import Tensor

from isptune_charts.light import luminance
from isptune_charts.patches import Patch, residuals


def radial(power: Tensor, size: tuple[int, int], bins: int) -> tuple[Tensor, Tensor]:
    """Means of a spectrum over rings.

    Args:
        power: (N, h, f), as ``torch.fft.rfft2`` lays it out.
        size: height and width of the picture.
        bins: rings from 0 to half a cycle per pixel; the mean of the picture is left out.

    Returns:
        (F,) the rings' mean frequencies in cycles per pixel, of those that hold any, and (N, F) the means.
    """
    height, width = size
    down = torch.fft.fftfreq(height, device=power.device, dtype=power.dtype)[:, None]
    across = torch.fft.rfftfreq(width, device=power.device, dtype=power.dtype)
    radius = (down.square() + across.square()).sqrt()
    # The columns of an rfft but the first stand for two.
    counted = torch.full_like(radius, 2.0)
    counted[:, 0] = 1.0
    place = (radius * 2 * bins).long()
    counted = counted * ((radius > 0) & (place < bins))
    place = place.clamp(max=bins - 1).flatten()

    def ring(values: Tensor) -> Tensor:
        return values.new_zeros(len(values), bins).index_add(1, place, (values * counted).flatten(1))

    number = ring(torch.ones_like(power[:1]))[0]
    full = number > 0
    frequencies = ring(radius[None])[0, full] / number[full]
    return frequencies, ring(power)[:, full] / number[full]


def noise_spectrum(light: Tensor, patch: Patch) -> tuple[Tensor, Tensor]:
    """Power spectral density of a patch's noise in luminance.

    Args:
        light: (N, 3, H, W) linear sRGB.
        patch: of uniform colour.

    Returns:
        (F,) frequencies in cycles per pixel and (N, F) densities: white noise is a level line at its
        variance. The lowest are left out, of which the slope over the patch has taken its part.
    """
    left, _ = residuals(luminance(light)[:, None], patch)
    height, width = left.shape[-2:]
    power = torch.fft.rfft2(left[:, 0]).abs().square() / patch.inside.sum()
    frequencies, found = radial(power, (height, width), max(4, min(32, min(height, width) // 2)))
    # Of the first ring the slope over the patch has taken its part.
    return frequencies[1:], found[:, 1:]
