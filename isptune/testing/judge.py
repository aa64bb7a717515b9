"""The conformance suite for judges."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

import isptune
from isptune.contracts.judge import Judge, scores_no_pictures
from isptune.contracts.round import Contender, JudgedScene, Leader, Note, Round, identity_of
from isptune.errors import ConfigurationError
from isptune.testing.checks import check_flags, check_summary, refuses, untouched_generators, worded
from isptune.testing.pictures import blurred, picture

_NOTES = "look each question up among round.notes by the identities of its contenders before asking it"
_RANDOM = "draw from a generator of its own, seeded with its seed and the identities"
_STATE = "keep nothing on the object between rounds: everything follows from the round and its notes"
_ORDER = "tell contenders by their identity, not by their place"


@dataclass
class Judged:
    """What came of a round: scores in the order of the contenders, and all notes of its generation."""

    scores: list[float]
    notes: list[Note] = field(default_factory=list)


class JudgeConformance:
    """What every judge must keep; inherit it in a plugin's tests and set ``name``.

    Example::

        from isptune.testing import JudgeConformance

        class TestTaste(JudgeConformance):
            name = "taste"
            options = {"seed": 3}

    Class facts to override where a judge needs it:
        name, options: what ``make`` creates through the registry; override ``make`` for anything else, such
            as a judge whose people a test answers for.
        size: (height, width) of the pictures.
        contenders, scenes: how many there are in a round.
        apart: how far the judge must hold a clearly better picture above a clearly worse one.
    """

    name: ClassVar[str] = ""
    options: ClassVar[dict[str, Any]] = {}
    size: ClassVar[tuple[int, int]] = (40, 48)
    contenders: ClassVar[int] = 5
    scenes: ClassVar[int] = 2
    apart: ClassVar[float] = 0.0

    def make(self) -> Judge:
        """A new judge."""
        made = isptune.create_objective(self.name, **self.options)
        assert isinstance(made, Judge), (
            f"'{self.name}' makes no judge, expected one; derive from isptune.Judge"
        )
        return made

    def spoilt(self, images: Tensor, strength: float) -> Tensor:
        """Pictures (N, 3, H, W) made worse, the more the greater the strength from 0 to 1."""
        return (1 - strength) * images + strength * (0.5 * blurred(images))

    # Facts.

    def test_facts_are_declared(self) -> None:
        judge = self.make()
        assert judge.is_judge is True, "is_judge is not True, expected True; leave it as isptune.Judge has it"
        assert judge.is_differentiable is False, (
            "is_differentiable is not False, expected False; a judge gives no gradients"
        )
        check_flags(judge, "higher_is_better", "needs_reference")
        assert not judge.labels, (
            f"labels is {judge.labels}, expected none; a judge gives one score a contender"
        )
        check_summary(judge)

    def test_pictures_by_themselves_are_refused(self) -> None:
        judge = self.make()
        said = str(scores_no_pictures(judge.name or type(judge).__name__))
        remedy = "leave score() and scores() as they are inherited"
        for method in (judge.score, judge.scores):
            with refuses(ConfigurationError, "a picture by itself", remedy, said):
                method(self._good())

    # Scores.

    def test_there_is_a_score_for_each_contender(self) -> None:
        judge = self.make()
        for count in (1, 2, self.contenders):
            scores = self.judged(self.round(count), judge).scores
            assert len(scores) == count, (
                f"judge gave {len(scores)} scores, expected {count}; give one for each of round.contenders"
            )
            assert not any(map(np.isinf, scores)), (
                f"judge gave {scores}, expected finite scores or NaN; give NaN for what cannot be judged"
            )
            assert np.isfinite(scores).any(), (
                f"judge gave {scores} for sound pictures, expected finite scores; NaN is for a contender "
                "that cannot be judged"
            )

    def test_a_clearly_better_picture_has_the_better_score(self) -> None:
        judge = self.make()
        scores = self._upwards(judge, self.judged(self.round(), judge).scores)
        assert scores[0] > scores[-1] + self.apart, (
            f"with higher as better, the best picture scores {scores[0]:g} and the worst {scores[-1]:g}, "
            f"expected more than {self.apart:g} between them; set higher_is_better to the truth, or override "
            "spoilt() in the test with something that the judge sees"
        )

    def test_scores_of_generations_are_one_scale(self) -> None:
        judge = self.make()
        remedy = "compare contenders with round.leader as well, and count from its score"
        first = self.round(strengths=(0.4, 1.0))
        best = self.judged(first, judge).scores[0]
        held = first.contenders[0]
        leader = Leader(held.identity, held.values, held.pictures, score=best)
        sign = 1.0 if judge.higher_is_better else -1.0
        for strengths, worse in (((0.8, 0.9), True), ((0.0, 0.1), False)):
            later = replace(self.round(strengths=strengths), generation=1, leader=leader)
            scores = self.judged(later, judge).scores
            reached = [
                sign * score < sign * best if worse else sign * score > sign * best for score in scores
            ]
            kind = "worse" if worse else "better"
            assert all(reached), (
                f"contenders that are clearly {kind} than a leader of the score {best:g} score {scores}, "
                f"expected {kind} scores than the leader's; {remedy}"
            )

    # What may not matter.

    def test_the_order_of_contenders_does_not_matter(self) -> None:
        for leader in (None, self.leader(0.3, 2.0)):
            plain = replace(self.round(), leader=leader)
            order = [2, 0, *range(3, len(plain.contenders)), 1]
            moved = replace(plain, contenders=tuple(plain.contenders[place] for place in order))
            expected, found = self.judged(plain), self.judged(moved)
            self._same(found.scores, [expected.scores[place] for place in order], "in another order", _ORDER)
            assert _set(found.notes) == _set(expected.notes), (
                f"in another order other notes were made, expected the same; {_ORDER}"
            )

    def test_the_same_round_gives_the_same_scores(self) -> None:
        judge, plain = self.make(), self.round()
        first = self.judged(plain, judge)
        self._same(self.judged(plain, judge).scores, first.scores, "at a second call", _RANDOM)
        self._same(self.judged(plain).scores, first.scores, "of a second judge", _RANDOM)

    def test_other_rounds_leave_no_trace(self) -> None:
        last = replace(self.round(), generation=1, leader=self.leader(0.4, 1.0))
        expected = self.judged(last)
        judge = self.make()
        self.judged(self.round(strengths=(0.1, 0.9, 0.5)), judge)
        found = self.judged(last, judge)
        self._same(found.scores, expected.scores, "after another round", _STATE)
        assert found.notes == expected.notes, (
            f"after another round other notes were made, expected the same; {_STATE}"
        )

    def test_global_random_state_is_neither_used_nor_changed(self) -> None:
        found = []
        for seed in (1, 2):
            with untouched_generators(_RANDOM, seed):
                found.append(self.judged(self.round()).scores)
        self._same(found[1], found[0], "of another global random state", _RANDOM)

    def test_pictures_are_not_written_into(self) -> None:
        plain = replace(self.round(), leader=self.leader(0.3, 2.0))
        assert plain.leader is not None, "the round has no leader, expected the one that it was given"
        held = [
            *(image for one in (*plain.contenders, plain.leader) for image in one.pictures),
            *(scene.reference for scene in plain.scenes if scene.reference is not None),
        ]
        before = [image.clone() for image in held]
        self.judged(plain)
        assert all(map(torch.equal, held, before)), (
            "a picture was changed, expected all as they were; work on a copy, without operations in place"
        )

    # Going on.

    def test_a_round_goes_on_from_any_of_its_notes(self) -> None:
        for leader in (None, self.leader(0.3, 2.0)):
            plain = replace(self.round(), leader=leader)
            whole = self.judged(plain)
            # Of many notes some prefixes tell as much as all.
            for count in sorted({*np.linspace(0, len(whole.notes), 6).astype(int).tolist()}):
                known = tuple(whole.notes[:count])
                rest = self.judged(replace(plain, notes=known))
                what = f"from {count} of {len(whole.notes)} notes on"
                self._same(rest.scores, whole.scores, what, _NOTES)
                again = _set(known) & _set(rest.notes[count:])
                assert not again, f"{what} {min(again)} was noted again, expected it once; {_NOTES}"
                assert _set(rest.notes) == _set(whole.notes), (
                    f"{what} {len(rest.notes)} notes were made in all, expected the same "
                    f"{len(whole.notes)}; {_NOTES}"
                )

    def test_notes_tell_contenders_by_identity(self) -> None:
        plain = self.round()
        whole = self.judged(plain)
        if not whole.notes:
            return
        moved = replace(plain, contenders=plain.contenders[::-1], notes=tuple(whole.notes))
        found = self.judged(moved)
        self._same(found.scores, whole.scores[::-1], "from the notes of another order", _ORDER)
        assert len(found.notes) == len(whole.notes), (
            f"{len(found.notes) - len(whole.notes)} questions were asked again in another order, expected "
            f"none; {_NOTES}"
        )

    # The rounds.

    def judged(self, round: Round, judge: Judge | None = None) -> Judged:
        """Have a round judged, by a new judge if none is given.

        The notes are those of the round and what was added.
        """
        notes = list(round.notes)
        judge = self.make() if judge is None else judge
        with worded("judge(round)", "see isptune.contracts.judge for what a round holds"):
            found: Any = judge.judge(replace(round, write=notes.append))
            if isinstance(found, Tensor):
                found = found.detach().cpu()
            scores = np.asarray(found, dtype=np.float64)
        assert scores.ndim == 1, (
            f"judge gave the shape {scores.shape}, expected ({len(round.contenders)},); give one number each"
        )
        return Judged(scores.tolist(), notes)

    def round(self, count: int | None = None, strengths: Sequence[float] | None = None) -> Round:
        """A first round of contenders from the best to the worst, or of given strengths of ``spoilt``."""
        if strengths is None:
            strengths = np.linspace(0, 1, self.contenders if count is None else count).tolist()
        return Round(
            generation=0,
            contenders=tuple(
                Contender(identity_of({"strength": one}), {"strength": one}, self._pictures(one))
                for one in strengths
            ),
            scenes=tuple(
                JudgedScene(index, f"scene {index}", self.size, self._good(index)[0])
                for index in range(self.scenes)
            ),
        )

    def leader(self, strength: float, score: float) -> Leader:
        """A leader of that quality and score, which is no contender of any round here."""
        values = {"strength": strength, "leads": True}
        return Leader(identity_of(values), values, self._pictures(strength), score=score)

    def _good(self, scene: int = 0) -> Tensor:
        return picture(*self.size, seed=scene)

    def _pictures(self, strength: float) -> tuple[Tensor, ...]:
        return tuple(self.spoilt(self._good(scene), strength)[0] for scene in range(self.scenes))

    def _upwards(self, judge: Judge, scores: Sequence[float]) -> list[float]:
        return [score if judge.higher_is_better else -score for score in scores]

    def _same(self, found: Sequence[float], expected: Sequence[float], what: str, remedy: str) -> None:
        assert np.array_equal(found, expected, equal_nan=True), (
            f"{what} the scores are {list(found)}, expected {list(expected)}; {remedy}"
        )


def _set(notes: Sequence[Note]) -> set[str]:
    return {json.dumps(note, sort_keys=True) for note in notes}
