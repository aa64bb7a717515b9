"""Judges in a run: each gets one round a generation, with what it noted of it before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isptune.contracts.judge import Judge
from isptune.contracts.pipeline import Pipeline, Scene
from isptune.contracts.round import Contender, Judged, JudgedScene, Leader, Round, identity_of
from isptune.errors import EvaluationError
from isptune.parameters import ParameterSpace
from isptune.runs.judgements import Judgements
from isptune.tuning.blame import blame, called, is_out_of_memory
from isptune.wording.allowed import shown

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Best:
    """A judge's best candidate of earlier generations: (f,) in the unit cube, and what it scored."""

    candidate: Numbers
    score: float


@dataclass
class Revisions:
    """What the judges of a generation say anew of earlier candidates.

    Attributes:
        scores: by the label of a judge's column, of candidates by identity.
        remarks: the judges' sentences about that.
    """

    scores: dict[str, Mapping[str, float]] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)

    def take(self, label: str, scores: Mapping[str, float], remark: str) -> None:
        """Keep what a judge says; its last word counts."""
        self.scores[label], self.remarks[label] = scores, remark

    @property
    def remark(self) -> str:
        """What all judges say."""
        return " ".join(filter(None, self.remarks.values()))


@dataclass(frozen=True)
class Standing:
    """How far a run has come when its judges are asked.

    Attributes:
        generation: the number of the one to judge.
        best: of earlier generations, by the label of the judge's column; nothing where there is none.
        judgements: what was noted, and where notes go.
        pairs: the identities of those that the optimizer wants to have compared.
        past: the candidates of earlier generations, by the label of a judge that revises their scores.
        revisions: takes these.
    """

    generation: int = 0
    best: Mapping[str, Best] = field(default_factory=dict)
    judgements: Judgements = field(default_factory=Judgements)
    pairs: tuple[tuple[str, str], ...] = ()
    past: Mapping[str, tuple[Judged, ...]] = field(default_factory=dict)
    revisions: Revisions = field(default_factory=Revisions)


