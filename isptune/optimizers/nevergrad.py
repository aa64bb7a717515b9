"""Every Nevergrad optimizer that passes the conformance suite, as ``nevergrad:NAME``.

Importing nevergrad takes seconds, so this module imports it only when an optimizer is created; the names
come from ``nevergrad_survey.json``, which ``benchmarks/nevergrad_conformance.py`` writes, and those that take
several objectives from ``nevergrad_multi_objective.json``, which ``benchmarks/nevergrad_multi_objective.py``
writes.
"""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isptune.contracts.free_space import Candidates, FreeSpace
from isptune.contracts.optimizer import Optimizer
from isptune.contracts.requirements import Packaging
from isptune.errors import ConfigurationError
from isptune.optimizers._isolation import Isolation
from isptune.plugins.registry import Entry, Family
from isptune.wording.naming import did_you_mean

SURVEY_FILE = Path(__file__).with_name("nevergrad_survey.json")
MULTI_OBJECTIVE_FILE = Path(__file__).with_name("nevergrad_multi_objective.json")

# Nevergrad cuts losses off at 5e20 with a warning; beyond this, losses are compressed in their order.
_LARGEST = 1e18

# In the names of methods that cannot be told several losses of candidates that they did not propose.
_WITHOUT_STARTS = ("MetaModel", "EMNATBPSA")


