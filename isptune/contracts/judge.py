"""The contract of a judge: an objective that ranks a whole generation, such as people or a tournament."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from isptune.contracts.objective import Objective
from isptune.contracts.requirements import Memory
from isptune.errors import ConfigurationError, EvaluationError
from isptune.wording.allowed import shown

Note = Mapping[str, Any]
"""What a judge noted: plain data, as JSON gives it back."""


@dataclass(frozen=True, eq=False)
class JudgedScene:
    """A scene as a judge sees it.

    Attributes:
        index: its place among the round's scenes.
        name: for messages and captions.
        size: (height, width) in pixels.
        reference: (3, H, W) float32 on the CPU, what results are compared with; None where there is none.
    """

    index: int
    name: str
    size: tuple[int, int]
    reference: Tensor | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Contender:
    """A candidate in a round.

    Attributes:
        identity: a short text that follows from the values: equal for equal ones, in every run.
        values: of all parameters, by name.
        pictures: one a scene, (3, H, W) float32 RGB in [0, 1] on the CPU; not to be written into. Those of
            a leader are made when they are asked for.
    """

    identity: str
    values: Mapping[str, Any]
    pictures: Sequence[Tensor] = field(repr=False)

    def picture(self, scene: JudgedScene | int) -> Tensor:
        """(3, H, W), its picture of one of the round's scenes."""
        return self.pictures[scene if isinstance(scene, int) else scene.index]


@dataclass(frozen=True, eq=False)
class Leader(Contender):
    """The best contender of earlier generations.

    Attributes:
        score: what the judge gave it then.
    """

    score: float = 0.0


@dataclass(frozen=True, eq=False)
class Round:
    """One generation as a judge gets it.

    Attributes:
        generation: its number in the run, from 0.
        contenders: the candidates that have pictures, each identity once.
        scenes: what there are pictures of.
        leader: the best contender of the generations before by this judge's scores; None where there is
            none. Comparing with it makes the scores of all generations one scale.
        notes: what the judge noted in this generation before the run was killed or failed; empty otherwise.
        earlier: what it noted in the generations before, one tuple for each.
        write: keeps a note; ``note`` calls it.
    """

    generation: int
    contenders: tuple[Contender, ...]
    scenes: tuple[JudgedScene, ...]
    leader: Leader | None = None
    notes: tuple[Note, ...] = ()
    earlier: tuple[tuple[Note, ...], ...] = ()
    write: Callable[[Note], None] = field(default=lambda note: None, repr=False)

    def note(self, data: Note) -> None:
        """Keep an answer: when this returns, it outlives the process. It may be called from any thread.

        Args:
            data: a mapping of plain data: texts, finite numbers, truth values, None, lists and mappings.

        Raises:
            EvaluationError: it is something else.
            RunDirectoryError: it cannot be written.
        """
        try:
            if not isinstance(data, Mapping):
                raise TypeError
            plain = json.loads(json.dumps(dict(data), allow_nan=False))
        except (TypeError, ValueError):
            raise EvaluationError(
                f"note got {shown(data)}; needed: a mapping of plain data that JSON can hold"
            ) from None
        self.write(plain)


class Judge(Objective):
    """An objective that scores the candidates of a generation together; subclass it and write ``judge``.

    People who compare pictures, a tournament, a model that ranks. A judge keeps nothing between rounds: its
    scores follow from the round and the notes alone. A run that is killed in the middle of a generation then
    gives it the same round again with the notes it had made, and no question that was answered is asked
    again::

        class Taste(isptune.Judge):
            \"\"\"A person at the terminal says how much each candidate is worth.\"\"\"

            def judge(self, round):
                known = {note["who"]: note["worth"] for note in round.notes}
                for contender in round.contenders:
                    if contender.identity not in known:
                        known[contender.identity] = self.ask(contender.pictures)
                        round.note({"who": contender.identity, "worth": known[contender.identity]})
                return [known[contender.identity] for contender in round.contenders]

            def ask(self, pictures):
                return float(pictures[0].mean())

    Scores of all generations of a run are compared with each other. What ranks by comparison alone has to
    compare with ``round.leader`` as well, and to count from its score.

    Candidates whose values were judged before keep their scores and take part in no further round. A run
    holds the pictures of a whole generation in main memory for its judges.

    Class facts are those of ``Objective``. ``needs_reference`` says that scenes without a reference are
    refused; gradients there are none. The conformance suite ``isptune.testing.JudgeConformance`` checks the
    rest.
    """

    is_judge = True
    # It scores no micro-batches.
    memory = Memory(images=0.0)

    @abstractmethod
    def judge(self, round: Round) -> Sequence[float]:
        """Score the contenders of a round.

        Args:
            round: what there is to judge.

        Returns:
            (P,) finite scores, one a contender in the round's order, in the orientation of
            ``higher_is_better``: a list, an array or a tensor. NaN stands for a contender that cannot be
            judged, which has then failed.
        """

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        """Refused with a ConfigurationError: pictures by themselves have no scores."""
        raise scores_no_pictures(self.name or type(self).__name__)

    def scores(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        """Refused with a ConfigurationError: pictures by themselves have no scores."""
        raise scores_no_pictures(self.name or type(self).__name__)


def scores_no_pictures(name: str) -> ConfigurationError:
    """The refusal of a judge where pictures are scored one by one."""
    return ConfigurationError(
        f"the objective '{name}' is a judge: it ranks the candidates of a run and scores no pictures by "
        "themselves; choose another one ('isptune list objectives' tells them apart)"
    )


def identity_of(values: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that follow from the values of all parameters, whatever their order.

    Example:
        >>> identity_of({"gain": 1.0, "method": "median"}) == identity_of({"method": "median", "gain": 1.0})
        True
    """
    # Adding zero makes one zero of both.
    plain = {name: value + 0.0 if isinstance(value, float) else value for name, value in values.items()}
    text = json.dumps(plain, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
