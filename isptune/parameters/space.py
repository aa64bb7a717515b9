"""The ordered set of parameters: which of them are free, and their values as tensors and dictionaries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import yaml
from torch import Tensor

from isptune.errors import ConfigurationError, ParameterError
from isptune.parameters import plain_data
from isptune.parameters.checked import checked, shaped
from isptune.parameters.kinds import Float
from isptune.parameters.names import named, unknown
from isptune.parameters.parameter import Parameter
from isptune.parameters.relations import Relations
from isptune.storage.yaml_files import read_value, written_value
from isptune.wording.showing import html_table


class ParameterSpace:
    """An ordered set of parameters: the search space of a pipeline.

    A pipeline gets the values of all n parameters. An optimizer searches the f **free** ones alone: what is
    fixed, tied to another parameter, or can never be active has no column in the unit cube. A parameter
    that is inactive in a candidate has its default there, so that candidates that mean the same are equal.

    Args:
        parameters: names, with dots between groups, and ``Float``, ``Int``, ``Choice`` or ``Bool`` objects.

    Attributes:
        parameters: all n, each with its name.
        free: the f that an optimizer searches, in the same order.
        free_indices: their places among all.
        fixed: values by name of those that are fixed.
        ties: by name of those that are tied, whose value they take.
        notices: sentences about defaults that a narrowed range has moved.

    Raises:
        ConfigurationError: no parameter, a name that cannot be, or conditions that make no sense.

    Example:
        >>> from isptune import Choice, Float, ParameterSpace
        >>> space = ParameterSpace(
        ...     {"wb.red": Float(0.5, 8.0), "wb.blue": Float(0.5, 8.0), "mode": Choice(("a", "b"))}
        ... ).constrained(tie={"wb.blue": "wb.red"})
        >>> space.to_dicts(space.to_values(torch.tensor([[0.5, 0.9]])))
        [{'wb.red': 4.25, 'wb.blue': 4.25, 'mode': 'b'}]
    """

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self._build(Relations(named(parameters), {}, {}, declared=True))

    def _build(self, relations: Relations, notices: tuple[str, ...] = ()) -> None:
        self._relations = relations
        self.parameters = relations.parameters
        self.free_indices = relations.free
        self.free = tuple(self.parameters[index] for index in self.free_indices)
        self.fixed = {name: self[name].decode(value) for name, value in relations.fixed.items()}
        self.ties = dict(relations.ties)
        self.notices = notices
        # (2, n), the lowest and the highest value of each.
        ends = [relations.bounds(index) for index in range(len(self.parameters))]
        self._ends = torch.tensor(ends, dtype=torch.float64).T.contiguous()
        self._is_linear = relations.is_plain and all(
            type(one) is Float and one.is_real and not one.log for one in self.parameters
        )

    @classmethod
    def related(
        cls,
        parameters: Sequence[Parameter],
        fixed: Mapping[str, float],
        ties: Mapping[str, str],
        notices: tuple[str, ...] = (),
    ) -> ParameterSpace:
        """A space of named parameters, some of which are fixed (encoded) or tied; see ``constrained``."""
        space = cls.__new__(cls)
        space._build(Relations(parameters, fixed, ties, declared=False), notices)
        return space

    def __len__(self) -> int:
        return len(self.parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ParameterSpace):
            return False
        return (self.parameters, self.fixed, self.ties) == (other.parameters, other.fixed, other.ties)

    def __hash__(self) -> int:
        return hash(self.parameters)

    def __repr__(self) -> str:
        shown = repr({parameter.name: parameter for parameter in self.parameters})
        shown += f", fixed={self.fixed!r}" if self.fixed else ""
        shown += f", ties={self.ties!r}" if self.ties else ""
        return f"ParameterSpace({shown})"

    def _repr_html_(self) -> str:
        rows = [[one.name, one.kind, one.allowed, one.decode(one.initial)] for one in self.parameters]
        return html_table("", ["parameter", "kind", "allowed", "start"], rows)

    def __getitem__(self, name: str) -> Parameter:
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise ParameterError(unknown(name, self.names))

    @property
    def names(self) -> list[str]:
        return [parameter.name for parameter in self.parameters]

    @property
    def groups(self) -> list[str]:
        """What stands before the last dots of the names, each once, in order; "" for names without one."""
        return list(dict.fromkeys(parameter.group for parameter in self.parameters))

    @property
    def is_continuous(self) -> bool:
        """True where every free parameter is a float without a step, so that gradients reach all of them."""
        return all(parameter.is_real for parameter in self.free)

    def constrained(
        self,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        ranges: Mapping[str, Sequence[Any]] | None = None,
        fix: Mapping[str, Any] | None = None,
        tie: Mapping[str, str] | None = None,
        active_if: Mapping[str, Mapping[str, Any]] | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> ParameterSpace:
        """The same parameters with less to search.

        Names may be globs (``"denoise.*"``). What is said of a name itself wins over all that globs say of
        it.

        Args:
            settings: by name what the other arguments say by kind, as a run's ``parameters`` do:
                ``{"tone.gamma": {"fix": 2.2}, "denoise.luma": {"range": [0, 0.5], "default": 0.1}}``, with
                the keys fix, range, tie, active_if and default.
            ranges: (low, high), or the options that are left of a choice.
            fix: the values that stay; None stands for the parameter's start, its default.
            tie: the parameters whose values are taken.
            active_if: further conditions, see ``Parameter``.
            defaults: other defaults, from which a search may start.

        Raises:
            ConfigurationError: what makes no sense, such as a range turned round, a circle, or an empty free
                space.
            ParameterError: a name that is unknown, or a value that the parameter cannot have.
        """
        from isptune.parameters.constraints import by_name, constrain

        more = by_name(range=ranges, fix=fix, tie=tie, active_if=active_if, default=defaults)
        return constrain(self, settings or {}, more)

    def to_values(self, unit: Tensor) -> Tensor:
        """Unit-cube coordinates of the free parameters to values of all.

        Args:
            unit: (P, f) in [0, 1].

        Returns:
            (P, n) float64 on the same device, differentiable for float parameters; the gradient of a tied one
            goes to its source.

        Raises:
            ParameterError: another shape, a NaN, or a coordinate outside [0, 1].
        """
        unit = shaped(unit, self.free).to(torch.float64)
        outside = ~((unit.detach() >= 0) & (unit.detach() <= 1))
        if bool(outside.any()):
            row, column = (int(i) for i in outside.nonzero()[0])
            raise ParameterError(
                f"the unit coordinate of '{self.free[column].name}' of candidate {row} is "
                f"{float(unit[row, column]):g}, outside [0, 1]"
            )
        if self._is_linear:
            # What ``Float.from_unit`` gives for each column, to the last bit, for all of them in one go.
            low, high = self._ends.to(unit.device)
            values = low * (1 - unit) + high * unit
            values = torch.where(values < low, low, values)
            return torch.where(values > high, high, values)
        found = {
            index: parameter.from_unit(unit[:, column])
            for column, (index, parameter) in enumerate(zip(self.free_indices, self.free, strict=True))
        }
        return torch.stack(self._relations.settled(found, unit), dim=1)

    def to_unit(self, values: Tensor) -> Tensor:
        """Values to unit-cube coordinates of the free parameters, the inverse of ``to_values``.

        Ints and choices land in the middle of their cell, so that they come back to the last bit.

        Args:
            values: (P, n) within the bounds.

        Returns:
            (P, f) float64 in [0, 1].

        Raises:
            ParameterError: another shape, a NaN, or a value that is not allowed.
        """
        values = self.check(values)
        columns = [self.parameters[index].to_unit(values[:, index]) for index in self.free_indices]
        return torch.stack(columns, dim=1)

    def check(self, values: Tensor) -> Tensor:
        """The values as a (P, n) float64 tensor, refused with a ParameterError where one is not allowed.

        Inactive ones come back as their defaults. Values past a bound only through rounding to a coarser
        type are moved to it.
        """
        values = checked(self, shaped(values, self.parameters), self._ends)
        if self._relations.is_plain:
            return values
        return torch.stack(self._relations.settled(dict(enumerate(values.unbind(1))), values), dim=1)

    def active(self, values: Tensor) -> Tensor:
        """(P, n) bool, whether a parameter matters in a candidate of (P, n) values."""
        values = self.check(values)
        return self._relations.active(dict(enumerate(values.detach().unbind(1))), values)

    def remarks(self, candidate: Mapping[str, Any]) -> dict[str, str]:
        """What a table says beside each value of a candidate: what is allowed, and why it is as it is."""
        active = self.active(self.from_dicts([candidate]))[0].tolist()
        found = {}
        for parameter, matters in zip(self.parameters, active, strict=True):
            name = parameter.name
            if name in self.fixed:
                found[name] = "fixed"
            elif name in self.ties:
                found[name] = f"tied to {self.ties[name]}"
            else:
                found[name] = parameter.allowed if matters else f"inactive, {parameter.allowed}"
        return found

    def to_dicts(self, values: Tensor) -> list[dict[str, Any]]:
        """Rows of values as dictionaries of plain Python numbers and options."""
        rows = self.check(values).detach().cpu().tolist()
        return [{p.name: p.decode(v) for p, v in zip(self.parameters, row, strict=True)} for row in rows]

    def from_dicts(self, rows: Sequence[Mapping[str, Any]]) -> Tensor:
        """Dictionaries to (P, n) values; a parameter that a row leaves out takes its start.

        Raises:
            ParameterError: an unknown name, or a value of the wrong type or that is not allowed.
        """
        encoded = []
        for row in rows:
            given = {name: self[name].encode(value) for name, value in row.items()}
            for name, value in self.fixed.items():
                given.setdefault(name, self[name].encode(value))
            for name in self.ties:
                source = self._relations.source(name)
                given.setdefault(name, given.get(source, self[source].initial))
            encoded.append([given.get(p.name, p.initial) for p in self.parameters])
        return self.check(torch.tensor(encoded, dtype=torch.float64).reshape(len(encoded), len(self)))

    def start(self) -> Tensor:
        """The (1, n) values of a candidate that sets nothing: the factory's defaults.

        Where there is no default, the middle of the range, of a choice its first option.
        """
        return self.from_dicts([{}])

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Plain data that ``from_dict`` reads back: parameter name to its type, bounds and flags."""
        return plain_data.described(self)

    @classmethod
    def from_dict(cls, described: Mapping[str, Mapping[str, Any]]) -> ParameterSpace:
        """The space that ``to_dict`` described.

        Raises:
            ConfigurationError: an unknown type or key, a missing bound, or bounds that make no sense.
        """
        return cls.related(*plain_data.read(described))

    def to_yaml(self) -> str:
        """The space as YAML text, which ``from_yaml`` reads back to an equal space."""
        return written_value(self.to_dict())

    @classmethod
    def from_yaml(cls, text: str) -> ParameterSpace:
        """The space written as YAML text; see ``from_dict``.

        Raises:
            ConfigurationError: the text is not YAML.
        """
        try:
            return cls.from_dict(read_value(text))
        except yaml.YAMLError as error:
            raise ConfigurationError(f"the parameter space is not valid YAML: {error}") from error