class NevergradOptimizer(Optimizer):
    """An optimizer of Nevergrad (Rapin and Teytaud 2018), asked and told in whole batches.

    Nevergrad gets one array that starts in the centre, or at the first of the starts, with steps of a sixth
    of the range and clipped at the bounds, ``num_workers=population``, and a random state made from the seed.
    Some of its methods draw from the global generators of numpy and of the standard library: those are
    exchanged for streams of this optimizer's own while Nevergrad runs and put back afterwards. A loss
    of +inf is passed on as a finite one that is worse than all seen so far.

    Several losses per candidate are handed to Nevergrad as they are. Its DE and its evolution strategies
    compare them by dominance; every other method is told one number instead: minus the volume that the
    front would dominate with the candidate, below the worst losses of the first 15 candidates, so that
    these decide which part of the front the search is for. That volume takes long to compute for four
    and more objectives.

    Args:
        space: the n parameters, or their number where all are real. Nevergrad gets a second, unused
            variable where it is 1: its CMA would otherwise change to another package, for the whole process.
        population: the number P of candidates in a batch, 30 by default.
        seed: the only source of randomness.
        budget: the evaluations that Nevergrad plans with; 50 batches if None.
        starts: suggested to Nevergrad, whose method may take their losses into account or not.

    Raises:
        ConfigurationError: the installed Nevergrad has no optimizer of that name.
        IsptuneError: Nevergrad itself raised.
    """

    method: ClassVar[str] = ""
    packaging = Packaging(requires=("nevergrad",))

    def __init__(
        self,
        space: FreeSpace | int,
        population: int | None = None,
        seed: int = 0,
        budget: int | None = None,
        starts: ArrayLike | None = None,
    ) -> None:
        super().__init__(space, population, seed, budget, starts)
        self._isolation = Isolation(self.seed, f"nevergrad's optimizer '{self.method}'")
        self._handles: list[Any] = []
        self._suggested: list[Any] = []
        self._begun = False
        self._ranges: list[FiniteLosses] = []
        with self._isolation.drawing():
            self._search = self._create(self._isolation.own)

    def _create(self, state: np.random.RandomState) -> Any:
        import nevergrad

        known = nevergrad.optimizers.registry
        if self.method not in known:
            raise ConfigurationError(
                f"the installed nevergrad {nevergrad.__version__} has no optimizer '{self.method}', which "
                f"nevergrad {survey()['nevergrad']} has{did_you_mean(self.method, known)}"
            )
        centre = self._padded(self.starts[0]) if len(self.starts) else np.full(max(2, self.dimension), 0.5)
        # Nevergrad's own way at bounds is to bounce, which throws a far overshoot to the opposite bound: with
        # it, PSO moves away from low losses. Clipping serves PSO, and CMA and DE as well as bouncing does.
        variables = nevergrad.p.Array(init=centre).set_mutation(sigma=1.0 / 6.0)
        variables = variables.set_bounds(0.0, 1.0, method="clipping")
        variables.random_state = state
        # The registered objects are shared by the whole process and some change themselves while they run.
        search = copy.deepcopy(known[self.method])(
            variables,
            budget=50 * self.population if self.budget is None else self.budget,
            num_workers=self.population,
        )
        # The last that was suggested is asked for first.
        for start in self.starts[: self.population][::-1]:
            search.suggest(self._padded(start))
        return search

    def _padded(self, start: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.append(start, 0.5) if self.dimension == 1 else start

    def propose(self) -> Candidates:
        """P calls of Nevergrad's ``ask``."""
        with self._isolation.drawing():
            self._handles = [self._search.ask() for _ in range(self.population)]
            if not self._begun:
                self._begun, self._suggested = True, self._handles[: len(self.starts)]
            points = np.array([np.asarray(handle.value, dtype=np.float64) for handle in self._handles])
        return points[:, : self.dimension].copy()

    def forget(self, which: NDArray[np.bool_]) -> None:
        """Leave candidates of the batch that was proposed last out of what ``learn`` will be given."""
        self._handles = [handle for handle, out in zip(self._handles, which, strict=True) if not out]

    def learn(self, candidates: Candidates, losses: Candidates, gradients: Candidates | None = None) -> None:
        """P calls of Nevergrad's ``tell``."""
        self._ranges = self._ranges or [FiniteLosses() for _ in losses.T]
        told = np.stack([seen.finite(column) for seen, column in zip(self._ranges, losses.T, strict=True)], 1)
        with self._isolation.drawing():
            from nevergrad.common.errors import TellNotAskedNotSupportedError

            for handle, row in zip(self._handles, told, strict=True):
                if handle in self._suggested and len(row) > 1 and self._fails_on_starts:
                    continue
                # Some methods cannot learn from starts, which they did not think of themselves.
                with contextlib.suppress(TellNotAskedNotSupportedError):
                    self._search.tell(handle, float(row[0]) if len(row) == 1 else row)
        self._handles, self._suggested = [], []

    @property
    def _fails_on_starts(self) -> bool:
        """Whether the method raises sooner or later where it is told several losses of a start."""
        return any(part in self.method for part in _WITHOUT_STARTS)


class FiniteLosses:
    """One objective's losses as Nevergrad takes them: finite, and of a bounded size."""

    def __init__(self) -> None:
        self._lowest, self._highest = np.inf, -np.inf

    def finite(self, losses: Candidates) -> Candidates:
        """(P,) losses in their order, with magnitudes that Nevergrad takes and without infinities."""
        size = np.maximum(np.abs(losses), _LARGEST)
        compressed = np.sign(losses) * _LARGEST * (1.0 + np.log(size / _LARGEST) / 1000.0)
        told = np.where(np.abs(losses) > _LARGEST, compressed, losses)
        ordinary = told[np.isfinite(told)]
        if ordinary.size:
            self._lowest = min(self._lowest, float(ordinary.min()))
            self._highest = max(self._highest, float(ordinary.max()))
        if np.isinf(self._lowest):
            # Nothing but failures so far: whatever comes later must not look worse than they do.
            return np.where(told > 0, 10.0 * _LARGEST, -10.0 * _LARGEST)
        # Not less than the spacing of numbers of that size, or the failure would look no worse.
        margin = max(self._highest - self._lowest, 1.0, 1e-3 * abs(self._highest), 1e-3 * abs(self._lowest))
        told = np.where(np.isposinf(told), self._highest + margin, told)
        return np.where(np.isneginf(told), self._lowest - margin, told)


class NevergradFamily(Family):
    """Every optimizer of Nevergrad that passes the conformance suite, in whole batches."""

    @cached_property
    def _survey(self) -> dict[str, Any]:
        return survey()

    def names(self) -> Iterable[str]:
        """The names that passed."""
        return list(self._survey["offered"])

    def refused(self) -> Mapping[str, str]:
        """The names that did not, each with the reason."""
        return dict(self._survey["refused"])

    def entry(self, name: str) -> Entry:
        """One line for ``isptune list``."""
        return Entry(name=name, kind="optimizer", summary=f"Nevergrad's {name}, in whole batches")

    def get(self, name: str) -> Callable[..., NevergradOptimizer]:
        """The class of one name."""
        return method_class(name)


def method_class(name: str) -> type[NevergradOptimizer]:
    """The optimizer class for a name of Nevergrad's registry, whether the survey offers it or not."""
    facts = {
        "method": name,
        "is_multi_objective": name in multi_objective_survey()["offered"],
        "__doc__": f"Nevergrad's {name}, asked and told in whole batches.",
    }
    return type("NevergradOptimizer", (NevergradOptimizer,), facts)


def survey() -> dict[str, Any]:
    """What the conformance survey found: ``nevergrad`` (its version), ``offered`` and ``refused``."""
    return _read(SURVEY_FILE)


@cache
def multi_objective_survey() -> dict[str, Any]:
    """The same of several objectives, among the names that the conformance survey offers."""
    return _read(MULTI_OBJECTIVE_FILE)


def _read(path: Path) -> dict[str, Any]:
    with path.open(encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found
