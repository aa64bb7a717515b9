"""The contract of an optimizer: what turns losses into better candidates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isptune.contracts.requirements import Packaged
from isptune.errors import ConfigurationError
from isptune.integers import whole_number
from isptune.showing import html_table, short

Candidates = NDArray[np.float64]


@dataclass(frozen=True)
class Steps:
    """What an optimizer may know of a space that has whole numbers, choices or switches.

    Attributes:
        counts: (n,) how many values a coordinate has, each an equal cell of [0, 1]; 0 for a real one.
        identify: gives a key for each row of (P, n) candidates; keys are equal where the values of all
            parameters are.
    """

    counts: tuple[int, ...]
    identify: Callable[[Candidates], list[bytes]]


class Optimizer(Packaged, ABC):
    """Proposes whole batches of candidates in the unit cube and is told their losses; it minimises.

    Args:
        dimension: the number n of parameters.
        population: the number P of candidates in a batch; the class's ``default_population`` if None.
        seed: the only source of randomness. Global generators are left as they were found.
        budget: how many evaluations the run will make, for methods that plan with it; None if unknown.

    Class facts:
        default_population: the batch size that suits the method.
        needs_gradient: ``tell`` must be given the gradients of the losses.
        is_multi_objective: ``tell`` takes (P, K) losses as well, the same K in every batch, and the search
            is for the whole front of candidates that no other beats in every loss. Other methods take (P,)
            alone, and a run of several objectives with one of them is refused.

        avoids_repeats: where the space has steps (``know``), no candidate is asked for whose values were
            asked for before, as long as there are others. Whoever proposes them, a run does not evaluate
            such candidates twice, but they count in its budget.
        packaging: what has to be installed.

    Rules that the conformance suite ``isptune.testing.OptimizerConformance`` checks: every coordinate
    lies in [0, 1]; ``ask`` and ``tell`` alternate; the same seed and the same losses give the same
    candidates to the last bit; a loss may be +inf (a candidate that failed), never NaN. With several
    losses a candidate that failed has +inf in all of them.
    """

    default_population: ClassVar[int] = 30
    needs_gradient: ClassVar[bool] = False
    is_multi_objective: ClassVar[bool] = False
    avoids_repeats: ClassVar[bool] = False
    aliases: ClassVar[tuple[str, ...]] = ()

    name: str = ""
    options: dict[str, Any]
    steps: Steps | None = None

    def __init__(
        self, dimension: int, population: int | None = None, seed: int = 0, budget: int | None = None
    ) -> None:
        self.dimension = whole_number("the dimension", dimension, 1)
        self.population = whole_number(
            "the population", self.default_population if population is None else population, 1
        )
        self.seed = whole_number("the seed", seed, 0)
        self.budget = None if budget is None else whole_number("the budget", budget, 1)

    def __repr__(self) -> str:
        return short("Optimizer", self.name or type(self).__name__, *self._shown_facts())

    def _repr_html_(self) -> str:
        return html_table(
            "", ["optimizer", "facts"], [[self.name or type(self).__name__, ", ".join(self._shown_facts())]]
        )

    def _shown_facts(self) -> list[str]:
        """What there is to say of it; a subclass that is not ready yet has less."""
        given = {key: getattr(self, key, None) for key in ("dimension", "population", "seed")}
        facts = [f"{key} {value}" for key, value in given.items() if value is not None]
        facts += ["needs gradients"] if self.needs_gradient else []
        return facts + (["takes several objectives"] if self.is_multi_objective else [])

    def know(self, steps: Steps) -> None:
        """Take what may be known of a space with steps; a run calls it before the first ``ask``.

        It is not called where all parameters are real numbers.
        """
        self.steps = steps

    @abstractmethod
    def ask(self) -> Candidates:
        """The next batch: (P, n) float64 in [0, 1]."""

    @abstractmethod
    def tell(self, candidates: ArrayLike, losses: ArrayLike, gradients: ArrayLike | None = None) -> None:
        """Take the losses of the batch that ``ask`` gave.

        Args:
            candidates: (P, n), what ``ask`` returned.
            losses: (P,), lower is better, +inf for a candidate that failed; or (P, K), one column per
                objective, where the class ``is_multi_objective``.
            gradients: (P, n), the losses' gradients in the unit cube, where ``needs_gradient``.
        """

    def checked(self, candidates: ArrayLike, losses: ArrayLike) -> tuple[Candidates, Candidates]:
        """What ``tell`` was given as float64 arrays, refused where shapes or values are wrong."""
        points = np.asarray(candidates, dtype=np.float64)
        values = np.asarray(losses, dtype=np.float64)
        allowed = f"({self.population},)"
        fits = values.shape == (self.population,)
        if self.is_multi_objective:
            allowed += f" or ({self.population}, K)"
            fits |= values.ndim == 2 and values.shape[0] == self.population and values.shape[1] > 0
        if points.shape != (self.population, self.dimension) or not fits:
            raise ConfigurationError(
                f"the optimizer '{self.name or type(self).__name__}' must be told candidates of the shape "
                f"({self.population}, {self.dimension}) and losses of the shape {allowed}, "
                f"got {points.shape} and {values.shape}"
            )
        if np.isnan(values).any():
            raise ConfigurationError("a loss is NaN; a candidate that failed has the loss +inf")
        return points, values
