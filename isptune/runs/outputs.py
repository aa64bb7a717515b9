"""What a finished run leaves beside its log: the result and the pictures."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from isptune import figures
from isptune.contracts.pipeline import Scene
from isptune.errors import ConfigurationError, EvaluationError, IsptuneError
from isptune.runs.captions import MOST_SCENES, caption, different_pictures, reference_word
from isptune.runs.directory import CONFIG_NAME, LOG_NAME, RESULT_NAME, RunDirectory
from isptune.runs.judgements import JUDGEMENTS_NAME
from isptune.runs.maps import MAPS_NAME, maps_of, with_maps, write_maps
from isptune.runs.picture_files import FOLDER, INDEX, REFERENCE, write_pictures
from isptune.tuning.result import TuneResult
from isptune.tuning.session import Session
from isptune.wording.words import FOUND, START

logger = logging.getLogger("isptune")


def write_outputs(
    directory: RunDirectory,
    session: Session,
    result: TuneResult,
    render: Callable[[Tensor, Scene], Tensor] | None,
    new: bool = True,
    figures: bool = True,
) -> None:
    """Write ``result.json`` and, where they are wanted, the pictures; note the files in the result.

    Args:
        directory: of the run.
        session: the run.
        result: of the run.
        render: makes (1, 3, H, W) of (1, n) values on a scene; None where no pictures are wanted.
        new: something was evaluated; otherwise a picture that is younger than the log is still the right one.
        figures: also draw figures; otherwise only what a pipeline alone can make is written.
    """
    result.files = [directory.file(CONFIG_NAME), directory.file(LOG_NAME)]
    if directory.file(JUDGEMENTS_NAME).exists():
        result.files.append(directory.file(JUDGEMENTS_NAME))
    # The figures are safe before anything is drawn.
    result.files.append(
        directory.write(RESULT_NAME, json.dumps(result.to_dict(), indent=2, allow_nan=False) + "\n")
    )
    if render is None:
        return

    def missing(name: str, file: str = "") -> bool:
        if not new and _is_younger(directory.file(name) / file, directory.file(LOG_NAME)):
            result.files.append(directory.file(name))
            return False
        return True

    if figures:
        _draw_figures(directory, session, result, missing)
    if not result.best_parameters:
        return
    pictures, before_after = missing(FOLDER, INDEX), figures and missing("before_after.png")
    has_maps = bool(with_maps(session.scoring.objectives))
    maps = has_maps and figures and (missing(MAPS_NAME) or missing("maps.png"))
    if pictures or before_after or maps:
        try:
            shown = _shown_scenes(session, render, result)
        except EvaluationError as error:
            logger.warning("the pictures of the run are not made: %s", error)
            return
        if pictures:
            files = [(scene.name, images) for scene, images in shown]
            result.files.append(write_pictures(directory, files))
        if before_after:
            try:
                _draw_before_after(directory, session, result, shown)
            except EvaluationError as error:
                logger.warning("before_after.png is not drawn: %s", error)
        if maps:
            _draw_maps(directory, session, result, shown)


def _is_younger(picture: Path, log: Path) -> bool:
    """Whether a picture was drawn after the last line of a log."""
    return picture.is_file() and picture.stat().st_mtime_ns >= log.stat().st_mtime_ns


def _draw_figures(
    directory: RunDirectory, session: Session, result: TuneResult, missing: Callable[[str], bool]
) -> None:
    """The figures that show numbers alone."""
    if not result.has_front:
        # Without a finite score there is no curve.
        if missing("convergence.png") and len(result.history.pareto):
            curves = figures.convergence([result.history])
            figure = figures.draw_convergence(curves, score_label=result.objective)
            result.files.append(figures.save(figure, directory.file("convergence.png")))
    elif result.best_parameters and missing("pareto.png"):
        figure = figures.draw_pareto(figures.pareto_points(result.history))
        result.files.append(figures.save(figure, directory.file("pareto.png")))
    truth = session.description.truth
    if truth is not None and result.levels is not None and missing("recovered_levels.png"):
        levels = figures.recovered_levels([(result.objective, truth, list(result.levels.values()))])
        figure = figures.draw_recovered_levels(levels)
        result.files.append(figures.save(figure, directory.file("recovered_levels.png")))


# A scene seen whole with its pictures, (3, H, W) by START, FOUND and REFERENCE where there are such.
_Shown = tuple[Scene, dict[str, Tensor]]


def _shown_scenes(
    session: Session, render: Callable[[Tensor, Scene], Tensor], result: TuneResult
) -> list[_Shown]:
    """The pictures of the first few different scenes, on the CPU.

    Raises:
        EvaluationError: the pipeline failed on one of them.
    """
    pipeline, space = session.pipeline, session.space
    best = space.from_dicts([result.best_parameters])
    shown: list[_Shown] = []
    for part in different_pictures(pipeline.scenes)[:MOST_SCENES]:
        scene: Scene | None = None
        try:
            scene = pipeline.whole(part)
            images = {FOUND: render(best, scene)[0].float().cpu()}
        except IsptuneError as error:
            if scene is part:
                raise
            # All of a picture may be too much for a program that made the crop in time, or its file is gone.
            logger.warning("the pictures of the run show the crop '%s' alone: %s", part.name, error)
            scene = part
            images = {FOUND: render(best, scene)[0].float().cpu()}
        try:
            images = {START: render(space.start(), scene)[0].float().cpu(), **images}
        except EvaluationError as error:
            # A pipeline may fail on its start and work for what was found.
            logger.warning("the pictures of the run lack the %s: %s", START, error)
        reference = pipeline.reference(scene)
        if reference is not None:
            images[REFERENCE] = reference[0].float().cpu()
        shown.append((scene, images))
    return shown


def _draw_maps(directory: RunDirectory, session: Session, result: TuneResult, shown: list[_Shown]) -> None:
    """Where the objective sees what in the scenes, in numbers and as a figure."""
    named = [(str(scene.name), images) for scene, images in shown]
    try:
        maps = maps_of(session.scoring.objectives, named, session.pipeline.device)
    except EvaluationError as error:
        logger.warning("the maps of the run are not made: %s", error)
        return
    if maps:
        result.files.append(write_maps(directory, maps))
        figure = figures.draw_maps(figures.worst_maps(maps, dict(named)))
        result.files.append(figures.save(figure, directory.file("maps.png")))


def _draw_before_after(
    directory: RunDirectory, session: Session, result: TuneResult, shown: list[_Shown]
) -> None:
    """The scenes at the start, at the parameters found, and what they are compared with."""
    pipeline, truth = session.pipeline, session.description.truth
    facts: dict[str, tuple[float | None, Mapping[str, float] | None]] = {
        START: (None if truth is None else truth.start_share, None),
        FOUND: (result.l1_normalised, result.best_scores),
    }
    more = len(different_pictures(pipeline.scenes)) - MOST_SCENES
    pictured = []
    for number, (scene, images) in enumerate(shown):
        reference = images.get(REFERENCE)
        try:
            scoring = session.scoring.for_scene(scene)
        except ConfigurationError:
            # All of a picture may show what cannot be scored, where the crops of the run can.
            labelled = {}
        else:
            labelled = {label: known for label, known in facts.items() if label in images}
        captions = {
            label: caption(scoring, pipeline, images[label], reference, *known)
            for label, known in labelled.items()
        }
        name = str(scene.name)
        if number == MOST_SCENES - 1 and more > 0:
            name += f" ({more} more {'scene is' if more == 1 else 'scenes are'} not shown)"
        words = {REFERENCE: reference_word(truth is not None)}
        named = {words.get(kind, kind): image for kind, image in images.items()}
        pictured.append(figures.PicturedScene(named, captions, name))
    figure = figures.draw_scenes(pictured)
    result.files.append(figures.save(figure, directory.file("before_after.png")))
