"""Several people at once: different pairs, nobody waits, answers that come too late, answers that come twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from isptune.contracts.round import Contender, JudgedScene, Leader, Note, Round, identity_of
from isptune_study.people.desk import Answer, Desk
from isptune_study.people.questions import questions_of
from isptune_study.storage import AnswerConflictError, NotAskedError

GREY = torch.full((3, 4, 4), 0.5)


def contender(level: float) -> Contender:
    values = {"level": level}
    return Contender(identity_of(values), values, (GREY, GREY), (level,))


def a_round(generation: int = 0, levels: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4), **facts: Any) -> Round:
    contenders = tuple(map(contender, levels))
    names = [one.identity for one in contenders]
    pairs = tuple(zip(names[::2], names[1::2], strict=True))
    best = contender(0.9)
    leader = Leader(best.identity, best.values, best.pictures, best.point, score=1.0)
    scenes = tuple(JudgedScene(place, f"scene {place}", (4, 4)) for place in range(2))
    return Round(generation, contenders, scenes, leader, pairs=pairs, start=contender(0.5), **facts)


def opened(round: Round, desk: Desk | None = None, comparisons: int = 1) -> tuple[Desk, list[Note]]:
    notes: list[Note] = []
    desk = desk or Desk()
    desk.open(replace(round, write=notes.append), questions_of(round, comparisons))
    return desk, notes


def say(desk: Desk, who: str, trial: int, share: float = 1.0, key: str = "") -> Any:
    return desk.answer(who, Answer(trial, share, key or f"{who}-{trial}-key", {}))


def test_people_at_once_get_different_pairs_and_nobody_waits() -> None:
    round = a_round()
    desk, notes = opened(round)
    asked = {}
    for who in ("Ada", "Bea", "Cid", "Dee"):
        state, (question,) = desk.ask(who)
        assert state == "open"
        asked[who] = question
    pairs = {frozenset((one.first.identity, one.second.identity)) for one in asked.values()}
    assert len(pairs) == 4
    # The optimizer's pairs come first; who would wait compares others.
    assert [one.is_needed for one in asked.values()] == [True, True, False, False]
    assert pairs >= set(map(frozenset, round.pairs))
    # The same until it is answered.
    assert desk.ask("Ada")[1][0].trial == asked["Ada"].trial
    assert say(desk, "Cid", asked["Cid"].trial).result() is True
    assert not desk.is_complete
    say(desk, "Ada", asked["Ada"].trial)
    assert not desk.wait(0.0)
    # Ada is done with hers; the other needed one is Bea's, so she gets something else.
    assert not desk.ask("Ada")[1][0].is_needed
    say(desk, "Bea", asked["Bea"].trial)
    assert desk.wait(0.0)
    assert desk.ask("Bea") == ("wait", [])
    assert [note["observer"] for note in notes] == ["Cid", "Ada", "Bea"]
    assert desk.close() == notes


def test_a_pair_that_somebody_left_is_put_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    desk, _ = opened(a_round(levels=(0.1, 0.2)))
    (left,) = desk.ask("Ada")[1]
    assert not desk.ask("Bea")[1][0].is_needed
    monkeypatch.setattr("isptune_study.people.desk._PATIENCE", 0.0)
    (again,) = desk.ask("Cid")[1]
    assert again.trial == left.trial
    say(desk, "Cid", again.trial)
    assert desk.is_complete


def test_one_person_prepares_the_next_pair_where_there_is_one() -> None:
    desk, _ = opened(a_round())
    both = desk.ask("Ada", 2)[1]
    assert [one.is_needed for one in both] == [True, True]
    desk, _ = opened(a_round())
    desk.ask("Bea")
    assert len(desk.ask("Ada", 2)[1]) == 1


def test_an_answer_twice_is_kept_once_and_another_is_refused() -> None:
    desk, notes = opened(a_round())
    (question,) = desk.ask("Ada")[1]
    assert say(desk, "Ada", question.trial, 1.0, "key-1").result() is True
    assert say(desk, "Ada", question.trial, 1.0, "key-1").result() is False
    with pytest.raises(AnswerConflictError):
        say(desk, "Ada", question.trial, 0.0, "key-1")
    with pytest.raises(AnswerConflictError):
        say(desk, "Bea", question.trial, 1.0, "key-1")
    with pytest.raises(NotAskedError):
        say(desk, "Ada", 123_456)
    assert len(notes) == 1
    assert notes[0]["left"] == question.left.identity
    assert notes[0]["share"] == question.share_of_first(1.0)
    # Another process that goes on with the notes knows it as well.
    again, more = opened(a_round(notes=tuple(notes)))
    assert say(again, "Ada", question.trial, 1.0, "key-1").result() is False
    assert more == []


def test_an_answer_that_comes_too_late_is_a_note_of_the_next_generation() -> None:
    desk, first = opened(a_round(levels=(0.1, 0.2)))
    (needed,) = desk.ask("Ada")[1]
    (extra,) = desk.ask("Bea")[1]
    say(desk, "Ada", needed.trial)
    desk.close()
    late = say(desk, "Bea", extra.trial)
    assert say(desk, "Bea", extra.trial) is late
    assert not late.done()
    _, second = opened(a_round(1, (0.6, 0.7), earlier=(tuple(first),)), desk)
    assert late.result() is True
    assert [note["trial"] for note in first + second] == [needed.trial, extra.trial]
    assert say(desk, "Bea", extra.trial).result() is False
    desk.ask("Bea")
    desk.close()
    lost = say(desk, "Bea", desk_trial(desk))
    desk.end()
    assert isinstance(lost.exception(), NotAskedError)
    assert desk.ask("Bea") == ("done", [])


def desk_trial(desk: Desk) -> int:
    """A question of the generation that was closed."""
    return max(desk._earlier)


def test_more_comparisons_of_a_pair_change_sides_and_scenes() -> None:
    found = [one for one in questions_of(a_round(levels=(0.1, 0.2)), 4) if one.is_needed]
    assert len(found) == 4
    assert [one.is_swapped for one in found[::2]] == [found[0].is_swapped] * 2
    assert found[0].is_swapped != found[1].is_swapped
    assert {one.scene.index for one in found} == {0, 1}
    assert len({one.trial for one in found}) == 4


def test_a_candidate_without_a_partner_meets_the_leader() -> None:
    round = a_round(levels=(0.1, 0.2))
    gone = replace(round, contenders=round.contenders[:1])
    (question,) = [one for one in questions_of(gone, 1) if one.is_needed]
    assert {question.first.identity, question.second.identity} == {
        round.contenders[0].identity,
        identity_of({"level": 0.9}),
    }
