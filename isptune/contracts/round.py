"""What a judge gets: one generation as a round of contenders, with notes of what was answered before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from isptune.errors import EvaluationError
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
        point: (f,) the free parameters' coordinates in the unit cube; empty where they are not known.
    """

    identity: str
    values: Mapping[str, Any]
    pictures: Sequence[Tensor] = field(repr=False)
    point: tuple[float, ...] = ()

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


@dataclass(frozen=True)
class Comparison:
    """What was answered about two candidates, which their identities stand for.

    Attributes:
        first, second: the candidates.
        share: of the win that went to the first: 1, 0, or 0.5 where neither was better.
    """

    first: str
    second: str
    share: float


@dataclass(frozen=True)
class Judged:
    """A candidate of an earlier generation, without its pictures.

    Attributes:
        identity: as a contender's.
        point: (f,) in the unit cube of the free parameters.
        score: what the judge says of it by now; NaN where it was not judged.
    """

    identity: str
    point: tuple[float, ...]
    score: float


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
        pairs: the identities of those that the optimizer wants to have compared with each other; nothing
            where it leaves that to the judge.
        start: where the space starts, the factory's defaults where there are any; its pictures are made
            when they are asked for. None where nobody knows.
        past: the candidates of earlier generations, each identity once, for a judge that ``revises``.
        write: keeps a note; ``note`` calls it.
        change: takes what ``revise`` is given.
    """

    generation: int
    contenders: tuple[Contender, ...]
    scenes: tuple[JudgedScene, ...]
    leader: Leader | None = None
    notes: tuple[Note, ...] = ()
    earlier: tuple[tuple[Note, ...], ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    start: Contender | None = None
    past: tuple[Judged, ...] = field(default=(), repr=False)
    write: Callable[[Note], None] = field(default=lambda note: None, repr=False)
    change: Callable[[Mapping[str, float], str], None] = field(
        default=lambda scores, remark: None, repr=False
    )

    def revise(self, scores: Mapping[str, float], remark: str = "") -> None:
        """Say what earlier candidates are worth by all that is known now; the last call of a round counts.

        From then on the run goes by these scores: its leader, its result, its report.

        Args:
            scores: of candidates in ``past``, by identity; those that are left out keep theirs.
            remark: a sentence about how sure that is, for whoever reads the result.
        """
        self.change(scores, remark)

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