class Judging:
    """Asks the judges of a run.

    Args:
        pipeline: gives the references.
        judges: by the label of each one's column.
        space: what candidates are of.
        render: makes (1, 3, H, W) of (1, n) values on a scene. Leaders are always rendered by themselves and
            anew in every sitting, so that a run which was killed sees them to the same bit.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        judges: Mapping[str, Judge],
        space: ParameterSpace,
        render: Callable[[Tensor, Scene], Tensor],
    ) -> None:
        self._pipeline = pipeline
        self._judges = dict(judges)
        self._space = space
        self._render = render
        self._scenes: tuple[JudgedScene, ...] | None = None
        # The pictures of the leaders of the latest generation, by identity.
        self._leading: dict[str, _Rendered] = {}
        self._start: Contender | None = None

    @torch.no_grad()
    def judge(
        self,
        unit: Tensor,
        rows: Sequence[int],
        pictures: Sequence[Mapping[int, Tensor]],
        standing: Standing,
    ) -> tuple[Numbers, dict[int, str]]:
        """Have the candidates of a generation judged.

        Args:
            unit: (P, f) in the unit cube.
            rows: those that have pictures on all scenes.
            pictures: for each scene, (3, H, W) float32 on the CPU by row.
            standing: how far the run has come.

        Returns:
            (P, J) scores, a column for each judge, NaN where a candidate had no picture or was not judged,
            and why candidates were not judged, by their row.

        Raises:
            EvaluationError: a judge raised, or gave something else than a score for each contender.
            IsptuneError: it says that a setting is wrong, or a note cannot be written.
        """
        given = np.full((len(unit), len(self._judges)), np.nan)
        failures: dict[int, str] = {}
        values = self._space.to_dicts(self._space.to_values(unit))
        # Candidates of equal values are one contender.
        places: dict[str, list[int]] = {}
        for row in rows:
            places.setdefault(identity_of(values[row]), []).append(row)
        leaders = self._leaders(standing.best)
        for column, (label, judge) in enumerate(self._judges.items()):
            identities = [one for one, same in places.items() if same[0] not in failures]
            if not identities:
                break
            contenders = tuple(
                Contender(
                    one,
                    values[places[one][0]],
                    tuple(scene[places[one][0]] for scene in pictures),
                    tuple(unit[places[one][0]].tolist()),
                )
                for one in identities
            )
            scores = self._asked(judge, label, contenders, leaders.get(label), standing)
            for identity, score in zip(identities, scores.tolist(), strict=True):
                for row in places[identity]:
                    given[row, column] = score
                    if np.isnan(score):
                        failures[row] = f"the objective '{called(judge)}' could not judge it"
                    elif np.isinf(score):
                        failures[row] = f"it scored {label} {score}"
        return given, failures

    def _asked(
        self,
        judge: Judge,
        label: str,
        contenders: tuple[Contender, ...],
        leader: Leader | None,
        standing: Standing,
    ) -> Numbers:
        """(P,) the scores of one judge."""
        generation, judgements = standing.generation, standing.judgements
        round = Round(
            generation=generation,
            contenders=contenders,
            scenes=self._seen(),
            leader=leader,
            notes=judgements.notes(label, generation),
            earlier=judgements.earlier(label, generation),
            pairs=standing.pairs,
            start=self._started(),
            past=standing.past.get(label, ()),
            write=partial(judgements.note, label, generation),
            change=partial(standing.revisions.take, label),
        )
        name = f"the objective '{called(judge)}'"
        try:
            with blame(name):
                return _checked(judge.judge(round), len(contenders))
        except Exception as error:
            if is_out_of_memory(error):
                said = f"{name} failed: there is not enough memory"
            elif isinstance(error, EvaluationError):
                # What the pipeline did to a leader is not the judge's mistake.
                said = str(next((one.error for one in self._lazily() if one.error), error))
            else:
                raise
            if judgements.path is not None:
                said += f"; what was answered is kept, go on with: isptune resume {judgements.path.parent}"
            raise EvaluationError(said) from error

    def _lazily(self) -> list[_Rendered]:
        """What is rendered where a judge asks for it."""
        start = [] if self._start is None else [self._start.pictures]
        return [one for one in (*self._leading.values(), *start) if isinstance(one, _Rendered)]

    def _seen(self) -> tuple[JudgedScene, ...]:
        if self._scenes is None:
            found = []
            for index, scene in enumerate(self._pipeline.scenes):
                reference = self._pipeline.reference(scene)
                held = None if reference is None else _plain(reference[0])
                found.append(JudgedScene(index, scene.name, (scene.height, scene.width), held))
            self._scenes = tuple(found)
        return self._scenes

    def _leaders(self, best: Mapping[str, Best]) -> dict[str, Leader]:
        """The leaders by label; what was rendered of them for the generation before is kept."""
        leaders, before, self._leading = {}, self._leading, {}
        for label, one in best.items():
            values = self._space.to_values(torch.from_numpy(one.candidate[None]))
            (named,) = self._space.to_dicts(values)
            identity = identity_of(named)
            if identity not in self._leading:
                made = before.get(identity)
                self._leading[identity] = made or _Rendered(values, self._pipeline.scenes, self._render)
            point = tuple(one.candidate.tolist())
            leaders[label] = Leader(identity, named, self._leading[identity], point, score=one.score)
        return leaders

    def _started(self) -> Contender:
        """The start of the space, whose pictures are kept once they were asked for."""
        if self._start is None:
            point = start_of(self._space)
            values = self._space.to_values(torch.from_numpy(point))
            (named,) = self._space.to_dicts(values)
            pictures = _Rendered(values, self._pipeline.scenes, self._render)
            self._start = Contender(identity_of(named), named, pictures, tuple(point[0].tolist()))
        return self._start


class _Rendered(Sequence[Tensor]):
    """The pictures of one candidate, made when they are asked for.

    Attributes:
        error: what the pipeline raised over one of them.
    """

    def __init__(
        self, values: Tensor, scenes: Sequence[Scene], render: Callable[[Tensor, Scene], Tensor]
    ) -> None:
        self._values, self._scenes, self._render = values, scenes, render
        self._made: dict[int, Tensor] = {}
        self._lock = threading.Lock()
        self.error: EvaluationError | None = None

    def __len__(self) -> int:
        return len(self._scenes)

    def __getitem__(self, scene: Any) -> Any:
        places = range(len(self))[scene]
        return self._picture(places) if isinstance(places, int) else [self._picture(one) for one in places]

    def _picture(self, scene: int) -> Tensor:
        with self._lock:
            if scene not in self._made:
                try:
                    self._made[scene] = _plain(self._render(self._values, self._scenes[scene])[0])
                except EvaluationError as error:
                    self.error = error
                    raise
            return self._made[scene]


def start_of(space: ParameterSpace) -> Numbers:
    """(1, f) where a space starts, in the unit cube."""
    found: Numbers = space.to_unit(space.start()).numpy().reshape(1, -1)
    return found


def _plain(picture: Tensor) -> Tensor:
    return picture.detach().to("cpu", torch.float32)


def _checked(found: Any, count: int) -> Numbers:
    """What a judge gave as (P,) float64, or an EvaluationError."""
    needed = f"needed: {count} number{'' if count == 1 else 's'}, one a contender"
    try:
        given = np.asarray(found.detach().cpu().double() if isinstance(found, Tensor) else found)
    except (TypeError, ValueError):
        given = np.asarray(None)
    if given.dtype.kind not in "fiu":
        raise EvaluationError(f"judge gave {shown(found)}; {needed}")
    if given.shape != (count,):
        raise EvaluationError(f"judge gave numbers of the shape {given.shape}; {needed}")
    return given.astype(np.float64)
