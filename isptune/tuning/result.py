"""What a run found: its best candidate and, where known, the hidden truth about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from isptune.parameters.identity import declares_defaults, identities
from isptune.runs.description import Description
from isptune.runs.generation import Generation
from isptune.runs.guarded import Guarded, guarded_of
from isptune.runs.held_out import HeldOut
from isptune.runs.history import History, build_history
from isptune.runs.raced import Raced
from isptune.tuning.fronts import ParetoFront
from isptune.tuning.misled import is_misled
from isptune.tuning.stopping import problems_of
from isptune.wording.naming import listed
from isptune.wording.showing import counted, html_table, showable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(repr=False)
class TuneResult:
    """What ``isptune.tune`` gives back.

    Attributes:
        best_parameters: the best candidate, by parameter name, in the pipeline's own units; empty where
            every score was not finite. Of several objectives it is the best compromise, the first of
            ``pareto``.
        best_scores: its scores by label; empty where no candidate had finite ones.
        default_scores: the scores of the pipeline's defaults, by label; empty where it declares none for what
            was searched, or where they failed.
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
        ended: why the run ended before its last evaluation, where its time was used up or nothing was gained
            any more; else empty.
        raced: what races took and dropped; None in a run without them.
        objective: what scored, for captions.
        guarded: what the guards said; None in a run without guards.
        best_penalties: by label, what the run added to the losses of the best candidate: it is the best with
            that, while ``best_scores`` are its own; empty where a run adds nothing.
        holdout: what the scenes say that only judge; None where nothing was held out.
        remark: what a judge says of how sure the result is; empty where none says anything.
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
    default_scores: dict[str, float] = field(default_factory=dict)
    unwritten: str | None = None
    stopped: bool = False
    ended: str = ""
    raced: Raced | None = None
    objective: str = ""
    guarded: Guarded | None = None
    best_penalties: dict[str, float] = field(default_factory=dict)
    holdout: HeldOut | None = None
    remark: str = ""

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
    def default_score(self) -> float | None:
        """The defaults' score; None where there is none, and where there are several."""
        return next(iter(self.default_scores.values())) if len(self.default_scores) == 1 else None

    @property
    def notes(self) -> list[str]:
        """What judges say, what is to be said of its end, of guards, of what was added to losses, and of
        held-out scenes."""
        found = [one for one in (self.remark, self.ended) if one]
        found += [] if self.raced is None else [self.raced.sentence]
        found += [] if self.guarded is None else self.guarded.sentences(self.objective)
        added = {label: penalty for label, penalty in self.best_penalties.items() if penalty > 0}
        if added:
            shown = [f"{penalty:.4g} to {label}" for label, penalty in added.items()]
            found.append(f"added to the losses of the best candidate: {listed(shown, len(shown))}")
        return found if self.holdout is None else [*found, *self.holdout.sentences]

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
        if self.default_score is not None:
            data["default_score"] = self.default_score
        if self.has_front and self.best_scores:
            data["best_scores"] = self.best_scores
        if self.has_front and self.default_scores:
            data["default_scores"] = self.default_scores
        if self.levels is not None:
            data |= {key: getattr(self, key) for key in ("levels", "l1", "l1_normalised", "misled")}
        if self.has_front:
            data["pareto"] = self.front
        if self.remark:
            data["remark"] = self.remark
        if self.best_penalties:
            data["best_penalties"] = self.best_penalties
        if self.guarded is not None:
            data["guard"] = self.guarded.to_dict()
        if self.raced is not None:
            data["race"] = self.raced.to_dict()
        if self.holdout is not None:
            data["holdout"] = self.holdout.to_dict()
        return data | {
            key: getattr(self, key) for key in ("problems", "ended", "stopped") if getattr(self, key)
        }


def build_result(generations: Sequence[Generation], description: Description, out: Path | None) -> TuneResult:
    """The result of a log.

    Args:
        generations: the log.
        description: of the run.
        out: the run's directory, or None.
    """
    history, space = build_history(generations, description), description.space
    front = _front(history, description)
    best = front[0] if front else {"parameters": {}, "scores": {}}
    start = None if description.truth is None else description.truth.start_share
    return TuneResult(
        best_parameters=best["parameters"],
        best_scores=best["scores"],
        evaluations=len(history),
        seconds=sum(generation.seconds for generation in generations),
        out=out,
        history=history,
        levels=best.get("levels"),
        l1=best.get("l1"),
        l1_normalised=best.get("l1_normalised"),
        misled=is_misled(history, start) if "levels" in best else None,
        problems=[problem for generation in generations for problem in problems_of(generation, space)],
        front=front,
        ended=generations[-1].ended if generations else "",
        raced=Raced.of(generations, history),
        default_scores=_default_scores(history, description),
        objective=description.objective,
        guarded=guarded_of(history, generations),
        best_penalties=_best_penalties(history),
        remark=generations[-1].remark if generations else "",
    )


def _best_penalties(history: History) -> dict[str, float]:
    """What was added to the losses of the best candidate, by label; empty where nothing ever is."""
    if history.penalties is None or history.best is None:
        return {}
    return dict(zip(history.labels, history.penalties[history.best].tolist(), strict=True))


def _default_scores(history: History, description: Description) -> dict[str, float]:
    """The scores of the defaults by label, where they are declared and were evaluated."""
    space = description.space
    if not declares_defaults(space):
        return {}
    (wanted,) = identities(space, space.to_unit(space.start()).numpy())
    for row, found in enumerate(identities(space, history.candidates)):
        if found == wanted and np.isfinite(history.scores[row]).all():
            return dict(zip(history.labels, history.scores[row].tolist(), strict=True))
    return {}


def _front(history: History, description: Description) -> list[dict[str, Any]]:
    """A front as plain data."""
    space, front, truth = description.space, history.pareto, description.truth
    values = space.to_dicts(space.to_values(torch.from_numpy(front.candidates)))
    rows: list[dict[str, Any]] = [
        {
            "evaluation": index + 1,
            "parameters": parameters,
            "scores": dict(zip(front.labels, scores, strict=True)),
        }
        for index, parameters, scores in zip(
            front.indices.tolist(), values, front.scores.tolist(), strict=True
        )
    ]
    if truth is not None and history.levels is not None:
        levels = history.levels[front.indices]
        for row, level, plain, share in zip(rows, levels.tolist(), *truth.losses(levels), strict=True):
            row["levels"] = dict(zip(truth.labels, level, strict=True))
            row["l1"], row["l1_normalised"] = float(plain), float(share)
    return rows
