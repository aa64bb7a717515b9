"""Colour spaces: sRGB transfer curves, and CIE Lab.

The definition is Kornia's (see ``definition``). For float32 pictures on a CPU the same curves are written in
fewer passes: each as "the power of the clipped-from-below part plus the line of the clipped-from-above part".
The two differ from a selection by less than 2e-8, need no masks, and their gradients stay finite, because no
power sees a number near zero. Constants are the exact CIE ones (6/29 and its powers), which Kornia rounds to
six digits, with Kornia's matrix and white. Its inverse is computed, not copied rounded, so that a round trip
gives the input back up to the rounding of the number type.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from isptune_synthetic.definition import by_kornia

Planes = tuple[Tensor, Tensor, Tensor]

_SRGB_THRESHOLD = 0.04045
_LINEAR_THRESHOLD = 0.0031308
_SRGB_SLOPE = 12.92

_CUBE_ROOT_THRESHOLD = (6 / 29) ** 3
_CUBE_THRESHOLD = 6 / 29
_LAB_SLOPE = (29 / 6) ** 2 / 3

_RGB_TO_XYZ = torch.tensor(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ],
    dtype=torch.float64,
)
_WHITE = torch.tensor([0.95047, 1.0, 1.08883], dtype=torch.float64)
_TO_WHITE_XYZ = (_RGB_TO_XYZ / _WHITE[:, None]).tolist()
_FROM_WHITE_XYZ = torch.linalg.inv(_RGB_TO_XYZ / _WHITE[:, None]).tolist()


def srgb_to_linear(encoded: Tensor) -> Tensor:
    """sRGB values in [0, 1] to linear light in [0, 1], entry by entry (IEC 61966-2-1).

    Args:
        encoded: (N, 3, H, W), or a strip (N, 3, pixels); (N, C, ...) where Kornia does not run.
    """
    if by_kornia(encoded):
        from kornia.color import rgb_to_linear_rgb

        return of_planes(rgb_to_linear_rgb, encoded)
    return _to_linear(encoded)


def linear_to_srgb(linear: Tensor) -> Tensor:
    """Linear light (any real number) to sRGB values, entry by entry, not clipped (IEC 61966-2-1).

    Args:
        linear: as for ``srgb_to_linear``.
    """
    if by_kornia(linear):
        from kornia.color import linear_rgb_to_rgb

        return of_planes(linear_rgb_to_rgb, linear)
    return _to_srgb(linear)


def of_planes(function: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Kornia's functions want rows, which a strip of pixels has none of."""
    return function(images) if images.ndim == 4 else function(images.unsqueeze(-2)).squeeze(-2)


def _to_linear(encoded: Tensor) -> Tensor:
    curve = encoded.clamp_min(_SRGB_THRESHOLD).add_(0.055).mul_(1 / 1.055).pow(2.4)
    return curve.add(encoded.clamp_max(_SRGB_THRESHOLD).sub_(_SRGB_THRESHOLD), alpha=1 / _SRGB_SLOPE)


def _to_srgb(linear: Tensor) -> Tensor:
    curve = linear.clamp_min(_LINEAR_THRESHOLD).pow(1 / 2.4)
    line = linear.clamp_max(_LINEAR_THRESHOLD).mul_(_SRGB_SLOPE)
    return line.add_(curve, alpha=1.055).sub_(0.055 + _LINEAR_THRESHOLD * _SRGB_SLOPE)


def cube_roots(red: Tensor, green: Tensor, blue: Tensor) -> Planes:
    """The three numbers f(X/Xn), f(Y/Yn), f(Z/Zn) from which CIE Lab is made: for float32 on a CPU.

    L = 116 f(Y) - 16, a = 500 (f(X) - f(Y)), b = 200 (f(Y) - f(Z)); a change of L alone adds the same
    number to all three.

    Args:
        red, green, blue: sRGB planes of one shape, in [0, 1].
    """
    linear = (_to_linear(red), _to_linear(green), _to_linear(blue))
    x, y, z = (_cube_root(_combine(row, linear)) for row in _TO_WHITE_XYZ)
    return x, y, z


def from_cube_roots(x: Tensor, y: Tensor, z: Tensor) -> Planes:
    """sRGB planes, not clipped, from the three numbers of ``cube_roots``.

    As in the reference code f(Z/Zn) is not allowed below zero, which only colours far outside sRGB meet.
    """
    cubes = (_cube(x), _cube(y), _cube(z.clamp_min(0.0)))
    red, green, blue = (_to_srgb(_combine(row, cubes)) for row in _FROM_WHITE_XYZ)
    return red, green, blue


def _combine(weights: list[float], planes: Planes) -> Tensor:
    total = planes[0] * weights[0]
    return total.add_(planes[1], alpha=weights[1]).add_(planes[2], alpha=weights[2])


def _cube_root(value: Tensor) -> Tensor:
    root = value.clamp_min(_CUBE_ROOT_THRESHOLD).pow(1 / 3)
    return root.add(value.clamp_max(_CUBE_ROOT_THRESHOLD).sub_(_CUBE_ROOT_THRESHOLD), alpha=_LAB_SLOPE)


def _cube(root: Tensor) -> Tensor:
    above = root.clamp_min(_CUBE_THRESHOLD)
    line = root.clamp_max(_CUBE_THRESHOLD).sub_(_CUBE_THRESHOLD)
    return (above * above).mul(above).add(line, alpha=1 / _LAB_SLOPE)
