"""``auto``: the optimizer that suits a run, by what is known of it before it starts."""

from __future__ import annotations

from typing import Annotated, ClassVar

from numpy.typing import ArrayLike
from pydantic import Field

from isptune.contracts.choosing import Choice, Situation
from isptune.contracts.free_space import Candidates, FreeSpace
from isptune.contracts.optimizer import Optimizer
from isptune.optimizers._batch import check_own
from isptune.optimizers.bo import ModelSearch
from isptune.optimizers.es import EvolutionStrategy
from isptune.optimizers.nsga2 import NSGA2

# Up to so many evaluations a model pays, and up to so many of a pipeline that takes its time.
_FEW, _FEW_DEAR = 300, 600
_DEAR = 0.5
# Fewer evaluations with gradients leave a model little to go on after its first candidates, and each gradient
# is as many numbers as there are parameters.
_LEAST_MODELLED, _MOST_SLOPES = 25, 20
_FEW_GRADIENTS = 100
# The model's fit takes as long as there are parameters.
_MOST_PARAMETERS = 40
_BATCHES = {"adam": 2, "bo-gradients": 2, "bo": 5, "nsga2": 30, "es": 30}
# A race drops the most of a larger batch.
_RACED = 10
# Where a budget leaves only smaller generations than these, the run asks for another budget.
_SMALLEST = {"nsga2": 10, "es": 10}


class Automatic(Optimizer):
    """Chooses the optimizer by budget, parameters, gradients, number of objectives and cost.

    In this order:

    - candidates that are compared rather than scored: ``es``, or ``nsga2`` beside other objectives;
    - races, which drop candidates on a part of the scenes: ``bo`` with batches of 10 for at most 300
      evaluations; for more ``es``, or ``nsga2`` where there are several objectives;
    - several objectives: ``bo`` for at most 300 evaluations, ``nsga2`` for more;
    - gradients that reach all parameters, and 25 to 300 evaluations of at most 20 parameters:
      ``bo-gradients``; fewer evaluations, or up to 100 of more parameters: ``adam`` from two starts;
    - at most 300 evaluations of at most 40 parameters, or 600 where one takes half a second: ``bo``;
    - otherwise ``es``.

    A run says what was chosen and why, and notes it in ``run.yaml`` in place of ``auto``: a resumed run goes
    on with the same. Where no population is asked for, it is one that the budget is a multiple of, the
    nearest to what suits the optimizer. An object that is made without a run knows the space and the budget
    alone.

    Args:
        space: the n parameters, or their number where all are real.
        population: the number P of candidates in a batch; what suits the chosen one if None.
        seed: the only source of randomness.
        budget: how many evaluations there will be; many if None.
        starts: the first candidates.
        seconds: that one evaluation takes; where it matters and is not said, it is measured by one.

    Raises:
        ConfigurationError: an option outside its range.

    Example:
        >>> from isptune.contracts.choosing import Situation
        >>> from isptune.contracts.free_space import FreeSpace
        >>> Automatic.choose(Situation(FreeSpace.of_reals(5), budget=150)).optimizer
        'bo'
    """

    chooses: ClassVar[bool] = True
    is_multi_objective: ClassVar[bool] = True

    def __init__(
        self,
        space: FreeSpace | int,
        population: int | None = None,
        seed: int = 0,
        budget: int | None = None,
        starts: ArrayLike | None = None,
        seconds: Annotated[float, Field(gt=0)] | None = None,
    ) -> None:
        super().__init__(space, population, seed, budget, starts)
        check_own("auto", Automatic, seconds=seconds)
        self._seconds = seconds
        self._chosen: Optimizer | None = None
        alone = self._make(1)
        # A batch must suit whatever number of losses there turns out to be.
        self.population = alone.population
        self._alone = alone

    @classmethod
    def choose(cls, situation: Situation, seconds: float | None = None) -> Choice:
        """What suits a situation, with the reason.

        Args:
            situation: what is known of the run.
            seconds: the option of that name.
        """
        name, reason = _decide(situation, seconds)
        population = situation.population
        if population is None and situation.budget is not None:
            usual = _RACED if situation.raced and name == "bo" else _BATCHES[name]
            batch = nearest_divisor(situation.budget, usual)
            population = batch if batch >= min(_SMALLEST.get(name, 1), situation.budget) else None
        return Choice(name, reason, population)

    def _make(self, objectives: int) -> Optimizer:
        situation = Situation(self.space, self.budget, self.population, objectives)
        kinds: dict[str, type[Optimizer]] = {"bo": ModelSearch, "nsga2": NSGA2, "es": EvolutionStrategy}
        name = Automatic.choose(situation, self._seconds).optimizer
        if self.population < 2:
            name = "bo"
        return kinds[name](self.space, self.population, self.seed, self.budget, self.starts)

    def propose(self) -> Candidates:
        """The next batch of the chosen optimizer."""
        return (self._chosen or self._alone).propose()

    def learn(self, candidates: Candidates, losses: Candidates, gradients: Candidates | None = None) -> None:
        """Have the chosen optimizer learn; the first losses tell how many there are."""
        if self._chosen is None:
            self._chosen = self._alone
            if losses.shape[1] > 1 and not self._alone.is_multi_objective:
                self._chosen = self._make(losses.shape[1])
                self._chosen.propose()
        self._chosen.learn(candidates, losses, gradients)


