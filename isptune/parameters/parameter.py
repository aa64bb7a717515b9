"""What all kinds of parameter have in common: a name, a default, a unit, a condition."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar

from torch import Tensor

from isptune.errors import ConfigurationError

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
    def is_real(self) -> bool:
        """Whether it is a real number without steps, which gradients may reach."""
        return False

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
