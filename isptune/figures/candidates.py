"""Parallel coordinates of candidates, as numbers and texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from isptune.figures.convergence import Numbers
from isptune.figures.front import Indices, even_sample, front_names, pareto_points
from isptune.figures.records import Record
from isptune.figures.shown_numbers import written
from isptune.parameters import Choice, Float, Int, Parameter, ParameterSpace
from isptune.parameters.identity import counts
from isptune.runs.description import Truth
from isptune.wording.showing import value_text

MOST_LINES = 300


@dataclass(frozen=True)
class Axis:
    """An axis with its name and what its ends are called."""

    name: str
    low: str
    high: str


@dataclass(frozen=True)
class Places:
    """Where candidates lie on some axes.

    Attributes:
        axes: (n,) of them.
        shares: (C, n) of each axis, from 0 to 1.
        texts: (C, n) the values, as tooltips show them.
    """

    axes: tuple[Axis, ...]
    shares: Numbers
    texts: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Candidates:
    """Some evaluations of one or several runs.

    Attributes:
        names: (C,) how tooltips call them.
        objectives: (C,) of their runs.
        labels, orientations: (K,) of the scores, and whether higher is better.
        scores: (C, K) in their own orientations.
        parameters: the free ones.
        levels: the hidden ones; None unless all are known.
        quality: the scores from the worst to the best of a front of more than two; None otherwise.
        losses: (C,) normalised l1, NaN where it is unknown; None where nobody knows it.
    """

    names: tuple[str, ...]
    objectives: tuple[str, ...]
    labels: tuple[str, ...]
    orientations: tuple[bool, ...]
    scores: Numbers
    parameters: Places
    levels: Places | None
    quality: Places | None
    losses: Numbers | None


def best_of_runs(records: Sequence[Record]) -> Candidates | None:
    """Of a single run its 40 best candidates, else the best of each run.

    Runs with other parameters than the first one's are left out; None where no run's parameters are known.
    """
    known = [record for record in records if record.run is not None]
    alike = [record for record in known if record.run.space == known[0].run.space]  # type: ignore[union-attr]
    if len(records) == 1:
        chosen = [(record, best_candidates(record)) for record in alike]
    else:
        best = [(record, record.history.best) for record in alike]
        chosen = [(record, np.array([index])) for record, index in best if index is not None]
    names = [
        f"rank {place + 1}, evaluation {index + 1}" if len(records) == 1 else record.name
        for record, indices in chosen
        for place, index in enumerate(indices.tolist())
    ]
    if not names:
        return None
    return _candidates(
        names,
        chosen,
        ("score",),
        (records[0].history.higher_is_better,),
        np.concatenate([record.history.scores[indices] for record, indices in chosen]),
    )


def candidates_of_front(record: Record, most: int = MOST_LINES) -> Candidates:
    """The front of a run of several objectives, the best compromise first; of a large one an even sample."""
    points = pareto_points(record.history)
    sample = even_sample(len(points.front), most)
    indices = record.history.pareto.indices[sample]
    found = _candidates(
        front_names(indices.tolist()),
        [(record, indices)],
        points.labels,
        points.orientations,
        points.front[sample],
    )
    found = replace(found, objectives=("front",) * len(indices))
    if len(points.labels) < 3:
        return found
    axes = tuple(
        Axis(label, written(worst), written(best))
        for label, worst, best in zip(points.labels, *points.ends.tolist(), strict=True)
    )
    texts = tuple(tuple(map(written, row)) for row in found.scores.tolist())
    return replace(found, quality=Places(axes, points.shares[sample], texts))


def _candidates(
    names: Sequence[str],
    chosen: Sequence[tuple[Record, Indices]],
    labels: tuple[str, ...],
    orientations: tuple[bool, ...],
    scores: Numbers,
) -> Candidates:
    """The chosen evaluations of runs of one space."""
    run = chosen[0][0].run
    assert run is not None
    losses = [
        np.full(len(indices), np.nan) if known is None else known[indices]
        for record, indices in chosen
        for known in [record.history.l1_normalised]
    ]
    return Candidates(
        names=tuple(names),
        objectives=tuple(record.objective for record, indices in chosen for _ in indices),
        labels=labels,
        orientations=orientations,
        scores=scores,
        parameters=_parameters(run.space, np.concatenate([r.history.candidates[i] for r, i in chosen])),
        levels=_levels(chosen),
        quality=None,
        losses=np.concatenate(losses) if any(record.knows_truth for record, _ in chosen) else None,
    )


def _parameters(space: ParameterSpace, candidates: Numbers) -> Places:
    values = space.to_values(torch.from_numpy(candidates))
    # The middle of its step where a parameter has steps, so that equal values lie on each other.
    shares = space.to_unit(values).numpy()
    for column, steps in enumerate(counts(space)):
        if steps > 1:
            # The first and the last step stand at the ends of the axis, where they are written.
            shares[:, column] = (shares[:, column] * steps - 0.5) / (steps - 1)
    texts = [
        [value_text(row[parameter.name], 4) for parameter in space.free] for row in space.to_dicts(values)
    ]
    return Places(tuple(map(_axis, space.free)), shares, tuple(map(tuple, texts)))


def _axis(parameter: Parameter) -> Axis:
    if isinstance(parameter, Choice):
        low, high = value_text(parameter.options[0]), value_text(parameter.options[-1])
    else:
        assert isinstance(parameter, Float | Int)
        low, high = f"{parameter.low:g}", f"{parameter.high:g}"
    return Axis(parameter.name, low, f"{high} {parameter.unit}".strip())


def _levels(chosen: Sequence[tuple[Record, Indices]]) -> Places | None:
    levels: list[Numbers] = []
    shares: list[Numbers] = []
    truth: Truth | None = None
    for record, indices in chosen:
        truth = None if record.run is None else record.run.truth
        if truth is None or record.history.levels is None:
            return None
        levels.append(np.abs(record.history.levels[indices]))
        shares.append(levels[-1] / np.array(truth.maxima))
    assert truth is not None
    axes = tuple(
        Axis(label, "0", f"{most:g} {unit}".strip())
        for label, most, unit in zip(truth.labels, truth.maxima, truth.units, strict=True)
    )
    texts = tuple(tuple(value_text(level, 4) for level in row) for row in np.concatenate(levels).tolist())
    return Places(axes, np.concatenate(shares), texts)


def best_candidates(record: Record, count: int = 40) -> Indices:
    """Indices of a run's candidates of best score, the best first, each different candidate once."""
    losses = record.history.losses[:, 0]
    losses = np.where(np.isfinite(losses), losses, np.inf)
    order = np.argsort(losses, kind="stable")
    order = order[np.isfinite(losses[order])]
    _, first = np.unique(record.history.candidates[order], axis=0, return_index=True)
    return np.asarray(order[np.sort(first)][:count], dtype=np.int64)
