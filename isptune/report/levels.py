"""Recovered hidden levels per stage, from the pipelines that the runs' directories describe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from isptune.config import RunConfig
from isptune.contracts.truthful import Truthful
from isptune.errors import IsptuneError
from isptune.parameters import ParameterSpace
from isptune.pipeline import Pipeline
from isptune.report.compute import by_objective
from isptune.report.records import Record, read_settings
from isptune.session import make_pipeline

Numbers = NDArray[np.float64]


class Pipelines:
    """The pipelines of run directories; runs with the same pipeline, scenes and map share one."""

    def __init__(self) -> None:
        self._made: dict[str, Pipeline] = {}

    def of(self, record: Record) -> Pipeline:
        """The pipeline of a run.

        Raises:
            IsptuneError: the directory does not tell it, or it cannot be made here.
        """
        config, _ = read_settings(record.directory)
        key = self._key(config)
        if key not in self._made:
            self._made[key] = make_pipeline(config)
        return self._made[key]

    def space_of(self, record: Record) -> ParameterSpace:
        """What a run searched: its pipeline's parameters with what its settings ask of them."""
        config, _ = read_settings(record.directory)
        return self.of(record).space.constrained(config.parameters)

    def try_of(self, record: Record) -> Pipeline | None:
        """The pipeline of a run, or None where its directory does not hold one that can be made here."""
        try:
            return self.of(record)
        except IsptuneError:
            return None

    @staticmethod
    def _key(config: RunConfig) -> str:
        relevant = config.model_dump(include={"scenes", "crop", "pipeline", "seed"})
        if "seed" in config.pipeline.options:
            del relevant["seed"]
        return repr(relevant)


@dataclass(frozen=True)
class Quartiles:
    """(K,) over runs."""

    low: Numbers
    median: Numbers
    high: Numbers


@dataclass(frozen=True)
class Recovered:
    """Hidden levels per stage, in the stages' own units and without sign.

    Attributes:
        labels, units, maxima: (K,) of the stages.
        start: at the defaults, else the middle of the ranges, over all runs.
        found: at the best-scored candidates, per objective.
        runs: how many runs stand behind each objective.
    """

    labels: tuple[str, ...]
    units: tuple[str, ...]
    maxima: Numbers
    start: Quartiles
    found: dict[str, Quartiles]
    runs: dict[str, int]


def recovered(records: Sequence[Record], pipelines: Pipelines) -> Recovered | None:
    """Hidden levels before and after tuning; None where no truth is known.

    Runs whose pipeline has other stages than the first run's, or cannot be made here, are left out.
    """
    shape: tuple[tuple[str, ...], tuple[str, ...], tuple[float, ...]] | None = None
    starts: list[list[float]] = []
    found: dict[str, list[list[float]]] = {}
    for objective, group in by_objective(records).items():
        for record in group:
            pipeline = pipelines.try_of(record) if record.levels else None
            if not isinstance(pipeline, Truthful) or record.levels is None:
                continue
            facts = (pipeline.truth_labels, pipeline.truth_units, pipeline.truth_maxima)
            shape = shape or facts
            with torch.no_grad():
                start = pipeline.truth(pipelines.space_of(record).start())
            if facts != shape or tuple(record.levels) != tuple(facts[0]):
                continue
            starts.append(start[0].abs().tolist())
            found.setdefault(objective, []).append([abs(level) for level in record.levels.values()])
    if shape is None or not starts:
        return None
    labels, units, maxima = shape
    return Recovered(
        labels=tuple(labels),
        units=tuple(units) if units else ("",) * len(labels),
        maxima=np.array(maxima, dtype=np.float64),
        start=_quartiles(starts),
        found={objective: _quartiles(rows) for objective, rows in found.items()},
        runs={objective: len(rows) for objective, rows in found.items()},
    )


def _quartiles(rows: list[list[float]]) -> Quartiles:
    low, median, high = np.percentile(np.array(rows), [25, 50, 75], axis=0)
    return Quartiles(low, median, high)
