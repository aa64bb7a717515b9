"""The one registry class, and the registries: stages, pipelines, objectives, optimizers, learners.

A name comes from a decorator (``@isptune.register_stage("vignette")``) or from an entry point of the
groups ``isptune.stages``, ``isptune.pipelines``, ``isptune.objectives``, ``isptune.optimizers``,
``isptune.learners`` and ``isptune.training_data``.
An entry point is imported when its name is used or described, never before. A plugin that no name stands
for is written as its place, ``module:Class`` or ``path/to/file.py:Class`` (``isptune.plugins.locations``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from isptune.contracts.requirements import Packaging
from isptune.errors import UnknownNameError
from isptune.plugins import check_options, locations, require_packages, source_code, source_options
from isptune.plugins.catalogue import Catalogue
from isptune.plugins.earlier_facts import check_instance_records
from isptune.plugins.entries import Entry, Family
from isptune.plugins.options import Option, options_of
from isptune.plugins.recipes import Recipe, recorded, remember
from isptune.plugins.source_code import UnreadableError
from isptune.storage.places import settled
from isptune.wording.integers import plain
from isptune.wording.naming import did_you_mean, listed, natural_sorted, nearest


class Registry(Catalogue):
    """What a catalogue has, found and made by name."""

    def get(self, name: str) -> Callable[..., Any]:
        """The class or factory registered under a name or an alias.

        Raises:
            UnknownNameError: nothing has that name; the message gives the nearest one.
            MissingPackageError: the plugin needs an extra that is not installed.
        """
        self._discover()
        family = self._family_of(name)
        if family is not None:
            return family.get(name.partition(":")[2])
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
        aliased = self._alias_table().get(name)
        if aliased is not None:
            return self._load(aliased)
        raise UnknownNameError(f"there is no {self.kind} named '{name}'{self._near(name)}")

    def _near(self, name: str) -> str:
        """What else may be meant by a name that nothing has; no plugin is imported to tell."""
        families = [one for one, record in self._records.items() if record.is_family]
        alone = [one for one in self._records if one not in families]
        prefix, colon, rest = name.partition(":")
        family = nearest(prefix, families) if colon else None
        if family is not None:
            return f"; did you mean '{family}:{rest}'?"
        near = nearest(name, [*alone, *self._alias_table(), *families])
        if near is not None:
            return f"; did you mean '{near}:NAME'?" if near in families else f"; did you mean '{near}'?"
        if self._is_located(name):
            return f"; and there is no module '{prefix}' in the current folder or among what is installed"
        known = natural_sorted([*alone, *(f"{one}:NAME" for one in families)])
        search = f"; isptune list {self.kind}s '*{name}*' looks for it in {listed(families)}"
        return f"; known: {listed(known)}{search if families else ''}"

    def _is_located(self, name: str) -> bool:
        """Whether a name is a place, such as ``file.py:Class``, and neither registered nor of a family."""
        self._discover()
        taken = name in self._records or name.partition(":")[0] in self._records
        return not taken and locations.is_location(name)

    def _family_of(self, name: str) -> Family | None:
        """The family that offers a name such as ``pyiqa:brisque``; None for other names.

        Raises:
            MissingPackageError: the family's package is not installed: it has no names to compare with.
            UnknownNameError: the family does not offer the name.
        """
        prefix, colon, rest = name.partition(":")
        if not colon or prefix not in self._records or self._records[prefix].is_family is False:
            return None
        family = self._load(prefix)
        if not isinstance(family, Family):
            return None
        self._require_packages(name, family)
        refused = family.refused()
        if rest in refused:
            raise UnknownNameError(f"the {self.kind} '{name}' is not offered: {refused[rest]}")
        names = [f"{prefix}:{known}" for known in family.names()]
        if name not in names:
            near = did_you_mean(name, names)
            near = near or f"; 'isptune list {self.kind}s \"{prefix}:*\"' shows the known ones"
            raise UnknownNameError(f"there is no {self.kind} named '{name}'{near}")
        return family

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
            # It is called by its class: colons would be in the way of captions and parameters.
            instance.name = name.rpartition(":")[2]
        else:
            instance = factory(**options)
            instance.name = name
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
        if record is not None and record.is_family is False:
            with contextlib.suppress(UnreadableError):
                return record.fact(key, default)
        return getattr(self.get(name), key, default)

    def takes(self, name: str, option: str) -> bool:
        """Whether a plugin takes an option, from its source where that tells.

        Raises:
            UnknownNameError: nothing has that name.
            MissingPackageError: a package it needs is not installed.
        """
        known = self._known_options(name)
        return known is None or any(one.name == option for one in known)

    def _known_options(self, name: str) -> list[Option] | None:
        """What a plugin takes, from its source where that tells; None where anything may be given."""
        record = self._record(name)
        if record is not None and record.source is not None and record.is_family is False:
            with contextlib.suppress(UnreadableError):
                self._require(name, record.fact("packaging", Packaging()))
            return source_options.options_of_source(record.source)
        family = self._family_of(name)
        source = source_code.read(family.constructor) if family is not None and family.constructor else None
        if source is not None:
            return source_options.options_of_source(source)
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
    "training_data",
]

stages = Registry("stage", "isptune.stages")
pipelines = Registry("pipeline", "isptune.pipelines")
objectives = Registry("objective", "isptune.objectives")
optimizers = Registry("optimizer", "isptune.optimizers")
learners = Registry("learner", "isptune.learners")
# Sources of pictures whose quality is known, for whatever learner: what 'isptune train --data' takes by name.
training_data = Registry("training data", "isptune.training_data")

REGISTRIES = {f"{one.kind}s": one for one in (stages, pipelines, objectives, optimizers, learners)}
