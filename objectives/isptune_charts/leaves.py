"""Dead leaves: how much of a texture's fine detail a camera keeps (cross-spectral)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from isptune_charts.edges import angle
from isptune_charts.noise import contrast_sensitivity

# Frequencies of the radial bins, in cycles per pixel.
_BINS = 48
_HIGHEST = 0.5
# Up to here contrast is told to be 1 at 0 and to fall with the square of the frequency.
_LOW = 0.05


def _window(height: int, width: int, like: Tensor) -> Tensor:
    """(h, w) fades out to the border, so that what enters over it counts little."""
    down = torch.hann_window(height + 2, periodic=False, dtype=like.dtype, device=like.device)[1:-1]
    across = torch.hann_window(width + 2, periodic=False, dtype=like.dtype, device=like.device)[1:-1]
    return down[:, None] * across


def _spectrum(texture: Tensor) -> Tensor:
    window = _window(texture.shape[-2], texture.shape[-1], texture)
    mean = (texture * window).sum(dim=(-2, -1), keepdim=True) / window.sum()
    return torch.fft.rfft2((texture - mean) * window)


def _frequencies(texture: Tensor) -> tuple[Tensor, Tensor]:
    height, width = texture.shape[-2:]
    down = torch.fft.fftfreq(height, device=texture.device, dtype=texture.dtype)[:, None]
    across = torch.fft.rfftfreq(width, device=texture.device, dtype=texture.dtype)
    return down.expand(height, len(across)), across.expand(height, len(across))


def shift_between(texture: Tensor, target: Tensor) -> Tensor:
    """(N, 2) by how many pixels, down and to the right, textures (N, h, w) lie beside their target.

    The peak of the phase correlation tells whole pixels, and the slope of the phases what is left of them.
    """
    cross = _spectrum(texture) * _spectrum(target).conj()
    down, across = _frequencies(texture)
    radius = (down.square() + across.square()).sqrt()
    with torch.no_grad():
        height, width = texture.shape[-2:]
        low = torch.exp(-((radius / 0.15) ** 2))
        peak = torch.fft.irfft2(cross / cross.abs().clamp(min=1e-12) * low, s=(height, width)).flatten(1)
        place = peak.argmax(dim=1)
        rows, columns = place // width, place % width
        rows = torch.where(rows > height // 2, rows - height, rows).to(texture.dtype)
        columns = torch.where(columns > width // 2, columns - width, columns).to(texture.dtype)
        shift = torch.stack([rows, columns], dim=1)
    # The phases of low frequencies are straight lines now: their slope, weighted with their power.
    use = (radius > 0) & (radius < 0.2)
    ramp = torch.stack([down[use], across[use]], dim=1)
    for _ in range(3):
        # The last step alone carries the gradient, which is that of the place where all steps end.
        shift = _nearer(shift.detach(), cross[:, use], ramp)
    return shift


def _nearer(shift: Tensor, cross: Tensor, points: Tensor) -> Tensor:
    """A shift (N, 2) after a step that levels the phases of a cross spectrum (N, F) at frequencies (F, 2)."""
    phase = 2 * math.pi * shift @ points.T
    turned = cross * torch.complex(phase.cos(), phase.sin())
    weight = turned.abs()
    gram = torch.einsum("nf,fi,fj->nij", weight, points, points)
    along = torch.einsum("nf,fi,nf->ni", weight, points, angle(turned))
    eye = 1e-12 * torch.eye(2, dtype=gram.dtype, device=gram.device)
    return shift - torch.linalg.solve(gram + eye, along) / (2 * math.pi)


def moved(texture: Tensor, shift: Tensor) -> Tensor:
    """Textures (N, h, w) moved by (N, 2) pixels, down and to the right; what leaves comes in opposite."""
    down, across = _frequencies(texture)
    spectrum = torch.fft.rfft2(texture) * _ramp(-shift, down, across)
    return torch.fft.irfft2(spectrum, s=tuple(texture.shape[-2:]))


def _ramp(shift: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """(N, h, f) what a spectrum is multiplied with to be moved back by a shift (N, 2)."""
    phase = 2 * math.pi * (shift[:, :1, None] * down + shift[:, 1:, None] * across)
    return torch.complex(phase.cos(), phase.sin())


def texture_mtf(texture: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """How much contrast of its target a texture has, by frequency.

    The cross spectrum of picture and target over the target's power: noise, which knows nothing of the
    target, does not count as texture (Kirk, Herzer, Artmann and Kunz, Electronic Imaging 2014). Pictures are
    registered to a fraction of a pixel first. The contrast of the lowest frequencies is called 1, so a gain
    or another exposure changes nothing.

    Args:
        texture: (N, h, w) luminance in linear light.
        target: (1, h, w) or (N, h, w), the same of what was photographed.

    Returns:
        (F,) frequencies in cycles per pixel and (N, F) the contrast.
    """
    texture = texture.double()
    target = target.double().expand_as(texture)
    target = moved(target, shift_between(texture, target))
    down, across = _frequencies(texture)
    cross = _spectrum(texture) * _spectrum(target).conj()
    power = _spectrum(target).abs().square()
    radius = (down.square() + across.square()).sqrt()
    # Two columns of an rfft stand for themselves and all others for two.
    twice = torch.full_like(radius, 2.0)
    twice[:, 0] = 1.0
    place = (radius / _HIGHEST * _BINS).long().clamp(max=_BINS)
    inside = ((radius > 0) & (radius <= _HIGHEST) & (place < _BINS)).to(texture.dtype) * twice
    place = place.clamp(max=_BINS - 1).flatten()

    def ring(values: Tensor) -> Tensor:
        zeros = values.new_zeros(len(values), _BINS)
        return zeros.index_add(1, place, (values * inside).flatten(1))

    found = ring(cross.real) / ring(power).clamp(min=1e-20)
    number = ring(torch.ones_like(power[:1]))[0]
    full = number > 0
    frequencies, found = ring(radius[None])[0, full] / number[full], found[:, full]
    return frequencies, found / _gain(frequencies, found, ring(power)[:, full])[:, None]


def _gain(frequencies: Tensor, found: Tensor, strength: Tensor) -> Tensor:
    """(N,) the contrast at 0, that is called 1, from a parabola through the lowest frequencies.

    It keeps away from 0, so that a picture of anything has a response.
    """
    low = frequencies < _LOW
    basis = torch.stack([torch.ones_like(frequencies[low]), frequencies[low].square() / _LOW**2])
    weighted = basis * strength[:, None, low]
    gram = weighted @ basis.T + 1e-12 * torch.eye(2, dtype=basis.dtype, device=basis.device)
    first = torch.linalg.solve(gram, (weighted @ found[:, low, None]))[:, 0, 0]
    return torch.where(first.abs() < 1e-3, torch.full_like(first, 1e-3), first)


def acutance(frequencies: Tensor, contrast: Tensor, pixels_per_degree: float = 60.0) -> Tensor:
    """(N,) contrast by frequency, weighted by what an eye sees of it (ISO/TS 19567-2, IEEE 1858).

    ``sum(contrast(f) CSF(f)) / sum(CSF(f))`` from 0 to half a cycle per pixel; 1 where nothing is lost, above
    1 where fine detail is exaggerated.

    Args:
        frequencies: (F,) in cycles per pixel, rising.
        contrast: (N, F).
        pixels_per_degree: of the eye's field: 60 is a usual screen at 86 cm.
    """
    fine = torch.linspace(0, _HIGHEST, 257, dtype=contrast.dtype, device=contrast.device)
    place = torch.searchsorted(frequencies.contiguous(), fine).clamp(1, len(frequencies) - 1)
    before, after = frequencies[place - 1], frequencies[place]
    share = ((fine - before) / (after - before)).clamp(0, 1)
    values = torch.lerp(contrast[:, place - 1], contrast[:, place], share)
    # Below the first frequency that was measured nothing is lost.
    values = torch.where(fine < frequencies[0], torch.ones_like(values), values)
    weight = contrast_sensitivity(fine * pixels_per_degree)[0]
    return (values * weight).sum(dim=1) / weight.sum()
