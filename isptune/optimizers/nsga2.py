"""Several objectives at once: the non-dominated sorting genetic algorithm, on DEAP."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from deap import base, tools
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from isptune.contracts.free_space import Candidates, FreeSpace
from isptune.contracts.optimizer import Optimizer
from isptune.optimizers._batch import check_own, latin_hypercube, require_pairs

Vector = NDArray[np.float64]

# Crowding distances are differences of losses, which must not overflow.
_LARGEST = 1e300


class Losses(base.Fitness):
    """DEAP's fitness of as many minimised values as it is given."""

    # Weights of the object, not of a class that deap.creator puts in the namespace of the whole process.
    weights: tuple[float, ...] = ()

    def __init__(self, losses: Vector) -> None:
        self.weights = (-1.0,) * len(losses)
        super().__init__(np.clip(losses, -_LARGEST, _LARGEST).tolist())


class Individual:
    """A genome in the unit cube with its fitness, its front (from 0) and its crowding distance."""

    __slots__ = ("fitness", "front", "genome")

    def __init__(self, genome: Vector, losses: Vector) -> None:
        self.genome = genome
        self.fitness = Losses(losses)
        self.front = 0


class NSGA2(Optimizer):
    """NSGA-II: a (mu + lambda) genetic algorithm that spreads its parents along the whole front.

    Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II" (2002).
    Each batch holds lambda = ``population`` children and nothing else: parents are not evaluated again.

    - Selection: of parents and children together the ``population`` best by non-dominated front, within the
      last front those that lie least crowded (DEAP's ``selNSGA2``); these are the next parents.
    - Mating: each parent of a pair wins a tournament of two, by front, then by crowding distance.
    - Recombination: simulated binary crossover (Deb and Agrawal 1995) between the bounds.
    - Mutation: polynomial mutation (Deb and Goyal 1996) between the bounds. A child that neither has changed
      gets one mutated coordinate: evaluating its parent again would tell nothing.

    Where a space has whole numbers or choices, a child whose values were evaluated before is moved to values
    near it that were not, and equal parents count once.

    The first batch is a Latin hypercube over the whole cube, with starts in place of as many of its
    candidates. A candidate of the loss +inf is never selected; where a whole batch fails, its parents breed
    again. With one objective it is an elitist genetic algorithm.

    The paper's distribution indices of 20 are for some 25,000 evaluations. With the 1,500 of a run they lose
    parts of a front: on ZDT2 with 10 parameters a front missed the known one by a median of 0.62, with 5 by
    0.043 (mean distance over the known front, 5 seeds), and coupled quadratics were as well served.

    Args:
        space: the n parameters, or their number where all are real.
        population: parents and children of a generation, 30 by default; even or odd, at least 2.
        seed: the only source of randomness (PCG64).
        budget: not used.
        starts: candidates of the first batch.
        crossover_probability: that a pair is recombined, 0 to 1.
        crossover_eta: the distribution index, 0 and above: the larger, the closer children are to parents.
        mutation_probability: that a coordinate is mutated, 0 to 1; 1 / n if None.
        mutation_eta: the distribution index of the mutation, 0 and above.

    Raises:
        ConfigurationError: an option outside its range.

    Example:
        >>> optimizer = NSGA2(space=2, population=30, seed=0)
        >>> for _ in range(20):
        ...     candidates = optimizer.propose()
        ...     x, y = candidates.T
        ...     optimizer.learn(candidates, np.stack([x + y**2, (1 - x) + y**2], axis=1))
        >>> bool(np.median(candidates[:, 1]) < 0.01)
        True
    """

    is_multi_objective = True
    avoids_repeats = True

    def __init__(
        self,
        space: FreeSpace | int,
        population: int | None = None,
        seed: int = 0,
        budget: int | None = None,
        starts: ArrayLike | None = None,
        crossover_probability: Annotated[float, Field(ge=0, le=1)] = 0.9,
        crossover_eta: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 5.0,
        mutation_probability: Annotated[float, Field(ge=0, le=1)] | None = None,
        mutation_eta: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 5.0,
    ) -> None:
        super().__init__(space, population, seed, budget, starts)
        require_pairs("nsga2", self.population, "'nevergrad:DE'")
        check_own(
            "nsga2",
            NSGA2,
            crossover_probability=crossover_probability,
            crossover_eta=crossover_eta,
            mutation_probability=mutation_probability,
            mutation_eta=mutation_eta,
        )
        self.crossover_probability = float(crossover_probability)
        self.mutation_probability = 1.0 / self.dimension
        if mutation_probability is not None:
            self.mutation_probability = float(mutation_probability)
        self.crossover_eta = float(crossover_eta)
        self.mutation_eta = float(mutation_eta)
        self._generator = np.random.Generator(np.random.PCG64(self.seed))
        self._parents: list[Individual] = []
        self._begun = False

    def propose(self) -> Candidates:
        """The next lambda children."""
        if not self._parents:
            batch = latin_hypercube(self._generator, self.population, self.dimension)
            begins, self._begun = not self._begun, True
            return self.begun(batch) if begins else batch
        children: list[Vector] = []
        while len(children) < self.population:
            children += self._pair()
        return np.stack(children[: self.population])

    def _pair(self) -> list[Vector]:
        """Two children of two parents."""
        generator, size = self._generator, self.dimension
        parents = self._tournament().genome, self._tournament().genome
        children = list(parents)
        # The same number of draws for every pair, whatever becomes of it.
        crossed = generator.random() < self.crossover_probability
        draws = generator.random((3, size))
        if crossed:
            children = list(crossover(*parents, draws, self.crossover_eta))
        for number in range(2):
            chosen = generator.random(size) < self.mutation_probability
            draws, spare = generator.random(size), int(generator.integers(size))
            if not chosen.any() and any(np.array_equal(children[number], parent) for parent in parents):
                chosen[spare] = True
            children[number] = mutate(children[number], chosen, draws, self.mutation_eta)
        return children

    def _tournament(self) -> Individual:
        """The better of two parents that are drawn."""
        first, second = (
            self._parents[index] for index in self._generator.integers(len(self._parents), size=2).tolist()
        )
        if first.front != second.front:
            return first if first.front < second.front else second
        return first if first.fitness.crowding_dist >= second.fitness.crowding_dist else second

    def learn(self, candidates: Candidates, losses: Candidates, gradients: Candidates | None = None) -> None:
        """Select the next parents."""
        children = [
            Individual(genome, row)
            for genome, row in zip(candidates, losses, strict=True)
            if (row < np.inf).all()
        ]
        if not self.space.is_continuous:
            children = self._different(children)
        if not children:
            return
        # Children come first: where losses are equal, the younger survives and the search moves on.
        self._parents = tools.selNSGA2(children + self._parents, self.population)
        fronts = tools.sortNondominated(self._parents, len(self._parents))
        for number, front in enumerate(fronts):
            # Among the parents alone: those that were cut off a front leave room behind.
            tools.emo.assignCrowdingDist(front)
            for individual in front:
                individual.front = number

    def _different(self, children: list[Individual]) -> list[Individual]:
        """The children whose values neither a parent has nor a child before them."""
        identify = self.space.identify
        known = {key for parent in self._parents for key in identify(parent.genome[None])}
        kept = []
        for child in children:
            (key,) = identify(child.genome[None])
            if key not in known:
                kept.append(child)
            known.add(key)
        return kept


