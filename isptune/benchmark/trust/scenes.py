"""The pictures that objectives are shown."""

from __future__ import annotations

import numpy as np
import torch

from isptune.benchmark.trust.settings import TrustSettings
from isptune.contracts.scene import Scene
from isptune.scenes import load_scenes
from isptune.scenes.dead_leaves import dead_leaves, encode
from isptune.scenes.generated import chart

# Textures, and one whole chart with its edges, colours, ramps and lettering.
_TEXTURES = 2
# Radii of the leaves: the largest as a share of the height.
_SMALLEST, _LARGEST = 4.0, 0.375


def trust_scenes(settings: TrustSettings) -> list[Scene]:
    """The scenes of the settings, or generated ones.

    The generated chart's own texture of dead leaves with larger leaves has the statistics of photographs;
    a chart alone is finer than they are, so that a shift by a few pixels makes another picture of it.
    """
    if settings.scenes:
        return load_scenes(settings.scenes, crop=settings.crop)
    wide, high = settings.width, round(settings.width * 2 / 3)
    found = [leaves(wide, high, settings.seed + number) for number in range(_TEXTURES)]
    whole = Scene.of_picture(f"chart {wide}x{high}", chart(wide, high, settings.seed))
    # Searches see the first and the last ones.
    found.insert(1, whole)
    for index, scene in enumerate(found):
        scene.index = index
    return found


def leaves(wide: int, high: int, seed: int) -> Scene:
    """A texture of dead leaves, as multiples of 1/255 in [0.02, 0.98]."""
    generator = np.random.Generator(np.random.PCG64(seed))
    encoded = encode(dead_leaves(wide, high, generator, _SMALLEST, _LARGEST * high))
    steps = np.rint(np.clip(encoded, 6 / 255, 249 / 255) * 255).astype(np.float32)
    picture = torch.from_numpy(np.ascontiguousarray(steps.transpose(2, 0, 1)) / np.float32(255))
    return Scene.of_picture(f"leaves {seed + 1}", picture)
