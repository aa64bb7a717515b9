"""Where a search begins, and what is left to search for an optimizer that follows gradients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isptune.errors import ConfigurationError, IsptuneError
from isptune.parameters import ParameterSpace
from isptune.parameters.identity import declares_defaults, identities
from isptune.plugins import registry
from isptune.tuning.settings import RunConfig
from isptune.tuning.start_fitting import fitted
from isptune.tuning.start_settings import DEFAULT
from isptune.wording.naming import listed
from isptune.wording.showing import value_text

# Starts of a search whose number of evaluations is not known, where they may fill several batches.
_UNPLANNED = 30


@dataclass(frozen=True)
class Beginning:
    """What a run searches, and from where.

    Attributes:
        space: the pipeline's with what the settings ask of its parameters. Where the optimizer follows
            gradients, what they cannot reach is fixed at the first start.
        starts: (S, f) different candidates, the first one first; S is 0 where the optimizer begins where it
            will.
        notices: what is to be said of the space, and of candidates that were taken from other searches.
    """

    space: ParameterSpace
    starts: NDArray[np.float64]
    notices: tuple[str, ...] = ()


def room_for_starts(config: RunConfig) -> int:
    """How many starts a search evaluates: as many as its first batch, or a third of its budget where the
    optimizer takes them over several batches."""
    population = config.population or 1
    if not registry.optimizers.fact(config.optimizer.name, "begins_over_batches", False):
        return population
    return max(population, _UNPLANNED if config.budget is None else config.budget // 3)


def beginning(declared: ParameterSpace, config: RunConfig) -> Beginning:
    """What a run of a pipeline with the declared parameters searches, and from where.

    Raises:
        ConfigurationError, ParameterError: settings of parameters that make no sense, a start of another
            space, or no real parameter for an optimizer that follows gradients.
    """
    space = declared.constrained(config.parameters)
    given: Any = config.start
    said: list[str] = []
    if isinstance(given, list) and config.start_from:
        given, said = fitted(space, given, config.start_from)
    rows = _rows(space, given, config.start_places)
    if registry.optimizers.fact(config.optimizer.name, "needs_gradient", False) and not space.is_continuous:
        space, rows = _reals_alone(space, rows, config.optimizer.shown)
    if not rows:
        return Beginning(space, np.empty((0, len(space.free))), space.notices)
    unit = space.to_unit(space.from_dicts(rows)).numpy()
    first: dict[bytes, int] = {}
    for row, key in enumerate(identities(space, unit)):
        first.setdefault(key, row)
    chosen = list(first.values())
    if len(set(config.start_from)) > 1:
        said = [_of_several([config.start_from[row] for row in chosen]), *said]
    return Beginning(space, unit[chosen], (*space.notices, *said))


def _of_several(places: Sequence[str]) -> str:
    """How many candidates the search begins at, and of which runs they are."""
    counts = Counter(place or "given ones" for place in places)
    each = [f"{place} {count}" for place, count in counts.items()]
    return f"the search begins at {len(places)} candidates, the best of each run in turn: {listed(each)}"


def _rows(space: ParameterSpace, start: Any, places: Sequence[str]) -> list[dict[str, Any]]:
    """The start candidates with the values of all parameters; none where the optimizer is to choose.

    Args:
        space: that is searched.
        start: the setting.
        places: for each candidate of it the file or the run that it was read from, for messages.
    """
    if isinstance(start, list):
        found = []
        for number, (row, place) in enumerate(zip(start, places, strict=True)):
            whose = f"the start '{place}'" if place else "the start"
            if len(start) > 1:
                # Within its file, whose rows stand in their order.
                within = places[: number + 1].count(place)
                whose = f"candidate {within} of {whose}" if place else f"start {number + 1}"
            try:
                found += space.to_dicts(space.from_dicts([row]))
            except IsptuneError as error:
                # It is the only candidate of its kind.
                message = str(error).replace(" of candidate 0", "")
                raise ConfigurationError(f"{whose} does not fit the search: {message}") from None
        return found
    if start == DEFAULT or (start is None and declares_defaults(space)):
        return space.to_dicts(space.start())
    return []


def _reals_alone(
    space: ParameterSpace, rows: Sequence[Mapping[str, Any]], optimizer: str
) -> tuple[ParameterSpace, list[dict[str, Any]]]:
    """The space with everything but real numbers fixed at the first start, and the starts within it."""
    first = rows[0] if rows else space.to_dicts(space.start())[0]
    stay = {one.name: first[one.name] for one in space.free if not one.is_real}
    where = listed(f"'{name}' at {value_text(value, 12)}" for name, value in stay.items())
    try:
        narrowed = space.constrained(fix=stay)
    except ConfigurationError:
        raise ConfigurationError(
            f"the optimizer '{optimizer}' follows gradients, which only real numbers have, and none is left "
            f"to tune with {where}; choose an optimizer without gradients, such as 'es'"
        ) from None
    free = {one.name for one in narrowed.free}
    idle = [one.name for one in space.free if one.name not in free and one.name not in stay]
    sentence = f"the optimizer '{optimizer}' tunes real numbers alone; it leaves {where}"
    if idle:
        sentence += f", and with that {listed(map(repr, idle))} without effect"
    narrowed.notices = (*narrowed.notices, sentence)
    taken = {*narrowed.fixed, *narrowed.ties}
    return narrowed, [{name: row[name] for name in row if name not in taken} for row in rows]
