"""The registered optimizer ``preference``: the search by comparisons as a run drives it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from isptune.contracts.free_space import Candidates, FreeSpace
from isptune.contracts.optimizer import Optimizer
from isptune_study.preferences import PreferenceSearch


class PreferenceOptimizer(Optimizer):
    """A search by comparisons: which of two is better, and never by how much.

    Rows 0 and 1 of a batch are a pair to compare, 2 and 3 the next one, and so on: a budget of 200
    evaluations is 100 pairs. A Gaussian process learns from the answers (``isptune_study.preferences``). The
    first pairs, four for each parameter, are random; then two draws of what is known choose a pair (double
    Thompson sampling). With a judge that gives comparisons, such as ``people``, all of its answers count.
    With any other objective the losses of a pair are compared, of which only the order matters.

    Args:
        space: the n parameters, or their number where all are real.
        population: the candidates in a batch, 2 by default; pairs of a larger one can be answered by several
            people at the same time. The last one of an odd batch is compared with the best so far.
        seed: the only source of randomness.
        budget: not used.
        starts: compared first, in place of random ones.

    Example:
        >>> optimizer = PreferenceOptimizer(space=2, seed=0)
        >>> optimizer.propose().round(2).tolist()[0]
        [0.5, 0.5]
    """

    default_population = 2
    default_budget = 300
    learns_from_comparisons = True

    def __init__(
        self,
        space: FreeSpace | int,
        population: int | None = None,
        seed: int = 0,
        budget: int | None = None,
        starts: ArrayLike | None = None,
    ) -> None:
        super().__init__(space, population, seed, budget, starts)
        first = self.starts[0] if len(self.starts) else None
        self._search = PreferenceSearch(self.dimension, self.seed, first)
        self._pairs, self._shares = np.empty((0, 2, self.dimension)), np.empty(0)
        self._batches = 0
        self._was_told = False
        # The best by losses, where nobody compares.
        self._best: tuple[Candidates, float] = self._search.start, np.inf

    def propose(self) -> Candidates:
        """The next pairs."""
        count = (self.population + 1) // 2
        found = self._search.next_pairs(
            self._pairs, self._shares, count, self._batches, self.space.identify
        ).reshape(2 * count, self.dimension)[: self.population]
        return found if self._batches else self.begun(found)

    def learn_comparisons(self, pairs: Candidates, shares: Candidates) -> None:
        """Take answers, of this batch's pairs and of others."""
        self._was_told = True
        self._add(pairs, shares)

    def learn(self, candidates: Candidates, losses: Candidates, gradients: Candidates | None = None) -> None:
        """Compare losses where nobody compared the candidates; what failed is worse than where it began."""
        self._batches += 1
        loss = losses[:, 0]
        failed = np.isinf(loss) & (candidates != self._search.start).any(axis=1)
        for row in np.flatnonzero(failed):
            self._add(np.stack([candidates[row], self._search.start])[None], np.zeros(1))
        if not self._was_told:
            self._compare(candidates, loss)
        self._was_told = False

    def _compare(self, candidates: Candidates, loss: Candidates) -> None:
        """Take the order of each pair's losses as its answer."""
        for first in range(0, len(candidates), 2):
            one = candidates[first], float(loss[first])
            alone = first + 1 == len(candidates)
            other = self._best if alone else (candidates[first + 1], float(loss[first + 1]))
            if np.isfinite([one[1], other[1]]).all() and (one[0] != other[0]).any():
                share = 0.5 if one[1] == other[1] else float(one[1] < other[1])
                self._add(np.stack([one[0], other[0]])[None], np.array([share]))
            self._best = min(self._best, one, other, key=lambda known: known[1])

    def _add(self, pairs: Candidates, shares: Candidates) -> None:
        self._pairs = np.concatenate([self._pairs, pairs])
        self._shares = np.concatenate([self._shares, shares])
