"""Means and variances of the network's channels."""

from __future__ import annotations

import numpy as np

from isptune.compiled.jit import inline, loop

f4 = np.float32
i4 = np.int32

# Positions that are added up in single precision.
_TOGETHER = 64


@inline
def _widened(bits: np.ndarray, values: np.ndarray) -> None:
    for row in range(bits.shape[0]):
        source, target = bits[row], values[row]
        for channel in range(source.shape[0]):
            target[channel] = i4(i4(source[channel]) << i4(16)).view(f4)


@loop
def widen(bits: np.ndarray, values: np.ndarray) -> None:
    """Numbers of bfloat16, given by their bits as int16, in float32."""
    _widened(bits, values)


@inline
def _add(
    values: np.ndarray, pivots: np.ndarray, partial: np.ndarray, sums: np.ndarray, squares: np.ndarray
) -> None:
    """Add up by way of ``partial`` (2, C), in single precision."""
    channels = values.shape[1]
    plain, square = partial[0], partial[1]
    partial[:] = 0
    for row in range(values.shape[0]):
        line = values[row]
        for channel in range(channels):
            value = line[channel] - pivots[channel]
            plain[channel] += value
            square[channel] += value * value
    for channel in range(channels):
        sums[channel] += plain[channel]
        squares[channel] += square[channel]


@loop
def add_exact(values: np.ndarray, pivots: np.ndarray, sums: np.ndarray, squares: np.ndarray) -> None:
    """Add up values less their pivot, and the squares of that, channel by channel.

    Args:
        values: (positions, C) float32.
        pivots: (C,) float32, one of the values, so that what does not vary has no variance.
        sums, squares: (C,) float64 that are added to.
    """
    partial = np.empty((2, values.shape[1]), np.float32)
    for first in range(0, values.shape[0], _TOGETHER):
        _add(values[first : first + _TOGETHER], pivots, partial, sums, squares)


@loop
def add_bfloat16(bits: np.ndarray, pivots: np.ndarray, sums: np.ndarray, squares: np.ndarray) -> None:
    """The same of numbers of bfloat16, given by their bits as int16."""
    room = np.empty((_TOGETHER, bits.shape[1]), np.float32)
    partial = np.empty((2, bits.shape[1]), np.float32)
    for first in range(0, bits.shape[0], _TOGETHER):
        part = bits[first : first + _TOGETHER]
        values = room[: part.shape[0]]
        _widened(part, values)
        _add(values, pivots, partial, sums, squares)
