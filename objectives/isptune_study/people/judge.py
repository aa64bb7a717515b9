"""The registered judge ``people``: candidates compared by people, who answer on a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from isptune.contracts.judge import Judge
from isptune.contracts.requirements import Packaging
from isptune.contracts.round import Comparison, Note, Round
from isptune.errors import ConfigurationError
from isptune_study.people.askers import Asker
from isptune_study.people.desk import Desk
from isptune_study.people.posterior import remark_of, verdict_of
from isptune_study.people.questions import questions_of
from isptune_study.preferences import PreferenceSearch
from isptune_study.study_tables import FORMULAS

NAME = "people"


class People(Judge):
    """One or more people, who say which of two pictures they prefer.

    A run with it serves a page (see ``isptune study serve``) and says each observer's link. Without another
    optimizer it takes ``preference``, whose generations are pairs: a budget of 200 evaluations is 100 pairs.
    With any other, each candidate is compared with the leader. Scores follow from all answers so far by a
    Gaussian process over the settings (``isptune_study.preferences``), in JOD above the start of the space,
    which is the factory's default where there is one: at 1 JOD three of four people prefer the candidate.
    HIGHER is better. With every answer the scores of all earlier candidates are seen anew.

    Every answer is in the run's notes before the next pair shows, so a run that was stopped goes on where it
    was, on another day as well. A person who would have to wait for others compares more candidates of the
    generation meanwhile, the leader and the default among them.

    Args:
        observers: the names of the people; each gets a link.
        comparisons: how often each pair is compared; with an optimizer that asks for no pairs, how many
            others each candidate meets.
        host: the address of the page; other than the loopback one other machines reach it.
        port: of the page; 0 for a free one, and for the same one on another day.
        references: show the scene's reference as well, where there is one.
        title: of the page.
        question: above each pair.

    Example:
        >>> import isptune
        >>> isptune.create_objective("people", observers=["Ada"]).higher_is_better
        True
    """

    gives_comparisons = True
    revises = True
    default_optimizer = "preference"
    packaging = Packaging(requires=("fastapi", "uvicorn"), extra="study")

    def __init__(
        self,
        observers: list[str] | None = None,
        comparisons: Annotated[int, Field(ge=1, le=100)] = 1,
        host: str = "127.0.0.1",
        port: Annotated[int, Field(ge=0, le=65535)] = 0,
        references: bool = True,
        title: str = "Comparing settings",
        question: str = "Which picture is better?",
    ) -> None:
        self.observers = _names(observers)
        self.comparisons_each = comparisons
        self.host, self.port = host, port
        self.references, self.title, self.question = references, title, question
        self._desk = Desk()
        self._asker: Asker | None = None
        self._search: PreferenceSearch | None = None

    def make_asker(self) -> Asker:
        """Who puts the questions to people: the page."""
        from isptune_study.people.page import Page

        return Page(self.observers, self.host, self.port, self.title, self.question, self.references)

    def judge(self, round: Round) -> list[float]:
        self._desk.open(round, questions_of(round, self.comparisons_each))
        if not self._desk.is_complete:
            if self._asker is None:
                self._asker = self.make_asker()
            self._asker.attend(self._desk)
        notes = [*(note for notes in round.earlier for note in notes), *self._desk.close()]
        comparisons = self.comparisons(notes)
        verdict = verdict_of(round, comparisons, self._searching(round))
        earlier = {
            one.identity: verdict.scores[one.identity] for one in round.past if one.identity in verdict.scores
        }
        who = [note["observer"] for note in notes if "share" in note]
        round.revise(earlier, remark_of(verdict, len(comparisons), who))
        return [verdict.scores[one.identity] for one in round.contenders]

    def comparisons(self, notes: Sequence[Note]) -> list[Comparison]:
        return [
            Comparison(note["first"], note["second"], float(note["share"]))
            for note in notes
            if "share" in note
        ]

    def end(self) -> None:
        if self._asker is not None:
            self._asker.end(self._desk)
        self._asker, self._desk = None, Desk()

    def _searching(self, round: Round) -> PreferenceSearch | None:
        """What learns the kernel; it keeps the latest one, which follows from the answers alone."""
        dimensions = len(round.contenders[0].point)
        if dimensions and (self._search is None or self._search.dimensions != dimensions):
            self._search = PreferenceSearch(dimensions)
        return self._search if dimensions else None


def _names(given: list[str] | None) -> list[str]:
    """The names of the observers.

    Raises:
        ConfigurationError: there is none, one is there twice, or one is no name.
    """
    names = ["observer"] if given is None else [name.strip() for name in given]
    if not names:
        raise ConfigurationError(f"observers of '{NAME}' is []; allowed: at least one name")
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise ConfigurationError(f"observers of '{NAME}' names '{twice}' twice; allowed: different names")
    wrong = next(
        (
            name
            for name in names
            if not name.isprintable() or not 0 < len(name) <= 80 or name.startswith(FORMULAS)
        ),
        None,
    )
    if wrong is not None:
        raise ConfigurationError(
            f"observers of '{NAME}' holds {wrong!r}; allowed: names of 1 to 80 printable characters, none of "
            f"{' '.join(FORMULAS)} at the begin"
        )
    return names
