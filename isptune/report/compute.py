"""What the report's charts show, as numbers: no drawing and no HTML here."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isptune.benchmark.targets import TARGETS, first_arrivals
from isptune.figures import Band, ConvergenceCurves, convergence
from isptune.figures.grouping import group_runs
from isptune.iqa.evaluation import srcc
from isptune.report.records import Record
from isptune.runs.best_so_far import best_so_far
from isptune.tuning.result import History
from isptune.tuning.settings import RunConfig

Numbers = NDArray[np.float64]

MOST_POINTS = 2000
MOST_PLACES = 240


@dataclass(frozen=True)
class Slice:
    """Runs that one optimizer made, or all of them, under the name that a menu shows."""

    label: str
    records: tuple[Record, ...]


@dataclass(frozen=True)
class Scatter:
    """Every evaluation of an objective's runs, or an even sample of them.

    Attributes:
        scores, losses: (M,) score and normalised l1.
        best_scores, best_losses: (R,) of each run's best-scored candidate.
        total: how many evaluations the sample was taken from.
        agreement: Spearman's rank correlation of all of them between the score, turned so that higher is
            better, and the negative loss: 1 where the objective orders candidates as the truth does.
    """

    scores: Numbers
    losses: Numbers
    best_scores: Numbers
    best_losses: Numbers
    total: int
    agreement: float


@dataclass(frozen=True)
class Reached:
    """The share of (run, target) pairs reached: steps at ``evaluations`` (M,) to ``shares`` (M,)."""

    evaluations: Numbers
    shares: Numbers


def in_order(records: Sequence[Record], of: Callable[[Record], str]) -> list[str]:
    """The different labels of the records, in the order in which they first come."""
    return list(dict.fromkeys(of(record) for record in records))


def failed_card(records: Sequence[Record]) -> list[tuple[str, str]]:
    """How many evaluations failed, where any did."""
    failed = sum(record.history.failed for record in records)
    return [("of these failed", f"{failed:,}")] if failed else []


def by_objective(records: Sequence[Record]) -> dict[str, list[Record]]:
    """The records of each objective, in the order in which they first come."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.objective, []).append(record)
    return groups


def slices(records: Sequence[Record]) -> list[Slice]:
    """All records; where several optimizers ran for one objective, those of each optimizer.

    A median over optimizers would be that of none of them.
    """
    optimizers = in_order(records, lambda record: record.optimizer)
    if all(len(in_order(group, lambda r: r.optimizer)) == 1 for group in by_objective(records).values()):
        return [Slice("all runs", tuple(records))]
    return [
        Slice(name, tuple(record for record in records if record.optimizer == name)) for name in optimizers
    ]


def told_apart(records: Sequence[Record], configs: Sequence[RunConfig]) -> list[Record]:
    """The records, each under the name of its objective and of what else sets its kind of run apart.

    Runs that differ in nothing but their seeds keep one name, and so are pooled; others never are.

    Raises:
        ConfigurationError: there are more kinds of runs than can be told apart.
    """
    found = list(records)
    for group in group_runs(configs, [len(record.history) for record in records]):
        for index in group.indices:
            name = ", ".join(filter(None, (group.objective, group.label)))
            found[index] = replace(records[index], objective=name)
    return found


def curves(records: Sequence[Record], most: int = MOST_PLACES) -> ConvergenceCurves:
    """Median and quartiles over runs of one objective, at a few places of a long axis.

    Args:
        records: runs of one objective.
        most: at how many evaluations the curves are known; the same for all runs of a length.

    Returns:
        What ``isptune.figures.convergence`` says of the whole histories at those places.
    """
    histories = [_at_places(record.history, most) for record in records]
    return convergence(histories, higher_is_better=records[0].history.higher_is_better)


