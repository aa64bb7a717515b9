"""The names of one kind of plugin: who registered them, and what is known of each without importing it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib import metadata
from typing import Any

from isptune.errors import ConfigurationError, IsptuneError
from isptune.plugins.earlier_facts import check_records
from isptune.plugins.entries import Entry, Family
from isptune.plugins.record import Record
from isptune.plugins.source_code import UnreadableError
from isptune.wording.naming import listed, match, natural_sorted


class Catalogue:
    """Names of one kind, from decorators and entry points.

    Args:
        kind: the singular noun used in messages, such as ``"objective"``.
        group: the entry-point group, such as ``"isptune.objectives"``.
    """

    def __init__(self, kind: str, group: str) -> None:
        self.kind = kind
        self.group = group
        self._records: dict[str, Record] = {}
        self._aliases: dict[str, str] = {}
        self._discovered = False

    def register(
        self, name: str, *, aliases: Iterable[str] = (), replace: bool = False
    ) -> Callable[[Any], Any]:
        """A decorator that registers a class or factory under a name.

        Raises:
            ConfigurationError: the name or an alias is taken (``replace=True`` allows it) or malformed.
        """

        def decorate(target: Any) -> Any:
            self._discover()
            check_records(target)
            self._add(Record(self.kind, name, getattr(target, "__module__", "?"), target), replace)
            for alias in aliases:
                self._aliases[self._checked(alias)] = name
            return target

        self._checked(name)
        return decorate

    def _checked(self, name: str) -> str:
        if not name or any(character.isspace() or character in "*?[]:," for character in name):
            raise ConfigurationError(
                f"'{name}' cannot be the name of a {self.kind}: a name has no spaces and none of * ? [ ] : ,"
            )
        return name

    def _add(self, record: Record, replace: bool) -> None:
        taken = self._records.get(record.name)
        if taken is not None and not replace:
            raise ConfigurationError(
                f"the {self.kind} '{record.name}' is already registered by {taken.provider}; "
                "choose another name or pass replace=True"
            )
        self._records[record.name] = record

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        for point in metadata.entry_points(group=self.group):
            provider = point.dist.name if point.dist is not None else point.module
            # Two distributions that claim one name must not depend on the order of the path in silence.
            taken = self._records.get(point.name)
            if taken is not None and taken.provider != provider:
                raise ConfigurationError(
                    f"the {self.kind} '{point.name}' is provided by two packages, "
                    f"{taken.provider} and {provider}; uninstall one of them"
                )
            self._records[point.name] = Record(self.kind, point.name, provider, None, point)

    def _load(self, name: str) -> Any:
        return self._records[name].load()

    def _alias_table(self) -> dict[str, str]:
        table = dict(self._aliases)
        for name, record in self._records.items():
            for alias in record.aliases():
                table.setdefault(alias, name)
        return table

    def _record(self, name: str) -> Record | None:
        self._discover()
        return self._records.get(name) or self._records.get(self._alias_table().get(name, ""))

    def families(self, pattern: str | None = None) -> dict[str, Family]:
        """The families by prefix, loaded, of which a name may match a glob."""
        self._discover()
        found = {}
        for name, record in list(self._records.items()):
            # Only families are loaded here, and what does not tell from its source that it is none.
            if record.is_family is False or not _may_match(f"{name}:", pattern):
                continue
            try:
                target = self._load(name)
            except IsptuneError:
                continue
            if isinstance(target, Family):
                found[name] = target
        return found

    def own_names(self) -> list[str]:
        """The registered names, of families their prefixes; nothing is imported for them."""
        self._discover()
        return natural_sorted(self._records)

    def names(self, pattern: str | None = None) -> list[str]:
        """The names that a glob matches (all without one), families expanded, in natural order."""
        self._discover()
        everything: list[str] = []
        families = self.families(pattern)
        for name in self._records:
            if name in families:
                everything += [f"{name}:{rest}" for rest in families[name].names()]
            elif not self._records[name].is_family:
                everything.append(name)
        return match(everything, pattern)

    def entries(self, pattern: str | None = None) -> list[Entry]:
        """What is known of every name that a glob matches, without creating anything.

        Plugins are imported only where their source does not tell.
        """
        families = self.families(pattern)
        aliases: dict[str, list[str]] = {}
        for alias, name in self._alias_table().items():
            aliases.setdefault(name, []).append(alias)
        described: dict[str, Entry] = {}
        for name, record in self._records.items():
            if name in families:
                family, refused = families[name], families[name].refused()
                for rest in [*family.names(), *refused]:
                    entry = replace(
                        family.entry(rest), name=f"{name}:{rest}", kind=self.kind, provider=record.provider
                    )
                    if rest in refused:
                        entry = replace(entry, available=False, note=refused[rest])
                    described[entry.name] = entry
            elif not record.is_family:
                described[name] = record.entry(aliases.get(name, ()))
            elif _may_match(f"{name}:", pattern):
                # One that cannot be imported has no names to show.
                described[name] = record.loaded_entry()
        return [described[name] for name in match(described, pattern)]

    def told(self, name: str, key: str, default: Any) -> Any:
        """A class fact of a plugin, where it is loaded or its source tells; it is never imported for it.

        Args:
            name: of any plugin, also of one that is not installed.
            key: the fact.
            default: what is given where nothing tells.
        """
        record = self._record(name)
        try:
            return default if record is None else record.fact(key, default)
        except UnreadableError:
            return default

    def having(self, key: str) -> list[str]:
        """The registered names whose class has a fact that is not empty, as far as sources tell."""
        self._discover()
        found = []
        for name, record in self._records.items():
            with contextlib.suppress(UnreadableError):
                if record.is_family is False and record.fact(key):
                    found.append(name)
        return natural_sorted(found)

    def default(self, use: str = "") -> str:
        """The name of the plugin that is taken where none is named.

        A package declares it by an entry point of the group ``isptune.defaults``, whose name is the kind and
        whose place is that of the plugin: ``pipeline = "my_package:MyPipeline"``.

        Args:
            use: what it is taken for; a default of its own for that is declared as ``KIND.USE``, and where
                none is, the kind's default holds.

        Raises:
            ConfigurationError: no installed package declares one, or several do.
        """
        self._discover()
        names = {
            record.entry_point.value: name
            for name, record in self._records.items()
            if record.entry_point is not None
        }
        points = metadata.entry_points(group="isptune.defaults", name=f"{self.kind}.{use}") if use else ()
        points = points or metadata.entry_points(group="isptune.defaults", name=self.kind)
        found = {point.value: names.get(point.value) for point in points}
        stray = next((place for place, name in found.items() if name is None), None)
        if stray is not None:
            raise ConfigurationError(
                f"'{stray}' is declared as the default {self.kind}, but it is no {self.kind}'s place"
            )
        chosen = natural_sorted(name for name in found.values() if name is not None)
        if len(chosen) != 1:
            why = f"no installed package declares a default {self.kind}"
            if chosen:
                why = f"several packages declare a default {self.kind} ({listed(chosen)})"
            raise ConfigurationError(f"{why}: name one")
        return chosen[0]


def _may_match(beginning: str, pattern: str | None) -> bool:
    """Whether a glob may match a name with that beginning."""
    head = re.split(r"[*?\[]", (pattern or "*").lower(), maxsplit=1)[0]
    beginning = beginning.lower()
    return head.startswith(beginning) or (beginning.startswith(head) and head != (pattern or "*").lower())
