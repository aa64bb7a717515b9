"""Who puts the questions of a generation to whom."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from isptune.errors import EvaluationError
from isptune_study.people.desk import Answer, Desk
from isptune_study.people.questions import Question


class Asker(ABC):
    """Puts the questions on a desk to people."""

    @abstractmethod
    def attend(self, desk: Desk) -> None:
        """Return when the desk is complete; it was not when this is called."""

    def end(self, desk: Desk) -> None:
        """The run is over, or stops for now."""
        desk.end()


class Answerer(Asker):
    """Asks a function, which stands for a person in tests and simulations.

    Args:
        answer: gives the left picture's share of a question: 1, 0.5 or 0.
        name: of the observer.
    """

    def __init__(self, answer: Callable[[Question], float], name: str = "simulated") -> None:
        self._answer, self._name = answer, name

    def attend(self, desk: Desk) -> None:
        while not desk.is_complete:
            state, questions = desk.ask(self._name)
            if not questions:
                raise EvaluationError(f"nothing is left to ask '{self._name}' ({state})")
            for one in questions:
                key = f"{self._name}-{one.trial:08d}"
                desk.answer(self._name, Answer(one.trial, self._answer(one), key, {})).result()
