"""The benchmark of objectives on people: how far their scores agree with the opinions of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from isptune.iqa.evaluation.correlations import fit_logistic
from isptune.iqa.evaluation.resampling import Estimate, measure, resamples
from isptune_study.answers import Answers, Numbers
from isptune_study.scaling import Likelihood, PairTable, student
from isptune_study.scoring import SceneScores, StudyScores

PEOPLE = "people"
"""The row of what one observer of the study reaches who answers as all others together would."""

STATISTICS = ("srcc", "plcc", "plcc_logistic", "krcc")


@dataclass(frozen=True)
class Judged:
    """How an objective agrees with people; NaN for what cannot be had.

    Attributes:
        name: of the objective, or ``PEOPLE``.
        estimates: SRCC, PLCC before and after the logistic, KRCC, by name; the means over scenes, with
            intervals over resampled images.
        accuracy: the share of answers that the objective would have given as well, "not sure" left out; with
            an interval over observers.
        regret_jod: how much opinion is lost by choosing the image that the objective likes best instead of
            the one that people like best, in JOD and at least 0, with an interval over observers.
        regret_mos: the same in wins; NaN where these mean nothing.
        chosen: what it likes best, by scene.
    """

    name: str
    estimates: Mapping[str, Estimate]
    accuracy: Estimate
    regret_jod: Estimate
    regret_mos: float
    chosen: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "objective": self.name,
            **{name: vars(estimate) for name, estimate in self.estimates.items()},
            "accuracy": vars(self.accuracy),
            "regret_jod": vars(self.regret_jod),
            "regret_mos": self.regret_mos,
            "chosen": dict(self.chosen),
        }


def judge_objectives(
    scores: StudyScores,
    by_objective: Mapping[str, Sequence[float]],
    higher_is_better: Mapping[str, bool],
    *,
    bootstrap: int = 1000,
    seed: int = 0,
) -> list[Judged]:
    """Compare objectives with the opinions of a study.

    Args:
        scores: of the study.
        by_objective: for each objective its scores, in the order of the study's images.
        higher_is_better: their orientations.
        bootstrap: how many resamples of the images.
        seed: of the resamples.

    Returns:
        The objective of the highest SRCC first, and at the end the row of the people themselves.
    """
    places = {name: place for place, name in enumerate(scores.answers.images)}
    rows = []
    for name, values in by_objective.items():
        signed = np.asarray(values, dtype=np.float64) * (1 if higher_is_better[name] else -1)
        own = [signed[[places[image] for image in one.images]] for one in scores.scenes]
        rows.append(_judged(name, scores.scenes, own, bootstrap, seed))
    rows.sort(key=lambda row: -np.nan_to_num(row.estimates["srcc"].value, nan=-2.0))
    return [*rows, _people(scores.scenes)]


def _judged(
    name: str, scenes: Sequence[SceneScores], values: Sequence[Numbers], bootstrap: int, seed: int
) -> Judged:
    best = [int(np.argmax(own)) for own in values]
    wanted = [int(np.argmax(one.scale.positions)) for one in scenes]
    lost, variance, wins = [], [], []
    for one, place, top in zip(scenes, best, wanted, strict=True):
        covariance = one.scale.covariance
        lost.append(one.scale.jod[top] - one.scale.jod[place])
        apart = covariance[top, top] + covariance[place, place] - 2 * covariance[top, place]
        variance.append(apart * one.scale.law.jod**2)
        wins.append(np.nan if one.wins is None else max(one.wins.mos.max() - one.wins.mos[place], 0.0))
    regret = float(np.mean(lost))
    half = scenes[0].scale.factor * float(np.sqrt(np.sum(variance))) / len(scenes)
    return Judged(
        name=name,
        estimates=_estimates(values, [one.opinions for one in scenes], bootstrap, seed),
        accuracy=_accuracy([one.answers for one in scenes], values, scenes[0].scale.level),
        regret_jod=Estimate(regret, max(regret - half, 0.0), regret + half),
        regret_mos=float(np.mean(wins)),
        chosen={one.scene: one.images[place] for one, place in zip(scenes, best, strict=True)},
    )


def _estimates(
    values: Sequence[Numbers], opinions: Sequence[Numbers], bootstrap: int, seed: int
) -> dict[str, Estimate]:
    """Means over scenes; each scene's images are drawn again."""
    whole: list[Mapping[str, float]] = []
    drawn: list[Numbers] = []
    for number, (x, y) in enumerate(zip(values, opinions, strict=True)):
        known = np.isfinite(x) & np.isfinite(y)
        x, y = x[known], y[known]
        if len(x) < 2:
            continue
        whole.append(measure(x, y))
        start = fit_logistic(x, y)
        again = partial(measure, start=start.parameters if start.converged else None, tolerance=1e-5)
        rows = [again(x[some], y[some]) for some in resamples(bootstrap, seed + number, len(x))]
        drawn.append(
            np.array([[row[name] for name in STATISTICS] for row in rows]).reshape(-1, len(STATISTICS))
        )
    nothing = Estimate(float("nan"))
    if not whole:
        return dict.fromkeys(STATISTICS, nothing)
    means = np.mean(drawn, axis=0)
    found = {}
    for column, name in enumerate(STATISTICS):
        value = float(np.mean([one[name] for one in whole]))
        finite = means[np.isfinite(means[:, column]), column]
        if finite.size < 0.9 * bootstrap or not finite.size:
            found[name] = Estimate(value)
        else:
            low, high = np.quantile(finite, [0.025, 0.975])
            found[name] = Estimate(value, float(low), float(high))
    return found


