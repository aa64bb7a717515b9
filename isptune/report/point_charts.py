"""Charts of single evaluations: scores against the truth, and against each parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from isptune.figures.cloud import scatter
from isptune.figures.records import Record, by_objective
from isptune.figures.sensitivity import Sensitivity
from isptune.parameters import Choice, Int, ParameterSpace
from isptune.report.charts import LOSS, Spec, plain


def scatter_charts(objectives: Sequence[str], records: Sequence[Record]) -> list[tuple[str, str, Spec]]:
    """Per objective its name, a sentence of figures, and score against normalised l1 of its evaluations."""
    found = []
    for objective, group in by_objective(records).items():
        cloud = scatter(group)
        if cloud is None:
            continue
        shown = len(cloud.scores)
        sample = (
            f"{shown:,} of {cloud.total:,} evaluations" if shown < cloud.total else f"{shown:,} evaluations"
        )
        spec = {
            "kind": "points",
            "colour": objectives.index(objective),
            "x": {"label": "score"},
            "y": {"label": LOSS, "zero": True},
            "points": [plain(cloud.scores), plain(cloud.losses)],
            "best": [plain(cloud.best_scores), plain(cloud.best_losses)],
            "bestNames": [record.name for record in group if _has_both(record)],
        }
        words = f"Rank agreement with the truth {_signed(cloud.agreement)}; {sample}."
        found.append((objective, words, spec))
    return found


def _has_both(record: Record) -> bool:
    return record.knows_truth and record.score is not None and record.l1_normalised is not None


def _signed(value: float) -> str:
    return "unknown" if math.isnan(value) else f"{value:+.2f}".replace("-", "−")


def sensitivity_charts(
    record: Record, space: ParameterSpace, fit: Sensitivity, colour: int
) -> list[tuple[str, Spec]]:
    """Per free parameter its name and the scores near the fit's centre against it, with the fitted curve."""
    unit = record.history.candidates[fit.nearest]
    scores = plain(record.history.score[fit.nearest])
    found = []
    for number, (index, parameter) in enumerate(zip(space.free_indices, space.free, strict=True)):
        span = np.linspace(float(unit[:, number].min()), float(unit[:, number].max()), 41)
        if isinstance(parameter, Int):
            # One point a whole number, in the middle of its step: within a step the curve would be a saw.
            span = parameter.to_unit(parameter.from_unit(torch.from_numpy(span))).unique().numpy()

        def in_units(rows: NDArray[np.float64], index: int = index) -> list[float | None]:
            return plain(space.to_values(torch.from_numpy(rows))[:, index].tolist())

        label = f"{parameter.name} ({parameter.unit})" if parameter.unit else parameter.name
        spec: Spec = {
            "kind": "points",
            "colour": colour,
            "x": {
                "label": label,
                "log": bool(getattr(parameter, "log", False)),
                "whole": isinstance(parameter, Int),
            },
            "y": {"label": "score"},
            "points": [in_units(np.ascontiguousarray(unit)), scores],
            "curve": [
                plain(parameter.from_unit(torch.from_numpy(span)).tolist()),
                plain(fit.along(number, span)),
            ],
            "mark": in_units(fit.centre[None, :].copy())[0],
        }
        if isinstance(parameter, Choice):
            # Between options there is nothing for a curve to run through.
            del spec["curve"]
            spec["x"]["names"] = [str(option) for option in parameter.options]
        found.append((parameter.name, spec))
    return found
