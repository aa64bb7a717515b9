"""How a race goes before it is run: its legs, what they cost, how many generations a budget suffices for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from isptune.errors import ConfigurationError
from isptune.tuning.prechecks import check_budget
from isptune.wording.allowed import shown
from isptune.wording.integers import as_integer

if TYPE_CHECKING:
    from isptune.runs.generation import Generation
    from isptune.tuning.settings.shared import SharedSettings

# Of a generation at least this share goes on to the end.
_LEAST = 4
_MOST_PARTS = 64
_WINDOWS = re.compile(r"\s*1\s*/\s*(\d{1,3})\s*", re.ASCII)


@dataclass(frozen=True)
class Rung:
    """One leg of a race: so many scenes have been seen at its end, by so many candidates of a generation.

    Windows are a leg of their own, of 0 scenes.
    """

    scenes: int
    candidates: int


def checked_race(value: Any) -> int | str | None:
    """The setting ``race``: a number of scenes, or a share of each scene such as ``"1/8"``.

    Raises:
        ConfigurationError: it is neither.
    """
    if value is None:
        return None
    found = _WINDOWS.fullmatch(value) if isinstance(value, str) else None
    if found is not None and 2 <= int(found[1]) <= _MOST_PARTS:
        return f"1/{int(found[1])}"
    count = int(value) if isinstance(value, str) and value.strip().isdecimal() else as_integer(value)
    if isinstance(count, int) and not isinstance(count, bool) and count >= 1:
        return count
    raise ConfigurationError(
        f"race is {shown(value)}; allowed: a number of scenes from 1, or the share of each scene that "
        f"windows show, from 1/2 to 1/{_MOST_PARTS}"
    )


def parts_of(race: int | str | None) -> int | None:
    """Of what part of each scene a race's windows are, as 8 for ``"1/8"``; None where it has none."""
    return int(race.partition("/")[2]) if isinstance(race, str) else None


def rungs_of(first: int, scenes: int, population: int) -> list[Rung]:
    """The legs of a race; the last one is over all scenes.

    Args:
        first: so many scenes come first; 0 for windows.
        scenes: how many there are.
        population: candidates of a generation.

    Example:
        >>> [(rung.scenes, rung.candidates) for rung in rungs_of(2, 8, 30)]
        [(2, 30), (4, 15), (8, 8)]
        >>> [(rung.scenes, rung.candidates) for rung in rungs_of(0, 8, 30)]
        [(0, 30), (8, 8)]
    """
    least = -(-population // _LEAST)
    found = [Rung(first, population)]
    if first == 0:
        return [*found, Rung(scenes, least)]
    while found[-1].scenes < scenes:
        before = found[-1]
        candidates = max(-(-before.candidates // 2), least)
        last = 2 * before.scenes >= scenes or candidates <= least
        found.append(Rung(scenes if last else 2 * before.scenes, candidates))
    return found


def cost_of(first: int, scenes: int, population: int, windows: float = 0.0) -> float:
    """Full evaluations that a generation of a race takes where no candidate fails.

    Args:
        first, scenes, population: see ``rungs_of``.
        windows: the share of an evaluation that the windows take.
    """
    seen, total = 0, 0
    for rung in rungs_of(first, scenes, population):
        total += (rung.scenes - seen) * rung.candidates
        seen = rung.scenes
    return windows * population + total / scenes


def generations_of(budget: int, population: int, first: int, scenes: int, windows: float = 0.0) -> int:
    """How many generations of a race the budget of full evaluations suffices for; the first is seen whole.

    Example:
        >>> generations_of(150, 30, 2, 8)
        8
    """
    left = budget - population * (1 + windows)
    return 1 + max(0, int(left / cost_of(first, scenes, population, windows) + 1e-9))


def planned_generations(config: SharedSettings, scenes: int, windows: float = 0.0) -> int:
    """How many generations a run makes, unless time or patience ends it before.

    Args:
        config: with a population.
        scenes: how many the run is tuned on.
        windows: the share of an evaluation that the windows of a race take; 0 without any.
    """
    assert config.population is not None
    generations = check_budget(config.budget, config.population)
    if config.race is None or config.budget is None:
        return generations
    first = config.race if isinstance(config.race, int) else 0
    return generations_of(config.budget, config.population, first, scenes, windows)


def windows_in(generations: Sequence[Generation], race: int | str | None) -> float:
    """The share of an evaluation that windows took, as the first generation of a log says."""
    shares = generations[0].shares if generations else None
    # There all candidates met the windows, and behind them all scenes.
    return 0.0 if parts_of(race) is None or shares is None else round(float(shares.max() % 1.0), 12)
