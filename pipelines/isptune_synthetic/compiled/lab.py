"""sRGB to the three cube roots of CIE Lab and back, with derivatives: ``colour`` for compiled loops.

The curves are those of ``colour``, to the letter: the power of the part clipped from below plus the line
of the part clipped from above. All work on rows of at most ``CHUNK`` pixels, which stay in the first-level
cache: rows of the picture are n long, rows of scratch memory ``CHUNK``, so that both are contiguous.
"""

from __future__ import annotations

import numpy as np

from isptune.compiled.jit import inline, loop
from isptune_synthetic import colour
from isptune_synthetic.compiled.arithmetic import at_least, at_most, f4, inside, power

# Pixels that a loop takes at a time: a dozen rows of them are 24 KiB.
CHUNK = 512

_ENCODED = f4(colour._SRGB_THRESHOLD)
_LINEAR = f4(colour._LINEAR_THRESHOLD)
_SLOPE = f4(colour._SRGB_SLOPE)
_PER_SLOPE = f4(1 / colour._SRGB_SLOPE)
_OFFSET = f4(0.055 + colour._LINEAR_THRESHOLD * colour._SRGB_SLOPE)
_ROOT_FROM = f4(colour._CUBE_ROOT_THRESHOLD)
_CUBE_FROM = f4(colour._CUBE_THRESHOLD)
_LAB_SLOPE = f4(colour._LAB_SLOPE)
_PER_LAB_SLOPE = f4(1 / colour._LAB_SLOPE)

_XYZ = tuple(tuple(f4(number) for number in row) for row in colour._TO_WHITE_XYZ)
_RGB = tuple(tuple(f4(number) for number in row) for row in colour._FROM_WHITE_XYZ)
_XYZ_X, _XYZ_Y, _XYZ_Z = _XYZ
_RGB_R, _RGB_G, _RGB_B = _RGB


@inline
def _row(weights: tuple[f4, ...], first: f4, second: f4, third: f4) -> f4:
    return weights[0] * first + weights[1] * second + weights[2] * third


@inline
def _column(matrix: tuple[tuple[f4, ...], ...], column: int, first: f4, second: f4, third: f4) -> f4:
    return matrix[0][column] * first + matrix[1][column] * second + matrix[2][column] * third


@inline
def to_linear(encoded: f4) -> f4:
    curve = power((at_least(encoded, _ENCODED) + f4(0.055)) * f4(1 / 1.055), f4(2.4))
    return curve + (at_most(encoded, _ENCODED) - _ENCODED) * _PER_SLOPE


@inline
def to_linear_slope(encoded: f4) -> f4:
    scaled = (encoded + f4(0.055)) * f4(1 / 1.055)
    steep = power(at_least(scaled, f4(0.05)), f4(1.4)) * f4(2.4 / 1.055)
    return _PER_SLOPE if encoded < _ENCODED else steep


@inline
def to_srgb(linear: f4) -> f4:
    curve = power(at_least(linear, _LINEAR), f4(1 / 2.4))
    return at_most(linear, _LINEAR) * _SLOPE + curve * f4(1.055) - _OFFSET


@inline
def to_srgb_slope(linear: f4) -> f4:
    steep = power(at_least(linear, _LINEAR), f4(1 / 2.4 - 1)) * f4(1.055 / 2.4)
    return _SLOPE if linear < _LINEAR else steep


@inline
def root(value: f4) -> f4:
    return (
        power(at_least(value, _ROOT_FROM), f4(1 / 3)) + (at_most(value, _ROOT_FROM) - _ROOT_FROM) * _LAB_SLOPE
    )


@inline
def root_slope(value: f4) -> f4:
    steep = power(at_least(value, _ROOT_FROM), f4(-2 / 3)) * f4(1 / 3)
    return _LAB_SLOPE if value < _ROOT_FROM else steep


@inline
def cube(value: f4) -> f4:
    above = at_least(value, _CUBE_FROM)
    return above * above * above + (at_most(value, _CUBE_FROM) - _CUBE_FROM) * _PER_LAB_SLOPE


@inline
def cube_slope(value: f4) -> f4:
    return _PER_LAB_SLOPE if value < _CUBE_FROM else f4(3) * value * value


@loop
def roots(
    first: np.ndarray, second: np.ndarray, third: np.ndarray, linear: np.ndarray, xyz: np.ndarray
) -> None:
    """The cube roots of Lab (3, CHUNK) from the colour planes (n,).

    ``linear`` (3, CHUNK) receives linear light.
    """
    n = first.shape[0]
    _linear_plane(first, linear[0])
    _linear_plane(second, linear[1])
    _linear_plane(third, linear[2])
    _root_plane(_XYZ_X, linear, xyz[0], n)
    _root_plane(_XYZ_Y, linear, xyz[1], n)
    _root_plane(_XYZ_Z, linear, xyz[2], n)


