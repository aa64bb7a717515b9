"""The runs that a report is about, whether single ones or cells of a benchmark, in one form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from isptune.again import check_parameters, require_named
from isptune.benchmark.results import Benchmark
from isptune.config import RunConfig, parse_config, settings_of
from isptune.contracts.truthful import Truthful
from isptune.errors import RunDirectoryError
from isptune.naming import listed
from isptune.pipeline import Pipeline
from isptune.result import History
from isptune.runs.directory import CONFIG_NAME, RESULT_NAME, RunDirectory
from isptune.runs.generation import Generation, scores_of
from isptune.session import make_objective, make_pipeline

# What a run of several objectives hands over.
ANSWER = "best compromise"


@dataclass(frozen=True)
class Record:
    """A run as the report sees it.

    Attributes:
        name: how tables and tooltips call it.
        objective, optimizer, scene, map: labels; several objectives have one in common.
        seed: of the optimizer.
        directory: of the run.
        history: every evaluation.
        score, l1, l1_normalised: at the best-scored candidate, of several objectives at the best
            compromise; None where unknown, and the score where there are several.
        levels: hidden level per stage there, in the stages' own units; None where unknown.
        misled: the score improved while the hidden distortion rose, as the finished run's result says.
        parameters: the best-scored candidate's; empty where every score was not finite.
        seconds: wall time of proposing, rendering and scoring.
        scores: of several objectives, the best compromise's by label; empty of a single one.
    """

    name: str
    objective: str
    optimizer: str
    scene: str
    map: str
    seed: int
    directory: Path
    history: History
    score: float | None = None
    l1: float | None = None
    l1_normalised: float | None = None
    levels: Mapping[str, float] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    scores: Mapping[str, float] = field(default_factory=dict)
    misled: bool = False

    @property
    def answer(self) -> str:
        """What the run hands over, in words."""
        return ANSWER if self.scores else "best-scored candidate"

    @property
    def knows_truth(self) -> bool:
        return self.history.l1_normalised is not None


def read_settings(directory: Path) -> tuple[RunConfig, dict[str, Any]]:
    """A run's configuration, and all that its ``run.yaml`` holds.

    Raises:
        RunDirectoryError: there is no run, or it was started from Python with objects that no file names.
    """
    data = RunDirectory(directory).read_config()
    require_named(data, directory)
    return parse_config(settings_of(data), f"'{RunDirectory(directory).file(CONFIG_NAME)}'"), data


def read_record(directory: str | Path, name: str | None = None) -> Record:
    """A run from its directory; one that is not finished yet as far as its log goes.

    Args:
        directory: of a run that ``isptune tune`` wrote.
        name: how the report calls it; the folder's name if None.

    Raises:
        RunDirectoryError: there is no run, its log is empty or damaged, or no candidate in it has finite
            scores.
    """
    directory = Path(directory)
    config, data = read_settings(directory)
    log, _ = RunDirectory(directory).read_log(data.get("fingerprint"))
    if not log:
        raise RunDirectoryError(f"the run in '{directory}' has no finished generation yet")
    scores = scores_of(log)
    if not np.isfinite(scores.reshape(len(scores), -1)).all(axis=1).any():
        raise RunDirectoryError(f"the run in '{directory}' has no candidate with a finite score yet")
    pipeline = make_pipeline(config)
    check_parameters(data, pipeline.space.constrained(config.parameters), directory)
    if scores.ndim == 1:
        columns = Columns(config.objective.shown, _orientation(directory, config, scores))
    else:
        objective = make_objective(config)
        columns = Columns(
            objective.name, objective.higher_is_better, tuple(objective.labels), objective.orientations
        )
    return _record(directory, name, config, pipeline, log, columns)


@dataclass(frozen=True)
class Columns:
    """What the scores of a log are of: ``labels`` and ``orientations`` are those of a history."""

    objective: str
    higher_is_better: bool
    labels: tuple[str, ...] = ()
    orientations: tuple[bool, ...] = ()


def _record(
    directory: Path,
    name: str | None,
    config: RunConfig,
    pipeline: Pipeline,
    log: list[Generation],
    columns: Columns,
) -> Record:
    candidates = np.concatenate([generation.candidates for generation in log])
    space = pipeline.space.constrained(config.parameters)
    values = space.to_values(torch.from_numpy(candidates))
    l1 = share = levels = None
    if isinstance(pipeline, Truthful):
        with torch.no_grad():
            levels = pipeline.truth(values)
            l1, share = (loss.numpy() for loss in pipeline.losses(values))
    scores = scores_of(log)
    history = History(
        evaluations=np.arange(1, len(scores) + 1),
        candidates=candidates,
        scores=scores,
        higher_is_better=columns.higher_is_better,
        l1=l1,
        l1_normalised=share,
        labels=columns.labels,
        orientations=columns.orientations,
        values=values.numpy(),
    )
    best = history.best
    assert best is not None
    several = bool(columns.orientations)
    return Record(
        name=name or directory.resolve().name,
        objective=columns.objective,
        optimizer=config.optimizer.shown,
        scene=listed([scene_name(scene) for scene in config.scenes], 3),
        map=str(config.pipeline.options.get("seed", config.seed)),
        seed=config.seed,
        directory=directory,
        history=history,
        score=None if several else float(scores[best]),
        l1=None if l1 is None else float(l1[best]),
        l1_normalised=None if share is None else float(share[best]),
        levels=dict(zip(pipeline.truth_labels, levels[best].tolist(), strict=True))
        if isinstance(pipeline, Truthful) and levels is not None
        else None,
        parameters=space.to_dicts(values[best : best + 1])[0],
        seconds=sum(generation.seconds for generation in log),
        scores=dict(zip(columns.labels, scores[best].tolist(), strict=True)) if several else {},
        misled=bool(_noted(directory).get("misled")),
    )


def scene_name(scene: str) -> str:
    """A file's name without its folder; a generated scene as it is written."""
    return scene.replace("\\", "/").rstrip("/").rpartition("/")[2] or scene


