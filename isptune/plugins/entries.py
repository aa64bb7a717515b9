"""What a registry holds besides classes: the described entry, and the family of names under a prefix."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from isptune.contracts.requirements import Packaged, Packaging
from isptune.plugins import missing_packages
from isptune.wording.naming import listed, natural_sorted


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


def entry_of(
    kind: str,
    name: str,
    fact: Callable[[str, Any], Any],
    summary: str,
    aliases: Iterable[str],
    provider: str,
) -> Entry:
    """What is known of a class or factory, without making one.

    Args:
        kind: the singular noun.
        name: as registered.
        fact: gives a class fact by its name, or the default beside it.
        summary: the first line of the docstring.
        aliases: further names.
        provider: the distribution or module that brings it.
    """
    packaging: Packaging = fact("packaging", Packaging())
    missing = missing_packages(packaging.requires)
    needs = list(fact("needs", ()))
    if fact("is_judge", False):
        needs.insert(0, "a run (it is a judge)")
    if packaging.extra:
        needs.append(f"extra {packaging.extra}")
    if fact("needs_reference", False):
        needs.append("reference")
    if fact("needs_gradient", False):
        needs.append("gradients")
    weights, downloads = packaging.weights, packaging.downloads
    if downloads and not weights:
        # What is used by default; where nothing is, all that options choose from.
        default = [str(one) for one in downloads if not one.option]
        weights = " and ".join(default) or " or ".join(str(one) for one in downloads)
    if weights:
        needs.append(f"weights {weights}")
    coverage = fact("coverage", None)
    trained_on, blind_to = (coverage.trained_on, coverage.blind_to) if coverage else ((), ())
    notes = [f"not installed: {listed(missing)}"] if missing else []
    notes += [f"misjudges {listed(blind_to)}"] if blind_to else []
    return Entry(
        name=name,
        kind=kind,
        summary=summary,
        needs=tuple(needs),
        differentiable=fact("is_differentiable", None),
        available=not missing,
        note="; ".join(notes),
        trained_on=tuple(trained_on),
        blind_to=tuple(blind_to),
        aliases=tuple(natural_sorted(aliases)),
        provider=provider,
    )


def entry_of_family(kind: str, prefix: str, family: Family, rest: str, provider: str) -> Entry:
    """What is known of one name of a family, offered or refused."""
    reason = family.refused().get(rest)
    entry = family.entry(rest)
    return Entry(
        name=f"{prefix}:{rest}",
        kind=kind,
        summary=entry.summary,
        needs=entry.needs,
        differentiable=entry.differentiable,
        available=entry.available and reason is None,
        note=reason if reason is not None else entry.note,
        provider=provider,
    )
