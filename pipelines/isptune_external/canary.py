"""A canary: before a run, every parameter must change the picture, and the same values must repeat it.

Programs ignore keys that they do not know, skip settings of another version and exit with code 0. A run on
such a parameter would search for nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isptune import ParameterSpace, Pipeline
from isptune.errors import ConfigurationError, EvaluationError
from isptune.tuning.developing import Developing
from isptune.wording.naming import listed

# A parameter may matter in some pictures alone, as the protection of highlights does where it gets brighter:
# so many other candidates are tried before it is said to do nothing.
_CONTEXTS = 3
# Pictures of a parameter that does nothing are as far apart as two of the same values.
_MORE = 1.2
_SEED = 20

logger = logging.getLogger("isptune")


@dataclass(frozen=True)
class _Try:
    """Two candidates that differ in one parameter: rows of unit coordinates."""

    base: Tensor
    moved: Tensor


def check_canary(pipeline: Pipeline, space: ParameterSpace | None = None, tolerance: float = 0.0) -> None:
    """Refuse a pipeline of which a parameter does nothing, or whose pictures do not repeat.

    It develops the smallest scene in the pipeline's own workers, twice at the defaults and once or more for
    each parameter, without the cache.

    Args:
        pipeline: writes ``develop``. Parameters that its ``matter_in_some`` names are not refused where
            they do nothing and others do something: a warning names them.
        space: what is searched of its space; all of it if None.
        tolerance: how much two pictures of the same values may differ, as a mean over the picture where
            white is 1. A parameter must do clearly more than the two pictures of the defaults differ.

    Raises:
        ConfigurationError: one sentence that names every parameter that does nothing, or says that the
            defaults gave two different pictures.
        EvaluationError: the defaults give no picture at all.
    """
    space = pipeline.space if space is None else space
    index = min(range(len(pipeline.scenes)), key=lambda place: np.prod(pipeline.scenes[place].size))
    called = f"the pipeline '{pipeline.name}'"
    where = f"on the scene '{pipeline.scenes[index].name}'"
    with Developing(pipeline, space, replace(pipeline.development, cache_gb=0.0)) as developing:

        def pictures(rows: Sequence[Tensor]) -> list[NDArray[np.float32] | str]:
            """A picture for each row of unit coordinates, or why there is none."""
            found: dict[int, NDArray[np.float32] | str] = {}
            for one in developing.develop(space.to_values(torch.stack(list(rows))), [index]):
                found[one.candidate] = f"{one.status}: {one.reason}" if one.picture is None else one.picture
            return [found[row] for row in range(len(rows))]

        start = space.to_unit(space.start())[0]
        (first,) = pictures([start])
        if isinstance(first, str):
            raise EvaluationError(f"{called} makes no picture of its defaults {where}: it {first}")
        left = [parameter.name for parameter in space.free]
        reasons: dict[str, str] = {}
        noise = 0.0
        for turn in range(2 * (1 + _CONTEXTS)):
            tries = {name: _moved(space, name, start, turn) for name in left}
            asked = {name: one for name, one in tries.items() if one is not None}
            repeat = [start] if turn == 0 else []
            rows = [*repeat, *(row for one in asked.values() for row in (one.base, one.moved))]
            if not rows:
                continue
            made = pictures(rows)
            if repeat:
                noise = _repeated(first, made.pop(0), tolerance, f"{called} {where}")
            for place, name in enumerate(asked):
                base, moved = made[2 * place], made[2 * place + 1]
                if isinstance(base, str) or isinstance(moved, str):
                    reasons[name] = base if isinstance(base, str) else str(moved)
                elif _difference(base, moved) > _MORE * noise:
                    left.remove(name)
            if not left:
                return
    matter_in_some: tuple[str, ...] = getattr(pipeline, "matter_in_some", ())
    idle = [name for name in left if name in matter_in_some and name not in reasons]
    if len(idle) == len(space.free):
        # Nothing would be left to search for.
        idle = []
    left = [name for name in left if name not in idle]
    unchanged = f"{called}: the picture of '{pipeline.scenes[index].name}' does not change with"
    if idle:
        logger.warning("%s %s; fix what need not be tuned", unchanged, _named([f"'{name}'" for name in idle]))
    if not left:
        return
    told = [f"'{name}' ({reasons[name]})" if name in reasons else f"'{name}'" for name in left]
    raise ConfigurationError(
        f"{unchanged} {_named(told)}; check the name and the "
        "range, fix what shall not be tuned, or leave this check out with the option canary=false"
    )


def _named(names: list[str]) -> str:
    return f"{'the parameter' if len(names) == 1 else 'the parameters'} {listed(names)}"


def _moved(space: ParameterSpace, name: str, start: Tensor, turn: int) -> _Try | None:
    """A candidate in which a parameter matters, and the same with it moved; None where none is found."""
    context, second = divmod(turn, 2)
    column = [parameter.name for parameter in space.free].index(name)
    base = start.clone()
    if context:
        generator = torch.Generator().manual_seed(_SEED + context)
        drawn = torch.rand(256, len(start), generator=generator, dtype=start.dtype)
        drawn[:, column] = start[column]
        base = drawn[0]
    else:
        drawn = start.expand(256, -1).clone()
        generator = torch.Generator().manual_seed(_SEED)
        # Conditions ask for ints, choices and bools alone: the others stay where they are.
        for place, parameter in enumerate(space.free):
            if parameter.kind != "float" and place != column:
                drawn[1:, place] = torch.rand(255, generator=generator, dtype=start.dtype)
    whole = space.names.index(name)
    active = space.active(space.to_values(drawn))[:, whole].nonzero()
    if not len(active):
        return None
    base = drawn[int(active[0, 0])]
    moved = base.clone()
    far = 0.1 if float(base[column]) >= 0.5 else 0.9
    moved[column] = 1 - far if second else far
    if torch.equal(*space.to_values(torch.stack([base, moved]))):
        return None
    return _Try(base, moved)


def _difference(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    return float(np.abs(first - second).mean(dtype=np.float64))


def _repeated(
    first: NDArray[np.float32], second: NDArray[np.float32] | str, tolerance: float, called: str
) -> float:
    """How far two pictures of the defaults are apart; refused where it is more than the tolerance."""
    if isinstance(second, str):
        raise EvaluationError(f"{called} made a picture of its defaults once, and then {second}")
    difference = _difference(first, second)
    if difference > tolerance:
        raise ConfigurationError(
            f"{called} makes two pictures of its defaults that differ by {difference:.3g} of white on "
            f"average, more than {tolerance:g}: let it work with one thread and a fixed seed, or leave this "
            "check out with the option canary=false"
        )
    return difference
