"""Model-based search for expensive pipelines: a Gaussian process says which candidates promise most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from isptune.contracts.free_space import Candidates, FreeSpace
from isptune.contracts.optimizer import Optimizer
from isptune.optimizers._acquisition import Array
from isptune.optimizers._batch import check_own, latin_hypercube
from isptune.optimizers._composed import ComposedSurrogate
from isptune.optimizers._doubted import DoubtedSurrogate
from isptune.optimizers._moves import Moves
from isptune.optimizers._promise import Model, promise_of
from isptune.optimizers._surrogate import StepSurrogate, Surrogate

# How many evaluations are modelled; more would take seconds a candidate.
_MODELLED = 150
# How many candidates are looked at: first, and again for each of a batch.
_POOL, _AGAIN = 1000, 256
# Steps around the best candidate, as shares of the ranges.
_STEPS = (0.1, 0.03, 0.01, 0.003)
# Steps around the most promising candidates, one round after the other.
_ROUNDS = (0.2, 0.03, 0.005)
_LEADERS, _ROUND_SIZE = 3, 240


class ModelSearch(Optimizer):
    """Bayesian optimisation with a light Gaussian process, for pipelines that take long.

    A Gaussian process is fitted to what was evaluated, and the next batch is where it expects most:

    - the model: a sum of functions of one parameter each and one of all, Matern 5/2 with a length for each
      parameter, and noise. The scale on which losses are modelled is fitted as well, between their
      exponential and their logarithm. Choices and switches are equal or not; whole numbers are their cells;
      parameters that do not matter in a candidate are left out of its distance to others;
    - the choice: logarithm of the expected improvement (Ament et al. 2023); of several losses the expected
      gain in dominated volume (exact, Emmerich et al. 2006). Candidates come from the whole cube, from around
      the best one at steps of 0.1 to 0.003, from it with coordinates drawn anew, and from mixtures of the
      best; the most promising are refined in three rounds;
    - labels: where the objective's score is a weighted sum of its labels' scores, each label has a model of
      its own, and the loss is their sum: each depends on few parameters (Astudillo and Frazier 2019);
    - races: the loss of a candidate that a race dropped is an estimate, and its noise is fitted as well;
    - whole batches: candidates that wait for their losses count as evaluated, with what the model expects;
    - a candidate of the loss +inf tells where the pipeline fails: a second model of it weighs the promise of
      others with the probability that they do not.

    The first batches, ``initial`` candidates and at least one batch, are a Latin hypercube, with starts in
    place of the first ones; of more starts than that there are as many batches as they fill. Some 150
    evaluations are modelled, of more the best ones and those nearest to the best. A batch costs 0.2 to 0.5
    s: what takes less than some 50 ms an evaluation is better served by ``cma`` and more of them. A batch
    depends on the losses so far and on its number alone, so that a resumed run does not plan again what its
    log holds.

    Args:
        space: the n parameters, or their number where all are real.
        population: the number P of candidates in a batch, 5 by default.
        seed: the only source of randomness (PCG64).
        budget: the first batches take at most a third of it.
        starts: the first candidates.
        initial: how many candidates are evaluated before the first model; twice the parameters if None.

    Raises:
        ConfigurationError: an option outside its range.

    Example:
        >>> optimizer = ModelSearch(space=2, population=4, seed=0)
        >>> for _ in range(8):
        ...     candidates = optimizer.propose()
        ...     losses = ((candidates - 0.4) ** 2).sum(axis=1, keepdims=True)
        ...     optimizer.learn(candidates, losses)
        >>> bool(losses.min() < 1e-3)
        True
    """

    default_population: ClassVar[int] = 5
    is_multi_objective: ClassVar[bool] = True
    learns_from_labels: ClassVar[bool] = True
    begins_over_batches: ClassVar[bool] = True

    def __init__(
        self,
        space: FreeSpace | int,
        population: int | None = None,
        seed: int = 0,
        budget: int | None = None,
        starts: ArrayLike | None = None,
        initial: Annotated[int, Field(ge=2)] | None = None,
    ) -> None:
        super().__init__(space, population, seed, budget, starts)
        check_own("bo", ModelSearch, initial=initial)
        self.initial = self._initial(initial)
        self._moves = Moves(self.space)
        self._listed = self._moves.all()
        self._batches = 0
        # (N, n) and (N, K): all that was learnt, failures included.
        self._points: Candidates = np.empty((0, self.dimension))
        self._losses: Candidates = np.empty((0, 1))
        # (N, L) what labels add to the losses, and (N,) which losses a race estimated.
        self._parts: Candidates = np.empty((0, 0))
        self._estimated: NDArray[np.bool_] = np.empty(0, dtype=bool)
        self._known: set[bytes] = set()
        rows = -(-max(self.initial, len(self.starts)) // self.population) * self.population
        self._design = self._moves.settled(latin_hypercube(self._generator(), rows, self.dimension))
        self._design[: len(self.starts)] = self.starts

    def _initial(self, initial: int | None) -> int:
        if initial is not None:
            return int(initial)
        return self._usual if self.budget is None else max(min(self._usual, self.budget // 3), 2)

    @property
    def _usual(self) -> int:
        """How many candidates are evaluated before the first model, where the budget has room."""
        return max(2 * self.dimension, 4)

    def _generator(self) -> np.random.Generator:
        # Of the batch alone: what a log holds need not be proposed again to go on from it.
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, self._batches])))

    def propose(self) -> Candidates:
        """The first batches' design, then the P candidates that promise most together."""
        generator = self._generator()
        done = self._batches * self.population
        if done < len(self._design):
            return self._design[done : done + self.population].copy()
        able = np.asarray(np.isfinite(self._losses).all(axis=1))
        spread = np.ptp(np.clip(self._losses[able], -1e300, 1e300), axis=0) if able.any() else np.zeros(1)
        if able.sum() < 2 or not (spread > 0).any():
            return self._unmodelled(generator)
        models = self._models(self._modelled(np.flatnonzero(able)))
        if not models:
            return self._unmodelled(generator)
        return self._batch(generator, models, self._safety(able))

    def recall(self, candidates: Candidates) -> Candidates:
        """The batch of a log as it is, once the first ones have shown that it is this search's."""
        if self._batches * self.population < len(self._design):
            return self.propose()
        return candidates.copy()

    def learn(self, candidates: Candidates, losses: Candidates, gradients: Candidates | None = None) -> None:
        """Remember; the next batch is planned when it is asked for."""
        if not len(self._points):
            self._losses = np.empty((0, losses.shape[1]))
        self._points = np.concatenate([self._points, candidates])
        self._losses = np.concatenate([self._losses, losses])
        missing = len(self._points) - len(self._estimated)
        self._estimated = np.concatenate([self._estimated, np.zeros(missing, dtype=bool)])
        self._known.update(self.space.identify(candidates))
        self._batches += 1

    def learn_labels(self, parts: Candidates) -> None:
        """Remember what labels add to the losses that ``learn`` gets next."""
        known = self._parts if len(self._parts) else parts[:0]
        self._parts = np.concatenate([known, parts])

    def learn_estimates(self, estimated: NDArray[np.bool_]) -> None:
        """Remember which losses that ``learn`` gets next are estimates."""
        self._estimated = np.concatenate([self._estimated, estimated])

    def _models(self, chosen: NDArray[np.intp]) -> list[Model]:
        """A model of each loss by the chosen evaluations; a loss that is the same everywhere says nothing."""
        points = self._moves.settled(self._points[chosen])
        losses = np.clip(self._losses[chosen], -1e300, 1e300)
        losses = losses[:, np.ptp(losses, axis=0) > 0]
        differ = self._moves.no_order
        if len(self._parts) == len(self._points) and losses.shape[1] == 1:
            return [ComposedSurrogate(points, losses[:, 0], self._parts[chosen], differ)]
        estimated = self._estimated[chosen]
        if estimated.any():
            return [DoubtedSurrogate(points, column, differ, estimated) for column in losses.T]
        return [Surrogate(points, column, differ) for column in losses.T]

    def _modelled(self, able: NDArray[np.intp]) -> NDArray[np.intp]:
        """Which evaluations are modelled: all, or the best by mean rank and those nearest to the best."""
        losses = self._losses[able]
        ranks = losses.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable").mean(axis=1)
        order = np.argsort(ranks, kind="stable")
        if len(able) > _MODELLED:
            best = self._points[able[order[0]]]
            near = np.argsort(((self._points[able] - best) ** 2).sum(axis=1), kind="stable")
            order = np.union1d(order[: _MODELLED // 2], near[: _MODELLED // 2])
        return np.sort(able[order])

    def _safety(self, able: NDArray[np.bool_]) -> StepSurrogate | None:
        """A model of 1 where candidates failed and 0 elsewhere; None where none did."""
        if able.all():
            return None
        recent = np.arange(max(len(able) - _MODELLED, 0), len(able))
        failed = (~able[recent]).astype(np.float64)
        if failed.all() or not failed.any():
            return None
        points = self._moves.settled(self._points[recent])
        return StepSurrogate(points, failed, self._moves.no_order)

    def _unmodelled(self, generator: np.random.Generator) -> Candidates:
        """Nothing to learn from yet: other candidates, evenly."""
        batch = self._moves.settled(latin_hypercube(generator, self.population, self.dimension))
        pool = (
            self._moves.settled(self._moves.anywhere(generator, _AGAIN)) if any(self.space.counts) else batch
        )
        taken: set[bytes] = set()
        for row in range(len(batch)):
            options = np.concatenate([batch[row : row + 1], pool])
            batch[row] = options[self._new(options, taken)]
        return batch

    def _new(self, ordered: Candidates, taken: set[bytes]) -> int:
        """The first of some candidates that was not evaluated yet; the first one where all were."""
        if self.space.is_continuous:
            return 0
        for place, key in enumerate(self.space.identify(ordered)):
            if key not in self._known and key not in taken:
                taken.add(key)
                return place
        return 0

    def _batch(
        self, generator: np.random.Generator, models: list[Model], safety: StepSurrogate | None
    ) -> Candidates:
        """P candidates, each chosen as if those before it had given what is expected of them."""
        batch: list[Candidates] = []
        taken: set[bytes] = set()
        pool: Candidates | None = None
        for _ in range(self.population):
            promise = promise_of(models, safety)
            if pool is None:
                pool = self._pool(generator, models)
                pool = pool[np.argsort(-promise(pool), kind="stable")[: max(_AGAIN, self.population)]]
                if self._listed is not None:
                    pool = self._listed
            found = self._refined(generator, pool, promise)
            batch.append(found[self._new(found, taken)])
            for model in models:
                model.expect(batch[-1])
        return np.array(batch)

    def _pool(self, generator: np.random.Generator, models: list[Model]) -> Candidates:
        """What is looked at first."""
        moves, model = self._moves, models[int(generator.integers(len(models)))]
        ranked = np.argsort(model.smoothed(), kind="stable")
        best, good = model.points[ranked[0]], model.points[ranked[:20]]
        near = [
            moves.around(generator, np.tile(best, (_POOL // 5, 1)), step, max(0.4 * self.dimension, 2.0))
            for step in _STEPS
        ]
        far = [moves.anywhere(generator, _POOL // 2), moves.exchanged(generator, best, _POOL // 2)]
        return moves.settled(np.concatenate([*far, *near, moves.mixed(generator, good, _POOL // 4)]))

    def _refined(
        self, generator: np.random.Generator, pool: Candidates, promise: Callable[[Candidates], Array]
    ) -> Candidates:
        """Candidates by falling promise, after rounds of moves around the most promising ones."""
        found = pool[np.argsort(-promise(pool), kind="stable")]
        if self._listed is not None:
            return found
        for step in _ROUNDS:
            leaders = found[:_LEADERS]
            many = np.repeat(leaders, _ROUND_SIZE // _LEADERS, axis=0)
            single = self._moves.around(generator, many, step, 0.0)
            several = self._moves.around(generator, many[::3], step / 3.0, 0.6 * self.dimension)
            new = self._moves.settled(np.concatenate([leaders, single, several]))
            new = new[np.argsort(-promise(new), kind="stable")]
            found = np.concatenate([new, found[_LEADERS:]])
        return found
