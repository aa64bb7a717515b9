"""What a run found: its history, its best candidate and, where known, the hidden truth about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from isptune.contracts.truthful import Truthful
from isptune.misled import before, is_misled
from isptune.objective import Objective
from isptune.parameters import ParameterSpace
from isptune.pareto import ParetoFront, pareto_front
from isptune.pipeline import Pipeline
from isptune.runs.generation import Generation, scores_of
from isptune.showing import counted, html_table, showable
from isptune.tuning.stopping import problems_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class History:
    """Every evaluation of a run, in order.

    Attributes:
        evaluations: (E,) counts 1..E.
        candidates: (E, f) in the unit cube of the free parameters.
        scores: (E,), or (E, K) of K objectives; NaN where a score was not finite.
        l1, l1_normalised: (E,) hidden l1 and normalised l1, or None where no truth is known.
        higher_is_better: the scores' orientation; of several, whether it is that of all.
        labels, orientations: (K,) names of several scores, and whether higher is better; else empty.
        values: (E, m) values of all parameters, by which equal candidates are told; None where unknown.
    """

    evaluations: NDArray[np.int64]
    candidates: NDArray[np.float64]
    scores: NDArray[np.float64]
    higher_is_better: bool
    l1: NDArray[np.float64] | None = None
    l1_normalised: NDArray[np.float64] | None = None
    labels: tuple[str, ...] = ()
    orientations: tuple[bool, ...] = ()
    values: NDArray[np.float64] | None = None

    def __repr__(self) -> str:
        return f"<History: {counted(len(self.scores), 'evaluation')}>"

    @property
    def best(self) -> int | None:
        """The index of the first best score, or None where no score was finite.

        Of several scores it is the best compromise, see ``isptune.pareto.by_compromise``.
        """
        front = self.pareto
        if front is not None:
            return int(front.indices[0]) if len(front) else None
        if np.isnan(self.scores).all():
            return None
        return int(np.nanargmax(self.scores) if self.higher_is_better else np.nanargmin(self.scores))

    @cached_property
    def pareto(self) -> ParetoFront | None:
        """The non-dominated evaluations of several objectives; None of a single one."""
        if not self.orientations:
            return None
        return pareto_front(self.candidates, self.scores, self.labels, self.orientations, self.values)


@dataclass(repr=False)
class TuneResult:
    """What ``isptune.tune`` gives back.

    Attributes:
        best_parameters: the best candidate, by parameter name, in the pipeline's own units; empty where
            every score was not finite. Of several objectives it is the best compromise, the first of
            ``pareto``.
        best_score: its score, or None; None as well where there are several, which ``best_scores`` holds.
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
        best_scores: its scores by label, of several objectives.
        pareto: the candidates that no other evaluated one dominates, of several objectives, the best
            compromise first.
        front: the same as plain data: evaluation (from 1), parameters, scores, and levels, l1 and
            l1_normalised where the truth is known.
    """

    best_parameters: dict[str, Any]
    best_score: float | None
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
    best_scores: dict[str, float] | None = None
    pareto: ParetoFront | None = None
    front: list[dict[str, Any]] = field(default_factory=list)
    unwritten: str | None = None
    stopped: bool = False
    objective: str = ""

    def __repr__(self) -> str:
        return f"<TuneResult: {self._summary()}>"

    def _repr_html_(self) -> str:
        rows = list(self.best_parameters.items())
        return html_table(self._summary(), ["parameter", "best value"], rows)

    def _summary(self) -> str:
        """The result in one line."""
        if self.best_scores is not None:
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
            A matplotlib figure, which a notebook shows; ``isptune.plots.save`` writes it to a file.
        """
        from isptune import plots

        if self.pareto is not None:
            figure = plots.draw_pareto(plots.pareto_points(self.history))
        else:
            curves = plots.convergence([self.history], higher_is_better=self.history.higher_is_better)
            figure = plots.draw_convergence(curves, score_label=self.objective or "score")
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
        if self.best_scores is not None:
            data["best_scores"] = self.best_scores
        if self.levels is not None:
            data |= {"levels": self.levels, "l1": self.l1, "l1_normalised": self.l1_normalised}
            data["misled"] = self.misled
        if self.pareto is not None:
            data["pareto"] = self.front
        if self.problems:
            data["problems"] = self.problems
        if self.stopped:
            data["stopped"] = True
        return data


