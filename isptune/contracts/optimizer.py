"""The contract of an optimizer: what turns losses into better candidates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isptune.contracts.free_space import Candidates, FreeSpace
from isptune.contracts.requirements import Packaged
from isptune.errors import ConfigurationError
from isptune.wording.integers import whole_number
from isptune.wording.showing import html_table, short


class Optimizer(Packaged, ABC):
    """Proposes whole batches of candidates in the unit cube and learns from their losses; it minimises.

    A subclass writes ``propose`` and ``learn``, which a run calls in turn. It needs no checks of its own:
    a run checks what is proposed, and what is learnt (``isptune.tuning.proposing``).

    Args:
        space: what may be known of the n free parameters; a whole number stands for so many real ones.
        population: the number P of candidates in a batch; the class's ``default_population`` if None.
        seed: the only source of randomness. Global generators are left as they were found.
        budget: how many evaluations the run will make, for methods that plan with it; None if unknown.
        starts: (S, n) candidates to begin at, the most promising first; none if None. The first batch
            begins with them (``begun``), or with the first P of more, and the search goes on from there in
            the method's own way. A method that ``begins_over_batches`` takes those that are left in the
            batches after it.

    Class facts:
        default_population: the batch size that suits the method.
        needs_gradient: ``learn`` must be given the gradients of the losses.
        is_multi_objective: ``learn`` takes several losses per candidate, and the search is for the whole
            front of candidates that no other beats in every loss. A run of several objectives with another
            method is refused.
        avoids_repeats: where the space has whole numbers, choices or switches, a run moves a proposed
            candidate whose values were evaluated before to others that were not, as long as there are any;
            ``learn`` gets the candidates that were evaluated. An object may change it while it runs. No run
            evaluates the same values twice, but repeats count in the budget.
        learns_from_comparisons: where the objective is a judge that ``gives_comparisons``, the run asks it to
            compare rows 0 and 1 of a batch, 2 and 3, and so on, and tells ``learn_comparisons`` the answers.
        learns_from_labels: where the score of the objective is a weighted sum of the scores of its labels,
            ``learn_labels`` is told what each adds to the losses.
        begins_over_batches: starts that the first batch has no room for come in the next ones. A run gives
            such a method at most a third of its evaluations as starts.
        default_budget: how many evaluations a run makes where nothing is said; None for as many as all.
        chooses: it stands for others: a run asks its class method ``choose(situation, **options)`` with an
            ``isptune.contracts.choosing.Situation``, and takes and notes what the ``Choice`` names.
        packaging: what has to be installed.

    Raises:
        ConfigurationError: an argument that cannot be.

    Rules that the conformance suite ``isptune.testing.OptimizerConformance`` checks: every coordinate
    lies in [0, 1]; the same seed and the same losses give the same candidates to the last bit; a loss may be
    +inf (a candidate that failed), which it then is in all columns, and never NaN.
    """

    default_population: ClassVar[int] = 30
    needs_gradient: ClassVar[bool] = False
    is_multi_objective: ClassVar[bool] = False
    learns_from_comparisons: ClassVar[bool] = False
    learns_from_labels: ClassVar[bool] = False
    begins_over_batches: ClassVar[bool] = False
    chooses: ClassVar[bool] = False
    default_budget: ClassVar[int | None] = None
    avoids_repeats: bool = False
    aliases: ClassVar[tuple[str, ...]] = ()

    name: str = ""
    options: dict[str, Any]

    def __init__(
        self,
        space: FreeSpace | int,
        population: int | None = None,
        seed: int = 0,
        budget: int | None = None,
        starts: ArrayLike | None = None,
    ) -> None:
        self.space = space if isinstance(space, FreeSpace) else FreeSpace.of_reals(space)
        self.dimension = self.space.dimension
        self.population = whole_number(
            "the population", self.default_population if population is None else population, 1
        )
        self.seed = whole_number("the seed", seed, 0)
        self.budget = None if budget is None else whole_number("the budget", budget, 1)
        self.starts = _checked_starts(starts, self.dimension)

    def __repr__(self) -> str:
        return short("Optimizer", self.called, *self._shown_facts())

    def _repr_html_(self) -> str:
        return html_table("", ["optimizer", "facts"], [[self.called, ", ".join(self._shown_facts())]])

    def _shown_facts(self) -> list[str]:
        """What there is to say of it; a subclass that is not ready yet has less."""
        given = {key: getattr(self, key, None) for key in ("dimension", "population", "seed")}
        facts = [f"{key} {value}" for key, value in given.items() if value is not None]
        facts += ["needs gradients"] if self.needs_gradient else []
        return facts + (["takes several objectives"] if self.is_multi_objective else [])

    @property
    def called(self) -> str:
        """The registered name, or the class's."""
        return self.name or type(self).__name__

    @abstractmethod
    def propose(self) -> Candidates:
        """The next batch: (P, n) float64 in [0, 1]."""

    @abstractmethod
    def learn(self, candidates: Candidates, losses: Candidates, gradients: Candidates | None = None) -> None:
        """Take the losses of the batch that ``propose`` gave.

        Args:
            candidates: (P, n), what was evaluated: what was proposed, but for repeats that were moved.
            losses: (P, K), lower is better, +inf for a candidate that failed; K is 1, or the number of
                objectives where the class ``is_multi_objective``, and stays the same.
            gradients: (P, n), the losses' gradients in the unit cube, where ``needs_gradient``.
        """

    def learn_comparisons(self, pairs: Candidates, shares: Candidates) -> None:
        """Take what was answered in a generation, just before ``learn`` is told its losses.

        Args:
            pairs: (C, 2, n) which candidates were compared: of this batch, or of those before.
            shares: (C,) of the win that went to the first one: 1, 0.5 or 0.
        """

    def learn_labels(self, parts: Candidates) -> None:
        """Take what the losses of a batch are made of, just before ``learn`` is told them.

        Args:
            parts: (P, L), what each label adds to the loss; what is left of it was added by the run. NaN in
                the row of a candidate that failed.
        """

    def learn_estimates(self, estimated: NDArray[np.bool_]) -> None:
        """Take which losses are estimates, just before ``learn`` is told them.

        A race drops candidates before they are evaluated in full (``isptune.tuning.racing``). An estimate is
        noisy, and moved behind all losses of its batch that are none: methods that rank need not know, and
        those that model the losses should trust it less.

        Args:
            estimated: (P,) of the batch that ``propose`` gave.
        """

    def recall(self, candidates: Candidates) -> Candidates:
        """The next batch, of which a log says that it was ``candidates``: that of ``propose``.

        A resumed run asks for each logged batch so and refuses a log whose candidates are others. Where
        proposing takes long and changes nothing that later batches depend on, override it to give
        ``candidates`` back.
        """
        return self.propose()

    def begun(self, batch: Candidates) -> Candidates:
        """A first batch (P, n) with the starts in place of its first rows."""
        found = np.array(batch, dtype=np.float64)
        found[: len(self.starts)] = self.starts[: len(found)]
        return found


def _checked_starts(starts: ArrayLike | None, dimension: int) -> Candidates:
    """(S, n) candidates of a caller's array, which is left to the caller."""
    if starts is None:
        return np.empty((0, dimension))
    try:
        found = np.array(starts, dtype=np.float64)
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"starts holds what is no number; allowed: (S, {dimension}) numbers in [0, 1]"
        ) from None
    if found.ndim != 2 or found.shape[1] != dimension:
        raise ConfigurationError(
            f"starts has the shape {found.shape}; allowed: (S, {dimension}), one candidate a row"
        )
    wrong = ~((found >= 0.0) & (found <= 1.0))
    if wrong.any():
        row, column = (int(place) for place in np.argwhere(wrong)[0])
        raise ConfigurationError(f"start {row} has the coordinate {found[row, column]:g}, outside [0, 1]")
    return found
