"""One or several objectives as the K columns of scores that a run works with."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isptune.contracts.judge import Judge
from isptune.contracts.objective import Objective, require_scores
from isptune.contracts.scene import Scene
from isptune.errors import ConfigurationError
from isptune.tuning.blame import blame, called
from isptune.wording.naming import listed


@dataclass(frozen=True)
class Part:
    """One objective of several.

    Attributes:
        objective: what scores.
        labels: the names of its columns.
        orientations: whether higher is better, column by column.
        whole: it gives its one score; otherwise all of its ``scores``.
        role: what it is in messages.
    """

    objective: Objective
    labels: tuple[str, ...]
    orientations: tuple[bool, ...]
    whole: bool
    role: str = "objective"

    def columns(self, images: Tensor, reference: Tensor | None) -> Tensor:
        """(N, k) float64 scores.

        Raises:
            EvaluationError: the objective raised, or gave another shape; the message names it.
        """
        objective = self.objective
        with blame(f"the {self.role} '{called(objective)}'"):
            found = objective.score(images, reference) if self.whole else objective.scores(images, reference)
            wanted = (len(images),) if self.whole else (len(images), len(self.labels))
            require_scores(found, "score" if self.whole else "scores", wanted)
        return found.reshape(len(images), -1).to(images.device, torch.float64)

    def by_label(self, images: Tensor, reference: Tensor | None) -> Tensor:
        """(N, 1 + L) float64: the score, and what it is the weighted sum of.

        Raises:
            EvaluationError: the objective raised, or gave another shape; the message names it.
        """
        objective = self.objective
        with blame(f"the {self.role} '{called(objective)}'"):
            found = objective.scores(images, reference)
            require_scores(found, "scores", (len(images), len(objective.labels)))
            score = objective.score_of(found)
        return torch.cat([score[:, None], found], dim=1).to(images.device, torch.float64)

    def for_scene(self, scene: Scene) -> Part:
        """The part that scores one scene; itself where its objective scores all scenes."""
        with blame(f"the {self.role} '{called(self.objective)}'"):
            bound = self.objective.for_scene(scene)
            if not isinstance(bound, Objective):
                raise TypeError(f"for_scene gave a {type(bound).__name__} instead of an Objective")
        return self if bound is self.objective else replace(self, objective=bound)


def losses_of(scores: NDArray[np.float64], orientations: Sequence[bool]) -> NDArray[np.float64]:
    """Scores (P, K), each column in its own orientation, as losses to minimise.

    A candidate that fails in one column counts as the worst in all of them: +inf.
    """
    losses = np.where(orientations, -scores, scores)
    losses[np.isnan(losses).any(axis=1)] = np.inf
    return losses


class Scoring:
    """What a run scores pictures by: the columns of its objectives.

    Each column keeps its own units and its own orientation; nothing is weighted (the objective ``weighted``
    does that).

    Args:
        objectives: one or more.
        vector: take all ``scores`` of those that are vector-valued, one column per label; otherwise each
            gives its one ``score``.
        guards: second judges of the same pictures, which nothing optimizes, see ``isptune.tuning.doubts``.

    Attributes:
        labels: (K,) the columns' names.
        orientations: (K,) whether higher is better.
        name: the objectives' names.
        is_differentiable: there is one column, and gradients reach it.
        judges: by the labels of their columns, the objectives that judge whole generations.
        pictured: the labels of the other columns, which pictures are scored by.
        label_weights: (L,) by which the labels of an objective add up to its score; None where there is
            more than one column, or they do not add up.
        guards: the second judges.
        guard_labels, guard_orientations: (G,) their names, and whether higher is better.

    Raises:
        ConfigurationError: ``vector`` where no objective has labels, a column that is neither better high
            nor better low, or a guard that scores no pictures.

    Example:
        >>> import isptune
        >>> both = Scoring([isptune.create_objective(name) for name in ("psnr", "noise-level")])
        >>> both.labels, both.orientations
        (('psnr', 'noise-level'), (True, False))
    """

    def __init__(
        self, objectives: Sequence[Objective], vector: bool = False, guards: Sequence[Objective] = ()
    ) -> None:
        single = len(objectives) == 1
        names = [called(objective) for objective in objectives]
        self.parts = _different([_part(objective, vector, single) for objective in objectives])
        if vector and all(part.whole for part in self.parts):
            from isptune.plugins import registry

            with_labels = registry.objectives.having("labels")
            raise ConfigurationError(
                f"vector was asked for, but {_gives(names)}, not several with a label each; "
                f"leave it out, or choose an objective with labels, such as {listed(with_labels)}"
            )
        self.name = "+".join(names)
        self.objectives = tuple(objectives)
        self.labels = tuple(label for part in self.parts for label in part.labels)
        self.orientations = tuple(higher for part in self.parts for higher in part.orientations)
        judging = [part for part in self.parts if isinstance(part.objective, Judge)]
        self.judges = {part.labels[0]: cast(Judge, part.objective) for part in judging}
        self.pictured = tuple(label for label in self.labels if label not in self.judges)
        self.is_differentiable = len(self.labels) == 1 and bool(objectives[0].is_differentiable)
        first = objectives[0]
        whole = len(self.labels) == 1 and self.parts[0].whole and not self.judges and bool(first.labels)
        weights = first.label_weights if whole else None
        self.label_weights = None if weights is None else np.array(weights, dtype=np.float64)
        for one in guards:
            if any(one is objective for objective in objectives):
                raise guard_is_objective(called(one))
        self._guarding = _different([_guard(one) for one in guards])
        self.guards = tuple(guards)
        self.guard_labels = tuple(label for part in self._guarding for label in part.labels)
        self.guard_orientations = tuple(higher for part in self._guarding for higher in part.orientations)

    def for_scene(self, scene: Scene) -> Scoring:
        """What scores the pictures of one scene; itself where all objectives score all scenes alike.

        Raises:
            ConfigurationError: the scene lacks what an objective needs.
        """
        parts = [part.for_scene(scene) for part in self.parts]
        guarding = [part.for_scene(scene) for part in self._guarding]
        if all(
            one is part for one, part in zip((*parts, *guarding), (*self.parts, *self._guarding), strict=True)
        ):
            return self
        bound = copy(self)
        bound.parts, bound._guarding = parts, guarding
        return bound

    def without_guards(self) -> Scoring:
        """The same objectives alone, for what guards need not see."""
        if not self.guards:
            return self
        alone = copy(self)
        alone._guarding, alone.guards, alone.guard_labels, alone.guard_orientations = [], (), (), ()
        return alone

    def columns(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        """Scores of a batch (N, 3, H, W), a float64 column for each of ``pictured`` in its own orientation.

        Raises:
            EvaluationError: an objective raised, or gave another shape; the message names it.
        """
        parts = [part.columns(images, reference) for part in self.parts if part.labels[0] not in self.judges]
        if not parts:
            return images.new_zeros(len(images), 0, dtype=torch.float64)
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def seen(self, images: Tensor, reference: Tensor | None = None, by_label: bool = False) -> Tensor:
        """The ``columns`` of a batch (N, 3, H, W), and behind them a float64 column for each guard.

        With ``by_label`` the scores of the labels stand behind these.

        Raises:
            EvaluationError: an objective or a guard raised, or gave another shape; the message names it.
        """
        parts = [part.columns(images, reference) for part in self._guarding]
        if not by_label:
            return torch.cat([self.columns(images, reference), *parts], dim=1)
        labels = self.parts[0].by_label(images, reference)
        return torch.cat([labels[:, :1], *parts, labels[:, 1:]], dim=1)

    def joined(self, pictured: NDArray[np.float64], judged: NDArray[np.float64]) -> NDArray[np.float64]:
        """(P, K) scores in the order of ``labels``.

        Args:
            pictured, judged: (P, k) scores in the order of ``pictured`` and of ``judges``.
        """
        scores = np.empty((len(pictured), len(self.labels)))
        is_judged = [label in self.judges for label in self.labels]
        scores[:, np.flatnonzero(np.logical_not(is_judged))] = pictured
        scores[:, np.flatnonzero(is_judged)] = judged
        return scores

    def losses(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores (P, K) as losses to minimise, see ``losses_of``."""
        return losses_of(scores, self.orientations)

    def label_losses(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the scores (P, L) of labels add to the losses (P,)."""
        assert self.label_weights is not None
        return scores * (-self.label_weights if self.orientations[0] else self.label_weights)

    def working_bytes(self, image: int, gradients: bool) -> float:
        """What one sample holds at the peak of scoring, whose picture takes ``image`` bytes.

        The objectives score one after the other, and without gradients nothing stays of them but numbers.
        """
        needs = [objective.memory for objective in (*self.objectives, *self.guards)]
        pictures = max(memory.images_at_peak(gradients, usual=3) for memory in needs)
        return image * pictures + max(memory.bytes_at_peak(gradients) for memory in needs)

    def to(self, device: torch.device | str) -> Scoring:
        """Move the objectives and guards to a device and return the scoring itself."""
        for objective in (*self.objectives, *self.guards):
            objective.to(device)
        return self


def as_scoring(objective: Objective | Sequence[Objective] | Scoring) -> Scoring:
    """One or several objectives as a scoring; one that is a scoring already is itself."""
    if isinstance(objective, Scoring):
        return objective
    return Scoring([objective] if isinstance(objective, Objective) else objective)


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


def _guard(objective: Objective) -> Part:
    name = called(objective)
    if isinstance(objective, Judge):
        raise judge_as_guard(name)
    return Part(objective, (name,), (bool(objective.higher_is_better),), whole=True, role="guard")


def guard_is_objective(name: str) -> ConfigurationError:
    """The refusal of an objective as its own guard."""
    return ConfigurationError(
        f"the guard '{name}' is the objective itself with the same options, which never contradicts it; "
        "choose another one ('isptune list objectives' shows all)"
    )


def judge_as_guard(name: str) -> ConfigurationError:
    """The refusal of a judge as a guard."""
    return ConfigurationError(
        f"the guard '{name}' is a judge, which compares the candidates of a generation with each other; "
        "choose an objective that scores each picture by itself ('isptune list objectives' shows all)"
    )


def _different(parts: list[Part]) -> list[Part]:
    """The parts with a number behind the labels of the second and later ones of a name."""
    seen: dict[tuple[str, ...], int] = {}
    found = []
    for part in parts:
        number = seen[part.labels] = seen.get(part.labels, 0) + 1
        labels = part.labels if number == 1 else tuple(f"{label} ({number})" for label in part.labels)
        found.append(replace(part, labels=labels))
    return found


def _gives(names: list[str]) -> str:
    if len(names) == 1:
        return f"the objective '{names[0]}' gives one score per image"
    return f"the objectives {listed(names)} give one score per image each"
