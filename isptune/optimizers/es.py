"""The default optimizer: an evolution strategy with self-adapted steps, on DEAP."""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
from deap import base, tools
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from isptune.contracts.free_space import Candidates, FreeSpace
from isptune.contracts.optimizer import Optimizer
from isptune.errors import ConfigurationError
from isptune.optimizers._batch import check_own, first_steps, latin_hypercube, require_pairs
from isptune.wording.integers import as_integer

Vector = NDArray[np.float64]

# Of the usual populations; the option mu sets others.
_PARENTS = 5
# The first step around a start, as a share of the first step of a search without one. On coupled maps with
# the optimum half a range away, steps of 0.2 ended three times as far off, and those of 1 leave the start.
_NEAR = 0.4


class Loss(base.Fitness):
    """DEAP's fitness of one minimised value."""

    # A plain class: deap.creator would put it in the namespace of the whole process.
    weights = (-1.0,)


class Individual:
    """A genome in the unit cube, the standard deviations that mutate it, and its fitness."""

    __slots__ = ("fitness", "genome", "sigmas")

    def __init__(self, genome: Vector, sigmas: Vector) -> None:
        self.genome = genome
        self.sigmas = sigmas
        self.fitness = Loss()


class EvolutionStrategy(Optimizer):
    """Evolution strategy, (mu/rho, lambda) or (mu/rho + lambda), with self-adapted log-normal steps.

    After Beyer and Schwefel, "Evolution strategies: a comprehensive introduction" (2002). Each batch holds
    lambda = ``population`` offspring and nothing else: parents are not evaluated again. Offspring are
    bred with DEAP's toolbox:

    - recombination: the mean of the genomes and the geometric mean of the steps, of all mu parents
      (mu/mu_I) or of ``rho`` parents drawn for each offspring;
    - mutation of the steps: sigma_i exp(tau0 N(0, 1) + tau N_i(0, 1)), tau0 = 1 / sqrt(2 n) with one draw an
      offspring, tau = 1 / sqrt(2 sqrt(n)) with one a coordinate; not below ``sigma_floor``;
    - mutation of the genome: x_i + sigma_i N_i(0, 1), reflected at the bounds, so that genomes stay inside;
    - selection: the mu best of the offspring (comma), or of parents and offspring (plus).

    The first batch is a Latin hypercube over the whole cube. With starts it is these and their offspring,
    bred from each in turn with first steps of two fifths of ``initial_sigma``, but no less than half a cell
    of whole numbers and choices. A candidate of the loss +inf is never selected; where a whole batch fails,
    its parents breed again, and a Latin hypercube takes the place of a first batch that fails.

    Args:
        space: the n parameters, or their number where all are real.
        population: lambda, 30 by default.
        seed: the only source of randomness (PCG64).
        budget: not used.
        starts: the parents of the first batch.
        mu: the number of parents, below the population; 5 if None, or half of a population of at most 5.
        rho: how many parents an offspring has, 1 to mu; all mu of them if None.
        plus: whether parents compete with their offspring.
        initial_sigma: the first step, as a share of a parameter's range.
        sigma_floor: the smallest step.

    Raises:
        ConfigurationError: an option outside its range.

    Example:
        >>> optimizer = EvolutionStrategy(space=2, population=30, seed=0)
        >>> for _ in range(20):
        ...     candidates = optimizer.propose()
        ...     losses = ((candidates - 0.4) ** 2).sum(axis=1, keepdims=True)
        ...     optimizer.learn(candidates, losses)
        >>> bool(losses.min() < 1e-6)
        True
    """

    avoids_repeats = True

    def __init__(
        self,
        space: FreeSpace | int,
        population: int | None = None,
        seed: int = 0,
        budget: int | None = None,
        starts: ArrayLike | None = None,
        mu: Annotated[int, Field(ge=1)] | None = None,
        rho: Annotated[int, Field(ge=1)] | None = None,
        plus: bool = False,
        initial_sigma: Annotated[float, Field(gt=0, le=1)] = 0.25,
        sigma_floor: Annotated[float, Field(gt=0, le=1)] = 1e-5,
    ) -> None:
        super().__init__(space, population, seed, budget, starts)
        require_pairs("es", self.population, "'cma' or 'random'")
        if mu is None:
            mu = _PARENTS if self.population > _PARENTS else self.population // 2
        mu, rho = as_integer(mu), as_integer(rho)
        check_own(
            "es", EvolutionStrategy, mu=mu, rho=rho, initial_sigma=initial_sigma, sigma_floor=sigma_floor
        )
        if mu >= self.population:
            raise ConfigurationError(
                f"the option mu of 'es' is {mu}; allowed: whole numbers from 1 to {self.population - 1}, "
                f"fewer parents than the population of {self.population}"
            )
        if rho is not None and rho > mu:
            raise ConfigurationError(
                f"the option rho of 'es' is {rho}; allowed: whole numbers from 1 to mu, which is {mu}"
            )
        if sigma_floor > initial_sigma:
            raise ConfigurationError(
                f"the options sigma_floor and initial_sigma of 'es' are {sigma_floor} and {initial_sigma}; "
                "allowed: 0 < sigma_floor <= initial_sigma <= 1"
            )
        self.mu = int(mu)
        self.rho = self.mu if rho is None else int(rho)
        self.plus = bool(plus)
        self.initial_sigma = float(initial_sigma)
        self.sigma_floor = float(sigma_floor)
        self._generator = np.random.Generator(np.random.PCG64(self.seed))
        self._parents: list[Individual] = []
        self._begun = False
        self._offspring: list[Individual] = []
        self._toolbox = self._make_toolbox()

    def _make_toolbox(self) -> Any:
        toolbox = base.Toolbox()
        toolbox.register("mate", recombine, generator=self._generator, rho=self.rho)
        toolbox.register(
            "mutate",
            mutate,
            generator=self._generator,
            tau0=1.0 / math.sqrt(2.0 * self.dimension),
            tau=1.0 / math.sqrt(2.0 * math.sqrt(self.dimension)),
            floor=self.sigma_floor,
        )
        toolbox.register("select", tools.selBest, k=self.mu)
        return toolbox

    def propose(self) -> Candidates:
        """The next lambda offspring."""
        if not self._parents:
            self._offspring = self._first_batch()
        elif self.rho >= len(self._parents):
            # The intermediate of all parents is the same for every offspring.
            middle = self._toolbox.mate(self._parents)
            self._offspring = [self._toolbox.mutate(middle) for _ in range(self.population)]
        else:
            self._offspring = [
                self._toolbox.mutate(self._toolbox.mate(self._parents)) for _ in range(self.population)
            ]
        return np.stack([individual.genome for individual in self._offspring])

    def _first_batch(self) -> list[Individual]:
        begins, self._begun = not self._begun, True
        if begins and len(self.starts):
            sigmas = first_steps(self.space, max(_NEAR * self.initial_sigma, self.sigma_floor))
            parents = [Individual(start, sigmas) for start in self.starts]
            children = [
                self._toolbox.mutate(parents[number % len(parents)])
                for number in range(self.population - len(parents))
            ]
            return [*parents, *children][: self.population]
        genomes = latin_hypercube(self._generator, self.population, self.dimension)
        return [Individual(genome, np.full(self.dimension, self.initial_sigma)) for genome in genomes]

    def learn(self, candidates: Candidates, losses: Candidates, gradients: Candidates | None = None) -> None:
        """Select the next parents."""
        losses = losses[:, 0]
        for individual, genome, loss in zip(self._offspring, candidates, losses, strict=True):
            # Where it was evaluated, which is elsewhere for one that would have been a repeat.
            individual.genome = genome
            individual.fitness.values = (float(loss),)
        able = [individual for individual, loss in zip(self._offspring, losses, strict=True) if loss < np.inf]
        if able:
            # Offspring come first: where losses are equal, the younger survives and the search moves on.
            self._parents = self._toolbox.select(able + self._parents if self.plus else able)


