"""How parameters depend on each other: conditions, ties, fixed values, and which ones are left free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor

from isptune.errors import ConfigurationError, ParameterError
from isptune.parameters.choices import Choice
from isptune.parameters.kinds import Float, Int
from isptune.parameters.names import whole_name
from isptune.parameters.parameter import Parameter
from isptune.wording.naming import did_you_mean


class Relations:
    """The parameters of a space in the order in which their values follow from each other.

    Args:
        parameters: named ones.
        fixed: encoded values by name.
        ties: by name, whose value is taken.
        declared: the ranges are the factory's, so that a condition outside them is a mistake.

    Attributes:
        fixed, ties: as given.
        parameters: with the names in their conditions written out.
        free: the places of those that a search may move.
        is_plain: every parameter is free and always active.

    Raises:
        ConfigurationError: a condition that cannot be, a circle, or nothing that is free.
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        fixed: Mapping[str, float],
        ties: Mapping[str, str],
        declared: bool,
    ) -> None:
        self._place = {parameter.name: place for place, parameter in enumerate(parameters)}
        by_name = {parameter.name: parameter for parameter in parameters}
        self.parameters = tuple(_resolved(parameter, by_name, declared) for parameter in parameters)
        self.fixed, self.ties = fixed, ties
        self._fixed = {self._place[name]: value for name, value in fixed.items()}
        self._tied = {self._place[name]: self._place[other] for name, other in ties.items()}
        # Encoded: for each parameter the places of those that it depends on, and at which values.
        self._conditions = [
            {
                self._place[name]: [_encoded(by_name[name], value) for value in wanted]
                for name, wanted in parameter.active_if.items()
            }
            for parameter in self.parameters
        ]
        self._order = self._ordered()
        self._never = self._never_active()
        taken = {*self._fixed, *self._tied, *self._never}
        self.free = tuple(place for place in range(len(parameters)) if place not in taken)
        self.is_plain = not taken and not any(self._conditions)
        if not self.free:
            raise ConfigurationError("nothing is left to tune: every parameter is fixed, tied or inactive")

    def source(self, name: str) -> str:
        """The parameter at the end of a chain of ties."""
        place = self._place[name]
        while place in self._tied:
            place = self._tied[place]
        return self.parameters[place].name

    def bounds(self, place: int) -> tuple[float, float]:
        """The lowest and highest encoded value."""
        if place in self._fixed:
            return self._fixed[place], self._fixed[place]
        return self.parameters[place].bounds

    def settled(self, columns: dict[int, Tensor], like: Tensor) -> list[Tensor]:
        """All n columns (P,) where those of the free parameters are given.

        What is fixed has its value, what is tied its source's, what is inactive its default.
        """
        self._walk(columns, like)
        return [columns[place] for place in range(len(self.parameters))]

    def active(self, columns: dict[int, Tensor], like: Tensor) -> Tensor:
        """(P, n) bool, whether a parameter matters in a candidate."""
        active = self._walk(columns, like)
        always = torch.ones(len(like), dtype=torch.bool, device=like.device)
        found = [active[place] for place in range(len(self.parameters))]
        return torch.stack([always if one is None else one for one in found], dim=1)

    def _walk(self, columns: dict[int, Tensor], like: Tensor) -> dict[int, Tensor | None]:
        """Settle the columns in place; where each parameter is active, None standing for everywhere."""
        active: dict[int, Tensor | None] = {}
        for place in self._order:
            active[place] = self._holds(place, columns, active)
            if place in self._fixed:
                columns[place] = like.new_full((len(like),), self._fixed[place])
            elif place in self._tied:
                columns[place] = columns[self._tied[place]]
            elif place in self._never:
                columns[place] = like.new_full((len(like),), self.parameters[place].initial)
            elif (where := active[place]) is not None:
                default = like.new_full((len(like),), self.parameters[place].initial)
                columns[place] = torch.where(where, columns[place], default)
        return active

    def _holds(
        self, place: int, columns: Mapping[int, Tensor], active: Mapping[int, Tensor | None]
    ) -> Tensor | None:
        """Where all conditions of a parameter hold, an inactive one's being none that can."""
        found: Tensor | None = None
        for other, wanted in self._conditions[place].items():
            column = columns[other].detach()
            holds = torch.isin(column, column.new_tensor(wanted))
            for more in (active[other], found):
                holds = holds if more is None else holds & more
            found = holds
        return found

    def _ordered(self) -> list[int]:
        """Places such that each comes after all that it depends on."""
        order: list[int] = []
        path: list[int] = []

        def visit(place: int) -> None:
            if place in order:
                return
            if place in path:
                self._refuse_circle([*path[path.index(place) :], place])
            path.append(place)
            for other in self._depends_on(place):
                visit(other)
            path.pop()
            order.append(place)

        for place in range(len(self.parameters)):
            visit(place)
        return order

    def _depends_on(self, place: int) -> list[int]:
        tied = [self._tied[place]] if place in self._tied else []
        return [*tied, *self._conditions[place]]

    def _refuse_circle(self, circle: list[int]) -> None:
        steps = list(pairwise(circle))
        what = [
            word
            for word, any_of in (
                ("ties", any(self._tied.get(one) == other for one, other in steps)),
                ("conditions", any(self._tied.get(one) != other for one, other in steps)),
            )
            if any_of
        ]
        names = ", ".join(self.parameters[place].name for place in circle)
        raise ConfigurationError(f"{' and '.join(what)} go in a circle: {names}")

    def _never_active(self) -> set[int]:
        """Places of parameters whose conditions no candidate can meet."""
        never: set[int] = set()
        for place in self._order:
            for other, wanted in self._conditions[place].items():
                if other in never or not any(self._can_be(other, value) for value in wanted):
                    never.add(place)
        return never

    def _can_be(self, place: int, value: float) -> bool:
        while place in self._tied:
            place = self._tied[place]
        if place in self._fixed:
            return value == self._fixed[place]
        return self.parameters[place].holds(value)