def _decide(situation: Situation, seconds: float | None) -> tuple[str, str]:
    budget, dimension = situation.budget, situation.space.dimension
    count = "the number of evaluations is unknown" if budget is None else f"{budget:,} evaluations"
    few = budget is not None and budget <= _FEW and dimension <= _MOST_PARAMETERS
    if situation.judged and situation.objectives > 1:
        return "nsga2", "there are several objectives, and in one candidates are compared, which is noisy"
    if situation.judged:
        return "es", "candidates are compared with each other, which is noisy"
    if situation.raced and few:
        return "bo", f"{count} are few enough to plan each, and it knows which losses a race estimated"
    if situation.raced and situation.objectives == 1:
        return "es", "races rank candidates, and the losses of those that they drop are estimates"
    if situation.objectives > 1:
        objectives = f"there are {situation.objectives} objectives"
        if few:
            return "bo", f"{objectives} and {count} are few enough to plan each"
        return "nsga2", f"{objectives} and {count if budget is None else f'{count} to spread over the front'}"
    if situation.gradients and budget is not None:
        reached = f"gradients reach all {dimension} parameters and {count} are few"
        if _LEAST_MODELLED <= budget <= _FEW and dimension <= _MOST_SLOPES:
            return "bo-gradients", f"{reached} enough to plan each"
        if budget <= _FEW_GRADIENTS:
            return "adam", reached
    if few:
        return "bo", f"{count} of {dimension} parameters are few enough to plan each"
    if budget is not None and budget <= _FEW_DEAR and dimension <= _MOST_PARAMETERS:
        if seconds is None and situation.measure is not None:
            seconds = situation.measure()
        if seconds is not None and seconds >= _DEAR:
            return "bo", f"an evaluation takes {seconds:.2g} s and {count} can be planned meanwhile"
    if budget is None:
        return "es", count
    return "es", f"{count} are enough for an evolution strategy, which loses no time with planning"


def nearest_divisor(budget: int, wanted: int) -> int:
    """The divisor of a budget nearest to a wanted batch, by ratio; of two as near the larger.

    Example:
        >>> nearest_divisor(100, 30)
        25
    """
    divisors = [size for size in range(1, min(budget, 4 * wanted) + 1) if budget % size == 0]
    several = [size for size in divisors if size > 1] or divisors
    return max(several, key=lambda size: (-abs(_ratio(size, wanted)), size))


def _ratio(size: int, wanted: int) -> float:
    return max(size, wanted) / min(size, wanted)
