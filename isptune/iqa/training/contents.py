"""Pristine contents for training on synthetic distortions: crops of pictures at several scales."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from isptune.errors import ConfigurationError
from isptune.scenes import load_scenes
from isptune.scenes.scene_pictures import picture_of

# Large photographs are seldom sharp at full resolution; reduced ones are, and show more of the scene.
_SCALES = (1.0, 0.6, 0.35, 0.2)
_PER_SCALE = 12
# Deviation of luma below which a crop has nothing to learn from.
_FLAT = 0.03


def pristine_contents(
    sources: Sequence[str | Path], size: int, seed: int = 0, held_out: float = 0.1
) -> tuple[list[Tensor], list[Tensor]]:
    """Crops for training and for validation, (M, 3, size, size) of 8 bits of every file.

    Args:
        sources: files, folders, globs, or ``chart:WIDTHxHEIGHT``.
        size: side of the crops in pixels.
        seed: of the places and of the split.
        held_out: the share of files whose crops are for validation.

    Raises:
        ImageError: a file cannot be read.
        ConfigurationError: no picture is large enough.
    """
    generator = random.Random(seed)
    training: list[Tensor] = []
    validation: list[Tensor] = []
    for scene in load_scenes([str(source) for source in sources], crop=None):
        part = validation if generator.random() < held_out else training
        crops = list(_crops(picture_of(scene), size, generator))
        if crops:
            part.append(torch.stack(crops))
    if not training:
        raise ConfigurationError(
            f"no picture holds a crop of {size} x {size} pixels that is not flat; give larger pictures"
        )
    # A few pictures may all have fallen on one side.
    if not validation and len(training) > 1:
        validation, training = training[:1], training[1:]
    elif not validation:
        share = max(1, len(training[0]) // 10)
        validation, training = [training[0][:share]], [training[0][share:]]
        training = training if len(training[0]) else validation
    return training, validation


def _crops(image: Tensor, size: int, generator: random.Random) -> Iterator[Tensor]:
    for scale in _SCALES:
        height, width = (round(side * scale) for side in image.shape[-2:])
        if min(height, width) < size:
            return
        small = image if scale == 1 else _reduced(image, height, width)
        count = min(_PER_SCALE, max(2, height * width // (2 * size * size)))
        for _ in range(3 * count):
            top, left = generator.randrange(height - size + 1), generator.randrange(width - size + 1)
            crop = small[:, top : top + size, left : left + size]
            if float(crop.mean(0).std()) < _FLAT:
                continue
            yield (crop.clamp(0, 1) * 255).round().to(torch.uint8)
            count -= 1
            if not count:
                break


def _reduced(image: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(
        image[None], (height, width), mode="bicubic", antialias=True, align_corners=False
    ).clamp(0, 1)[0]
