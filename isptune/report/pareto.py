"""What the report of a run of several objectives shows, as numbers: no drawing and no HTML here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isptune.report.records import ANSWER, Record
from isptune.report.sensitivity import Sensitivity, sensitivity
from isptune.tuning.fronts import by_compromise
from isptune.tuning.result import History

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]

MOST_PLACES = 60


@dataclass(frozen=True)
class Compromises:
    """The best compromise so far.

    Attributes:
        evaluations: (M,) after how many evaluations.
        losses: (M,) normalised l1 of the best compromise among those; NaN before the first
            candidate with finite scores.
    """

    evaluations: Numbers
    losses: Numbers


def column_records(record: Record) -> list[Record]:
    """The run as each of its objectives alone sees it, in their order.

    Score and hidden loss stay those of the best compromise, which is what the run hands over.
    """
    history = record.history
    return [
        replace(
            record,
            objective=label,
            scores={label: record.scores[label]},
            history=history.column(number),
        )
        for number, label in enumerate(history.labels)
    ]


def trade_offs(record: Record, columns: Sequence[Record]) -> list[Sensitivity] | None:
    """How each objective alone depends on the parameters around the best compromise.

    All are fitted to the same evaluations: those near the compromise of which every score is finite.

    Args:
        record: of several objectives.
        columns: the same as each objective sees it, see ``column_records``.

    Returns:
        One fit per objective; None where the log holds too few evaluations.
    """
    whole = np.isfinite(record.history.scores).all(axis=1, keepdims=True)
    fits = [
        sensitivity(
            replace(column.history, scores=np.where(whole, column.history.scores, np.nan)),
            record.history.best,
        )
        for column in columns
    ]
    found = [fit for fit in fits if fit is not None]
    return found if len(found) == len(columns) else None


def compromises(history: History, most: int = MOST_PLACES) -> Compromises | None:
    """The hidden loss of the best compromise so far, at a few places; None where no truth is known.

    Args:
        history: of several objectives.
        most: at how many places, which lie evenly, both ends among them.
    """
    known = history.l1_normalised
    if known is None:
        return None
    losses = history.losses
    counts = 1 + even_sample(len(losses), most)
    found = []
    for count in counts.tolist():
        order = by_compromise(losses[:count])
        found.append(float(known[order[0]]) if len(order) else np.nan)
    return Compromises(counts.astype(np.float64), np.array(found))


def even_sample(count: int, most: int) -> Indices:
    """At most so many of the indices below a count, evenly: the first and the last are among them."""
    return np.unique(np.round(np.linspace(0, count - 1, min(count, most))).astype(np.int64))


def front_names(indices: Sequence[int]) -> list[str]:
    """How tooltips call the candidates of a front, of which the first is the best compromise."""
    names = [f"evaluation {index + 1}" for index in indices]
    return [f"{ANSWER}, {name}" if place == 0 else name for place, name in enumerate(names)]
