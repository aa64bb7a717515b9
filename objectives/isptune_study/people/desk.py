"""The desk between a run and its observers: questions lie on it, and answers become notes of the run."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal

from isptune.contracts.round import Note, Round
from isptune.errors import ConfigurationError
from isptune_study.people.questions import Question
from isptune_study.storage import AnswerConflictError, NotAskedError

_PATIENCE = 60.0
"""Seconds after which a question that somebody looks at is put to others as well."""

_PRESENT = 5.0
"""Seconds since the last question after which an observer has gone."""

State = Literal["open", "wait", "done"]


@dataclass(frozen=True)
class Answer:
    """What an observer said.

    Attributes:
        trial: of the question.
        share: of the left picture: 1, 0.5 or 0.
        key: tells the same answer, sent again, from another one.
        details: how the pictures were looked at, plain data.
    """

    trial: int
    share: float
    key: str
    details: Mapping[str, Any]


class Desk:
    """Hands out the questions of a generation and takes answers, from any thread.

    All of it follows from the notes of the run; what lies here is gone with the process, and comes back when
    the same generation is judged again. An answer to a question of an earlier generation, which somebody was
    still looking at, waits for the next one and is noted there: notes of a generation that is over would
    change what follows from them.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._round: Round | None = None
        self._is_done = False
        self._questions: dict[int, Question] = {}
        # Of earlier generations, and shown by this process.
        self._earlier: dict[int, Question] = {}
        # By observer and trial the left one's share and the key; by key whose it is.
        self._given: dict[tuple[str, int], tuple[float, str]] = {}
        self._keys: dict[str, tuple[str, int]] = {}
        self._answered: set[int] = set()
        self._held: dict[str, list[int]] = {}
        self._since: dict[int, tuple[str, float]] = {}
        self._seen: dict[str, float] = {}
        self._notes: list[Note] = []
        self._old: list[Note] = []
        self._late: list[tuple[str, Answer, Question, Future[bool]]] = []

    # The run's side.

    def open(self, round: Round, questions: Sequence[Question]) -> None:
        """Lay out the questions of a generation, some of which may be answered already."""
        with self._changed:
            self._round = round
            self._questions = {one.trial: one for one in questions}
            self._given, self._keys, self._answered = {}, {}, set()
            self._held, self._since = {}, {}
            self._old = [note for notes in round.earlier for note in notes]
            self._notes = list(round.notes)
            for note in (*self._old, *self._notes):
                self._take(note)
            late, self._late = self._late, []
            for observer, answer, question, future in late:
                self._keep(observer, answer, question)
                future.set_result(True)
            self._changed.notify_all()

    @property
    def is_complete(self) -> bool:
        """Whether all needed questions are answered."""
        return all(not one.is_needed or one.trial in self._answered for one in self._questions.values())

    def wait(self, seconds: float) -> bool:
        """Wait until the generation is complete, or so long: whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self.is_complete, seconds)

    def close(self) -> list[Note]:
        """Take the questions away: all notes of the generation."""
        with self._changed:
            self._earlier |= {
                trial: self._questions[trial] for trials in self._held.values() for trial in trials
            }
            self._round = None
            self._old, self._notes, notes = [*self._old, *self._notes], [], self._notes
            return notes

    def end(self) -> None:
        """Nothing is asked any more."""
        with self._changed:
            self._is_done, self._round = True, None
            late, self._late = self._late, []
            for *_, future in late:
                future.set_exception(NotAskedError("the search is over for now"))
            self._changed.notify_all()

    # The observers' side.

    @property
    def notes(self) -> list[Note]:
        """All notes of the run so far."""
        with self._changed:
            return [*self._old, *self._notes]

    @property
    def is_over(self) -> bool:
        """Whether nothing is asked any more."""
        return self._is_done

    @property
    def has_waiting(self) -> bool:
        """Whether somebody was here a moment ago and was not told yet that it is over."""
        now = time.monotonic()
        return any(now - seen < _PRESENT for seen in self._seen.values())

    @property
    def leading(self) -> Round | None:
        """The generation that is asked about, which knows the leader and the start; None between two."""
        return self._round

    def ask(self, observer: str, count: int = 1) -> tuple[State, list[Question]]:
        """Up to so many questions for an observer: the same ones until they are answered."""
        with self._changed:
            now = time.monotonic()
            self._seen[observer] = now
            if self._is_done:
                self._seen.pop(observer)
                return "done", []
            if self._round is None or self.is_complete:
                return "wait", []
            held = [one for one in self._held.get(observer, []) if (observer, one) not in self._given]
            while len(held) < count:
                trial = self._next(observer, held, now)
                if trial is None:
                    break
                held.append(trial)
                self._since[trial] = observer, now
            self._held[observer] = held
            return ("open" if held else "wait"), [self._questions[trial] for trial in held]

    def answer(self, observer: str, answer: Answer) -> Future[bool]:
        """Keep an answer; the future is done when it is a note of the run: whether it is new.

        Raises:
            AnswerConflictError: the question was answered otherwise by this observer, or the key is another
                answer's.
            NotAskedError: there is no such question now.
            RunDirectoryError: the note cannot be written.
        """
        with self._changed:
            future: Future[bool] = Future()
            place = observer, answer.trial
            if place in self._given:
                if self._given[place] != (answer.share, answer.key):
                    raise AnswerConflictError(f"trial {answer.trial} was answered before, otherwise")
                future.set_result(False)
                return future
            if answer.key in self._keys:
                raise AnswerConflictError("the key belongs to another answer")
            if self._is_done:
                raise NotAskedError("the search is over for now")
            question = self._questions.get(answer.trial) or self._earlier.get(answer.trial)
            if question is None:
                raise NotAskedError(f"there is no trial {answer.trial} now")
            if self._round is None:
                waiting = [one for one in self._late if (one[0], one[1].trial) == place]
                if waiting:
                    return waiting[0][3]
                self._late.append((observer, answer, question, future))
                return future
            self._keep(observer, answer, question)
            future.set_result(True)
            self._changed.notify_all()
            return future

    def note(self, data: Note) -> None:
        """Keep something else than an answer.

        Raises:
            ConfigurationError: there is no generation to keep it in.
        """
        with self._changed:
            if self._round is None:
                raise ConfigurationError("the next pairs are being made; try again in a moment")
            self._round.note(data)
            self._notes.append(data)

    def _next(self, observer: str, held: Sequence[int], now: float) -> int | None:
        """The next question for an observer: needed ones first, then those that nobody else looks at."""
        mine = {trial for who, trial in self._given if who == observer} | set(held)
        open_ = [
            trial
            for trial, one in self._questions.items()
            if trial not in mine and (not one.is_needed or trial not in self._answered)
        ]
        free = [trial for trial in open_ if not self._is_held(trial, observer, now)]
        needed = [trial for trial in free if self._questions[trial].is_needed]
        if held:
            # A second one to prepare, where the others have enough.
            others = sum(now - seen < _PATIENCE for who, seen in self._seen.items() if who != observer)
            return needed[0] if len(needed) > others else None
        extra = [trial for trial in free if trial not in needed]
        return next(iter([*needed, *extra]), None)

    def _is_held(self, trial: int, observer: str, now: float) -> bool:
        who, since = self._since.get(trial, (observer, now))
        return who != observer and now - since < _PATIENCE

    def _keep(self, observer: str, answer: Answer, question: Question) -> None:
        """Note an answer; when this returns, it outlives the process."""
        assert self._round is not None
        note = {
            "trial": question.trial,
            "observer": observer,
            "first": question.first.identity,
            "second": question.second.identity,
            "scene": question.scene.name,
            "left": question.left.identity,
            "share": question.share_of_first(answer.share),
            "key": answer.key,
            **answer.details,
        }
        self._round.note(note)
        self._notes.append(note)
        self._take(note)

    def _take(self, note: Note) -> None:
        """Remember what a note says, of this process or of an earlier one."""
        if "share" not in note:
            return
        place = note["observer"], note["trial"]
        share = note["share"] if note["left"] == note["first"] else 1.0 - note["share"]
        self._given[place] = share, note["key"]
        self._keys[note["key"]] = place
        self._answered.add(note["trial"])
