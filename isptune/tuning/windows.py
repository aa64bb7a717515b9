"""Windows of scenes: parts at their native resolution, which a race looks at before whole scenes.

A window has the shape of its scene and the part of its pixels that the race says. Its place and sides are
multiples of 16 pixels, so that blocks of JPEG and patterns of colour filters lie in it as in the whole. Where
it lies is drawn anew for each generation, so that no part of a scene decides more often than others.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from isptune.contracts.pipeline import Pipeline, Scene
from isptune.errors import ConfigurationError, IsptuneError
from isptune.scenes.crops import MINIMUM_SIDE
from isptune.tuning.blame import blame, called
from isptune.tuning.race_plans import parts_of
from isptune.tuning.scoring import Scoring

# Windows that take more than this share of the scenes save next to nothing.
_MOST = 0.5
_STEP = 16


def drawn_windows(pipeline: Pipeline, parts: int, seed: int, number: int) -> list[Scene]:
    """A window of each scene, for the generation of a number."""
    stream = np.random.SeedSequence([seed, number, parts, len(pipeline.scenes)])
    generator = np.random.Generator(np.random.PCG64(stream))
    return [_window(pipeline, scene, parts, generator.random(2).tolist()) for scene in pipeline.scenes]


def windows_share(pipeline: Pipeline, scoring: Scoring, race: int | str | None) -> float:
    """The share of the work on all scenes that a race's windows take, in their middle; 0 where it has none.

    Raises:
        ConfigurationError: the pipeline renders no windows, they are hardly smaller than the scenes, or an
            objective cannot score them.
    """
    parts = parts_of(race)
    if parts is None:
        return 0.0
    windows = [_window(pipeline, scene, parts, [0.5, 0.5]) for scene in pipeline.scenes]
    try:
        for window in windows:
            scoring.without_guards().for_scene(window)
    except IsptuneError as error:
        raise ConfigurationError(
            f"race is {race}, and its windows cannot be scored: {error}; give a number of scenes"
        ) from None
    whole = sum(pipeline.work(scene) for scene in pipeline.scenes)
    share = round(sum(pipeline.work(window) for window in windows) / whole, 12)
    if share > _MOST:
        raise ConfigurationError(
            f"race is {race}, and windows of at least {MINIMUM_SIDE} pixels, with what is around them, take "
            f"{share:.2f} of the work on the scenes; allowed: up to {_MOST:g}: give larger pictures or "
            "crops, or a number of scenes"
        )
    return share


def _window(pipeline: Pipeline, scene: Scene, parts: int, where: list[float]) -> Scene:
    height, width = scene.size
    high, wide = _side(height, parts), _side(width, parts)
    place = _corner(width - wide, where[0]), _corner(height - high, where[1]), wide, high
    with blame(f"the pipeline '{called(pipeline)}'"):
        found = pipeline.window(scene, place)
    if found is None:
        raise ConfigurationError(
            f"race is 1/{parts}, and the pipeline '{called(pipeline)}' renders no windows of its scenes; "
            "allowed is a number of scenes"
        )
    return found


def _side(length: int, parts: int) -> int:
    wanted = round(length / sqrt(parts) / _STEP) * _STEP
    return min(max(wanted, MINIMUM_SIDE), length)


def _corner(room: int, where: float) -> int:
    """A multiple of the step from 0 to ``room``; ``where`` is from 0 to 1."""
    return min(int(where * (room // _STEP + 1)), room // _STEP) * _STEP
