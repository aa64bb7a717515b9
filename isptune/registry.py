"""The one registry class, and the registries: stages, pipelines, objectives, optimizers, learners.

A name comes from a decorator (``@isptune.register_stage("vignette")``) or from an entry point of the
groups ``isptune.stages``, ``isptune.pipelines``, ``isptune.objectives``, ``isptune.optimizers`` and
``isptune.learners``.
An entry point is imported when its name is used or described, never before. A plugin that no name stands
for is written as its place, ``module:Class`` or ``path/to/file.py:Class`` (``isptune.locations``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any

from isptune import locations
from isptune.contracts.requirements import Packaging, check_instance_records, check_records
from isptune.entries import Entry, Family, entry_of, entry_of_family
from isptune.errors import ConfigurationError, IsptuneError, UnknownNameError
from isptune.integers import plain
from isptune.naming import did_you_mean, listed, match, natural_sorted
from isptune.places import settled
from isptune.plugins import check_options, reading, require_packages
from isptune.plugins.class_facts import class_fact
from isptune.plugins.options import Option, options_of
from isptune.plugins.source import UnreadableError
from isptune.recipes import Recipe, recorded, remember

_FAMILY = f"{Family.__module__}.{Family.__qualname__}"


@dataclass
class _Record:
    target: Any
    provider: str
    entry_point: metadata.EntryPoint | None = None

    @property
    def source(self) -> reading.Source | None:
        """Where the plugin is defined, while it is not imported; None where that cannot be told."""
        if self.target is not None or self.entry_point is None:
            return None
        return reading.read(self.entry_point.value)

    def fact(self, name: str, default: Any = None) -> Any:
        """A class fact such as ``aliases``, from the source while the plugin is not imported.

        Raises:
            UnreadableError: the source does not tell.
        """
        if self.target is not None:
            return getattr(self.target, name, default)
        if self.source is None:
            raise UnreadableError(name)
        return class_fact(self.source, name, default)

    @property
    def may_be_family(self) -> bool:
        if self.target is not None:
            return isinstance(self.target, Family) or (
                isinstance(self.target, type) and issubclass(self.target, Family)
            )
        source = self.source
        return source is None or reading.derives_from(source, _FAMILY) is not False


class Registry:
    """Names of one kind, from decorators and entry points.

    Args:
        kind: the singular noun used in messages, such as ``"objective"``.
        group: the entry-point group, such as ``"isptune.objectives"``.
    """

    def __init__(self, kind: str, group: str) -> None:
        self.kind = kind
        self.group = group
        self._records: dict[str, _Record] = {}
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
            self._add(name, _Record(target, getattr(target, "__module__", "?")), replace)
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

    def _add(self, name: str, record: _Record, replace: bool) -> None:
        taken = self._records.get(name)
        if taken is not None and not replace:
            raise ConfigurationError(
                f"the {self.kind} '{name}' is already registered by {taken.provider}; "
                "choose another name or pass replace=True"
            )
        self._records[name] = record

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
            self._records[point.name] = _Record(None, provider, point)

    def _load(self, name: str) -> Any:
        record = self._records[name]
        if record.target is None and record.entry_point is not None:
            try:
                target = record.entry_point.load()
                check_records(target)
            except Exception as error:
                raise IsptuneError(
                    f"the {self.kind} '{name}' of the package {record.provider} cannot be imported: "
                    f"{type(error).__name__}: {error}"
                ) from error
            # An entry point may stand for a family's class; one instance of it serves.
            record.target = target
        if isinstance(record.target, type) and issubclass(record.target, Family):
            record.target = record.target()
        return record.target

    def _alias_table(self) -> dict[str, str]:
        table = dict(self._aliases)
        for name, record in self._records.items():
            try:
                aliases = record.fact("aliases", ())
            except UnreadableError:
                # Nothing is imported to learn of further names.
                continue
            for alias in aliases:
                table.setdefault(alias, name)
        return table

    def families(self) -> dict[str, Family]:
        """The loaded families by prefix."""
        self._discover()
        found = {}
        for name, record in list(self._records.items()):
            # Only families are loaded here, and what does not tell from its source that it is none.
            if not record.may_be_family:
                continue
            try:
                target = self._load(name)
            except IsptuneError:
                continue
            if isinstance(target, Family):
                found[name] = target
        return found

    def get(self, name: str) -> Callable[..., Any]:
        """The class or factory registered under a name or an alias.

        Raises:
            UnknownNameError: nothing has that name; the message gives the nearest one.
            MissingPackageError: the plugin needs an extra that is not installed.
        """
        self._discover()
        prefix, colon, rest = name.partition(":")
        if colon and prefix in self._records:
            family = self._load(prefix)
            if isinstance(family, Family):
                return self._get_from_family(prefix, family, rest)
        if name in self._records:
            target = self._load(name)
            if not isinstance(target, Family):
                return target
            raise UnknownNameError(
                f"'{name}' is a family of {self.kind}s, not one {self.kind}: "
                f"choose one, such as '{name}:{next(iter(natural_sorted(target.names())), 'NAME')}' "
                f"('isptune list {self.kind}s \"{name}:*\"' shows them)"
            )
        if self._is_located(name):
            located = locations.load(name, self.kind)
            if located is not None:
                return located
        self.families()
        aliased = self._alias_table().get(name)
        if aliased is not None:
            return self._load(aliased)
        near = did_you_mean(name, [*self.names(), *self._alias_table()])
        if not near and self._is_located(name):
            near = (
                f"; and there is no module '{name.rpartition(':')[0]}' in the current folder or among "
                "what is installed"
            )
        raise UnknownNameError(
            f"there is no {self.kind} named '{name}'{near or f'; known: {listed(self._short_names())}'}"
        )

    def _is_located(self, name: str) -> bool:
        """Whether a name is a place, such as ``file.py:Class``, and neither registered nor of a family."""
        self._discover()
        taken = name in self._records or name.partition(":")[0] in self._records
        return not taken and locations.is_location(name)

    def _short_names(self) -> list[str]:
        families = self.families()
        return natural_sorted(f"{name}:NAME" if name in families else name for name in self._records)

    def _get_from_family(self, prefix: str, family: Family, rest: str) -> Callable[..., Any]:
        self._require_in_family(prefix, family, rest)
        return family.get(rest)

    def _require_in_family(self, prefix: str, family: Family, rest: str) -> None:
        # A family whose package is missing has no names to compare with: say what is missing instead.
        self._require_packages(f"{prefix}:{rest}", family)
        refused = family.refused()
        if rest in refused:
            raise UnknownNameError(f"the {self.kind} '{prefix}:{rest}' is not offered: {refused[rest]}")
        names = list(family.names())
        if rest not in names:
            raise UnknownNameError(
                f"there is no {self.kind} named '{prefix}:{rest}'"
                + (
                    did_you_mean(f"{prefix}:{rest}", (f"{prefix}:{known}" for known in names))
                    or f"; 'isptune list {self.kind}s \"{prefix}:*\"' shows the known ones"
                )
            )

    def create(self, name: str, /, **options: Any) -> Any:
        """An instance of what is registered under a name, made with the options.

        The instance gets the attributes ``name`` (as registered) and ``options`` (as given), and a
        ``Recipe``, from which a run directory can name it again.

        Raises:
            UnknownNameError: nothing has that name.
            MissingPackageError: a package it needs is not installed.
            ConfigurationError: an option is unknown, missing or refused.
        """
        # Of numpy's numbers plain ones, and paths that stay what they are if the working folder changes.
        options = settled(plain(options))
        factory = self.check(name, options)
        name = self.canonical(name)
        if self._is_located(name):
            instance = locations.make(factory, options, self.kind, name)
        else:
            instance = factory(**options)
        # A plugin at a place is called by its class: colons would be in the way of captions and parameters.
        instance.name = name.rpartition(":")[2] if self._is_located(name) else name
        instance.options = dict(options)
        check_instance_records(instance)
        remember(instance, Recipe(name, recorded(options)))
        return instance

    def check(self, name: str, options: Mapping[str, Any]) -> Callable[..., Any]:
        """The class or factory of a name, which takes these options; nothing is made.

        Raises:
            UnknownNameError: nothing has that name.
            MissingPackageError: a package it needs is not installed.
            ConfigurationError: an option is unknown or missing.
        """
        factory = self.get(name)
        self._require_packages(name, factory)
        check_options(f"the {self.kind} '{name}'", factory, options)
        return factory

    def precheck(
        self, name: str, options: Mapping[str, Any], given: Iterable[str] = (), named: bool = True
    ) -> None:
        """Refuse a name or options as ``check`` does, as far as that can be told without importing a plugin.

        Args:
            name: of a plugin.
            options: by name.
            given: names of options that are not asked for here, because the run gives them.
            named: whether messages name those among the options.

        Raises:
            UnknownNameError: nothing has that name.
            MissingPackageError: a package it needs is not installed.
            ConfigurationError: an option is unknown or missing, or its value is not allowed.
        """
        known = self._known_options(name)
        if known is not None:
            given = set(given)
            known = [
                replace(one, required=one.required and one.name not in given)
                for one in known
                if named or one.name not in given
            ]
        check_options(f"the {self.kind} '{name}'", known, options)

    def fact(self, name: str, key: str, default: Any = None) -> Any:
        """A class fact of a plugin, such as ``default_population``, from its source where that tells.

        Raises:
            UnknownNameError: nothing has that name.
        """
        record = self._record(name)
        if record is not None and not record.may_be_family:
            with contextlib.suppress(UnreadableError):
                return record.fact(key, default)
        return getattr(self.get(name), key, default)

    def _record(self, name: str) -> _Record | None:
        self._discover()
        return self._records.get(name) or self._records.get(self._alias_table().get(name, ""))

    def _known_options(self, name: str) -> list[Option] | None:
        """What a plugin takes, from its source where that tells; None where anything may be given."""
        record = self._record(name)
        if record is not None and record.source is not None and not record.may_be_family:
            with contextlib.suppress(UnreadableError):
                self._require(name, record.fact("packaging", Packaging()))
            return reading.options_of_source(record.source)
        prefix, colon, rest = name.partition(":")
        if colon and prefix in self._records:
            family = self._load(prefix)
            if isinstance(family, Family) and family.constructor:
                self._require_in_family(prefix, family, rest)
                source = reading.read(family.constructor)
                if source is not None:
                    return reading.options_of_source(source)
        factory = self.get(name)
        self._require_packages(name, factory)
        return options_of(factory)

    def canonical(self, name: str) -> str:
        """The registered name behind an alias, a file from the root; any other name as it is."""
        if name in self._records:
            return name
        return self._alias_table().get(name) or locations.absolute(name)

    def _require_packages(self, name: str, factory: Any) -> None:
        self._require(name, getattr(factory, "packaging", Packaging()))

    def _require(self, name: str, packaging: Packaging) -> None:
        install = f"'isptune[{packaging.extra}]'" if packaging.extra else None
        require_packages(f"the {self.kind} '{name}'", packaging.requires, install)

    def names(self, pattern: str | None = None) -> list[str]:
        """The names that a glob matches (all without one), families expanded, in natural order."""
        self._discover()
        everything: list[str] = []
        families = self.families()
        for name in self._records:
            if name in families:
                everything += [f"{name}:{rest}" for rest in families[name].names()]
            else:
                everything.append(name)
        return match(everything, pattern)

    def entries(self, pattern: str | None = None) -> list[Entry]:
        """What is known of every name that a glob matches, without creating anything."""
        families = self.families()
        described: dict[str, Entry] = {}
        for name, record in self._records.items():
            if name in families:
                for rest in [*families[name].names(), *families[name].refused()]:
                    described[f"{name}:{rest}"] = entry_of_family(
                        self.kind, name, families[name], rest, record.provider
                    )
            else:
                described[name] = self._entry(name, record)
        return [described[name] for name in match(described, pattern)]

    def _entry(self, name: str, record: _Record) -> Entry:
        try:
            target = self._load(name)
        except IsptuneError as error:
            return Entry(name, self.kind, available=False, note=str(error), provider=record.provider)
        aliases = [alias for alias, known in self._alias_table().items() if known == name]
        return entry_of(self.kind, name, target, aliases, record.provider)


__all__ = [
    "REGISTRIES",
    "Entry",
    "Family",
    "Registry",
    "learners",
    "objectives",
    "optimizers",
    "pipelines",
    "stages",
]

stages = Registry("stage", "isptune.stages")
pipelines = Registry("pipeline", "isptune.pipelines")
objectives = Registry("objective", "isptune.objectives")
optimizers = Registry("optimizer", "isptune.optimizers")
learners = Registry("learner", "isptune.learners")

REGISTRIES: dict[str, Registry] = {
    "stages": stages,
    "pipelines": pipelines,
    "objectives": objectives,
    "optimizers": optimizers,
    "learners": learners,
}
