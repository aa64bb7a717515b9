"""The registered judge ``simulated-observer``."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field

import isptune
from isptune.contracts.coverage import Coverage
from isptune.contracts.judge import Judge
from isptune.contracts.round import Contender, JudgedScene, Round
from isptune.errors import ConfigurationError, IsptuneError
from isptune.plugins import registry
from isptune.plugins.option_types import Seed
from isptune_people.pairing import pairs_of
from isptune_people.thurstone import Comparison, scale

NAME = "simulated-observer"


@dataclass(frozen=True)
class _Question:
    """Which of two contenders is better on a scene; the first one's identity comes first in the alphabet."""

    first: Contender
    second: Contender
    scene: JudgedScene

    @property
    def key(self) -> tuple[str, str]:
        return self.first.identity, self.second.identity


class SimulatedObserver(Judge):
    """A simulated observer who compares pairs of pictures by another objective, with noise.

    It stands for people in tests and trials of studies. Every contender of a generation meets ``comparisons``
    others, the leader among them, each time on one scene. The observer prefers the picture whose score, after
    normal noise of its own, is the better one. Scores follow from the answers by Thurstone's law, see
    ``isptune_people.thurstone.scale``; their unit is the standard deviation of a difference between two
    impressions, and they count from the leader's score. HIGHER is better, whatever the orientation of the
    objective.

    Args:
        objective: what the observer sees the quality by, a registered objective.
        objective_options: its options.
        noise: standard deviation of an impression, in units of that objective's score; 0 for none.
        comparisons: how many others each contender meets in a generation.
        seed: of the noise and of who meets whom. Answers follow from it and the identities of the pair alone,
            so they are the same in every run and in any order.

    Example:
        >>> import isptune
        >>> isptune.create_objective("simulated-observer", noise=1.0).needs_reference
        True
    """

    needs = ("what its objective needs",)

    def __init__(
        self,
        objective: str = "psnr",
        objective_options: dict[str, Any] | None = None,
        noise: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.5,
        comparisons: Annotated[int, Field(ge=1, le=1000)] = 4,
        seed: Seed = 0,
    ) -> None:
        if registry.objectives.fact(objective, "is_judge", False):
            raise ConfigurationError(
                f"the objective '{objective}' of '{NAME}' is a judge itself; allowed: one that scores "
                "pictures"
            )
        self.objective = isptune.create_objective(objective, **(objective_options or {}))
        self.noise = noise
        self._comparisons = comparisons
        self.seed = seed
        self.needs_reference = self.objective.needs_reference
        self.coverage = self.objective.coverage
        self._device = torch.device("cpu")

    @classmethod
    def coverage_with(cls, options: Mapping[str, Any]) -> Coverage | None:
        """What its objective states; None where the options are refused when the observer is made."""
        try:
            kind = registry.objectives.get(options.get("objective", "psnr"))
        except IsptuneError:
            return None
        given = options.get("objective_options") or {}
        return kind.coverage_with(given) if hasattr(kind, "coverage_with") else None

    def settled(self) -> Mapping[str, Any]:
        found = self.objective.settled()
        return {"objective": found} if found else {}

    def settle(self, noted: Mapping[str, Any] | None) -> None:
        self.objective.settle(None if noted is None else noted.get("objective", {}))

    def to(self, device: torch.device | str) -> SimulatedObserver:
        self.objective.to(device)
        self._device = torch.device(device)
        return self

    def judge(self, round: Round) -> list[float]:
        # In the order of the identities nothing depends on that of the contenders, not even rounding.
        ordered = sorted(round.contenders, key=lambda one: one.identity)
        answers = {(note["first"], note["second"]): float(note["share"]) for note in round.notes}
        impressions = _Impressions(self)
        for question in self._questions(round, ordered):
            if question.key in answers:
                continue
            share = self._preference(question, impressions)
            if share is not None:
                answers[question.key] = share
                first, second = question.key
                round.note({"first": first, "second": second, "scene": question.scene.name, "share": share})
        places = {one.identity: place for place, one in enumerate(ordered)}
        if round.leader is not None:
            places.setdefault(round.leader.identity, len(ordered))
        comparisons = [
            Comparison(places[first], places[second], share)
            for (first, second), share in sorted(answers.items())
            if first in places and second in places
        ]
        found = scale(len(ordered), comparisons, None if round.leader is None else round.leader.score)
        scores = {
            one.identity: math.nan if one.identity in impressions.lost else float(score)
            for one, score in zip(ordered, found, strict=True)
        }
        return [scores[one.identity] for one in round.contenders]

    def _questions(self, round: Round, ordered: list[Contender]) -> Iterator[_Question]:
        by_identity = {one.identity: one for one in ordered}
        leader = round.leader
        if leader is not None and leader.identity in by_identity:
            leader = None
        if leader is not None:
            by_identity[leader.identity] = leader
        names = [one.identity for one in ordered]
        generator = self._generator(*names)
        for pair in pairs_of(
            names, self._comparisons, generator, None if leader is None else leader.identity
        ):
            first, second = sorted(pair)
            scene = round.scenes[int(self._generator("scene", first, second).integers(len(round.scenes)))]
            yield _Question(by_identity[first], by_identity[second], scene)

    def _preference(self, question: _Question, impressions: _Impressions) -> float | None:
        """The first one's share of the win; None where a picture has no score."""
        first, second = (impressions.of(one, question.scene) for one in (question.first, question.second))
        if math.isnan(first) or math.isnan(second):
            return None
        if self.noise:
            errors = self._generator("noise", *question.key).standard_normal(2)
            first, second = first + self.noise * errors[0], second + self.noise * errors[1]
        if first == second:
            return 0.5
        return 1.0 if (first > second) == self.objective.higher_is_better else 0.0

    def _generator(self, *words: str) -> np.random.Generator:
        """A generator that follows from the seed and some words."""
        text = " ".join([str(self.seed), *words])
        return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16]))


class _Impressions:
    """The scores of a round's pictures, each computed once and alone: a batch may move the last bit.

    Attributes:
        lost: the identities of contenders with a picture whose score is not a number.
    """

    def __init__(self, observer: SimulatedObserver) -> None:
        self._observer = observer
        self._known: dict[tuple[str, int], float] = {}
        self.lost: set[str] = set()

    @torch.no_grad()
    def of(self, contender: Contender, scene: JudgedScene) -> float:
        key = contender.identity, scene.index
        if key not in self._known:
            device = self._observer._device
            picture = contender.picture(scene).unsqueeze(0).to(device)
            reference = None if scene.reference is None else scene.reference.unsqueeze(0).to(device)
            score = float(self._observer.objective.score(picture, reference)[0])
            self._known[key] = score
            if math.isnan(score):
                self.lost.add(contender.identity)
        return self._known[key]
