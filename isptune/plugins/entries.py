"""What a registry holds besides classes: the described entry, and the family of names under a prefix."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from isptune.contracts.requirements import Packaged


@dataclass(frozen=True)
class Entry:
    """What ``isptune list`` shows of one name.

    ``trained_on`` and ``blind_to`` are an objective's, see ``isptune.contracts.coverage``; empty where
    it states nothing.
    """

    name: str
    kind: str
    summary: str = ""
    needs: tuple[str, ...] = ()
    differentiable: bool | None = None
    available: bool = True
    note: str = ""
    trained_on: tuple[str, ...] = ()
    blind_to: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    provider: str = "isptune"


class Family(Packaged, ABC):
    """A whole set of names under one prefix, such as ``nevergrad:CMA`` or ``pyiqa:brisque``.

    An entry point (or a decorator) registers a subclass under the prefix. ``names`` and ``entry``
    must stay cheap: they serve ``isptune list``, which imports no model library.

    Class facts:
        constructor: ``module:Class`` of what takes the options of every name, where ``get`` has to import a
            heavy module; options are then checked before that.
        packaging: what has to be installed for any of its names.
    """

    constructor: ClassVar[str] = ""

    @abstractmethod
    def names(self) -> Iterable[str]:
        """The names after the prefix that can be created."""

    @abstractmethod
    def get(self, name: str) -> Callable[..., Any]:
        """The class or factory for a name after the prefix."""

    def entry(self, name: str) -> Entry:
        """The facts of one name; the registry fills in the kind, the prefix and the provider."""
        return Entry(name=name, kind="")

    def refused(self) -> Mapping[str, str]:
        """Names that exist in the library behind the family but are not offered, each with the reason."""
        return {}
