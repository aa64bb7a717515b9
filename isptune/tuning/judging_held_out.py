"""The held-out scenes of a run, looked at once, after its search."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from isptune.contracts.pipeline import Pipeline, Scene
from isptune.errors import EvaluationError
from isptune.runs.held_out import HeldOut, JudgedScene, noted_holdout
from isptune.tuning.evaluation import Evaluator
from isptune.tuning.result import TuneResult
from isptune.tuning.session import Session

logger = logging.getLogger("isptune")

MOST_ON_THE_WAY = 8
"""How many of the candidates that were the best at their time are judged as well."""
# They cost no more than this share of the search.
_SHARE = 0.05


def judge_held_out(session: Session, result: TuneResult, evaluator: Evaluator) -> HeldOut | None:
    """Score the start of the search and what it found on every scene, tuned and held out.

    Of one score also some candidates that were the best at their time, evenly chosen: as many as cost a
    twentieth of the search, 8 at most. Nothing of it reaches the optimizer or the log.

    Args:
        session: the run.
        result: of the run.
        evaluator: of the tuned scenes.

    Returns:
        None where nothing is held out, and where no candidate had a finite score.
    """
    judging, history = session.held_out, result.history
    if judging is None or history.best is None:
        return None
    if session.directory is not None:
        place = session.directory.path
        noted = noted_holdout(place, history.labels, history.orientations, len(history))
        if noted is not None:
            return noted
    space = session.space
    best = int(history.best)
    start = space.to_unit(space.start()).numpy()[0]
    way = _on_the_way(session, result) if len(history.labels) == 1 else []
    ends = np.stack([start, history.candidates[best]])
    values = space.to_values(torch.from_numpy(ends))
    with session.evaluator(judging, space) as other:
        found = other.by_scene(np.concatenate([ends, history.candidates[way]]))
        held = _scenes(judging, found[:, :2], history.labels, other, values)
    tuned = _scenes(session.pipeline, evaluator.by_scene(ends), history.labels, evaluator, values)
    steps = [
        {"evaluation": index + 1, "tuned": float(history.scores[index, 0]), "held_out": float(score)}
        for index, score in zip(way, found[:, 2:, 0].mean(axis=0), strict=True)
        if np.isfinite(score)
    ]
    return HeldOut(history.labels, history.orientations, tuned, held, steps, len(history))


def _on_the_way(session: Session, result: TuneResult) -> list[int]:
    """Candidates that were the best at their time, evenly chosen, the last one among them."""
    history = result.history
    bests = [int(index) for index in dict.fromkeys(history.best_so_far.tolist()) if index >= 0]
    assert session.held_out is not None
    each = len(session.held_out.scenes) / len(session.pipeline.scenes)
    most = min(MOST_ON_THE_WAY, max(2, int(_SHARE * len(history) / each)))
    places = np.unique(np.linspace(0, len(bests) - 1, min(most, len(bests))).round().astype(int))
    return [bests[place] for place in places.tolist()]


def _scenes(
    pipeline: Pipeline,
    scores: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    labels: Sequence[str],
    evaluator: Evaluator,
    values: Tensor,
) -> list[JudgedScene]:
    """The scenes of a side, given (S, 2, K) scores of the start and of what was found, and both's values."""
    found = []
    for scene, (start, best) in zip(pipeline.scenes, scores, strict=True):
        judged = JudgedScene(
            str(scene.name),
            dict(zip(labels, start.tolist(), strict=True)),
            dict(zip(labels, best.tolist(), strict=True)),
            _psnr(pipeline, scene, evaluator, values[:1]),
            _psnr(pipeline, scene, evaluator, values[1:2]),
        )
        found.append(judged)
    return found


@torch.no_grad()
def _psnr(pipeline: Pipeline, scene: Scene, evaluator: Evaluator, values: Tensor) -> float | None:
    """PSNR of a candidate's picture in dB; None without a reference, and where the candidate fails."""
    reference = pipeline.reference(scene)
    if reference is None:
        return None
    try:
        picture = evaluator.render(values, scene)
    except EvaluationError:
        return None
    error = float((picture.clamp(0, 1) - reference).to(torch.float64).square().mean())
    return -10 * float(np.log10(max(error, 1e-12)))
