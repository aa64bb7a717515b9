"""Pictures read at other places than their pixels.

A scaling about the centre is separable: rows and columns are resampled one after the other, as products
with band matrices. A warp that moves every pixel on its own is not, and reads four pixels for each.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from isptune.stages.strips import is_plain
from isptune_synthetic.definition import by_kornia
from isptune_synthetic.rows import row_strips

# Columns (or rows) that one band matrix produces.
_BLOCK = 64


def resample(plane: Tensor, rows: Tensor, columns: Tensor, reach: int) -> Tensor:
    """Read a plane where given rows and columns cross, by cubic interpolation, borders replicated.

    The interpolation is Keys' (1981) with a = -1/2, which gives the pixels themselves back at whole
    positions and has a continuous derivative in the position.

    Args:
        plane: (H, W).
        rows: (H,), columns: (W,) positions in pixels, not further than ``reach`` from 0, 1, 2, ...

    Returns:
        (H, W), differentiable with respect to the plane and the positions; not clipped.
    """
    # A fresh copy lies in memory in the same way wherever the plane came from, so that the products round
    # alike for every place in a batch.
    with torch.autocast(plane.device.type, enabled=False):
        down = _resample_last(plane.t().clone(memory_format=torch.contiguous_format), rows, reach)
        return _resample_last(down.t().contiguous(), columns, reach)


def _resample_last(plane: Tensor, positions: Tensor, reach: int) -> Tensor:
    length = plane.shape[1]
    # Two taps to either side of a position.
    halo = reach + 2
    blocks = []
    for first in range(0, length, _BLOCK):
        last = min(first + _BLOCK, length)
        low, high = max(first - halo, 0), min(last + halo, length)
        matrix = _band_matrix(positions[first:last], low, high, length)
        blocks.append(plane[:, low:high] @ matrix)
    return torch.cat(blocks, dim=1)


def _band_matrix(positions: Tensor, low: int, high: int, length: int) -> Tensor:
    """(high - low, outputs): what each of the inputs low..high adds to the values at the positions."""
    base = positions.detach().floor()
    share = (positions - base)[None, :]
    distance = (torch.arange(-1, 3, device=positions.device, dtype=positions.dtype)[:, None] - share).abs()
    near = (1.5 * distance - 2.5) * distance.square() + 1
    far = ((2.5 - 0.5 * distance) * distance - 4) * distance + 2
    weights = torch.where(distance <= 1, near, far.where(distance < 2, 0.0))
    tap = torch.arange(-1, 3, device=positions.device)[:, None]
    source = (base.long()[None, :] + tap).clamp(0, length - 1) - low
    matrix = positions.new_zeros(high - low, positions.shape[0])
    return matrix.scatter_add(0, source.clamp(0, high - low - 1), weights)


def warp(image: Tensor, field: Tensor, amount: Tensor, first_row: int, out: Tensor | None = None) -> Tensor:
    """Read every pixel at a place of its own nearby, by bilinear interpolation, borders replicated.

    Args:
        image: (C, H, W).
        field: (2, H, W) displacements to the right and down, times ``amount`` in pixels.
        amount: () tensor.
        first_row: the field is read from this row on, and from its first row again after its last.
        out: (C, H, W) that receives the result, for calls without gradients; not ``image``.

    Returns:
        (C, H, W), differentiable with respect to the image and the amount.
    """
    height, width = image.shape[-2:]
    order = torch.arange(first_row, first_row + height, device=field.device) % height
    columns = torch.arange(width, device=image.device, dtype=image.dtype)
    plain = is_plain(image, field, amount)
    # Without gradients strip by strip, so that the coordinates take no memory to speak of.
    strips = row_strips(height, width) if plain else [(0, height)]
    parts = []
    for first, last in strips:
        moved = field.index_select(1, order[first:last]) * amount
        rows = torch.arange(first, last, device=image.device, dtype=image.dtype)
        x, y = moved[0] + columns, moved[1] + rows[:, None]
        part = _read(image, x, y)
        if out is not None:
            out[:, first:last] = part
        else:
            parts.append(part)
    return torch.cat(parts, dim=1) if out is None else out


def _read(image: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """(C, H, W) of (C, height, width) at the places x and y, (H, W) each, in pixels."""
    if by_kornia(image):
        from kornia.geometry.transform import remap

        moved: Tensor = remap(image[None], x[None], y[None], padding_mode="border", align_corners=True)[0]
        return moved
    height, width = image.shape[-2:]
    # The pixels of a row lie at -1 + 1 / W, ..., 1 - 1 / W in the coordinates of grid_sample.
    grid = torch.stack((x.mul(2 / width).add(1 / width - 1), y.mul(2 / height).add(1 / height - 1)), dim=-1)
    return functional.grid_sample(image[None], grid[None], padding_mode="border", align_corners=False)[0]
