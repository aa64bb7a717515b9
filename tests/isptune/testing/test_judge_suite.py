"""The suite of judges: a sound one passes, and each kind of fault fails the check made for it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import isptune
from isptune.testing import JudgeConformance


class Comparing(isptune.Judge):
    """A sound judge: the mean difference in brightness to all others, counted from the leader's score."""

    def judge(self, round):
        others = [*round.contenders, *([round.leader] if round.leader else [])]
        known = {note["who"]: note["light"] for note in round.notes}
        for one in others:
            if one.identity not in known:
                known[one.identity] = self.look(one, round)
                round.note({"who": one.identity, "light": known[one.identity]})
        anchor = (known[round.leader.identity], round.leader.score) if round.leader else (0.5, 0.0)
        return [self.score_of(known[one.identity], anchor) for one in round.contenders]

    def look(self, contender, round):
        return round_down(sum(float(picture.mean()) for picture in contender.pictures))

    def score_of(self, light, anchor):
        return light - anchor[0] + anchor[1]


def round_down(number):
    return math.floor(1e6 * number) / 1e6


class WrongWay(Comparing):
    """Says that lower is better."""

    higher_is_better = False


class WithGradients(Comparing):
    """Says that it gives gradients."""

    is_differentiable = True


class Several(Comparing):
    """Has labels."""

    labels = ("one", "two")


class ScoresPictures(Comparing):
    """Scores pictures by themselves as well."""

    def score(self, images, reference=None):
        return images.mean(dim=(1, 2, 3))


class OneTooFew(Comparing):
    """Leaves out the last."""

    def judge(self, round):
        return super().judge(round)[:-1]


class Infinite(Comparing):
    """Gives infinity to the first."""

    def judge(self, round):
        return [math.inf, *super().judge(round)[1:]]


class NeverKnows(Comparing):
    """Judges nothing."""

    def judge(self, round):
        return [math.nan for _ in super().judge(round)]


class IgnoresTheLeader(Comparing):
    """Counts from the middle of each round."""

    def judge(self, round):
        scores = np.array(super().judge(round))
        return scores - scores.mean()


class ByPlace(Comparing):
    """Adds a little to the first ones."""

    def judge(self, round):
        return [score - 1e-3 * place for place, score in enumerate(super().judge(round))]


class NotesPlaces(Comparing):
    """Notes places instead of identities."""

    def judge(self, round):
        known = {note["place"]: note["light"] for note in round.notes}
        for place, one in enumerate(round.contenders):
            if place not in known:
                known[place] = self.look(one, round)
                round.note({"place": place, "light": known[place]})
        return [known[place] for place in range(len(round.contenders))]


class Remembers(Comparing):
    """Keeps what it saw on the object, and counts on."""

    def __init__(self):
        self.seen = 0

    def judge(self, round):
        self.seen += 1
        return [score + 0.01 * self.seen for score in super().judge(round)]


class Forgets(Comparing):
    """Asks everything again, whatever was noted."""

    def judge(self, round):
        from dataclasses import replace

        return super().judge(replace(round, notes=()))


class DrawsGlobally(Comparing):
    """Draws from the global generator."""

    def look(self, contender, round):
        return super().look(contender, round) + 1e-3 * float(torch.rand(()))


class WritesInto(Comparing):
    """Clamps pictures in place."""

    def look(self, contender, round):
        return round_down(sum(float(picture.mul_(0.99).mean()) for picture in contender.pictures))


class Raises(Comparing):
    """Fails."""

    def judge(self, round):
        raise KeyError("who")


def suite_of(kind):
    class Suite(JudgeConformance):
        contenders = 4

        def make(self):
            return kind()

    return Suite()


class TestSound(JudgeConformance):
    def make(self):
        return Comparing()


@pytest.mark.parametrize(
    ("kind", "check", "words"),
    [
        (
            WrongWay,
            "a_clearly_better_picture_has_the_better_score",
            "set higher_is_better to the truth, or override spoilt() in the test with something that the judge sees",
        ),
        (
            WithGradients,
            "facts_are_declared",
            "is_differentiable is not False, expected False; a judge gives no gradients",
        ),
        (
            Several,
            "facts_are_declared",
            "labels is ('one', 'two'), expected none; a judge gives one score a contender",
        ),
        (
            ScoresPictures,
            "pictures_by_themselves_are_refused",
            "a picture by itself must be refused with ConfigurationError, and nothing was raised; leave score() and "
            "scores() as they are inherited",
        ),
        (
            OneTooFew,
            "there_is_a_score_for_each_contender",
            "judge gave 0 scores, expected 1; give one for each of round.contenders",
        ),
        (
            Infinite,
            "there_is_a_score_for_each_contender",
            "judge gave [inf], expected finite scores or NaN; give NaN for what cannot be judged",
        ),
        (
            NeverKnows,
            "there_is_a_score_for_each_contender",
            "judge gave [nan] for sound pictures, expected finite scores; NaN is for a contender that cannot be judged",
        ),
        (
            IgnoresTheLeader,
            "scores_of_generations_are_one_scale",
            "; compare contenders with round.leader as well, and count from its score",
        ),
        (
            ByPlace,
            "the_order_of_contenders_does_not_matter",
            "; tell contenders by their identity, not by their place",
        ),
        (NotesPlaces, "notes_tell_contenders_by_identity", "; tell contenders by their identity"),
        (
            Remembers,
            "other_rounds_leave_no_trace",
            "; keep nothing on the object between rounds: everything follows from the round and its notes",
        ),
        (Remembers, "the_same_round_gives_the_same_scores", "at a second call the scores are ["),
        (
            Forgets,
            "a_round_goes_on_from_any_of_its_notes",
            " was noted again, expected it once; look each question up among round.notes by the identities of its "
            "contenders before asking it",
        ),
        (
            DrawsGlobally,
            "global_random_state_is_neither_used_nor_changed",
            "a global random generator was used or seeded, expected none; draw from a generator of its own, seeded with its "
            "seed and the identities",
        ),
        (
            WritesInto,
            "pictures_are_not_written_into",
            "a picture was changed, expected all as they were; work on a copy, without operations in place",
        ),
        (
            Raises,
            "there_is_a_score_for_each_contender",
            "judge(round), raised KeyError: 'who'; expected a result; see isptune.contracts.judge for what a round "
            "holds",
        ),
    ],
)
def test_each_fault_is_found(kind, check, words):
    with pytest.raises(AssertionError) as failure:
        getattr(suite_of(kind), f"test_{check}")()
    assert words in str(failure.value)
