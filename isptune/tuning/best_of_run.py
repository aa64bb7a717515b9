"""A run's pipeline on other scenes, with the best that the run has found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isptune.contracts.pipeline import Pipeline
from isptune.runs.again import check_parameters, require_named
from isptune.tuning.prechecks import check_takes_scenes
from isptune.tuning.session import make_pipeline
from isptune.tuning.starts import beginning


def best_of_run(out: str | Path, scenes: list[str] | None) -> tuple[Pipeline, dict[str, Any]]:
    """A run's pipeline on other scenes, seen whole, and the best parameters that its log holds so far.

    Args:
        out: the run directory.
        scenes: what is rendered; None for the scenes that the pipeline brings itself.

    Raises:
        RunDirectoryError: there is no run, its pipeline cannot be made here, or nothing in it has a finite
            score yet.
    """
    from isptune.runs.run import Run

    # Before any plugin is made, which may change the working folder.
    run = Run.read(out)
    require_named(run.data, out)
    check_takes_scenes(run.config.pipeline, scenes or ())
    best = run.require_best().best_parameters
    config = run.config
    if scenes is not None:
        pipeline = config.pipeline
        # Those of its options would win over the ones that are wanted here; references are of its scenes.
        left_out = ("scenes", "crop", "reference")
        options = {key: value for key, value in pipeline.options.items() if key not in left_out}
        pipeline = pipeline.model_copy(update={"options": options})
        own = {"scenes": scenes, "crop": "full", "pipeline": pipeline, "holdout": None}
        config = config.model_copy(update=own)
    made = make_pipeline(config)
    check_parameters(run.data, beginning(made.space, config).space, out)
    return made, best
