"""Tone curves on [0, 1]."""

from __future__ import annotations

import torch
from torch import Tensor


def parabola(values: Tensor, amount: Tensor) -> Tensor:
    """``clip(x + 2 a x (1 - x))``: lifts the middle tones for a > 0, lowers them for a < 0.

    The curve through (0, 0), (0.5, 0.5 + a / 2) and (1, 1) of KADID-10k's brightness distortions, clipped
    to [0, 1].

    Args:
        values: any shape, in [0, 1].
        amount: ``a``, of a shape that broadcasts with ``values``.
    """
    return torch.addcmul(values, values - values * values, 2 * amount).clamp(0, 1)
