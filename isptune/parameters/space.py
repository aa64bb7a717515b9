"""The ordered set of parameters, its values as tensors and dictionaries, and its YAML form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import yaml
from torch import Tensor

from isptune.errors import ConfigurationError, ParameterError
from isptune.naming import did_you_mean, listed
from isptune.parameters.kinds import Choice, Float, Int, Parameter, number

_TYPES: dict[str, type[Float] | type[Int] | type[Choice]] = {"float": Float, "int": Int, "choice": Choice}


class ParameterSpace:
    """An ordered set of parameters: the search space of a pipeline.

    Args:
        parameters: ``Float``, ``Int`` and ``Choice`` objects with different names.

    Example:
        >>> space = ParameterSpace([Float("gain", 0.5, 8.0, log=True), Choice("mode", ("fast", "fine"))])
        >>> space.to_dicts(space.to_values(torch.tensor([[0.5, 0.9]])))
        [{'gain': 2.0, 'mode': 'fine'}]
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        names = [parameter.name for parameter in self.parameters]
        repeated = {name for name in names if names.count(name) > 1}
        if repeated:
            raise ConfigurationError(f"parameter names must differ, repeated: {listed(sorted(repeated))}")
        if not names:
            raise ConfigurationError("a parameter space needs at least one parameter")

    def __len__(self) -> int:
        return len(self.parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ParameterSpace) and self.parameters == other.parameters

    def __hash__(self) -> int:
        return hash(self.parameters)

    def __repr__(self) -> str:
        return f"ParameterSpace({list(self.parameters)!r})"

    def __getitem__(self, name: str) -> Parameter:
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise ParameterError(
            f"there is no parameter '{name}'"
            + (did_you_mean(name, self.names) or "")
            + f"; the parameters are {listed(self.names)}"
        )

    @property
    def names(self) -> list[str]:
        return [parameter.name for parameter in self.parameters]

    @property
    def is_continuous(self) -> bool:
        """True where every parameter is a float, so that gradients reach all of them."""
        return all(isinstance(parameter, Float) for parameter in self.parameters)

    def to_values(self, unit: Tensor) -> Tensor:
        """Unit-cube coordinates to values.

        Args:
            unit: (P, n) in [0, 1].

        Returns:
            (P, n) float64 on the same device, differentiable for float parameters.

        Raises:
            ParameterError: another shape, a NaN, or a coordinate outside [0, 1].
        """
        unit = self._shaped(unit).to(torch.float64)
        self._refuse_outside(unit, 0.0, 1.0, "unit coordinate", "[0, 1]")
        columns = [parameter.from_unit(unit[:, i]) for i, parameter in enumerate(self.parameters)]
        return torch.stack(columns, dim=1)

    def to_unit(self, values: Tensor) -> Tensor:
        """Values to unit-cube coordinates, the inverse of ``to_values``.

        Ints and choices land in the middle of their cell, so that they come back to the last bit.

        Args:
            values: (P, n) within the bounds.

        Returns:
            (P, n) float64 in [0, 1].

        Raises:
            ParameterError: another shape, a NaN, or a value outside its bounds.
        """
        values = self.check(values)
        columns = [parameter.to_unit(values[:, i]) for i, parameter in enumerate(self.parameters)]
        return torch.stack(columns, dim=1)

    def check(self, values: Tensor) -> Tensor:
        """The values as a (P, n) float64 tensor, refused with a ParameterError where one is not allowed.

        A bound that a coarser floating-point type rounds outwards stands for the bound itself.
        """
        given = self._shaped(values)
        ends = [_bounds(parameter) for parameter in self.parameters]
        bounds = torch.tensor(ends, dtype=torch.float64, device=given.device).reshape(-1, 2).T
        rounded = bounds.to(given.dtype).to(torch.float64) if given.is_floating_point() else bounds
        values = given.to(torch.float64)
        low, high = torch.minimum(bounds[0], rounded[0]), torch.maximum(bounds[1], rounded[1])
        for index, parameter in enumerate(self.parameters):
            column = values.detach()[:, index]
            wrong = ~((column >= low[index]) & (column <= high[index]))
            if not isinstance(parameter, Float):
                wrong |= column != column.round()
            if bool(wrong.any()):
                row = int(wrong.nonzero()[0, 0])
                raise ParameterError(
                    f"parameter '{parameter.name}' of candidate {row} is {float(column[row]):g}, "
                    f"outside {parameter.allowed}"
                )
        return values if given.dtype == torch.float64 else values.clamp(bounds[0], bounds[1])

    def _shaped(self, tensor: Tensor) -> Tensor:
        if tensor.ndim != 2 or tensor.shape[1] != len(self):
            raise ParameterError(
                f"candidates must have the shape (P, {len(self)}) for the parameters "
                f"{listed(self.names)}, got {tuple(tensor.shape)}"
            )
        return tensor

    def _refuse_outside(self, tensor: Tensor, low: float, high: float, what: str, allowed: str) -> None:
        detached = tensor.detach()
        wrong = ~((detached >= low) & (detached <= high))
        if bool(wrong.any()):
            row, column = (int(i) for i in wrong.nonzero()[0])
            raise ParameterError(
                f"the {what} of '{self.names[column]}' of candidate {row} is "
                f"{float(detached[row, column]):g}, outside {allowed}"
            )

    def to_dicts(self, values: Tensor) -> list[dict[str, Any]]:
        """Rows of values as dictionaries of plain Python numbers and options."""
        rows = self.check(values).detach().cpu().tolist()
        return [{p.name: p.decode(v) for p, v in zip(self.parameters, row, strict=True)} for row in rows]

    def from_dicts(self, rows: Sequence[Mapping[str, Any]]) -> Tensor:
        """Dictionaries to (P, n) values; a parameter that a row leaves out takes its default.

        Raises:
            ParameterError: an unknown name, or a value of the wrong type or outside its bounds.
        """
        encoded = []
        for row in rows:
            for name in row:
                self[name]
            encoded.append(
                [p.encode(row[p.name]) if p.name in row else float(p.initial) for p in self.parameters]
            )
        return torch.tensor(encoded, dtype=torch.float64).reshape(len(encoded), len(self))

    def defaults(self) -> Tensor:
        """The (1, n) values of a candidate that sets nothing."""
        return self.from_dicts([{}])

    def middle(self) -> Tensor:
        """The (1, n) values at the middle of the unit cube, where an untuned candidate may stand."""
        return self.to_values(torch.full((1, len(self)), 0.5, dtype=torch.float64))

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Plain data that ``from_dict`` reads back: parameter name to its type, bounds and flags."""
        described: dict[str, dict[str, Any]] = {}
        for parameter in self.parameters:
            entry: dict[str, Any] = {"type": type(parameter).__name__.lower()}
            if isinstance(parameter, Choice):
                entry["options"] = list(parameter.options)
            else:
                entry |= {"low": parameter.low, "high": parameter.high}
            if isinstance(parameter, Float) and parameter.log:
                entry["log"] = True
            if parameter.default is not None:
                entry["default"] = parameter.default
            if parameter.unit:
                entry["unit"] = parameter.unit
            described[parameter.name] = entry
        return described

    @classmethod
    def from_dict(cls, described: Mapping[str, Mapping[str, Any]]) -> ParameterSpace:
        """The space that ``to_dict`` described.

        Raises:
            ConfigurationError: an unknown type or key, a missing bound, or bounds that make no sense.
        """
        if not isinstance(described, Mapping):
            raise ConfigurationError("a parameter space is written as a mapping of names to descriptions")
        parameters: list[Parameter] = []
        for name, entry in described.items():
            if not isinstance(entry, Mapping):
                raise ConfigurationError(f"parameter '{name}' needs a mapping with type and bounds")
            options = dict(entry)
            kind = options.pop("type", "float")
            if kind not in _TYPES:
                raise ConfigurationError(
                    f"parameter '{name}' has the unknown type '{kind}'"
                    + did_you_mean(str(kind), _TYPES)
                    + f"; allowed: {listed(_TYPES)}"
                )
            allowed = [field for field in _TYPES[kind].__dataclass_fields__ if field != "name"]
            for key in options:
                if key not in allowed:
                    raise ConfigurationError(
                        f"parameter '{name}' has the unknown key '{key}'"
                        + did_you_mean(key, allowed)
                        + f"; allowed: {listed(['type', *allowed])}"
                    )
            for key in ("options",) if kind == "choice" else ("low", "high"):
                if key not in options:
                    raise ConfigurationError(f"parameter '{name}' needs the key '{key}'")
                if key != "options":
                    number(f"{name}.{key}", options[key], "the real numbers")
            parameters.append(_TYPES[kind](name=name, **options))
        return cls(parameters)

    def to_yaml(self) -> str:
        """The space as YAML text, which ``from_yaml`` reads back to an equal space."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False)

    @classmethod
    def from_yaml(cls, text: str) -> ParameterSpace:
        """The space written as YAML text."""
        try:
            described = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigurationError(f"the parameter space is not valid YAML: {error}") from error
        return cls.from_dict(described)


def _bounds(parameter: Parameter) -> tuple[float, float]:
    if isinstance(parameter, Choice):
        return 0.0, float(parameter.count - 1)
    return float(parameter.low), float(parameter.high)


def written(parameters: Mapping[str, Any]) -> str:
    """Parameters for a message: ``blur=0.3, mode=fast``, numbers to six digits."""
    return ", ".join(
        f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in parameters.items()
    )
