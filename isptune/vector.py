"""Several scores per image: several objectives on one rendered batch, or a vector-valued objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from isptune.contracts.requirements import Memory
from isptune.errors import ConfigurationError
from isptune.failures import blame, called
from isptune.naming import listed
from isptune.objective import Objective, require_scores


@dataclass(frozen=True)
class Part:
    """One objective of several.

    Attributes:
        objective: what scores.
        labels: the names of its columns.
        orientations: whether higher is better, column by column.
        whole: it gives its one score; otherwise all of its ``scores``.
    """

    objective: Objective
    labels: tuple[str, ...]
    orientations: tuple[bool, ...]
    whole: bool

    def columns(self, images: Tensor, reference: Tensor | None) -> Tensor:
        """(N, k) float64 scores.

        Raises:
            EvaluationError: the objective raised, or gave another shape; the message names it.
        """
        objective = self.objective
        with blame(f"the objective '{called(objective)}'"):
            found = objective.score(images, reference) if self.whole else objective.scores(images, reference)
            wanted = (len(images),) if self.whole else (len(images), len(self.labels))
            require_scores(found, "score" if self.whole else "scores", wanted)
        return found.reshape(len(images), -1).to(images.device, torch.float64)


class VectorObjective(Objective):
    """Several objectives as one that has no single score: its ``scores`` are (N, K) float64.

    Each column keeps its own units and its own orientation, which ``orientations`` gives; nothing is weighted
    (the objective ``weighted`` does that).

    Args:
        objectives: one or more.
        vector: take all ``scores`` of those that are vector-valued, one column per label; otherwise each
            gives its one ``score``.

    Raises:
        ConfigurationError: fewer than two columns, or a column that is neither better high nor better low.

    Example:
        >>> import isptune
        >>> both = VectorObjective([isptune.create_objective(name) for name in ("psnr", "noise-level")])
        >>> both.labels, both.orientations
        (('psnr', 'noise-level'), (True, False))
    """

    def __init__(self, objectives: Sequence[Objective], vector: bool = False) -> None:
        single = len(objectives) == 1
        self.parts = _different([_part(objective, vector, single) for objective in objectives])
        self.labels = tuple(label for part in self.parts for label in part.labels)
        self.orientations = tuple(higher for part in self.parts for higher in part.orientations)
        names = [called(objective) for objective in objectives]
        if vector and all(part.whole for part in self.parts):
            raise ConfigurationError(
                f"vector was asked for, but {_gives(names)}, not several with a label each; "
                "leave it out, or choose an objective such as 'severity'"
            )
        if len(self.labels) < 2:
            raise ConfigurationError(f"several objectives were asked for, but {_gives(names)}")
        self.name = "+".join(names)
        self.options = {}
        self.needs_reference = any(objective.needs_reference for objective in objectives)
        # Nothing asks for the gradients of several scores at once.
        self.is_differentiable = False
        self.higher_is_better = all(self.orientations)
        # The parts score one after the other, and without gradients nothing stays of them but numbers.
        self.memory = Memory(
            images=max(objective.memory.images for objective in objectives),
            bytes=max(objective.memory.bytes for objective in objectives),
        )

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        """Refused: there is no single score."""
        raise ConfigurationError(
            f"the objective '{self.name}' has {len(self.labels)} scores per image and no single one"
        )

    def scores(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        """(N, K) float64, one column per label."""
        return torch.cat([part.columns(images, reference) for part in self.parts], dim=1)

    def to(self, device: torch.device | str) -> VectorObjective:
        for part in self.parts:
            part.objective.to(device)
        return self


def combine(objectives: Sequence[Objective], vector: bool = False) -> Objective:
    """The objective itself where there is one with one score, else all of them as a ``VectorObjective``."""
    return objectives[0] if len(objectives) == 1 and not vector else VectorObjective(objectives, vector)


def _part(objective: Objective, vector: bool, single: bool) -> Part:
    name = called(objective)
    if not vector or not objective.labels:
        return Part(objective, (name,), (bool(objective.higher_is_better),), whole=True)
    signs = objective.label_orientations
    if signs is None:
        signs = (1 if objective.higher_is_better else -1,) * len(objective.labels)
    undecided = [label for label, sign in zip(objective.labels, signs, strict=True) if not sign]
    if undecided:
        raise ConfigurationError(
            f"the scores of '{name}' cannot be objectives: neither high nor low is better of "
            f"{listed(undecided)}"
        )
    labels = objective.labels if single else tuple(f"{name}:{label}" for label in objective.labels)
    return Part(objective, labels, tuple(sign > 0 for sign in signs), whole=False)


def _different(parts: list[Part]) -> list[Part]:
    """The parts with a number behind the labels of the second and later ones of a name."""
    seen: dict[tuple[str, ...], int] = {}
    found = []
    for part in parts:
        number = seen[part.labels] = seen.get(part.labels, 0) + 1
        labels = part.labels if number == 1 else tuple(f"{label} ({number})" for label in part.labels)
        found.append(Part(part.objective, labels, part.orientations, part.whole))
    return found


def _gives(names: list[str]) -> str:
    if len(names) == 1:
        return f"the objective '{names[0]}' gives one score per image"
    return f"the objectives {listed(names)} give one score per image each"
