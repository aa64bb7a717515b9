"""What a run found: its history, its best candidate and, where known, the hidden truth about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from isptune.errors import ConfigurationError
from isptune.runs.description import Description
from isptune.runs.generation import Generation
from isptune.tuning.fronts import ParetoFront, pareto_front
from isptune.tuning.misled import is_misled
from isptune.tuning.stopping import problems_of
from isptune.wording.naming import listed
from isptune.wording.showing import counted, html_table, showable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class History:
    """Every evaluation of a run, in order.

    Attributes:
        evaluations: (E,) counts 1..E.
        candidates: (E, f) in the unit cube of the free parameters.
        scores: (E, K), each column in its own orientation; NaN in the row of a candidate that failed.
        labels, orientations: (K,) names of the scores, and whether higher is better.
        levels: (E, L) hidden levels, or None where no truth is known.
        l1, l1_normalised: (E,) hidden l1 and normalised l1, or None.
        values: (E, n) values of all parameters, by which equal candidates are told; None where unknown.
    """

    evaluations: NDArray[np.int64]
    candidates: NDArray[np.float64]
    scores: NDArray[np.float64]
    labels: tuple[str, ...]
    orientations: tuple[bool, ...]
    l1: NDArray[np.float64] | None = None
    l1_normalised: NDArray[np.float64] | None = None
    levels: NDArray[np.float64] | None = None
    values: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.evaluations)

    def __repr__(self) -> str:
        return f"<History: {counted(len(self), 'evaluation')}>"

    @property
    def losses(self) -> NDArray[np.float64]:
        """(E, K), lower is better; NaN where a score was not finite."""
        return self.scores * np.where(self.orientations, -1.0, 1.0)

    @property
    def failed(self) -> int:
        """How many evaluations have no scores, because they failed or timed out."""
        return int(np.isnan(self.scores).any(axis=1).sum())

    @property
    def best(self) -> int | None:
        """The index of the first best candidate, or None where no score was finite.

        Of several scores it is the best compromise, see ``isptune.tuning.fronts.by_compromise``.
        """
        return int(self.pareto.indices[0]) if len(self.pareto) else None

    @cached_property
    def pareto(self) -> ParetoFront:
        """The non-dominated evaluations; of a single score those that share the best one."""
        return pareto_front(self.candidates, self.scores, self.labels, self.orientations, self.values)

    @property
    def score(self) -> NDArray[np.float64]:
        """(E,) the scores of a history that has one column.

        Raises:
            ConfigurationError: it has several.
        """
        self._require_one()
        return self.scores[:, 0]

    @property
    def higher_is_better(self) -> bool:
        """The orientation of a history that has one column of scores.

        Raises:
            ConfigurationError: it has several.
        """
        self._require_one()
        return self.orientations[0]

    def _require_one(self) -> None:
        if len(self.labels) != 1:
            raise ConfigurationError(
                f"the history has {len(self.labels)} scores per candidate ({listed(self.labels)}); "
                "take one of them by column(number)"
            )

    def column(self, number: int) -> History:
        """The same evaluations with one column of scores."""
        return replace(
            self,
            scores=self.scores[:, number : number + 1],
            labels=self.labels[number : number + 1],
            orientations=self.orientations[number : number + 1],
        )


@dataclass(repr=False)
class TuneResult:
    """What ``isptune.tune`` gives back.

    Attributes:
        best_parameters: the best candidate, by parameter name, in the pipeline's own units; empty where
            every score was not finite. Of several objectives it is the best compromise, the first of
            ``pareto``.
        best_scores: its scores by label; empty where no candidate had finite ones.
        evaluations: how many candidates were evaluated.
        seconds: wall time of the evaluations, over all sittings of a resumed run.
        out: the run directory, or None.
        history: every evaluation.
        levels: hidden distortion level per stage at the best candidate, where the truth is known.
        l1, l1_normalised: its l1 and normalised l1: the mean level in the stages' own units, and as a share
            of the maxima.
        misled: whether the best candidate is more distorted than the start of the space although less
            distorted ones were seen and scored worse, which is what an objective that misjudges a stage leads
            to; None where no truth is known.
        problems: a sentence about each candidate that failed or timed out.
        files: what was written.
        unwritten: why not all of it was, where the disk had no room for it.
        stopped: the run ended before its budget, by a callback, ``isptune.stop()`` or Ctrl-C.
        objective: what scored, for captions.
        front: the candidates that no other evaluated one dominates, the best compromise first, as plain
            data: evaluation (from 1), parameters, scores, and levels, l1 and l1_normalised where the truth
            is known. Of a single score those that share the best one.
    """

    best_parameters: dict[str, Any]
    best_scores: dict[str, float]
    evaluations: int
    seconds: float
    out: Path | None
    history: History
    levels: dict[str, float] | None = None
    l1: float | None = None
    l1_normalised: float | None = None
    misled: bool | None = None
    problems: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    front: list[dict[str, Any]] = field(default_factory=list)
    unwritten: str | None = None
    stopped: bool = False
    objective: str = ""

    def __repr__(self) -> str:
        return f"<TuneResult: {self._summary()}>"

    def _repr_html_(self) -> str:
        rows = list(self.best_parameters.items())
        return html_table(self._summary(), ["parameter", "best value"], rows)

    @property
    def best_score(self) -> float | None:
        """The best candidate's score; None where there is none, and where there are several."""
        return next(iter(self.best_scores.values())) if len(self.best_scores) == 1 else None

    @property
    def pareto(self) -> ParetoFront:
        """The same as ``front``, as arrays."""
        return self.history.pareto

    @property
    def has_front(self) -> bool:
        """There are several scores, so that what is found is a front and not one candidate."""
        return len(self.history.labels) > 1

    def _summary(self) -> str:
        """The result in one line."""
        if self.has_front and self.best_scores:
            best = ", ".join(f"{label} {score:.6g}" for label, score in self.best_scores.items())
            best = f"front of {len(self.front)}, best compromise {best}"
        else:
            score = "none" if self.best_score is None else f"{self.best_score:.6g}"
            best = f"best {self.objective or 'score'} {score}"
        facts = [best, counted(self.evaluations, "evaluation"), f"{self.seconds:.1f} s"]
        facts += [] if self.l1_normalised is None else [f"l1_normalised {self.l1_normalised:.4g}"]
        return ", ".join([*facts, "stopped early"] if self.stopped else facts)

    def plot(self) -> Figure:
        """Draw how the run converged; of several objectives, its Pareto front.

        Returns:
            A matplotlib figure, which a notebook shows; ``isptune.figures.save`` writes it to a file.
        """
        from isptune import figures

        if self.has_front:
            figure = figures.draw_pareto(figures.pareto_points(self.history))
        else:
            curves = figures.convergence([self.history])
            figure = figures.draw_convergence(curves, score_label=self.objective or "score")
        return showable(figure)

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain data, as ``result.json`` and ``--json`` hold them."""
        data: dict[str, Any] = {
            "best_parameters": self.best_parameters,
            "best_score": self.best_score,
            "evaluations": self.evaluations,
            "seconds": round(self.seconds, 3),
            "out": None if self.out is None else str(self.out),
        }
        if self.has_front and self.best_scores:
            data["best_scores"] = self.best_scores
        if self.levels is not None:
            data |= {"levels": self.levels, "l1": self.l1, "l1_normalised": self.l1_normalised}
            data["misled"] = self.misled
        if self.has_front:
            data["pareto"] = self.front
        if self.problems:
            data["problems"] = self.problems
        if self.stopped:
            data["stopped"] = True
        return data


def build_history(generations: Sequence[Generation], description: Description) -> History:
    """The history of a log.

    Args:
        generations: the log.
        description: of the run.
    """
    space, labels = description.space, description.labels
    candidates = np.concatenate([np.empty((0, len(space.free))), *(g.candidates for g in generations)])
    scores = np.concatenate([np.empty((0, len(labels))), *(g.scores for g in generations)])
    levels = l1 = l1_normalised = None
    noted = [generation.levels for generation in generations if generation.levels is not None]
    if description.truth is not None and len(noted) == len(generations):
        levels = np.concatenate([np.empty((0, len(description.truth.labels))), *noted])
        l1, l1_normalised = description.truth.losses(levels)
    return History(
        evaluations=np.arange(1, len(scores) + 1),
        candidates=candidates,
        scores=scores,
        labels=labels,
        orientations=description.orientations,
        l1=l1,
        l1_normalised=l1_normalised,
        levels=levels,
        values=space.to_values(torch.from_numpy(candidates)).numpy(),
    )


def build_result(generations: Sequence[Generation], description: Description, out: Path | None) -> TuneResult:
    """The result of a log.

    Args:
        generations: the log.
        description: of the run.
        out: the run's directory, or None.
    """

    history = build_history(generations, description)
    result = TuneResult(
        best_parameters={},
        best_scores={},
        evaluations=len(history),
        seconds=sum(generation.seconds for generation in generations),
        out=out,
        history=history,
        problems=[
            problem for generation in generations for problem in problems_of(generation, description.space)
        ],
        objective=description.objective,
    )
    if not len(history.pareto):
        return result
    result.front = _front(history, description)
    best = result.front[0]
    result.best_parameters, result.best_scores = best["parameters"], best["scores"]
    if description.truth is not None and history.levels is not None:
        result.levels, result.l1, result.l1_normalised = best["levels"], best["l1"], best["l1_normalised"]
        result.misled = is_misled(history, description.truth.start_share)
    return result


def _front(history: History, description: Description) -> list[dict[str, Any]]:
    """A front as plain data."""
    space, front = description.space, history.pareto
    rows: list[dict[str, Any]] = [
        {
            "evaluation": int(index) + 1,
            "parameters": parameters,
            "scores": dict(zip(front.labels, scores, strict=True)),
        }
        for index, parameters, scores in zip(
            front.indices,
            space.to_dicts(space.to_values(torch.from_numpy(front.candidates))),
            front.scores.tolist(),
            strict=True,
        )
    ]
    if description.truth is not None and history.levels is not None:
        levels = history.levels[front.indices]
        losses = zip(*description.truth.losses(levels), strict=True)
        for row, level, (plain, share) in zip(rows, levels.tolist(), losses, strict=True):
            row["levels"] = dict(zip(description.truth.labels, level, strict=True))
            row["l1"], row["l1_normalised"] = float(plain), float(share)
    return rows
