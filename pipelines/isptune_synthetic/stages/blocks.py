"""Stages that cover parts of the picture."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from isptune.contracts.requirements import Memory
from isptune.stages.strips import given_back
from isptune_synthetic.stages.base import SyntheticStage

_BLOCKS = 10
_SIDE = 32


def color_block(images: Tensor, count: Tensor, blocks: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Cover parts of the picture with blocks of 32 x 32 px, each of one random colour.

    "colorblock" of ARNIQA after KADID-10k. Later blocks lie on earlier ones; between two whole counts the
    last block is blended in, so the result is continuous in the count.

    Corrected against the reference code: a block can reach the last row and column, which there no block
    does. Pictures smaller than a block are covered whole.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        count: (N,) number of blocks, 0 to 10, fractions included.
        blocks: (10, 5) uniform random numbers, the same for every sample: each block's row and column as
            shares of the places that there are, and its red, green and blue.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Example:
        >>> import torch
        >>> blocks = torch.rand(10, 5, generator=torch.Generator().manual_seed(0))
        >>> color_block(torch.rand(1, 3, 64, 96), torch.tensor([2.5]), blocks).shape
        torch.Size([1, 3, 64, 96])
    """
    height, width = images.shape[-2:]
    amounts = count.to(device=images.device, dtype=images.dtype)
    colours = blocks[:, 2:].to(device=images.device, dtype=images.dtype)
    places = [_place(row, column, height, width) for row, column in blocks[:, :2].tolist()]
    is_recorded = torch.is_grad_enabled() and (images.requires_grad or count.requires_grad)
    if out is None or is_recorded:
        result = images.clone(memory_format=torch.contiguous_format)
    else:
        result = out if out.data_ptr() == images.data_ptr() else out.copy_(images)
    for index, number in enumerate(count.tolist()):
        if number == 0 and not is_recorded:
            continue
        # The block after the whole ones is blended in; at the highest count that is the last one.
        whole = min(int(number), len(places) - 1)
        for place, colour in zip(places[:whole], colours, strict=False):
            result[index][place] = colour.reshape(3, 1, 1)
        # A copy, which the backward pass still finds after the block has been written over.
        last = result[index][places[whole]].clone()
        blended = torch.lerp(last, colours[whole].reshape(3, 1, 1).expand_as(last), amounts[index] - whole)
        result[index][places[whole]] = blended
    return given_back(result, out) if is_recorded else result


def _place(row: float, column: float, height: int, width: int) -> tuple[slice, slice, slice]:
    top = min(math.floor(row * (height - _SIDE + 1)), height - _SIDE)
    left = min(math.floor(column * (width - _SIDE + 1)), width - _SIDE)
    return slice(None), slice(max(top, 0), max(top, 0) + _SIDE), slice(max(left, 0), max(left, 0) + _SIDE)


class ColorBlock(SyntheticStage):
    """Blocks of random colours; the level is their number, 0 to 10."""

    aliases = ("colorblock",)
    family = "local"
    level_range = (0.0, float(_BLOCKS))
    reference_range = (0.0, float(_BLOCKS))
    level_unit = "blocks"
    parameter_name = "blocks"
    is_stochastic = True
    memory = Memory(images=1.2, images_with_gradients=8.0)

    def draw(self, height: int, width: int, generator: torch.Generator) -> Tensor:
        """(10, 5) uniform numbers in float32; the picture's size does not matter."""
        return torch.rand(_BLOCKS, 5, generator=generator)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return color_block(images, level, self.noise_for(images, noise), out=out)
