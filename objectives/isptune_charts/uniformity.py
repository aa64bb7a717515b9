"""How even the colour of a patch is."""

from __future__ import annotations

import torch
from torch import Tensor

from isptune_charts.colour import lab
from isptune_charts.patches import Patch

# A patch is looked at in so many parts a side.
_PARTS = 3


def uniformity(light: Tensor, patches: list[Patch]) -> Tensor:
    """(N, K) how far the ninths of a patch lie from its mean in a* and b*, in root mean square.

    Args:
        light: (N, 3, H, W) linear sRGB.
        patches: of uniform colour.
    """
    found = []
    for patch in patches:
        cut, inside = patch.of(light)
        height, width = inside.shape
        masks = []
        for row in range(_PARTS):
            for column in range(_PARTS):
                mask = torch.zeros_like(inside)
                part = (
                    slice(row * height // _PARTS, (row + 1) * height // _PARTS),
                    slice(column * width // _PARTS, (column + 1) * width // _PARTS),
                )
                mask[part] = inside[part]
                if float(mask.sum()) > 0:
                    masks.append(mask / mask.sum())
        weights = torch.stack(masks)
        colours = lab(torch.einsum("nchw,phw->npc", cut, weights))[..., 1:]
        middle = lab((cut * inside).sum(dim=(-2, -1)) / inside.sum())[:, None, 1:]
        squares = (colours - middle).square().sum(dim=-1).mean(dim=1)
        found.append((squares + 1e-12).sqrt())
    return torch.stack(found, dim=1)
