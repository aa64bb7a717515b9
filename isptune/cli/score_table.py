"""Pictures scored by several objectives, and the table of what came out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from isptune.contracts.objective import Objective
from isptune.contracts.pipeline import Scene
from isptune.errors import EvaluationError, IsptuneError
from isptune.scenes.loading import named_pictures
from isptune.scenes.scene_pictures import picture_of
from isptune.tuning.blame import called
from isptune.wording.text_tables import csv_text

# What stands where there is no number.
NOTHING = "–"


@dataclass(frozen=True)
class Column:
    """One number of every picture.

    Attributes:
        objective: its index.
        label: of one of its several scores; "" for its single score.
        head: what the column is called.
        higher_is_better: None where neither is, and the label is no measure of quality.
    """

    objective: int
    label: str
    head: str
    higher_is_better: bool | None


@dataclass(frozen=True)
class Row:
    """A picture's numbers, as many as columns; None where an objective failed."""

    name: str
    values: list[float | None]


@dataclass
class ScoreTable:
    """Pictures by objectives and labels.

    Attributes:
        objectives: in the order of the columns, and ``names`` what they are called.
        rows: of the pictures that at least one objective scored.
        failures: the pictures that could not be read, and what objectives raised.
        interrupted: Ctrl-C ended the scoring.
    """

    objectives: Sequence[Objective]
    rows: list[Row] = field(default_factory=list)
    failures: list[IsptuneError] = field(default_factory=list)
    interrupted: bool = False

    def __post_init__(self) -> None:
        self.names = [called(objective) for objective in self.objectives]
        self.columns: list[Column] = []
        self.single = len(self.objectives) == 1
        for index, (name, objective) in enumerate(zip(self.names, self.objectives, strict=True)):
            higher = bool(objective.higher_is_better)
            self.columns.append(Column(index, "", name, higher))
            signs = objective.label_orientations or (1 if higher else -1,) * len(objective.labels)
            for label, sign in zip(objective.labels, signs, strict=True):
                head = label if self.single else f"{name}:{label}"
                self.columns.append(Column(index, label, head, sign > 0 if sign else None))

    def cells(self) -> list[list[str]]:
        """A line per picture: its name, and numbers with 6 significant digits."""
        return [
            [row.name, *(NOTHING if value is None else f"{value:.6g}" for value in row.values)]
            for row in self.rows
        ]

    def to_csv(self) -> str:
        """Every digit; nothing where a score failed."""
        heads = [column.head for column in self.columns]
        if self.single:
            heads[0] = "score"
        return csv_text(["name", *heads], [[row.name, *row.values] for row in self.rows])

    def to_dict(self) -> dict[str, Any]:
        """Plain data: the facts of the objectives, and the scores of every picture.

        With a single objective its facts and scores stand without its name.
        """
        facts = [self._facts(index) for index in range(len(self.objectives))]
        data: dict[str, Any] = facts[0] if self.single else {"objectives": facts}
        data["scores"] = [self._scores(row) for row in self.rows]
        if self.failures:
            data["failures"] = [str(error) for error in self.failures]
        return data

    def _facts(self, index: int) -> dict[str, Any]:
        score, *labels = [column for column in self.columns if column.objective == index]
        facts: dict[str, Any] = {
            "objective": self.names[index],
            "higher_is_better": score.higher_is_better,
        }
        if labels:
            facts["labels"] = [
                {"name": one.label, "higher_is_better": one.higher_is_better} for one in labels
            ]
        return facts

    def _scores(self, row: Row) -> dict[str, Any]:
        scores: dict[str, float | None] = {}
        labels: dict[str, dict[str, float | None]] = {}
        for column, value in zip(self.columns, row.values, strict=True):
            name = self.names[column.objective]
            if column.label:
                labels.setdefault(name, {})[column.label] = value
            else:
                scores[name] = value
        line: dict[str, Any] = {"image": row.name}
        line |= {"score": scores[self.names[0]]} if self.single else {"scores": scores}
        if labels:
            line["labels"] = labels[self.names[0]] if self.single else labels
        return line

    def orientations(self) -> str:
        """Which of the scores are better, in parentheses."""
        if len(self.columns) == 1:
            column = self.columns[0]
            return f"({column.head}: {'higher' if column.higher_is_better else 'lower'} is better)"
        parts = []
        for wanted, what in ((True, "higher is better"), (False, "lower is better"), (None, "no quality")):
            heads = [column.head for column in self.columns if column.higher_is_better is wanted]
            if heads:
                parts.append(f"{what}: {', '.join(heads)}")
        return f"({'; '.join(parts)})"


def score_pictures(
    objectives: Sequence[Objective], sources: Iterable[str], reference: Tensor | None, device: torch.device
) -> ScoreTable:
    """Score every picture with every objective, one picture after another.

    Args:
        objectives: of different names.
        sources: files, folders, globs or charts.
        reference: (3, H, W), for those that need one.
        device: where to score.
    """
    for objective in objectives:
        objective.to(device)
    pristine = None if reference is None else reference.unsqueeze(0).to(device)
    table = ScoreTable(objectives)
    try:
        for scene in named_pictures(sources):
            if isinstance(scene, IsptuneError):
                table.failures.append(scene)
                continue
            values: list[float | None] = []
            for objective in objectives:
                try:
                    values += _scored(objective, scene, pristine, device)
                except IsptuneError as error:
                    table.failures.append(error)
                    values += [None] * (1 + len(objective.labels))
            if any(value is not None for value in values):
                table.rows.append(Row(scene.name, values))
    except KeyboardInterrupt:
        table.interrupted = True
    return table


def _scored(
    objective: Objective, scene: Scene, reference: Tensor | None, device: torch.device
) -> list[float | None]:
    name = called(objective)
    image = picture_of(scene).unsqueeze(0).to(device)
    try:
        bound = objective.for_scene(scene)
        with torch.no_grad():
            values = [float(bound.score(image, reference)[0])]
            if objective.labels:
                values += bound.scores(image, reference)[0].tolist()
    except IsptuneError as error:
        raise type(error)(f"'{scene.name}': {error}") from error
    except Exception as error:
        raise EvaluationError(
            f"the objective '{name}' failed on '{scene.name}': {type(error).__name__}: {error}"
        ) from error
    if len(values) != 1 + len(objective.labels):
        raise EvaluationError(
            f"the objective '{name}' gave '{scene.name}' {len(values) - 1} scores for its "
            f"{len(objective.labels)} labels"
        )
    if not any(map(math.isfinite, values)):
        raise EvaluationError(f"the objective '{name}' gave '{scene.name}' the score {values[0]}")
    return [value if math.isfinite(value) else None for value in values]