def recombine(parents: list[Individual], generator: np.random.Generator, rho: int) -> Individual:
    """The intermediate of rho parents, drawn without repetition where there are more than rho."""
    if rho < len(parents):
        parents = [parents[i] for i in generator.choice(len(parents), size=rho, replace=False)]
    if len(parents) == 1:
        return Individual(parents[0].genome, parents[0].sigmas)
    genome = np.mean([parent.genome for parent in parents], axis=0)
    # Steps multiply, so their middle is the geometric mean; the arithmetic one would drift upwards.
    sigmas = np.exp(np.mean(np.log([parent.sigmas for parent in parents]), axis=0))
    return Individual(genome, sigmas)


def mutate(
    individual: Individual, generator: np.random.Generator, tau0: float, tau: float, floor: float
) -> Individual:
    """A new individual with mutated steps and, by them, a mutated genome."""
    count = len(individual.genome)
    normal = generator.standard_normal(2 * count + 1)
    factor = np.exp(tau0 * normal[0] + tau * normal[1 : count + 1])
    # A step beyond the whole range does no more than one of the whole range: reflection makes both uniform.
    sigmas = np.minimum(np.maximum(individual.sigmas * factor, floor), 1.0)
    step = normal[count + 1 :]
    return Individual(reflect(individual.genome + sigmas * step), sigmas)


def reflect(genome: Vector) -> Vector:
    """Any real coordinates folded into [0, 1] as between two mirrors; those inside stay as they are."""
    # np.mod keeps numbers in [0, 1] to the last bit, and gives [0, 2) for all others.
    folded = np.mod(genome, 2.0)
    return np.minimum(folded, 2.0 - folded)
