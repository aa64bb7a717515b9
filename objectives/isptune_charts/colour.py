"""CIELAB and CIEDE2000, batched and with finite gradients everywhere."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Linear sRGB to XYZ of the illuminant D50, of 1 for white: sRGB's primaries (IEC 61966-2-1), adapted from
# D65 by Bradford's transform as ICC profiles have it.
_TO_D50 = (
    (0.43606575, 0.38515151, 0.14307842),
    (0.22249317, 0.71690302, 0.06060391),
    (0.01392392, 0.09708132, 0.71409949),
)
_WHITE = (0.96429568, 1.00000000, 0.82510460)
# Where CIELAB's cube root ends in a straight line.
_CORNER = 216 / 24389
_SLOPE = 24389 / 27

# Where two colours are so near to grey, hue means nothing; it keeps roots away from 0.
_TINY = 1e-12
# Hues that lie opposite each other are neither more nor less than half a turn apart, whatever rounding says.
_HALF = math.pi + 1e-9


def lab(light: Tensor) -> Tensor:
    """Linear sRGB (..., 3) to CIELAB (..., 3) under D50: L* from 0 to 100, a* and b*.

    D50 is what published values of test charts and ICC profiles are told under.
    """
    kind = torch.promote_types(light.dtype, torch.float32)
    matrix = torch.tensor(_TO_D50, dtype=kind, device=light.device)
    xyz = light.to(kind) @ matrix.T / torch.tensor(_WHITE, dtype=kind, device=light.device)
    root = xyz.clamp(min=_CORNER) ** (1 / 3)
    f = torch.where(xyz > _CORNER, root, (_SLOPE * xyz + 16) / 116)
    x, y, z = f.unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=-1)


def lightness_to_luminance(lightness: Tensor) -> Tensor:
    """CIELAB's L* as relative luminance, 1 for white."""
    root = (lightness + 16) / 116
    return torch.where(root**3 > _CORNER, root**3, lightness / _SLOPE)


def ciede2000(first: Tensor, second: Tensor) -> Tensor:
    """Colour differences CIEDE2000 of CIELAB colours (..., 3), with all weights 1.

    As Sharma, Wu and Dalal wrote it down (Color Research and Application 30(1), 2005). The gradient is finite
    for equal colours and greys.

    Returns:
        (...) differences from 0; about 1 is just noticeable side by side.

    Example:
        >>> one, other = torch.tensor([[50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485]])
        >>> round(float(ciede2000(one, other)), 3)
        2.042
    """
    l1, a1, b1 = first.unbind(-1)
    l2, a2, b2 = second.unbind(-1)
    mean = (_hypot(a1, b1) + _hypot(a2, b2)) / 2
    g = 0.5 * (1 - _saturating(mean))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = _hypot(a1, b1), _hypot(a2, b2)
    h1, h2 = _hue(a1, b1), _hue(a2, b2)
    grey = (c1 * c2) < 1e-9
    turn = h2 - h1
    turn = torch.where(turn > _HALF, turn - 2 * math.pi, torch.where(turn < -_HALF, turn + 2 * math.pi, turn))
    turn = torch.where(grey, torch.zeros_like(turn), turn)
    lightness, chroma = l2 - l1, c2 - c1
    # 2 sqrt(c1 c2) sin(turn / 2), of which grey colours have none.
    hue = 2 * (c1 * c2).clamp(min=_TINY).sqrt() * torch.sin(turn / 2)
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    apart = (h1 - h2).abs() > _HALF
    total = h1 + h2
    mean_h = (
        torch.where(apart, total + torch.where(total < 2 * math.pi, 2 * math.pi, -2 * math.pi), total) / 2
    )
    mean_h = torch.where(grey, total, mean_h)
    t = (
        1
        - 0.17 * torch.cos(mean_h - math.radians(30))
        + 0.24 * torch.cos(2 * mean_h)
        + 0.32 * torch.cos(3 * mean_h + math.radians(6))
        - 0.20 * torch.cos(4 * mean_h - math.radians(63))
    )
    angle = math.radians(30) * torch.exp(-(((torch.rad2deg(mean_h) - 275) / 25) ** 2))
    rotation = -2 * _saturating(mean_c) * torch.sin(2 * angle)
    from_fifty = (mean_l - 50) ** 2
    s_l = 1 + 0.015 * from_fifty / (20 + from_fifty).sqrt()
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    in_l, in_c, in_h = lightness / s_l, chroma / s_c, hue / s_h
    square = in_l**2 + in_c**2 + in_h**2 + rotation * in_c * in_h
    return _root(square)


def _saturating(chroma: Tensor) -> Tensor:
    """sqrt(c^7 / (c^7 + 25^7)): 0 for greys, 1 for strong colours."""
    # c^3.5 over a root: its gradient at 0 is 0 and not infinite.
    ratio = chroma.clamp(min=0) / 25
    return ratio**3.5 / (1 + ratio**7).sqrt()


def _hypot(a: Tensor, b: Tensor) -> Tensor:
    return _root(a * a + b * b)


def _root(square: Tensor) -> Tensor:
    """A root that is 0 at 0, with the gradient 0 there."""
    nothing = square <= _TINY
    return torch.where(nothing, torch.zeros_like(square), torch.where(nothing, 1.0, square).sqrt())


def _hue(a: Tensor, b: Tensor) -> Tensor:
    """The hue in radians from 0 to 2 pi; 0 for greys."""
    nothing = (a * a + b * b) <= _TINY
    angle = torch.atan2(
        torch.where(nothing, torch.zeros_like(b), b), torch.where(nothing, torch.ones_like(a), a)
    )
    return torch.where(angle < 0, angle + 2 * math.pi, angle)
