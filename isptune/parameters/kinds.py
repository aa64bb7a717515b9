"""The kinds of parameter: float, log-float, int and choice, each with its way to the unit interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from isptune.errors import ConfigurationError, ParameterError
from isptune.naming import did_you_mean, listed

# Above this a unit coordinate in float64 cannot tell every whole number apart.
_MOST_STEPS = 2**50


@dataclass(frozen=True)
class Float:
    """A real parameter in [low, high], searched evenly or, with ``log=True``, evenly in its logarithm."""

    name: str
    low: float
    high: float
    log: bool = False
    default: float | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ConfigurationError(
                f"parameter '{self.name}' needs finite bounds with low < high, got [{self.low}, {self.high}]"
            )
        if self.log and self.low <= 0:
            raise ConfigurationError(
                f"parameter '{self.name}' is logarithmic, so its low bound must be above 0, got {self.low}"
            )
        _check_default(self)

    def from_unit(self, unit: Tensor) -> Tensor:
        if self.log:
            values = torch.exp(torch.lerp(*self._logs(unit), unit))
        else:
            # Exact at both ends, which low + unit * (high - low) is not.
            values = self.low * (1 - unit) + self.high * unit
        # Rounding may leave the bounds by a hair; unlike clamp, where keeps the gradient at the bounds.
        values = torch.where(values < self.low, values.new_tensor(self.low), values)
        return torch.where(values > self.high, values.new_tensor(self.high), values)

    def to_unit(self, values: Tensor) -> Tensor:
        if self.log:
            low, high = self._logs(values)
            return ((values.log() - low) / (high - low)).clamp(0, 1)
        return ((values - self.low) / (self.high - self.low)).clamp(0, 1)

    def _logs(self, like: Tensor) -> tuple[Tensor, Tensor]:
        return like.new_tensor(math.log(self.low)), like.new_tensor(math.log(self.high))

    def encode(self, value: Any) -> float:
        given = number(self.name, value, self.allowed)
        if not self.low <= given <= self.high:
            raise ParameterError(f"parameter '{self.name}' is {given:g}, outside {self.allowed}")
        return given

    def decode(self, value: float) -> float:
        return float(value)

    @property
    def initial(self) -> float:
        if self.default is not None:
            return self.default
        return math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2

    @property
    def allowed(self) -> str:
        return f"[{self.low:g}, {self.high:g}]" + (f" {self.unit}" if self.unit else "")


@dataclass(frozen=True)
class Int:
    """A whole-number parameter in [low, high], both included."""

    name: str
    low: int
    high: int
    default: int | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ConfigurationError(
                f"parameter '{self.name}' needs low < high, got [{self.low}, {self.high}]"
            )
        if self.high - self.low >= _MOST_STEPS:
            raise ConfigurationError(f"parameter '{self.name}' has more than 2**50 values")
        _check_default(self)

    @property
    def count(self) -> int:
        return self.high - self.low + 1

    def from_unit(self, unit: Tensor) -> Tensor:
        return _step(unit, self.count) + self.low

    def to_unit(self, values: Tensor) -> Tensor:
        return (values - self.low + 0.5) / self.count

    def encode(self, value: Any) -> float:
        given = number(self.name, value, self.allowed)
        if given != int(given) or not self.low <= given <= self.high:
            raise ParameterError(
                f"parameter '{self.name}' is {given:g}, which is not a whole number in {self.allowed}"
            )
        return given

    def decode(self, value: float) -> int:
        return round(value)

    @property
    def initial(self) -> float:
        return float(self.default if self.default is not None else (self.low + self.high) // 2)

    @property
    def allowed(self) -> str:
        return f"[{self.low}, {self.high}]" + (f" {self.unit}" if self.unit else "")


@dataclass(frozen=True)
class Choice:
    """A parameter that takes one of several options (text, numbers or booleans)."""

    name: str
    options: tuple[Any, ...]
    default: Any = None
    unit: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", tuple(self.options))
        # True == 1 in Python: options are told apart by their written form as well.
        if len(self.options) < 2 or len({(type(o), o) for o in self.options}) < len(self.options):
            raise ConfigurationError(
                f"parameter '{self.name}' needs at least two options, all different, got {list(self.options)}"
            )
        _check_default(self)

    @property
    def count(self) -> int:
        return len(self.options)

    def from_unit(self, unit: Tensor) -> Tensor:
        return _step(unit, self.count)

    def to_unit(self, values: Tensor) -> Tensor:
        return (values + 0.5) / self.count

    def encode(self, value: Any) -> float:
        for index, option in enumerate(self.options):
            if option == value and type(option) is type(value):
                return float(index)
        for index, option in enumerate(self.options):
            if str(option) == str(value):
                return float(index)
        raise ParameterError(
            f"parameter '{self.name}' is {value!r}, which is not one of {self.allowed}"
            + did_you_mean(str(value), map(str, self.options))
        )

    def decode(self, value: float) -> Any:
        return self.options[round(value)]

    @property
    def initial(self) -> float:
        return 0.0 if self.default is None else self.encode(self.default)

    @property
    def allowed(self) -> str:
        return listed(map(str, self.options))


Parameter = Float | Int | Choice


def _check_default(parameter: Parameter) -> None:
    if not parameter.name or any(c.isspace() or c in "=:," for c in parameter.name):
        raise ConfigurationError(f"'{parameter.name}' cannot name a parameter: no spaces and none of = : ,")
    if parameter.default is not None:
        parameter.encode(parameter.default)


def number(name: str, value: Any, allowed: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ParameterError(f"parameter '{name}' is {value!r}, which is not a number in {allowed}")
    if not math.isfinite(value):
        raise ParameterError(f"parameter '{name}' is {value}, which is not a finite number in {allowed}")
    return float(value)


def _step(unit: Tensor, count: int) -> Tensor:
    return (unit * count).floor().clamp(0, count - 1)
