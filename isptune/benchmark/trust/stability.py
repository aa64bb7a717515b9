"""How much a score moves by what nobody sees: a crop, another draw of noise, a grey level, a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from isptune.benchmark.trust.scorer import Numbers, Scorer
from isptune.benchmark.trust.sweep import Sweep, distortion, rendered
from isptune.contracts.scene import Scene
from isptune.scenes.scene_pictures import picture_of

CROP, NOISE = "a crop of fifteen sixteenths", "another draw of the noise"
GREY, PIXEL = "one grey level", "one pixel of shift"
CHANGES = (CROP, NOISE, GREY, PIXEL)

# Pictures, and what they are compared with.
Seen = tuple[Tensor, Tensor]

# A crop takes off this share of the picture at each side.
_CROPPED = 1 / 32


@dataclass(frozen=True)
class Movement:
    """How much one change moves the score, in spreads: median and worst over pictures of the bank.

    ``median`` and ``worst`` are None where nothing could be measured.
    """

    change: str
    median: float | None
    worst: float | None
    pictures: int


def stability(scorer: Scorer, sweep: Sweep, scenes: Sequence[Scene], seed: int) -> list[Movement]:
    """Measure it on pictures with one visible distortion each, of every stage and scene."""
    moved: dict[str, list[float]] = {name: [] for name in CHANGES}
    for number, scene in enumerate(scenes):
        pristine = picture_of(scene)[None]
        pictures, others = [], []
        for row, stage in enumerate(sweep.stages):
            share = sweep.shares[[sweep.visible(row, number)]]
            pictures.append(rendered(stage, scene, share, seed))
            if distortion(stage).is_stochastic:
                others.append((pictures[-1], rendered(stage, scene, share, seed + 1)))
        pairs = _pairs(torch.cat(pictures), pristine)
        if others:
            one, other = (torch.cat(images) for images in zip(*others, strict=True))
            pairs[NOISE] = (one, pristine), (other, pristine)
        known: dict[int, Numbers] = {}
        for name, pair in pairs.items():
            for images, reference in pair:
                if id(images) not in known:
                    known[id(images)] = scorer.losses(images, reference, f"a distorted '{scene.name}'")
            before, after = (known[id(images)] for images, _ in pair)
            shares = np.abs(after - before) / sweep.spread
            moved[name] += shares[np.isfinite(shares)].tolist()
    return [_movement(name, values) for name, values in moved.items()]


def _pairs(images: Tensor, pristine: Tensor) -> dict[str, tuple[Seen, Seen]]:
    """Pictures before and after each change, with what they are compared with."""
    height, width = images.shape[-2:]
    top, left = max(1, round(_CROPPED * height)), max(1, round(_CROPPED * width))
    middle = (..., slice(top, height - top), slice(left, width - left))
    here, there = (..., slice(1, None), slice(1, None)), (..., slice(-1), slice(-1))
    whole = images, pristine
    return {
        CROP: (whole, (images[middle], pristine[middle])),
        GREY: (whole, ((images + 1 / 255).clamp(0, 1), pristine)),
        PIXEL: ((images[here], pristine[here]), (images[there], pristine[there])),
    }


def _movement(change: str, values: Sequence[float]) -> Movement:
    if not values:
        return Movement(change, None, None, 0)
    return Movement(change, float(np.median(values)), float(max(values)), len(values))
