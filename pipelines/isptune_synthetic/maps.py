"""Hidden maps X -> D: what an optimizer has to find out.

A hidden map turns the parameters that an optimizer sets into the stages' distortion levels. Each family
is seeded, nonlinear, and has one known point X_o at which every level is exactly 0; only evaluation and
plots may ask for it. The tuning benchmark of the ScoreNet supplement (section 3) works this way and leaves
the map open; the families here go from the plain identity to coupled and multimodal ones.

All of them build on the distance from X_o on either side: ``t = (x - o) / (1 - o)`` above o and
``(o - x) / o`` below, which runs from exactly 0 at X_o to exactly 1 at both ends of the unit interval.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from isptune.errors import ConfigurationError
from isptune.parameters import Float
from isptune.plugins.registry import Registry
from isptune.stages.noise import seeded_generator

hidden_maps = Registry("hidden map", "isptune.hidden_maps")


class HiddenMap(ABC):
    """A seeded map from parameter values to distortion levels.

    Args:
        maxima: the K stages' highest levels, in their own units.
        seed: another seed, another map of the family.

    Every family keeps four promises: the levels at ``optimum()`` are exactly 0; they are 0 nowhere else;
    they lie in [0, maximum]; and their gradients are finite everywhere.
    """

    def __init__(self, maxima: Sequence[float], seed: int = 0) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ConfigurationError(f"the seed is {seed}; allowed: whole numbers of at least 0")
        self.maxima = torch.tensor(list(maxima), dtype=torch.float64)
        self.seed = seed
        self._generator = seeded_generator(type(self).__name__, seed)
        self.origin = self.uniform(0.2, 0.8)

    def uniform(self, low: float, high: float, rows: int | None = None) -> Tensor:
        """Seeded numbers in [low, high], one per stage, or that many rows of them."""
        shape = (len(self.maxima),) if rows is None else (rows, len(self.maxima))
        numbers = torch.rand(shape, generator=self._generator, dtype=torch.float64)
        return low + (high - low) * numbers

    def parameters(self, names: Sequence[str], units: Sequence[str]) -> dict[str, Float]:
        """The parameters that drive the map: numbers in [0, 1] without a meaning of their own."""
        return {name: Float(0.0, 1.0) for name in names}

    def optimum(self) -> Tensor:
        """(K,) float64, X_o."""
        return self.origin.clone()

    def levels(self, values: Tensor) -> Tensor:
        """(P, K) levels in the stages' units for (P, K) parameter values, in float64."""
        # One row at a time: PyTorch's powers round differently inside a vector register and at its end, and
        # a candidate's levels must not depend on its place in the batch.
        rows = [self.shares(row).clamp(0, 1) for row in values.to(torch.float64).split(1)]
        return torch.cat(rows) * self.maxima.to(values.device)

    @abstractmethod
    def shares(self, values: Tensor) -> Tensor:
        """(P, K) levels as shares of their maxima."""

    def distance(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """The one-sided distances t in [0, 1] from X_o, and where a value lies above X_o."""
        origin = self.origin.to(values.device).expand_as(values)
        above = values >= origin
        return torch.where(above, (values - origin) / (1 - origin), (origin - values) / origin), above


def by_side(above: Tensor, numbers: Tensor) -> Tensor:
    """Per entry the first row of (2, K) numbers where above X_o, the second where below."""
    numbers = numbers.to(above.device)
    return torch.where(above, numbers[0], numbers[1])


@hidden_maps.register("identity")
class Identity(HiddenMap):
    """D = X: the parameters are the levels themselves, in the stages' units; X_o = 0."""

    def parameters(self, names: Sequence[str], units: Sequence[str]) -> dict[str, Float]:
        return {
            name: Float(0.0, high, default=0.0, unit=unit)
            for name, high, unit in zip(names, self.maxima.tolist(), units, strict=True)
        }

    def optimum(self) -> Tensor:
        return torch.zeros_like(self.maxima)

    def levels(self, values: Tensor) -> Tensor:
        return values.to(torch.float64)

    def shares(self, values: Tensor) -> Tensor:
        return self.levels(values) / self.maxima.to(values.device)


@hidden_maps.register("power")
class Power(HiddenMap):
    """t ** gamma with an optimum inside, gamma in [1, 2] per stage and side."""

    def __init__(self, maxima: Sequence[float], seed: int = 0) -> None:
        super().__init__(maxima, seed)
        self.gamma = self.uniform(1.0, 2.0, rows=2)

    def shares(self, values: Tensor) -> Tensor:
        distance, above = self.distance(values)
        return distance.pow(by_side(above, self.gamma))


@hidden_maps.register("sigmoid")
class Sigmoid(HiddenMap):
    """A saturating S-curve of t (a Hill curve): flat around X_o, steep in the middle, flat far away."""

    def __init__(self, maxima: Sequence[float], seed: int = 0) -> None:
        super().__init__(maxima, seed)
        self.steepness = self.uniform(2.0, 4.0, rows=2)
        self.middle = self.uniform(0.2, 0.5, rows=2)

    def shares(self, values: Tensor) -> Tensor:
        distance, above = self.distance(values)
        steepness, middle = by_side(above, self.steepness), by_side(above, self.middle)
        half = middle.pow(steepness)
        risen = distance.pow(steepness)
        return risen * (1 + half) / (risen + half)


@hidden_maps.register("ripple")
class Ripple(HiddenMap):
    """t + A sin(pi m t) ** 2: several local minima on either side, of which only X_o reaches 0."""

    def __init__(self, maxima: Sequence[float], seed: int = 0) -> None:
        super().__init__(maxima, seed)
        self.amplitude = self.uniform(0.25, 0.5)
        self.waves = torch.randint(2, 5, (len(self.maxima),), generator=self._generator).double()

    def shares(self, values: Tensor) -> Tensor:
        distance, _ = self.distance(values)
        amplitude, waves = self.amplitude.to(values.device), self.waves.to(values.device)
        ripple = amplitude * torch.sin(math.pi * waves * distance).square()
        return (distance + ripple) / self._highest().to(values.device)

    def _highest(self) -> Tensor:
        # The highest point lies in the last wave, where the derivative 1 + A pi m sin(2 pi m t) vanishes
        # on the way down; from there to t = 1 the curve falls back to 1.
        turn = torch.asin(1 / (self.amplitude * math.pi * self.waves)) / (2 * math.pi)
        at = (self.waves - 0.5 + turn) / self.waves
        return at + self.amplitude * torch.sin(math.pi * self.waves * at).square()


@hidden_maps.register("coupled")
class Coupled(HiddenMap):
    """Each level depends on all parameters: a well-conditioned mixing of x - X_o, then a power."""

    def __init__(self, maxima: Sequence[float], seed: int = 0) -> None:
        super().__init__(maxima, seed)
        count = len(self.maxima)
        self.gamma = self.uniform(1.0, 2.0, rows=2)
        raw = torch.randn(count, count, generator=self._generator, dtype=torch.float64)
        raw = raw - raw.diag().diag()
        # A perturbation of norm 0.6 keeps the singular values in [0.4, 1.6].
        norm = torch.linalg.matrix_norm(raw, 2).clamp_min(1e-12)
        self.mixing = torch.eye(count, dtype=torch.float64) + 0.6 * raw / norm
        # How far each mixed coordinate reaches over the unit cube, above and below 0.
        ends = torch.stack((self.mixing * (1 - self.origin), -self.mixing * self.origin))
        self.reach = torch.stack((ends.amax(0).sum(1), -ends.amin(0).sum(1)))

    def shares(self, values: Tensor) -> Tensor:
        offset = values - self.origin.to(values.device)
        mixing = self.mixing.to(values.device)
        mixed = (offset.unsqueeze(1) * mixing).sum(dim=2)
        above = mixed >= 0
        distance = (mixed.abs() / by_side(above, self.reach)).clamp(max=1)
        return distance.pow(by_side(above, self.gamma))
