"""The kinds of parameter that take one of several options: choice and bool."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from isptune.errors import ConfigurationError, ParameterError
from isptune.parameters.kinds import step
from isptune.parameters.parameter import Parameter
from isptune.wording.integers import plain
from isptune.wording.naming import did_you_mean, listed


@dataclass(frozen=True, repr=False)
class Choice(Parameter):
    """A parameter that takes one of several options (text, numbers or booleans).

    Its encoded value is the place of the option among ``options``, also where a range leaves only some of
    them: a pipeline need not know how the search was narrowed.

    Attributes:
        options: all of them, in the order of the encoded values.
        only: those that the search may take; all where it is empty.

    Example:
        >>> Choice(("fast", "fine"), default="fine").initial
        1.0
    """

    options: tuple[Any, ...]
    only: tuple[Any, ...] = field(default=(), kw_only=True)

    needed: ClassVar[tuple[str, ...]] = ("options",)

    def __post_init__(self) -> None:
        for name in ("options", "only"):
            given = getattr(self, name)
            if isinstance(given, str) or not hasattr(given, "__iter__"):
                raise ConfigurationError(f"{name} of {self.called} is {given!r}; allowed: a list")
            object.__setattr__(self, name, plain(tuple(given)))
        for option in self.options:
            if not isinstance(option, (str, int, float)):
                raise ConfigurationError(
                    f"an option of {self.called} is {option!r}; allowed: text, numbers, true and false"
                )
        # True == 1 in Python: options are told apart by their type as well.
        if len(self.options) < 2 or len({(type(o), o) for o in self.options}) < len(self.options):
            raise ConfigurationError(
                f"{self.called} needs at least two options, all different, got {list(self.options)}"
            )
        places = sorted({self._place(option, self.options) for option in self.only})
        # In the order of the options, so that equal narrowings are equal.
        object.__setattr__(self, "only", tuple(self.options[place] for place in places))
        if len(places) == 1:
            raise ConfigurationError(f"{self.called} needs at least two options, got {list(self.only)}")
        super().__post_init__()

    @property
    def places(self) -> list[int]:
        """The encoded values that it may take."""
        left = {(type(option), option) for option in self.only or self.options}
        return [place for place, option in enumerate(self.options) if (type(option), option) in left]

    @property
    def count(self) -> int:
        """How many options it may take."""
        return len(self.only or self.options)

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, float(len(self.options) - 1)

    def holds(self, value: float) -> bool:
        return value in self.places

    def from_unit(self, unit: Tensor) -> Tensor:
        cell = step(unit, self.count)
        return self._table(unit)[cell.long()] if self.only else cell

    def to_unit(self, values: Tensor) -> Tensor:
        cell = values
        if self.only:
            cell = torch.searchsorted(self._table(values), values.detach().contiguous()).to(values.dtype)
        return (cell + 0.5) / self.count

    def _table(self, like: Tensor) -> Tensor:
        return torch.tensor(self.places, dtype=like.dtype, device=like.device)

    def encode(self, value: Any) -> float:
        return float(self._place(value, self.only or self.options))

    def _place(self, value: Any, among: tuple[Any, ...]) -> int:
        alike = [option for option in among if option == value and type(option) is type(value)]
        alike += [option for option in among if str(option) == str(value)]
        if not alike:
            raise ParameterError(
                f"{self.called} is {value!r}, which is not one of {listed(map(str, among))}"
                + did_you_mean(str(value), map(str, among))
            )
        found = alike[0]
        return next(i for i, o in enumerate(self.options) if o == found and type(o) is type(found))

    def decode(self, value: float) -> Any:
        return self.options[round(value)]

    @property
    def initial(self) -> float:
        return float(self.places[0]) if self.default is None else self.encode(self.default)

    @property
    def allowed(self) -> str:
        return listed(map(str, self.only or self.options))


@dataclass(frozen=True, repr=False)
class Bool(Choice):
    """A parameter that is on or off, off by default.

    Example:
        >>> Bool(default=True).initial
        1.0
    """

    options: tuple[Any, ...] = field(default=(False, True), init=False)
    only: tuple[Any, ...] = field(default=(), init=False)
    default: bool = field(default=False, kw_only=True)

    needed: ClassVar[tuple[str, ...]] = ()

    def encode(self, value: Any) -> float:
        if not isinstance(value, bool):
            raise ParameterError(f"{self.called} is {value!r}; allowed: {self.allowed}")
        return float(value)

    @property
    def allowed(self) -> str:
        return "true or false"
