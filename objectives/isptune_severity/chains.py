"""Which faults the variants of a content have in wide batches: levels, sizes, windows; and textures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from isptune.scenes.dead_leaves import dead_leaves, encode
from isptune_severity.families import FAMILIES, STAGES

SIZES = ((192, 192),) * 5 + ((256, 256),) * 2 + ((256, 176), (176, 256), (144, 144))
"""Heights and widths that batches are drawn from."""

SHIFT = 16
"""Variants of a content may be seen through windows that lie up to so many pixels apart."""

# More than this severity is as bad as it gets.
_HIGHEST = 1.5
# Radii of the leaves in pixels.
_SMALLEST, _LARGEST = (1.5, 5.0), (40.0, 100.0)


def shares_of_variants(variants: int, stages: int, generator: torch.Generator) -> Tensor:
    """(variants, stages) shares of the stages' highest levels; the first variant is pristine.

    Of the others a third is faint, over two decades; a quarter strong; some have one stage alone; and a
    quarter is the variant before with one stage weaker or gone, as a search compares them.
    """

    def draw(*size: int) -> Tensor:
        return torch.rand(size, generator=generator)

    shape = variants, stages
    faint = draw(*shape) * 10 ** (-2 * draw(variants, 1)) * (draw(*shape) > 0.3)
    strong = draw(*shape) ** 1.4 * (draw(*shape) > 0.1)
    places = torch.randint(stages, (variants, 1), generator=generator)
    only = torch.zeros(shape).scatter(1, places, 1.0)
    alone = only * draw(variants, 1) * 10 ** (-draw(variants, 1))
    kind = draw(variants, 1)
    shares = torch.where(kind < 0.35, faint, torch.where(kind < 0.6, strong, alone))
    weaker = (draw(variants, 1) * (draw(variants, 1) < 0.5)).clamp(max=0.9)
    for row in range(2, variants):
        if kind[row] >= 0.75:
            shares[row] = shares[row - 1] * (1 - only[row] * (1 - weaker[row]))
    shares[0] = 0
    return shares


def levels_of_one(variants: int, generator: torch.Generator) -> Tensor:
    """(variants, 1) shares of one stage: 0, and others of which half lie over a decade and a half."""
    shares = torch.rand(variants, 1, generator=generator)
    decades = 10 ** (-1.5 * torch.rand(variants, 1, generator=generator))
    half = torch.rand(variants, 1, generator=generator) < 0.5
    shares = torch.where(half, shares * decades, shares)
    shares[0] = 0
    return shares


def severities_of(names: Sequence[str], shares: Tensor) -> Tensor:
    """(N, 15) severities of (N, S) shares of the stages' highest levels."""
    found = torch.zeros(len(shares), len(FAMILIES))
    for column, name in enumerate(names):
        for family, weight in STAGES[name].items():
            found[:, FAMILIES.index(family)] += weight * shares[:, column]
    return found.clamp(max=_HIGHEST)


def textures(count: int, size: int, seed: int) -> list[Tensor]:
    """Dead leaves (3, size, size) of 8 bits, of several sizes of leaves."""
    found = []
    for index in range(count):
        generator = np.random.Generator(np.random.PCG64([seed, index]))
        smallest, largest = generator.uniform(*_SMALLEST), generator.uniform(*_LARGEST)
        encoded = encode(dead_leaves(size, size, generator, smallest, largest))
        steps = np.rint(np.clip(encoded, 0, 1) * 255).astype(np.uint8)
        found.append(torch.from_numpy(np.ascontiguousarray(steps.transpose(2, 0, 1))))
    return found