def build_history(
    generations: Sequence[Generation], pipeline: Pipeline, objective: Objective, space: ParameterSpace
) -> History:
    """The history of a log; the hidden truth is looked up here, after the fact."""
    dimension = len(space.free)
    candidates = np.concatenate([np.empty((0, dimension)), *(g.candidates for g in generations)])
    orientations = objective.orientations
    scores = scores_of(generations, len(orientations) or 1)
    l1 = l1_normalised = None
    values = space.to_values(torch.from_numpy(candidates))
    if isinstance(pipeline, Truthful):
        with torch.no_grad():
            plain, share = pipeline.losses(values)
        l1, l1_normalised = plain.numpy(), share.numpy()
    return History(
        evaluations=np.arange(1, len(scores) + 1),
        candidates=candidates,
        scores=scores,
        higher_is_better=bool(objective.higher_is_better),
        l1=l1,
        l1_normalised=l1_normalised,
        labels=objective.labels if orientations else (),
        orientations=orientations,
        values=values.numpy(),
    )


def build_result(
    generations: Sequence[Generation],
    pipeline: Pipeline,
    objective: Objective,
    out: Path | None,
    space: ParameterSpace,
) -> TuneResult:
    """The result of a log."""
    history = build_history(generations, pipeline, objective, space)
    result = TuneResult(
        best_parameters={},
        best_score=None,
        evaluations=len(history.scores),
        seconds=sum(generation.seconds for generation in generations),
        out=out,
        history=history,
        problems=[problem for generation in generations for problem in problems_of(generation, space)],
        pareto=history.pareto,
        objective=objective.name or type(objective).__name__,
    )
    best = history.best
    if best is None:
        return result
    if history.pareto is not None:
        result.front = _front(history, history.pareto, pipeline, space)
        result.best_scores = result.front[0]["scores"]
    else:
        result.best_score = float(history.scores[best])
    values = space.to_values(torch.from_numpy(history.candidates[best : best + 1]))
    result.best_parameters = space.to_dicts(values)[0]
    if isinstance(pipeline, Truthful) and history.l1 is not None and history.l1_normalised is not None:
        row = pipeline.truth(values)[0].tolist()
        result.levels = dict(zip(pipeline.truth_labels, row, strict=True))
        result.l1 = float(history.l1[best])
        result.l1_normalised = float(history.l1_normalised[best])
        result.misled = is_misled(history, before(pipeline, space))
    return result


def _front(
    history: History, pareto: ParetoFront, pipeline: Pipeline, space: ParameterSpace
) -> list[dict[str, Any]]:
    """A front as plain data."""
    values = space.to_values(torch.from_numpy(pareto.candidates))
    rows: list[dict[str, Any]] = [
        {
            "evaluation": int(index) + 1,
            "parameters": parameters,
            "scores": dict(zip(pareto.labels, scores, strict=True)),
        }
        for index, parameters, scores in zip(
            pareto.indices, space.to_dicts(values), pareto.scores.tolist(), strict=True
        )
    ]
    if isinstance(pipeline, Truthful) and history.l1 is not None and history.l1_normalised is not None:
        levels = pipeline.truth(values).tolist()
        for row, index, level in zip(rows, pareto.indices, levels, strict=True):
            row["levels"] = dict(zip(pipeline.truth_labels, level, strict=True))
            row["l1"] = float(history.l1[index])
            row["l1_normalised"] = float(history.l1_normalised[index])
    return rows
