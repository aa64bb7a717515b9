"""Pointwise work with one level, at 0 of which a sample stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from isptune.stages import strips


def pointwise(
    formula: Callable[..., Any],
    images: Tensor,
    *others: Tensor,
    level: Tensor,
    out: Tensor | None = None,
) -> Tensor:
    """``isptune.stages.pointwise`` of one level (N,); a sample of level 0 is its input to the last bit."""
    level = level if level.is_floating_point() else level.to(images.dtype)
    return strips.pointwise(formula, images, *others, values=[level], unchanged=level == 0, out=out)
