"""What a finished run leaves beside its log: the result and the pictures."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from isptune.contracts.truthful import Truthful
from isptune.errors import EvaluationError
from isptune.objective import Objective
from isptune.pictured import (
    MOST_SCENES,
    caption,
    different_pictures,
    reference_word,
)
from isptune.pipeline import Pipeline, Scene
from isptune.result import TuneResult
from isptune.runs.directory import CONFIG_NAME, LOG_NAME, RESULT_NAME, RunDirectory
from isptune.session import Session
from isptune.words import FOUND, START

logger = logging.getLogger("isptune")


def write_outputs(
    directory: RunDirectory,
    session: Session,
    result: TuneResult,
    render: Callable[[Tensor, Scene], Tensor] | None,
    new: bool = True,
) -> None:
    """Write ``result.json`` and, where they are wanted, the pictures; note the files in the result.

    Args:
        directory: of the run.
        session: the run.
        result: of the run.
        render: makes (1, 3, H, W) of (1, n) values on a scene; None where no pictures are wanted.
        new: something was evaluated; otherwise a picture that is younger than the log is still the right one.
    """
    pipeline, objective = session.pipeline, session.objective
    result.files = [directory.file(CONFIG_NAME), directory.file(LOG_NAME)]
    # The figures are safe before anything is drawn.
    result.files.append(
        directory.write(RESULT_NAME, json.dumps(result.to_dict(), indent=2, allow_nan=False) + "\n")
    )
    if render is None:
        return

    def missing(name: str) -> bool:
        if not new and _is_younger(directory.file(name), directory.file(LOG_NAME)):
            result.files.append(directory.file(name))
            return False
        return True

    if result.pareto is None and missing("convergence.png"):
        _draw_convergence(directory, objective, result)
    if result.best_parameters:
        if result.pareto is not None and missing("pareto.png"):
            _draw_pareto(directory, result)
        start = session.space.start()
        found = session.space.from_dicts([result.best_parameters])
        if result.levels is not None and missing("recovered_levels.png"):
            _draw_levels(directory, pipeline, result, start, found)
        if missing("before_after.png"):
            try:
                _draw_before_after(directory, session, result, start, found, render)
            except EvaluationError as error:
                logger.warning("before_after.png is not drawn: %s", error)


def _is_younger(picture: Path, log: Path) -> bool:
    """Whether a picture was drawn after the last line of a log."""
    return picture.is_file() and picture.stat().st_mtime_ns >= log.stat().st_mtime_ns


def _draw_convergence(directory: RunDirectory, objective: Objective, result: TuneResult) -> None:
    from isptune import plots

    curves = plots.convergence([result.history], higher_is_better=result.history.higher_is_better)
    figure = plots.draw_convergence(curves, score_label=objective.name)
    result.files.append(plots.save(figure, directory.file("convergence.png")))


def _draw_pareto(directory: RunDirectory, result: TuneResult) -> None:
    from isptune import plots

    figure = plots.draw_pareto(plots.pareto_points(result.history))
    result.files.append(plots.save(figure, directory.file("pareto.png")))


def _draw_levels(
    directory: RunDirectory, pipeline: Pipeline, result: TuneResult, start: Tensor, found: Tensor
) -> None:
    from isptune import plots

    if not isinstance(pipeline, Truthful):
        return
    levels = pipeline.truth(torch.cat([start, found]))
    figure = plots.draw_recovered_levels(
        pipeline.truth_labels,
        pipeline.truth_units,
        pipeline.truth_maxima,
        levels[0].tolist(),
        levels[1].tolist(),
    )
    result.files.append(plots.save(figure, directory.file("recovered_levels.png")))


def _draw_before_after(
    directory: RunDirectory,
    session: Session,
    result: TuneResult,
    start: Tensor,
    found: Tensor,
    render: Callable[[Tensor, Scene], Tensor],
) -> None:
    """The scenes at the start, at the parameters found, and what they are compared with."""
    from isptune import plots

    pipeline, objective = session.pipeline, session.objective
    scenes = different_pictures(pipeline.scenes)
    scores = result.best_scores
    if scores is None and result.best_score is not None:
        scores = {objective.name: result.best_score}
    shown = []
    for number, scene in enumerate(map(pipeline.whole, scenes[:MOST_SCENES])):
        reference = pipeline.reference(scene)
        images: dict[str, Tensor] = {}
        captions: dict[str, str] = {}
        for label, values in ((START, start), (FOUND, found)):
            try:
                image = render(values, scene)
            except EvaluationError as error:
                if label == FOUND:
                    raise
                # A pipeline may fail on its start and work for what was found.
                logger.warning("before_after.png lacks the %s: %s", label, error)
                continue
            images[label] = image[0].float().cpu()
            of_the_run = scores if label == FOUND else None
            captions[label] = caption(pipeline, objective, values, image, reference, of_the_run)
        if reference is not None:
            images[reference_word(pipeline)] = reference[0].float().cpu()
        more = len(scenes) - MOST_SCENES
        name = str(scene.name)
        if number == MOST_SCENES - 1 and more > 0:
            name += f" ({more} more {'scene is' if more == 1 else 'scenes are'} not shown)"
        shown.append(plots.PicturedScene(images, captions, name))
    figure = plots.draw_scenes(shown)
    result.files.append(plots.save(figure, directory.file("before_after.png")))