@loop
def _linear_plane(plane: np.ndarray, linear: np.ndarray) -> None:
    for i in range(plane.shape[0]):
        linear[i] = to_linear(plane[i])


@loop
def _root_plane(weights: tuple[f4, ...], linear: np.ndarray, target: np.ndarray, n: int) -> None:
    first, second, third = linear[0], linear[1], linear[2]
    for i in range(n):
        target[i] = root(_row(weights, first[i], second[i], third[i]))


@loop
def colours(xyz: np.ndarray, change: np.ndarray, cubes: np.ndarray, rgb: np.ndarray, n: int) -> None:
    """The first n colours (3, CHUNK), not clipped, of cube roots (3, CHUNK) that all grow by ``change``.

    ``cubes`` (3, CHUNK) receives linear light in CIE XYZ. All rows may be those of ``xyz`` itself.
    """
    _cube_planes(xyz, change, cubes, n)
    x, y, z = cubes[0], cubes[1], cubes[2]
    first, second, third = rgb[0], rgb[1], rgb[2]
    for i in range(n):
        a, b, c = x[i], y[i], z[i]
        first[i] = _row(_RGB_R, a, b, c)
        second[i] = _row(_RGB_G, a, b, c)
        third[i] = _row(_RGB_B, a, b, c)
    for plane in range(3):
        row = rgb[plane]
        for i in range(n):
            row[i] = to_srgb(row[i])


@loop
def _cube_planes(xyz: np.ndarray, change: np.ndarray, cubes: np.ndarray, n: int) -> None:
    for plane in range(2):
        source, target = xyz[plane], cubes[plane]
        for i in range(n):
            target[i] = cube(source[i] + change[i])
    source, target = xyz[2], cubes[2]
    for i in range(n):
        target[i] = cube(at_least(source[i] + change[i], f4(0)))


@loop
def colours_vjp(xyz: np.ndarray, change: np.ndarray, grad: np.ndarray, spare: np.ndarray, n: int) -> None:
    """Turn ``grad`` (3, CHUNK), of ``colours`` clipped to [0, 1], into the gradient of the changed roots.

    ``spare`` (3, CHUNK) is room to work in.
    """
    _cube_planes(xyz, change, spare, n)
    x, y, z = spare[0], spare[1], spare[2]
    for plane, weights in enumerate(_RGB):
        row = grad[plane]
        for i in range(n):
            linear = _row(weights, x[i], y[i], z[i])
            row[i] *= inside(linear) * to_srgb_slope(linear)
    first, second, third = grad[0], grad[1], grad[2]
    for i in range(n):
        a, b, c = first[i], second[i], third[i]
        x[i] = _column(_RGB, 0, a, b, c)
        y[i] = _column(_RGB, 1, a, b, c)
        z[i] = _column(_RGB, 2, a, b, c)
    for plane in range(2):
        source, row, target = xyz[plane], spare[plane], grad[plane]
        for i in range(n):
            target[i] = row[i] * cube_slope(source[i] + change[i])
    source, row, target = xyz[2], spare[2], grad[2]
    for i in range(n):
        changed = source[i] + change[i]
        target[i] = row[i] * cube_slope(at_least(changed, f4(0))) * (f4(1) if changed >= f4(0) else f4(0))


@loop
def roots_vjp(
    first: np.ndarray,
    second: np.ndarray,
    third: np.ndarray,
    linear: np.ndarray,
    grad: np.ndarray,
    spare: np.ndarray,
) -> None:
    """Turn ``grad`` (3, CHUNK), of ``roots``, into the gradient of the colour planes (n,).

    ``linear`` (3, CHUNK) is what ``roots`` left there, and ``spare`` (3, CHUNK) room to work in.
    """
    n = first.shape[0]
    _root_vjp(_XYZ_X, linear, grad[0], n)
    _root_vjp(_XYZ_Y, linear, grad[1], n)
    _root_vjp(_XYZ_Z, linear, grad[2], n)
    x, y, z = spare[0], spare[1], spare[2]
    a, b, c = grad[0], grad[1], grad[2]
    for i in range(n):
        x[i] = _column(_XYZ, 0, a[i], b[i], c[i])
        y[i] = _column(_XYZ, 1, a[i], b[i], c[i])
        z[i] = _column(_XYZ, 2, a[i], b[i], c[i])
    _linear_vjp(first, x, a)
    _linear_vjp(second, y, b)
    _linear_vjp(third, z, c)


@loop
def _root_vjp(weights: tuple[f4, ...], linear: np.ndarray, grad: np.ndarray, n: int) -> None:
    first, second, third = linear[0], linear[1], linear[2]
    for i in range(n):
        grad[i] *= root_slope(_row(weights, first[i], second[i], third[i]))


@loop
def _linear_vjp(plane: np.ndarray, source: np.ndarray, target: np.ndarray) -> None:
    for i in range(plane.shape[0]):
        target[i] = source[i] * to_linear_slope(plane[i])