def _orientation(directory: Path, config: RunConfig, scores: np.ndarray) -> bool:
    """Whether a higher score is better, from the finished run's own best score where there is one."""
    best = _noted(directory).get("best_score")
    low, high = float(np.nanmin(scores)), float(np.nanmax(scores))
    if best in (low, high) and low != high:
        return bool(best == high)
    return bool(make_objective(config).higher_is_better)


def _noted(directory: Path) -> Mapping[str, Any]:
    """What the result of a finished run holds; empty where there is none."""
    try:
        data = json.loads((directory / RESULT_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def records_of_benchmark(benchmark: Benchmark) -> list[Record]:
    """The finished runs of a benchmark that have a best candidate, in the order of the grid.

    Raises:
        RunDirectoryError: no run came to its end.
    """
    records = [
        Record(
            name=_cell_name(run.cell.optimizer, run.cell.scene, run.cell.map, run.cell.seed),
            objective=run.cell.objective,
            optimizer=run.cell.optimizer,
            scene=run.cell.scene,
            map=run.cell.map,
            seed=run.cell.seed,
            directory=run.directory,
            history=run.history,
            score=run.score,
            l1=run.l1,
            l1_normalised=run.l1_normalised,
            levels=run.levels,
            parameters=run.parameters,
            seconds=run.seconds,
            misled=bool(run.misled),
        )
        for run in benchmark.done()
        if run.history is not None and run.history.best is not None
    ]
    if not records:
        raise RunDirectoryError(
            f"no run of the benchmark in '{benchmark.directory}' came to its end with a finite score yet"
        )
    return records


def _cell_name(optimizer: str, scene: str, hidden_map: str, seed: int) -> str:
    return f"{optimizer}, {scene}, map {hidden_map}, seed {seed}"
