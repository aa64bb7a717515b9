"""What ISPs make of simulated raw pictures whose scene is known, kept in a folder: data for training.

Every content is a crop of a photograph, seen by a simulated camera at ISO 100 to 12,800 and developed by the
pipelines ``raw`` and ``libraw`` with random settings. Its versions lie together in one file, the scene first.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import isptune
from isptune.errors import IsptuneError
from isptune.parameters import Bool, Choice, Float, Int
from isptune.storage.writing import make_folder
from isptune_severity.full_reference import severities

_ISO = (100.0, 12_800.0)
_CAMERAS = ("phone", "dslr", "security")


def make_renderings(
    contents: Sequence[Tensor], folder: Path, count: int, versions: int = 8, seed: int = 0
) -> None:
    """Write ``000000.npz`` and so on; files that are there already are kept.

    Args:
        contents: for every photograph (M, 3, size, size) of 8 bits.
        folder: of the files.
        count: of contents.
        versions: of each, the scene itself and so many less one renderings.
        seed: of everything.
    """
    make_folder(folder)
    for index in range(count):
        path = folder / f"{index:06d}.npz"
        if path.exists():
            continue
        generator = random.Random(f"{seed} {index}")
        crops = contents[index % len(contents)]
        scene = crops[generator.randrange(len(crops))].float() / 255
        images = torch.stack([scene, *_renderings(scene, versions - 1, generator)])
        labels = severities(images, scene[None])
        labels[0] = 0
        temporary = path.with_suffix(".tmp.npz")
        np.savez(temporary, images=(images * 65535).round().numpy().astype(np.uint16), labels=labels.numpy())
        temporary.replace(path)


def _renderings(scene: Tensor, count: int, generator: random.Random) -> list[Tensor]:
    """One of the defaults, the others of random settings, all of the same raw picture."""
    from isptune_raw.scenes import raw_scenes
    from isptune_raw.simulation import simulate

    iso = math.exp(generator.uniform(math.log(_ISO[0]), math.log(_ISO[1])))
    raw = simulate(
        scene,
        camera=generator.choice(_CAMERAS),
        iso=iso,
        exposure=generator.choice((0.0, 0.0, generator.uniform(-1, 0.7))),
        blur=generator.choice((0.0, 0.0, generator.uniform(0.3, 1.2))),
        shading=generator.random() < 0.3,
        defects=generator.choice((0.0, 0.0, 0.0, generator.uniform(0, 0.004))),
        seed=generator.randrange(2**31),
    )
    given: Any = raw
    held = raw_scenes([given], reference=scene, crop=None)[0]
    own = isptune.create_pipeline("raw", scenes=[raw], reference=scene, crop=None)
    other = isptune.create_pipeline("libraw", scenes=[raw], reference=scene, crop=None, canary=False)
    found: list[Tensor] = []
    while len(found) < count:
        pipeline = own if len(found) % 2 else other
        spread = 0.0 if len(found) < 2 else generator.choice((0.15, 0.4, 1.0))
        values = settings(pipeline.space, spread, generator)
        try:
            with torch.no_grad():
                if pipeline is own:
                    picture = own.render(own.space.from_dicts([values]), 0)[0]
                else:
                    picture = other.develop(values, held)
        except (RuntimeError, IsptuneError):
            continue
        found.append(picture.detach().clamp(0, 1).float())
    return found


def settings(space: Any, spread: float, generator: random.Random) -> dict[str, Any]:
    """The defaults with some parameters moved at random, by so much of their range."""
    values = dict(space.to_dicts(space.start())[0])
    if not spread:
        return values
    share = generator.choice((0.2, 0.5, 0.9))
    unit = space.to_unit(space.start())[0].tolist()
    for name, place in zip(space.names, unit, strict=True):
        if generator.random() > share:
            continue
        parameter = space[name]
        if isinstance(parameter, Float):
            moved = min(1.0, max(0.0, place + generator.uniform(-1, 1) * spread))
            low, high = parameter.low, parameter.high
            if parameter.log:
                values[name] = float(low * (high / low) ** moved)
            else:
                values[name] = float(low + (high - low) * moved)
        elif isinstance(parameter, Int):
            values[name] = generator.randint(parameter.low, parameter.high)
        elif isinstance(parameter, Bool):
            values[name] = generator.random() < 0.5
        elif isinstance(parameter, Choice):
            values[name] = generator.choice(list(parameter.options))
    return values
