"""What an evaluation found, as data."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from isptune.iqa.datasets.dataset import Dataset
from isptune.iqa.evaluation.correlations import LogisticFit
from isptune.iqa.evaluation.dataset_scores import Scores
from isptune.iqa.evaluation.resampling import NAMES, Difference, Estimate

# With fewer independent contents than this, resampling them shows little of what other ones would give.
FEW_CONTENTS = 10


@dataclass(frozen=True)
class Agreement:
    """How one objective agrees with the MOS on one part of a dataset.

    Attributes:
        objective: its name.
        split: ``"all"``, or ``"NAME:PART"``.
        images: how many were counted, and ``failed`` how many were not, because they have no score.
        estimates: by statistic (``srcc``, ``plcc``, ``plcc_logistic``, ``krcc``, ``rmse_logistic``); positive
            correlations agree, whatever the orientations of score and MOS.
        logistic: from scores, with their sign turned where they run against the MOS, to the MOS.
        notes: what the numbers do not say.
    """

    objective: str
    split: str
    images: int
    failed: int
    estimates: dict[str, Estimate]
    logistic: LogisticFit
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Summary:
    """Mean and standard deviation (of the sample) of each statistic over several splits."""

    objective: str
    splits: int
    mean: dict[str, float]
    std: dict[str, float]


@dataclass(frozen=True)
class Evaluation:
    """What ``evaluate`` found.

    Attributes:
        dataset: the pictures that were scored.
        scores: per objective.
        parts: by split (``"all"`` or ``"NAME:PART"``) the indices of its pictures.
        agreements: per split and objective.
        differences: per split, of each two objectives: SRCC of the first minus that of the second.
        bootstrap, seed: of the intervals, whose level is 95 %.
    """

    dataset: Dataset
    scores: list[Scores]
    parts: dict[str, list[int]]
    agreements: list[Agreement]
    differences: list[tuple[str, Difference]]
    bootstrap: int
    seed: int

    @property
    def summaries(self) -> list[Summary]:
        """Over the splits, per objective; none where there is one split only."""
        found = []
        if len(self.parts) > 1:
            for scores in self.scores:
                rows = [one.estimates for one in self.agreements if one.objective == scores.name]
                columns = {name: np.array([row[name].value for row in rows]) for name in NAMES}
                mean = {name: float(values.mean()) for name, values in columns.items()}
                std = {name: float(values.std(ddof=1)) for name, values in columns.items()}
                found.append(Summary(scores.name, len(rows), mean, std))
        return found

    @property
    def failures(self) -> list[str]:
        return [sentence for scores in self.scores for sentence in scores.failures]

    @property
    def notes(self) -> list[str]:
        """What a reader of the table should know, a sentence each."""
        notes = []
        turned = [one.name for one in self.scores if one.higher_is_better != self.dataset.higher_is_better]
        if turned:
            notes.append(
                f"The sign of {', '.join(turned)} is turned, so that a positive correlation means agreement."
            )
        notes.append(
            'PLCC and RMSE "after logistic" are of the scores mapped to the MOS by the 4-parameter logistic, '
            "fitted to the same images."
        )
        if self.bootstrap:
            unit = "images"
            if self.dataset.has_groups:
                unit = f"whole contents ({len(set(self.dataset.contents))} in {len(self.dataset)} images)"
            notes.append(
                f"Intervals: 95 %, percentile bootstrap over {unit}, {self.bootstrap} resamples, "
                f"seed {self.seed}."
            )
            notes += self._few()
        for one in self.agreements:
            notes += [f"{one.objective} on {one.split}: {note}." for note in one.notes]
        return notes

    def _few(self) -> list[str]:
        """Splits in which the bootstrap has next to nothing to draw from."""
        contents = self.dataset.contents
        counts = {label: len({contents[index] for index in part}) for label, part in self.parts.items()}
        few = {label: count for label, count in counts.items() if count < FEW_CONTENTS}
        if not few:
            return []
        least, most = min(few.values()), max(few.values())
        count = str(least) if least == most else f"{least} to {most}"
        return [f"Intervals of {', '.join(few)} come from only {count} contents and are too narrow to trust."]

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain data, as ``evaluation.json`` holds them; None for what does not exist."""
        data = self.dataset
        figures: dict[str, Any] = {
            "dataset": {
                "name": data.name,
                "source": str(data.source),
                "layout": data.layout,
                "images": len(data),
                "contents": len(set(data.contents)),
                "higher_is_better": data.higher_is_better,
            },
            "bootstrap": self.bootstrap,
            "seed": self.seed,
            "level": 0.95,
            "agreement": [
                {
                    "objective": one.objective,
                    "split": one.split,
                    "images": one.images,
                    "failed": one.failed,
                    **one.estimates,
                    "logistic": one.logistic.parameters,
                    "notes": one.notes,
                }
                for one in self.agreements
            ],
            "summary": [
                {
                    "objective": one.objective,
                    "splits": one.splits,
                    **{name: {"mean": one.mean[name], "std": one.std[name]} for name in NAMES},
                }
                for one in self.summaries
            ],
            "differences": [
                {
                    "first": one.first,
                    "second": one.second,
                    "split": split,
                    "images": one.images,
                    one.statistic: one.estimate,
                    "decided": one.decided,
                }
                for split, one in self.differences
            ],
            "higher_is_better": {one.name: one.higher_is_better for one in self.scores},
            "failures": self.failures,
            "notes": self.notes,
        }
        return {key: _plain(value) for key, value in figures.items()}


def _plain(value: Any) -> Any:
    """Data as JSON holds it: an estimate as a mapping, None for a number that is not finite."""
    if isinstance(value, Estimate):
        value = asdict(value)
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
