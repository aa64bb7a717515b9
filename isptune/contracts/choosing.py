"""What an optimizer that stands for others is told of a run, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from isptune.contracts.free_space import FreeSpace


@dataclass(frozen=True)
class Situation:
    """What is known of a run before its optimizer is chosen.

    Attributes:
        space: the parameters that are searched.
        budget: how many evaluations there will be, where time ends the run about as many; None if unknown.
        population: how many candidates a batch must have; None where that is free.
        objectives: the number K of losses.
        gradients: whether they reach all parameters from a single loss.
        judged: whether candidates are compared with each other rather than scored: losses are then noisy, and
            a batch of one says nothing.
        raced: whether the run has races, see ``isptune.tuning.racing``: the losses of what they drop are
            estimates.
        measure: gives the seconds that one evaluation takes, by one that is not counted; None where that
            cannot be told.
    """

    space: FreeSpace
    budget: int | None = None
    population: int | None = None
    objectives: int = 1
    gradients: bool = False
    judged: bool = False
    raced: bool = False
    measure: Callable[[], float] | None = None


@dataclass(frozen=True)
class Choice:
    """The optimizer of a run.

    Attributes:
        optimizer: its registered name.
        reason: why, to be read after "because": "150 evaluations are few".
        population: candidates in a batch, where none was asked for; None for the optimizer's own.
        options: of the optimizer.
    """

    optimizer: str
    reason: str
    population: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
