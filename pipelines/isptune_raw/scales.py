"""Smoothing at rising scales by shifted sums, on CPUs several times as fast as by convolutions."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def hat(images: Tensor, step: int = 1) -> Tensor:
    """Weights 1/4, 1/2, 1/4 along rows and columns, ``step`` pixels apart; edges are mirrored.

    Its variance is ``step ** 2 / 2`` square pixels in each direction.
    """
    for axis in (-1, -2):
        images = _along(images, step, axis)
    return images


def smoothed(images: Tensor, levels: int) -> list[Tensor]:
    """Ever smoother versions: the first is the images themselves, level l has hats of steps 1 to 2^(l-1).

    The variance of level l is ``(4 ** l - 1) / 6`` square pixels.
    """
    found = [images]
    for level in range(levels):
        found.append(hat(found[-1], 2**level))
    return found


def box(images: Tensor, radius: int) -> Tensor:
    """Means of squares of ``2 * radius + 1`` pixels; edges are mirrored.

    Sums grow by doubling, so that the time rises with the logarithm of the radius.
    """
    side = 2 * radius + 1
    for axis in (-1, -2):
        padding = (radius, radius, 0, 0) if axis == -1 else (0, 0, radius, radius)
        images = _sums(functional.pad(images, padding, mode="reflect"), side, axis)
    return images / side**2


def guided(images: Tensor, guide: Tensor, radius: int, floor: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and offset of a guided filter: He, Sun and Tang (TPAMI 2013).

    Args:
        images, guide: (N, 1, H, W).
        radius: of the box in pixels.
        floor: (N, 1, 1, 1), the variance of the guide below which it is smoothed away.

    Returns:
        Two (N, 1, H, W): the result is ``slope * guide + offset``.
    """
    mean_guide = box(guide, radius)
    alone = images is guide
    mean = mean_guide if alone else box(images, radius)
    variance = box(guide * guide, radius) - mean_guide * mean_guide
    covariance = variance if alone else box(guide * images, radius) - mean_guide * mean
    slope = covariance / (variance.clamp_min(0) + floor)
    return box(slope, radius), box(mean - slope * mean_guide, radius)


def _along(images: Tensor, step: int, axis: int) -> Tensor:
    length = images.shape[axis]
    # Mirroring needs more pixels than it continues by; where there are fewer, the edge stays.
    mode = "reflect" if step < length else "replicate"
    padding = (step, step, 0, 0) if axis == -1 else (0, 0, step, step)
    wide = functional.pad(images, padding, mode=mode)
    beside = wide.narrow(axis, 0, length) + wide.narrow(axis, 2 * step, length)
    return 0.5 * images + 0.25 * beside


def _sums(wide: Tensor, side: int, axis: int) -> Tensor:
    """Sums of ``side`` neighbours along an axis; as many fewer come out."""
    length = wide.shape[axis] - side + 1
    total: Tensor | None = None
    run, size, begin = wide, 1, 0
    while True:
        if side & size:
            part = run.narrow(axis, begin, length)
            total = part if total is None else total + part
            begin += size
        if 2 * size > side:
            break
        rest = run.shape[axis] - size
        run = run.narrow(axis, 0, rest) + run.narrow(axis, size, rest)
        size *= 2
    assert total is not None
    return total
