"""The kinds of parameter: float, log-float and int here, choice and bool beside them in ``choices``."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar

import torch
from torch import Tensor

from isptune.errors import ConfigurationError, ParameterError
from isptune.wording.integers import plain

# Above this a unit coordinate in float64 cannot tell every whole number apart.
_MOST_STEPS = 2**50

# What would make a name ambiguous in KEY=VALUE, LOW:HIGH, a list of names, or a glob.
_FORBIDDEN = "=:,*?[]"


@dataclass(frozen=True, kw_only=True, repr=False)
class Parameter:
    """What all kinds of parameter have in common.

    Attributes:
        default: the factory's value; None where the factory has none.
        unit: such as ``"px"``; empty for a pure number.
        description: one short sentence for whoever tunes it.
        active_if: other parameters' names, each with the value or the list of values at which this one
            matters; all of them must hold. A name without a dot is looked up in this parameter's own group
            first. Only ints, choices and bools can be asked for.
        name: dotted, such as ``"sharpen.radius"``; the parameter space gives it.
    """

    default: Any = None
    unit: str = ""
    description: str = ""
    # A mapping has no hash; equal parameters have equal hashes without it.
    active_if: Mapping[str, Any] = field(default_factory=dict, hash=False)
    name: str = ""

    # What has no default, in order.
    needed: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        check_name(self.name)
        for fact in ("unit", "description"):
            if not isinstance(getattr(self, fact), str):
                raise ConfigurationError(
                    f"{fact} of {self.called} is {getattr(self, fact)!r}; allowed: a text"
                )
        if not isinstance(self.active_if, Mapping):
            raise ConfigurationError(
                f"active_if of {self.called} is {self.active_if!r}; allowed: a mapping of names to values"
            )
        conditions = {str(name): _values(wanted) for name, wanted in self.active_if.items()}
        object.__setattr__(self, "active_if", conditions)
        if self.default is not None:
            # A plain number, whatever the type it was given in.
            object.__setattr__(self, "default", self.decode(self.encode(self.default)))

    def __repr__(self) -> str:
        shown = [f"{getattr(self, name)!r}" for name in self.needed]
        shown += [f"{name}={value!r}" for name, value in self.facts().items() if name not in self.needed]
        return f"{type(self).__name__}({', '.join(shown)})"

    def facts(self) -> dict[str, Any]:
        """What the parameter was declared with, without its name, and without what says nothing."""
        found = {}
        for one in sorted(fields(self), key=lambda one: one.name not in self.needed):
            value = getattr(self, one.name)
            nothing = one.default_factory() if one.default_factory is not MISSING else one.default
            if one.init and one.name != "name" and (one.name in self.needed or value != nothing):
                found[one.name] = value
        return found

    @property
    def group(self) -> str:
        """What stands before the last dot of the name; empty where there is none."""
        return self.name.rpartition(".")[0]

    @property
    def kind(self) -> str:
        """``"float"``, ``"int"``, ``"choice"`` or ``"bool"``."""
        return type(self).__name__.lower()

    @property
    def called(self) -> str:
        """How messages call it, also before it has a name."""
        return f"parameter '{self.name}'" if self.name else f"a parameter of the kind {self.kind}"

    @property
    @abstractmethod
    def initial(self) -> float:
        """The encoded default, else the middle of the range, of choices the first option."""

    @property
    @abstractmethod
    def allowed(self) -> str:
        """The range or the options, for messages and tables."""

    @property
    @abstractmethod
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest encoded value."""

    def holds(self, value: float) -> bool:
        """Whether it may have an encoded value."""
        low, high = self.bounds
        return low <= value <= high

    @abstractmethod
    def from_unit(self, unit: Tensor) -> Tensor:
        """Encoded values at coordinates in [0, 1]."""

    @abstractmethod
    def to_unit(self, values: Tensor) -> Tensor:
        """Coordinates in [0, 1] of encoded values; the middle of the cell where there are steps."""

    @abstractmethod
    def encode(self, value: Any) -> float:
        """A value as people write it as a number; refused with a ParameterError where it cannot be."""

    @abstractmethod
    def decode(self, value: float) -> Any:
        """The number as people write it."""


def _values(wanted: Any) -> tuple[Any, ...]:
    several = isinstance(wanted, Iterable) and not isinstance(wanted, (str, bytes, Mapping))
    return tuple(wanted) if several else (wanted,)


def check_name(name: str) -> None:
    """Refuse what cannot name a parameter with a ConfigurationError; the empty text is no name yet."""
    wrong = any(letter.isspace() or letter in _FORBIDDEN for letter in name)
    if name and (wrong or not all(name.split("."))):
        raise ConfigurationError(
            f"'{name}' cannot name a parameter: no spaces, none of {' '.join(_FORBIDDEN)} "
            "and no empty parts between dots"
        )


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

    Example:
        >>> Float(0.5, 3.0, default=1.0, unit="px").allowed
        '[0.5, 3] px'
    """

    log: bool = field(default=False, kw_only=True)

    def check_range(self) -> None:
        if not self.low < self.high:
            raise ConfigurationError(
                f"{self.called} needs finite bounds with low < high, got [{self.low}, {self.high}]"
            )
        if self.log and self.low <= 0:
            raise ConfigurationError(
                f"{self.called} is logarithmic, so its low bound must be above 0, got {self.low}"
            )

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
        given = _number(value, f"{self.called} is", self.allowed)
        if not self.low <= given <= self.high:
            raise ParameterError(f"{self.called} is {given:g}, outside {self.allowed}")
        return given

    def decode(self, value: float) -> float:
        return float(value)

    @property
    def initial(self) -> float:
        if self.default is not None:
            return float(self.default)
        return float(self.from_unit(torch.tensor(0.5, dtype=torch.float64)))


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
