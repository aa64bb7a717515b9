"""What trackers are told: the facts of a run at its start, and its progress after every generation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isptune.storage.paths import shown

if TYPE_CHECKING:
    from isptune.tuning.result import TuneResult


@dataclass(frozen=True)
class Progress:
    """What a callback is told after every generation (replayed ones included).

    Attributes:
        generation: from 1.
        generations: how many the run has.
        evaluations: made so far.
        best_score: the best finite score so far, or None.
        seconds: wall time of the evaluations so far, over all sittings of a resumed run.
        replayed: the generation was read from the log and not evaluated in this sitting.
        generation_best, generation_mean: best and mean finite score of this generation, or None where no
            score was finite.
        seconds_rendering, seconds_scoring: of this sitting so far; what else a run spends is the loop's own.
        evaluations_per_second: of this generation, or None where its time is not known.
        l1, l1_normalised: hidden l1 and normalised l1 of the best candidate so far; None where the truth is
            not known, or where no tracker wants it.
        front: of several objectives, which have no best score: candidates on the front so far.
        best_scores: of several objectives, the best score of each so far, by its label.
        time_budget: seconds that end the run; None where nothing but its generations does.
        spent: full evaluations that a race took for these; None without one.
        ended: it is the last generation, because the time is used up or nothing is gained any more.
        doubted: candidates that guards doubted so far; None in a run without guards. With guards or
            ``stay_near`` the best candidate is the one of the lowest loss with what is added to it, and
            ``best_score`` is that candidate's own score.
        remark: what a judge says of where the run is; empty where none says anything.
    """

    generation: int
    generations: int
    evaluations: int
    best_score: float | None
    seconds: float
    replayed: bool
    generation_best: float | None = None
    generation_mean: float | None = None
    seconds_rendering: float = 0.0
    seconds_scoring: float = 0.0
    evaluations_per_second: float | None = None
    l1: float | None = None
    l1_normalised: float | None = None
    front: int | None = None
    best_scores: Mapping[str, float] = field(default_factory=dict)
    doubted: int | None = None
    time_budget: float | None = None
    ended: bool = False
    remark: str = ""
    spent: float | None = None

    @property
    def share(self) -> float:
        """How much of the run is done, in [0, 1]: of its generations or of its time, whichever ends first."""
        done = self.generation / self.generations
        if self.time_budget is not None:
            done = max(done, self.seconds / self.time_budget)
        return 1.0 if self.ended else min(done, 1.0)


_BRACKETS = re.compile(r"[()]")

# Its answer is ``isptune.STOP`` where the run shall end, and anything else where it shall go on.
Callback = Callable[[Progress], Any]


@dataclass(frozen=True)
class RunFacts:
    """What a tracker is told before the first generation.

    Attributes:
        name: the run directory's, or objective, optimizer and seed where there is no directory.
        settings: the resolved configuration, as ``run.yaml`` holds it.
        fingerprint: eight hexadecimal digits of the settings that decide the results.
        versions: of isptune and torch.
        generations: how many the run has.
        higher_is_better: the scores' orientation.
        resumed: the run goes on from a directory that held it already; its replayed generations are told
            again, from the first.
        out: the run directory, or None.
    """

    name: str
    settings: Mapping[str, Any]
    fingerprint: str
    versions: Mapping[str, str]
    generations: int
    higher_is_better: bool
    resumed: bool
    out: Path | None


def scalars(progress: Progress) -> dict[str, float]:
    """The finite figures of a generation under the names that every tracker uses."""
    found = {
        "score/best": progress.best_score,
        "score/generation_best": progress.generation_best,
        "score/generation_mean": progress.generation_mean,
        # Trackers take no brackets, which tell objectives of one name apart.
        **{f"score/best/{_BRACKETS.sub('', key)}": score for key, score in progress.best_scores.items()},
        "front/size": progress.front,
        "guard/doubted": progress.doubted,
        "hidden/l1": progress.l1,
        "hidden/l1_normalised": progress.l1_normalised,
        "time/evaluations": progress.evaluations,
        "time/full_evaluations": progress.spent,
        "time/evaluations_per_second": progress.evaluations_per_second,
        "time/seconds": progress.seconds,
    }
    return {name: float(value) for name, value in found.items() if value is not None}


def held_out_scalars(result: TuneResult) -> dict[str, float]:
    """What a run gained on tuned and on held-out scenes, score by score; empty where nothing is held out."""
    if result.holdout is None:
        return {}
    gains = result.holdout.gains
    found = {"holdout/carries_over": float(result.holdout.carries_over is not False)}
    for one in gains:
        label = f"/{_BRACKETS.sub('', one.label)}" if len(gains) > 1 else ""
        found |= {f"holdout/gain_tuned{label}": one.tuned, f"holdout/gain{label}": one.held_out}
    return found


def flattened(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as texts under dotted names, such as ``optimizer.options.plus``; lists as JSON."""
    found: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found |= flattened(value, f"{prefix}{key}.")
        elif isinstance(value, (list, tuple)):
            found[f"{prefix}{key}"] = json.dumps(value, default=str)
        else:
            # Trackers take no bytes that are no UTF-8.
            found[f"{prefix}{key}"] = shown(str(value))
    return found