def _accuracy(answers: Sequence[Answers], values: Sequence[Numbers], level: float) -> Estimate:
    """The share of decided answers that follow the values, as the mean over observers with an interval."""
    right: dict[int, list[Numbers]] = {}
    for one, own in zip(answers, values, strict=True):
        decided = one.where((one.share != 0.5) & np.isfinite(own[one.left] + own[one.right]))
        agrees = np.sign(own[decided.left] - own[decided.right]) * (2 * decided.share - 1)
        for who in np.unique(decided.observer).tolist():
            right.setdefault(who, []).append((1 + agrees[decided.observer == who]) / 2)
    return _over_observers([float(np.concatenate(parts).mean()) for parts in right.values()], level)


def _over_observers(shares: Sequence[float], level: float) -> Estimate:
    if not shares:
        return Estimate(float("nan"))
    mean = float(np.mean(shares))
    if len(shares) < 2:
        return Estimate(mean)
    half = student(len(shares), level) * float(np.std(shares, ddof=1)) / np.sqrt(len(shares))
    return Estimate(mean, max(mean - half, 0.0), min(mean + half, 1.0))


def _people(scenes: Sequence[SceneScores]) -> Judged:
    """What the scale of all other observers tells of each one's answers."""
    shares: dict[int, list[Numbers]] = {}
    for one in scenes:
        answers, law = one.answers, one.scale.law
        table = PairTable.of(answers)
        for column, who in enumerate(np.unique(answers.observer).tolist()):
            weights = np.ones(table.wins.shape[1])
            weights[column] = 0
            if not weights.any():
                continue
            seen = Likelihood(table, law, law.prior, weights).maximum(one.scale.positions, 1e-3)
            own = answers.where((answers.observer == who) & (answers.share != 0.5))
            agrees = np.sign(seen[own.left] - seen[own.right]) * (2 * own.share - 1)
            shares.setdefault(who, []).append((1 + agrees) / 2)
    accuracy = _over_observers(
        [float(np.concatenate(parts).mean()) for parts in shares.values()], scenes[0].scale.level
    )
    nan = float("nan")
    return Judged(PEOPLE, dict.fromkeys(STATISTICS, Estimate(nan)), accuracy, Estimate(nan), nan, {})
