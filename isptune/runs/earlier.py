"""Runs of isptune 0.1, which did not note what their scores and hidden levels are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from isptune.contracts.pipeline import Pipeline
from isptune.contracts.truthful import Truthful
from isptune.parameters import ParameterSpace
from isptune.runs.again import check_parameters, require_named
from isptune.runs.description import Description, levels_of
from isptune.runs.directory import CONFIG_NAME, RESULT_NAME
from isptune.runs.generation import Generation
from isptune.tuning.settings import RunConfig
from isptune.tuning.starts import beginning


def completed(
    directory: Path, config: RunConfig, data: Mapping[str, Any], generations: Sequence[Generation]
) -> Description:
    """The description of a run whose plugins are made again for it; its log gets the hidden levels.

    Raises:
        RunDirectoryError: it was started from Python with objects that no name stands for, or with other
            parameters.
        IsptuneError: a plugin cannot be made here.
    """
    from isptune.tuning.session import make_pipeline

    require_named(data, directory)
    pipeline = make_pipeline(config)
    space = beginning(pipeline.space, config).space
    check_parameters(data, space, directory)
    noted = Description.read(data, directory / CONFIG_NAME)
    description = noted or _described(directory, config, pipeline, space, generations)
    if isinstance(pipeline, Truthful):
        for generation in generations:
            if generation.levels is None:
                values = space.to_values(torch.from_numpy(generation.candidates))
                generation.levels = levels_of(pipeline, values)
    return description


def _described(
    directory: Path,
    config: RunConfig,
    pipeline: Pipeline,
    space: ParameterSpace,
    generations: Sequence[Generation],
) -> Description:
    """The description of a run that noted none.

    A single objective, whose model may be large, is made only where its orientation does not follow from the
    result.
    """
    from isptune.tuning.session import has_own_scenes, make_scoring

    own = has_own_scenes(config)
    higher = None if config.more_objectives or config.vector else _orientation(directory, generations)
    if higher is None:
        scoring = make_scoring(config)
        return Description.of(pipeline, scoring.name, scoring.labels, scoring.orientations, space, own)
    name = config.objective.shown
    return Description.of(pipeline, name, (name,), (higher,), space, own)


def _orientation(directory: Path, generations: Sequence[Generation]) -> bool | None:
    """Whether a higher score is better, by the best score of a finished run; None where that is open."""
    try:
        best = json.loads((directory / RESULT_NAME).read_text(encoding="utf-8")).get("best_score")
    except (OSError, ValueError, AttributeError):
        return None
    scores = np.concatenate([np.empty((0, 1)), *(generation.scores for generation in generations)])
    if not np.isfinite(scores).any():
        return None
    low, high = float(np.nanmin(scores)), float(np.nanmax(scores))
    return best == high if best in (low, high) and low != high else None
