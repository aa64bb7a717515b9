"""Rounding to whole numbers with a choice of gradients.

A rounded number moves in jumps: its true gradient is zero almost everywhere and says nothing. Two ways out:

``straight_through``: the rounded value, and the gradient as if the rounding error were a constant (Bengio
et al., "Estimating or Propagating Gradients Through Stochastic Neurons for Conditional Computation", 2013).
The picture is exact, the gradient a stand-in.

``soft``: a smooth staircase in place of the rounding (Agustsson and Theis, "Universally Quantized Neural
Compression", 2020, equation 16). The gradient is true, the picture an approximation.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

# How steep the soft staircase is: at 5 its treads rise a fifteenth as fast as the identity, its risers 2.5
# times as fast.
_STEEPNESS = 5.0


def rounded(values: Tensor, gradient: str = "none") -> Tensor:
    """The nearest whole numbers, halves upwards.

    Args:
        values: any shape.
        gradient: ``"none"``, ``"straight_through"`` or ``"soft"``.
    """
    if gradient == "soft":
        whole = values.detach().floor()
        inside = torch.tanh((values - whole - 0.5) * _STEEPNESS)
        return whole + 0.5 + inside * (0.5 / math.tanh(_STEEPNESS / 2))
    whole = (values.detach() + 0.5).floor_()
    if gradient == "straight_through" and values.requires_grad:
        return values + (whole - values.detach())
    return whole