def _at_places(history: History, most: int) -> Mapping[str, Numbers | None]:
    """The best so far at evaluations that lie evenly and evenly in the logarithm, both ends among them."""
    count = len(history.score)
    places = np.arange(count)
    if count > most:
        rough = [np.geomspace(1, count, most // 2) - 1, np.linspace(0, count - 1, most - most // 2)]
        places = np.unique(np.round(np.concatenate(rough)).astype(np.int64))
    index = best_so_far(history.score, history.higher_is_better)[places]

    def taken(values: Numbers | None) -> Numbers | None:
        return None if values is None else np.where(index >= 0, values[index], np.nan)

    return {
        "evaluations": history.evaluations[places].astype(np.float64),
        "scores": taken(history.score),
        "l1": taken(history.l1),
        "l1_normalised": taken(history.l1_normalised),
    }


def changes(band: Band) -> NDArray[np.int64]:
    """Indices at which any of a band's three lines steps, and both ends: a step curve needs no others."""
    lines = np.stack([band.median, band.low, band.high])
    same = np.isclose(lines[:, 1:], lines[:, :-1], rtol=1e-9, atol=0, equal_nan=True).all(axis=0)
    kept = np.flatnonzero(np.concatenate([[True], ~same]))
    return np.asarray(np.union1d(kept, [0, lines.shape[1] - 1]), dtype=np.int64)


def scatter(records: Sequence[Record], most: int = MOST_POINTS) -> Scatter | None:
    """Scores against hidden losses of one objective's runs; None where the truth or an order is missing.

    The sample is drawn from a generator that is seeded with the objective's name, so the same runs always
    give the same points.
    """
    known = [record for record in records if record.history.l1_normalised is not None]
    if not known:
        return None
    scores = np.concatenate([record.history.score for record in known])
    losses = np.concatenate([np.asarray(record.history.l1_normalised) for record in known])
    finite = np.isfinite(scores) & np.isfinite(losses)
    scores, losses = scores[finite], losses[finite]
    if len(scores) < 2:
        return None
    best = [(r.score, r.l1_normalised) for r in known if r.score is not None and r.l1_normalised is not None]
    sign = 1.0 if known[0].history.higher_is_better else -1.0
    sample = np.arange(len(scores))
    if len(scores) > most:
        generator = np.random.Generator(np.random.PCG64(zlib.crc32(known[0].objective.encode())))
        sample = np.sort(generator.choice(len(scores), most, replace=False))
    return Scatter(
        scores=scores[sample],
        losses=losses[sample],
        best_scores=np.array([score for score, _ in best]),
        best_losses=np.array([loss for _, loss in best]),
        total=len(scores),
        agreement=srcc(sign * scores, -losses),
    )


def reached(records: Sequence[Record], targets: Sequence[float] = TARGETS) -> Reached | None:
    """When targets of the hidden loss were reached (empirical distribution, as COCO shows it).

    Hansen et al., COCO: a platform for comparing continuous optimizers in a black-box setting, 2021.

    Args:
        records: runs of one objective.
        targets: of normalised l1; one is reached as soon as the candidate of the best score so
            far has no more than it.

    Returns:
        Steps that begin at (1, share after the first evaluation) and end at the last evaluation; None where
        no run knows its truth.
    """
    known = [record for record in records if record.knows_truth]
    if not known or not targets:
        return None
    hits = np.concatenate([first_arrivals(record.history, targets) for record in known])
    hits = hits[np.isfinite(hits)]
    last = float(max(record.history.evaluations[-1] for record in known))
    places = np.unique([1.0, *hits, last])
    counts = np.searchsorted(np.sort(hits), places, side="right")
    return Reached(places, counts / (len(known) * len(targets)))


def median_record(records: Sequence[Record]) -> Record:
    """The run in the middle by hidden loss where all know it, by score otherwise; the better of two."""
    if len(records) == 1:
        return records[0]
    if all(record.l1_normalised is not None for record in records):
        ordered = sorted(records, key=lambda record: float(record.l1_normalised or 0.0))
    else:
        sign = -1.0 if records[0].history.higher_is_better else 1.0
        ordered = sorted(records, key=lambda record: sign * float(record.score or 0.0))
    return ordered[(len(ordered) - 1) // 2]


def best_candidates(record: Record, count: int = 40) -> NDArray[np.int64]:
    """Indices of a run's candidates of best score, the best first, each different candidate once."""
    scores = record.history.score
    losses = np.where(np.isfinite(scores), -scores if record.history.higher_is_better else scores, np.inf)
    order = np.argsort(losses, kind="stable")
    order = order[np.isfinite(losses[order])]
    _, first = np.unique(record.history.candidates[order], axis=0, return_index=True)
    return np.asarray(order[np.sort(first)][:count], dtype=np.int64)
