"""One name of a registry: what is loaded of a plugin, or what its source tells of it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from isptune.contracts.coverage import Coverage
from isptune.contracts.requirements import Packaging
from isptune.errors import IsptuneError
from isptune.plugins import missing_packages, source_code
from isptune.plugins.earlier_facts import check_records
from isptune.plugins.entries import Entry, Family
from isptune.plugins.source_code import Source, UnreadableError
from isptune.plugins.source_facts import class_fact, summary
from isptune.wording.naming import listed, natural_sorted

_FAMILY = f"{Family.__module__}.{Family.__qualname__}"


@dataclass
class Record:
    """A plugin under its name.

    Attributes:
        kind: the singular noun, such as ``"objective"``.
        name: as registered.
        provider: the distribution or module that brings it.
        target: the class, factory or family; None while it is not imported.
        entry_point: where it is; None for what a decorator registered.
    """

    kind: str
    name: str
    provider: str
    target: Any = None
    entry_point: metadata.EntryPoint | None = None
    _read: list[Source | None] = field(default_factory=list)

    @property
    def source(self) -> Source | None:
        """Where the plugin is defined, while it is not imported; None where that cannot be told."""
        if self.target is not None or self.entry_point is None:
            return None
        if not self._read:
            self._read.append(source_code.read(self.entry_point.value))
        return self._read[0]

    @property
    def is_family(self) -> bool | None:
        """Whether it is a family of names; None where only importing it tells."""
        if self.target is not None:
            return isinstance(self.target, Family) or (
                isinstance(self.target, type) and issubclass(self.target, Family)
            )
        return None if self.source is None else source_code.derives_from(self.source, _FAMILY)

    def fact(self, name: str, default: Any = None) -> Any:
        """A class fact such as ``packaging``, from the source while the plugin is not imported.

        Raises:
            UnreadableError: the source does not tell.
        """
        if self.target is not None:
            return getattr(self.target, name, default)
        if self.source is None:
            raise UnreadableError(name)
        return class_fact(self.source, name, default)

    def aliases(self) -> tuple[str, ...]:
        """Further names, as far as they can be told without importing it."""
        try:
            found: tuple[str, ...] = self.fact("aliases", ())
        except UnreadableError:
            return ()
        return found

    def load(self) -> Any:
        """The class or factory, imported if need be; of a family one instance, which serves all.

        Raises:
            IsptuneError: it cannot be imported.
        """
        if self.target is None and self.entry_point is not None:
            try:
                target = self.entry_point.load()
                check_records(target)
            except Exception as error:
                raise IsptuneError(
                    f"the {self.kind} '{self.name}' of the package {self.provider} cannot be imported: "
                    f"{type(error).__name__}: {error}"
                ) from error
            self.target = target
        if isinstance(self.target, type) and issubclass(self.target, Family):
            self.target = self.target()
        return self.target

    def entry(self, aliases: Iterable[str] = ()) -> Entry:
        """What there is to say of it; it is imported only where its source does not tell."""
        try:
            return self._entry(aliases)
        except UnreadableError:
            return self.loaded_entry(aliases)

    def loaded_entry(self, aliases: Iterable[str] = ()) -> Entry:
        """The same of the imported plugin, or why it cannot be imported."""
        try:
            self.load()
        except IsptuneError as error:
            return Entry(self.name, self.kind, available=False, note=str(error), provider=self.provider)
        return self._entry(aliases)

    def _entry(self, aliases: Iterable[str]) -> Entry:
        packaging: Packaging = self.fact("packaging", Packaging())
        coverage: Coverage = self.fact("coverage") or Coverage()
        missing = missing_packages(packaging.requires)
        notes = [f"not installed: {listed(missing)}"] if missing else []
        notes += [f"misjudges {listed(coverage.blind_to)}"] if coverage.blind_to else []
        return Entry(
            name=self.name,
            kind=self.kind,
            summary=self._summary(),
            needs=tuple(self._needs(packaging)),
            differentiable=self.fact("is_differentiable"),
            available=not missing,
            note="; ".join(notes),
            trained_on=coverage.trained_on,
            blind_to=coverage.blind_to,
            aliases=tuple(natural_sorted(aliases)),
            provider=self.provider,
        )

    def _needs(self, packaging: Packaging) -> Iterator[str]:
        """What a user has to have or to give, in words."""
        if self.fact("is_judge"):
            yield "a run (it is a judge)"
        yield from self.fact("needs", ())
        if packaging.extra:
            yield f"extra {packaging.extra}"
        for program in packaging.programs:
            yield f"program {program}"
        for fact, word in (
            ("needs_reference", "reference"),
            ("chart_kinds", "chart"),
            ("needs_gradient", "gradients"),
        ):
            if self.fact(fact):
                yield word
        # What is used by default; where nothing is, all that options choose from.
        default = [str(one) for one in packaging.downloads if not one.option]
        weights = packaging.weights or " and ".join(default) or " or ".join(map(str, packaging.downloads))
        if weights:
            yield f"weights {weights}"

    def _summary(self) -> str:
        if self.target is not None:
            return (inspect.getdoc(self.target) or "").split("\n", 1)[0]
        if self.source is None:
            raise UnreadableError(self.name)
        return summary(self.source)
