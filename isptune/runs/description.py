"""What must be known of a run's plugins to read its log: written into run.yaml, read back without them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from isptune.contracts.truthful import Truthful, l1_distortion
from isptune.errors import IsptuneError, RunDirectoryError
from isptune.parameters import ParameterSpace
from isptune.runs.again import plain_data

if TYPE_CHECKING:
    from isptune.contracts.pipeline import Pipeline

Numbers = NDArray[np.float64]

# What run.yaml says of each hidden level, in the order of the attributes of Truth.
_LEVEL: dict[str, type] = {"label": str, "unit": str, "highest": float, "start": float}


@dataclass(frozen=True)
class Truth:
    """What a pipeline's hidden levels are.

    Attributes:
        labels, units: (L,) of the levels; a unit may be empty.
        maxima: (L,) the highest levels.
        start: (L,) the levels of a candidate that sets nothing.
    """

    labels: tuple[str, ...]
    units: tuple[str, ...]
    maxima: tuple[float, ...]
    start: tuple[float, ...]

    def losses(self, levels: Numbers) -> tuple[Numbers, Numbers]:
        """The ``l1`` and ``l1_normalised``, each (E,), of levels (E, L)."""
        plain, share = l1_distortion(torch.from_numpy(levels), self.maxima)
        return plain.numpy(), share.numpy()

    @property
    def start_share(self) -> float:
        """The ``l1_normalised`` of a candidate that sets nothing."""
        return float(self.losses(np.array([self.start], dtype=np.float64))[1][0])


@dataclass(frozen=True)
class RenderedScene:
    """A scene as a run notes it: its name, its size in pixels, and where it came from."""

    name: str
    width: int
    height: int
    source: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Description:
    """What a run's plugins are to whoever reads the run.

    Attributes:
        space: what is searched.
        objective: the objectives' names, joined by ``+``.
        labels, orientations: (K,) names of the scores, and whether higher is better.
        scenes: what is tuned on.
        held_out: what only judges.
        own_scenes: the pipeline brings its scenes itself: no name in the settings chose them.
        truth: what the hidden levels are; None where nobody knows them.
        guards, guard_orientations: (G,) names of the guards, and whether higher is better.
    """

    space: ParameterSpace
    objective: str
    labels: tuple[str, ...]
    orientations: tuple[bool, ...]
    scenes: tuple[RenderedScene, ...] = ()
    own_scenes: bool = False
    truth: Truth | None = None
    guards: tuple[str, ...] = ()
    guard_orientations: tuple[bool, ...] = ()
    held_out: tuple[RenderedScene, ...] = ()

    @classmethod
    def of(
        cls,
        pipeline: Pipeline,
        objective: str,
        labels: tuple[str, ...],
        orientations: tuple[bool, ...],
        space: ParameterSpace,
        own_scenes: bool,
        guards: tuple[str, ...] = (),
        guard_orientations: tuple[bool, ...] = (),
        held_out: Pipeline | None = None,
    ) -> Description:
        """The description of a run of a pipeline; for the other arguments see the attributes.

        ``held_out`` is the pipeline with the scenes that only judge.
        """
        return cls(
            space=space,
            objective=objective,
            labels=labels,
            orientations=orientations,
            scenes=_noted(pipeline),
            held_out=() if held_out is None else _noted(held_out),
            own_scenes=own_scenes,
            truth=_truth_of(pipeline, space),
            guards=guards,
            guard_orientations=guard_orientations,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for run.yaml, which ``from_dict`` reads back."""
        found: dict[str, Any] = {
            "space": plain_data(self.space.to_dict()),
            "scored_by": self.objective,
            "scores": _columns(self.labels, self.orientations),
            "rendered": [asdict(scene) for scene in self.scenes],
        }
        if self.guards:
            found["guarded_by"] = _columns(self.guards, self.guard_orientations)
        if self.held_out:
            found["held_out"] = [asdict(scene) for scene in self.held_out]
        if self.own_scenes:
            found["own_scenes"] = True
        if self.truth is not None:
            levels = zip(*astuple(self.truth), strict=True)
            found["truth"] = [dict(zip(_LEVEL, level, strict=True)) for level in levels]
        return found

    @classmethod
    def read(cls, data: Mapping[str, Any], file: Path) -> Description | None:
        """What a run.yaml holds; None for one of isptune 0.1, which noted no scores.

        Args:
            data: what it holds.
            file: where it lies, for the message.

        Raises:
            RunDirectoryError: it was damaged or changed.
        """
        if data.get("isptune_run") == 1 and "scores" not in data:
            return None
        try:
            found = cls.from_dict(data)
            if not found.labels:
                raise ValueError("there are no scores")
        except KeyError as error:
            why = f"it lacks {error}"
        except IsptuneError as error:
            why = str(error)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            why = f"{type(error).__name__}: {error}"
        else:
            return found
        raise RunDirectoryError(
            f"'{file}' was changed after the run was started: what it notes of the run's parameters and "
            f"scores cannot be read ({why}); put it back as it was"
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Description:
        """What ``to_dict`` gave.

        Raises:
            AttributeError, KeyError, TypeError or ValueError: it is something else.
            IsptuneError: the parameters make no sense.
        """
        levels, guards = data.get("truth"), data.get("guarded_by") or ()
        return cls(
            space=ParameterSpace.from_dict(data["space"]),
            objective=str(data["scored_by"]),
            labels=tuple(str(one["label"]) for one in data["scores"]),
            orientations=tuple(bool(one["higher_is_better"]) for one in data["scores"]),
            scenes=tuple(_scene(one) for one in data["rendered"]),
            own_scenes=bool(data.get("own_scenes", False)),
            truth=None
            if levels is None
            else Truth(*(tuple(kind(one[key]) for one in levels) for key, kind in _LEVEL.items())),
            guards=tuple(str(one["label"]) for one in guards),
            guard_orientations=tuple(bool(one["higher_is_better"]) for one in guards),
            held_out=tuple(_scene(one) for one in data.get("held_out") or ()),
        )


def _columns(labels: tuple[str, ...], orientations: tuple[bool, ...]) -> list[dict[str, Any]]:
    return [
        {"label": label, "higher_is_better": higher}
        for label, higher in zip(labels, orientations, strict=True)
    ]


def _noted(pipeline: Pipeline) -> tuple[RenderedScene, ...]:
    return tuple(
        RenderedScene(str(scene.name), scene.width, scene.height, plain_data(scene.source))
        for scene in pipeline.scenes
    )


def _scene(noted: Mapping[str, Any]) -> RenderedScene:
    size = int(noted["width"]), int(noted["height"])
    return RenderedScene(str(noted["name"]), *size, noted.get("source") or {})


def _truth_of(pipeline: Pipeline, space: ParameterSpace) -> Truth | None:
    if not isinstance(pipeline, Truthful):
        return None
    labels = tuple(pipeline.truth_labels)
    return Truth(
        labels,
        tuple(pipeline.truth_units) or ("",) * len(labels),
        tuple(float(most) for most in pipeline.truth_maxima),
        tuple(levels_of(pipeline, space.start())[0].tolist()),
    )


@torch.no_grad()
def levels_of(pipeline: Truthful, values: torch.Tensor) -> Numbers:
    """(P, L) float64 hidden levels of values (P, n)."""
    found: Numbers = pipeline.truth(values).cpu().to(torch.float64).numpy()
    return found