def crossover(first: Vector, second: Vector, draws: Candidates, eta: float) -> tuple[Vector, Vector]:
    """Simulated binary crossover between 0 and 1.

    Args:
        first, second: (n,) parents in [0, 1].
        draws: (3, n) uniform in [0, 1): a coordinate is recombined where the first is at most a half, the
            second spreads its children, and the third exchanges them where it is at most a half.
        eta: the distribution index.

    Returns:
        (n,) and (n,) children in [0, 1]. Coordinates in which the parents are equal stay as they are.
    """
    low, high = np.minimum(first, second), np.maximum(first, second)
    distance = high - low
    active = (draws[0] <= 0.5) & (distance > 1e-14)
    gap = np.where(active, distance, 1.0)

    def spread(room: Vector) -> Vector:
        """How far the children lie apart, in parents' distances, so that one bound holds."""
        alpha = 2.0 - (1.0 + 2.0 * room / gap) ** -(eta + 1.0)
        inner = draws[1] <= 1.0 / alpha
        base = np.where(inner, draws[1] * alpha, 1.0 / np.maximum(2.0 - draws[1] * alpha, 1e-300))
        found: Vector = base ** (1.0 / (eta + 1.0))
        return found

    middle = 0.5 * (low + high)
    lower = np.clip(middle - 0.5 * spread(low) * distance, 0.0, 1.0)
    upper = np.clip(middle + 0.5 * spread(1.0 - high) * distance, 0.0, 1.0)
    exchange = draws[2] <= 0.5
    one, other = np.where(exchange, upper, lower), np.where(exchange, lower, upper)
    return np.where(active, one, first), np.where(active, other, second)


def mutate(genome: Vector, chosen: NDArray[np.bool_], draws: Vector, eta: float) -> Vector:
    """Polynomial mutation between 0 and 1.

    Args:
        genome: (n,) in [0, 1].
        chosen: (n,) the coordinates to mutate.
        draws: (n,) uniform in [0, 1): below a half a coordinate falls, above it rises.
        eta: the distribution index.

    Returns:
        (n,) in [0, 1].
    """
    power = 1.0 / (eta + 1.0)
    falls = draws < 0.5
    room = np.where(falls, 1.0 - genome, genome) ** (eta + 1.0)
    share = np.where(falls, 2.0 * draws, 2.0 * (1.0 - draws))
    step = (share + (1.0 - share) * room) ** power
    moved = np.clip(genome + np.where(falls, step - 1.0, 1.0 - step), 0.0, 1.0)
    found: Vector = np.where(chosen, moved, genome)
    return found
