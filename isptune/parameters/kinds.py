"""The kinds of parameter: float, log-float and int here, choice and bool beside them in ``choices``."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from isptune.errors import ConfigurationError, ParameterError
from isptune.parameters.parameter import Parameter
from isptune.wording.integers import plain

# Above this a unit coordinate in float64 cannot tell every whole number apart.
_MOST_STEPS = 2**50

# By so much of a step a bound may miss a multiple of it through rounding.
_SLACK = 1e-9


@dataclass(frozen=True, repr=False)
class Number(Parameter):
    """What real and whole numbers in [low, high] have in common."""

    low: float
    high: float

    needed: ClassVar[tuple[str, ...]] = ("low", "high")
    # For messages.
    among: ClassVar[str] = "the real numbers"

    def __post_init__(self) -> None:
        for end in ("low", "high"):
            # Python's numbers in place of numpy's, which no file holds.
            object.__setattr__(self, end, plain(getattr(self, end)))
            _number(getattr(self, end), f"a bound of {self.called} is", self.among)
        self.check_range()
        super().__post_init__()

    @abstractmethod
    def check_range(self) -> None:
        """Refuse bounds that cannot be with a ConfigurationError."""

    @property
    def bounds(self) -> tuple[float, float]:
        return float(self.low), float(self.high)

    @property
    def allowed(self) -> str:
        return f"[{self.low:g}, {self.high:g}]" + (f" {self.unit}" if self.unit else "")


@dataclass(frozen=True, repr=False)
class Float(Number):
    """A real parameter in [low, high], searched evenly or, with ``log=True``, evenly in its logarithm.

    With a ``step`` it takes the multiples of that step alone, which is what an ISP makes of it that keeps so
    many digits or bits: values that it rounds to one another are one, and no search evaluates them twice. A
    value that is given, also a default, is rounded to the nearest. A step has no gradient and no logarithm.

    Example:
        >>> Float(0.5, 3.0, default=1.0, unit="px").allowed
        '[0.5, 3] px'
        >>> gain = Float(1.0, 8.0, step=1 / 64)
        >>> gain.count, gain.decode(gain.encode(2.12))
        (449, 2.125)
    """

    log: bool = field(default=False, kw_only=True)
    step: float | None = field(default=None, kw_only=True)

    def check_range(self) -> None:
        if not self.low < self.high:
            raise ConfigurationError(
                f"{self.called} needs finite bounds with low < high, got [{self.low}, {self.high}]"
            )
        if self.log and self.low <= 0:
            raise ConfigurationError(
                f"{self.called} is logarithmic, so its low bound must be above 0, got {self.low}"
            )
        if self.step is None:
            return
        object.__setattr__(self, "step", plain(self.step))
        if not _number(self.step, f"the step of {self.called} is", self.among) > 0:
            raise ConfigurationError(f"the step of {self.called} is {self.step}; allowed: above 0")
        if self.log:
            raise ConfigurationError(f"{self.called} is logarithmic and has a step; allowed: one of the two")
        if not 2 <= self.count < _MOST_STEPS:
            raise ConfigurationError(
                f"{self.called} takes {self.count} values in [{self.low:g}, {self.high:g}] with the step "
                f"{self.step:g}; allowed: 2 to 2**50"
            )

    @property
    def is_real(self) -> bool:
        return self.step is None

    @property
    def count(self) -> int:
        """How many values there are; 0 for a real number without a step."""
        return 0 if self.step is None else math.floor(self.high / self.step + _SLACK) - self._first + 1

    @property
    def _first(self) -> int:
        """The lowest multiple of the step."""
        assert self.step is not None
        return math.ceil(self.low / self.step - _SLACK)

    def from_unit(self, unit: Tensor) -> Tensor:
        if self.step is not None:
            values = (step(unit, self.count) + self._first) * self.step
        elif self.log:
            values = torch.exp(torch.lerp(*self._logs(unit), unit))
        else:
            # Exact at both ends, which low + unit * (high - low) is not.
            values = self.low * (1 - unit) + self.high * unit
        # Rounding may leave the bounds by a hair; unlike clamp, where keeps the gradient at the bounds.
        values = torch.where(values < self.low, values.new_tensor(self.low), values)
        return torch.where(values > self.high, values.new_tensor(self.high), values)

    def to_unit(self, values: Tensor) -> Tensor:
        if self.step is not None:
            cells = ((values / self.step).round() - self._first).clamp(0, self.count - 1)
            return (cells + 0.5) / self.count
        if self.log:
            low, high = self._logs(values)
            return ((values.log() - low) / (high - low)).clamp(0, 1)
        return ((values - self.low) / (self.high - self.low)).clamp(0, 1)

    def _logs(self, like: Tensor) -> tuple[Tensor, Tensor]:
        return like.new_tensor(math.log(self.low)), like.new_tensor(math.log(self.high))

    def encode(self, value: Any) -> float:
        given = _number(value, f"{self.called} is", self.allowed)
        if not self.low <= given <= self.high:
            raise ParameterError(f"{self.called} is {given:g}, outside {self.allowed}")
        if self.step is None:
            return given
        place = min(max(round(given / self.step), self._first), self._first + self.count - 1)
        return min(max(place * self.step, float(self.low)), float(self.high))

    def decode(self, value: float) -> float:
        # A third of ten steps of 0.3 is written 0.9, and not 0.8999999999999999.
        return float(value) if self.step is None else float(f"{value:.12g}")

    @property
    def initial(self) -> float:
        if self.default is not None:
            return self.encode(self.default)
        return float(self.from_unit(torch.tensor(0.5, dtype=torch.float64)))

    @property
    def allowed(self) -> str:
        return super().allowed + ("" if self.step is None else f" in steps of {self.step:g}")


@dataclass(frozen=True, repr=False)
class Int(Number):
    """A whole-number parameter in [low, high], both included."""

    low: int
    high: int

    among: ClassVar[str] = "the whole numbers"

    def check_range(self) -> None:
        for bound in (self.low, self.high):
            if bound != int(bound):
                raise ConfigurationError(f"a bound of {self.called} is {bound}, which is not a whole number")
        if not self.low < self.high:
            raise ConfigurationError(f"{self.called} needs low < high, got [{self.low}, {self.high}]")
        if self.high - self.low >= _MOST_STEPS:
            raise ConfigurationError(f"{self.called} has more than 2**50 values")

    @property
    def count(self) -> int:
        """How many values there are."""
        return self.high - self.low + 1

    def from_unit(self, unit: Tensor) -> Tensor:
        return step(unit, self.count) + self.low

    def to_unit(self, values: Tensor) -> Tensor:
        return (values - self.low + 0.5) / self.count

    def encode(self, value: Any) -> float:
        given = _number(value, f"{self.called} is", self.allowed)
        if given != int(given) or not self.holds(given):
            raise ParameterError(f"{self.called} is {given:g}, which is not a whole number in {self.allowed}")
        return given

    def decode(self, value: float) -> int:
        return round(value)

    @property
    def initial(self) -> float:
        return float(self.default if self.default is not None else (self.low + self.high) // 2)

    @property
    def allowed(self) -> str:
        return f"[{self.low}, {self.high}]" + (f" {self.unit}" if self.unit else "")


def step(unit: Tensor, count: int) -> Tensor:
    """Which of that many cells of the unit interval a coordinate lies in."""
    return (unit * count).floor().clamp(0, count - 1)


def _number(value: Any, what: str, allowed: str) -> float:
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ParameterError(f"{what} {value!r}, which is not a number in {allowed}")
    if not math.isfinite(value):
        raise ParameterError(f"{what} {value}, which is not a finite number in {allowed}")
    return float(value)
