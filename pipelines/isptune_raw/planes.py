"""The four planes of a mosaic, each a quarter of its pixels: red, two greens, blue.

A pixel at (2 i, 2 j) of a mosaic in the phase RGGB is ``red[i, j]``. Working on planes computes at each place
only what is needed there.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Planes(NamedTuple):
    """(..., H / 2, W / 2) each."""

    red: Tensor
    green_in_red: Tensor
    green_in_blue: Tensor
    blue: Tensor


def split(mosaic: Tensor) -> Planes:
    """The planes of a mosaic (N, 1, H, W) in the phase RGGB, as views."""
    return Planes(
        mosaic[..., 0::2, 0::2], mosaic[..., 0::2, 1::2], mosaic[..., 1::2, 0::2], mosaic[..., 1::2, 1::2]
    )


def joined(planes: Planes) -> Tensor:
    """The reverse of ``split``."""
    rows = [
        torch.stack(pair, dim=-1).flatten(-2)
        for pair in ((planes.red, planes.green_in_red), (planes.green_in_blue, planes.blue))
    ]
    return torch.stack(rows, dim=-2).flatten(-3, -2)


def padded(images: Tensor, margin: int) -> Tensor:
    """Continued by mirroring without the edge itself, which keeps a mosaic's phase."""
    return functional.pad(images, (margin,) * 4, mode="reflect")


def shifted(plane: Tensor, rows: int = 0, columns: int = 0) -> Tensor:
    """What lies so many rows below and columns to the right; wrong at the rim, which the caller cuts off."""
    return torch.roll(plane, (-rows, -columns), (-2, -1))
