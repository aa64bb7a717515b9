"""Crops of photographs, kept in a folder: what the training data of the second version is made of."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from isptune.errors import ConfigurationError
from isptune.iqa.training.contents import pristine_contents
from isptune.scenes.sources import find_pictures
from isptune.storage.writing import make_folder, write_whole

# One photograph of ten is held out, by its name: whatever the size of the crops.
_HELD_OUT = 10
_LARGEST = 18


def kept_contents(
    images: Sequence[str | Path], size: int, seed: int, folder: Path
) -> tuple[list[Tensor], list[Tensor]]:
    """Crops (M, 3, size, size) of 8 bits of every photograph, for training and held out.

    They are made once; what lies in the folder is taken where it is of the same pictures.

    Raises:
        ImageError: a file cannot be read.
        ConfigurationError: no picture is large enough.
    """
    found = [part for image in images for part in find_pictures(str(image))]
    names = [getattr(part, "name", str(part)) for part in found]
    facts = {"names": names, "size": size, "seed": seed}
    index, stored = folder / f"contents-{size}.json", folder / f"contents-{size}.npy"
    if not index.exists() or json.loads(index.read_text())["facts"] != facts:
        make_folder(folder)
        crops, counts = [], []
        for part in found:
            own = _crops(str(part) if isinstance(part, Path) else part.name, size, seed)
            crops.append(own)
            counts.append(len(own))
        np.save(stored, torch.cat(crops).numpy())
        write_whole(index, json.dumps({"facts": facts, "counts": counts}))
    counts = json.loads(index.read_text())["counts"]
    everything = torch.from_numpy(np.load(stored, mmap_mode="c"))
    training: list[Tensor] = []
    validation: list[Tensor] = []
    for name, part in zip(names, everything.split(counts), strict=True):
        if len(part):
            held_out = zlib.crc32(name.encode()) % _HELD_OUT == 0
            (validation if held_out else training).append(part)
    if not training and not validation:
        raise ConfigurationError(f"no picture holds a crop of {size} x {size} pixels; give larger pictures")
    # A few pictures may all have fallen on one side.
    return training or validation, validation or training


def _crops(source: str, size: int, seed: int) -> Tensor:
    try:
        training, validation = pristine_contents([source], size, seed)
    except ConfigurationError:
        return torch.zeros(0, 3, size, size, dtype=torch.uint8)
    found = torch.cat([*training, *validation])
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(seed))
    return found[order[:_LARGEST]]