def _resolved(parameter: Parameter, by_name: Mapping[str, Parameter], declared: bool) -> Parameter:
    """The parameter with whole names and plain values in its conditions."""
    if not parameter.active_if:
        return parameter
    conditions = {}
    for given, wanted in parameter.active_if.items():
        name = whole_name(given, parameter.group, by_name)
        conditions[name] = checked_condition(parameter, name, wanted, by_name, declared)
    return replace(parameter, active_if=conditions)


def checked_condition(
    parameter: Parameter,
    name: str,
    wanted: Sequence[object],
    by_name: Mapping[str, Parameter],
    declared: bool,
) -> tuple[object, ...]:
    """The values that a condition asks of another parameter, as that parameter writes them.

    Raises:
        ConfigurationError: the other parameter is unknown or a float, or cannot have such a value.
    """
    what = f"{parameter.called} cannot be active if"
    if name not in by_name:
        nearest = did_you_mean(name, by_name)
        raise ConfigurationError(f"{what} '{name}' has a value: there is no parameter '{name}'{nearest}")
    other = by_name[name]
    if isinstance(other, Float):
        raise ConfigurationError(
            f"{what} '{name}' has a value: it is a float; allowed: int, choice and bool parameters"
        )
    if not wanted:
        raise ConfigurationError(f"{what} '{name}' has none of its values; allowed: {other.allowed}")
    try:
        return tuple(other.decode(_encoded(other, value, declared)) for value in wanted)
    except ParameterError as error:
        raise ConfigurationError(f"{what} {error}") from None


def _encoded(parameter: Parameter, value: object, declared: bool = False) -> float:
    """A condition's value as a number; it may lie outside a range that was narrowed since."""
    if isinstance(parameter, Choice) and parameter.only:
        return replace(parameter, only=(), default=None).encode(value)
    if isinstance(parameter, Int) and not declared and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return parameter.encode(value)
