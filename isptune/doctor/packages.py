"""Versions of what isptune is made with, from the metadata of the installed distributions."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from isptune.plugins.registry import REGISTRIES

DISTRIBUTION = "isptune"

# What stands first, because every run depends on it; all others follow in the order of the metadata.
_FIRST = ("torch", "torchvision", "kornia", "numpy", "numba")


@dataclass(frozen=True)
class Package:
    """A package that isptune or one of its extras asks for.

    Attributes:
        version: the installed one; None where it is not installed.
        extras: the smallest extras that bring it; empty for what every installation has.
        install: the command that brings it; None where it is installed.
        unfit: what the installed version is not, such as ``>=5.2 (extra lmm)``; None where it fits.
    """

    name: str
    version: str | None
    extras: tuple[str, ...]
    install: str | None
    unfit: str | None


@dataclass(frozen=True)
class Versions:
    """isptune, Python, the platform, the packages, and the packages that bring plugins of their own."""

    isptune: str
    python: str
    platform: str
    packages: tuple[Package, ...]
    plugins: dict[str, str]


def examine_versions() -> Versions:
    """The versions that are installed here."""
    return Versions(
        isptune=metadata.version(DISTRIBUTION),
        python=platform.python_version(),
        platform=platform.platform(),
        packages=packages_of(
            DISTRIBUTION, metadata.requires(DISTRIBUTION) or [], provided_extras(DISTRIBUTION)
        ),
        plugins=_plugins(),
    )


def packages_of(
    distribution: str, requirements: Iterable[str], provided: Sequence[str]
) -> tuple[Package, ...]:
    """The packages that the requirements of a distribution with these extras name, with their state here."""
    wanted: dict[str, dict[str, list[Requirement]]] = {}
    for text in requirements:
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) == canonicalize_name(distribution):
            continue
        for extra in _extras(requirement, provided):
            wanted.setdefault(requirement.name, {}).setdefault(extra, []).append(requirement)
    contents: dict[str, set[str]] = {}
    for name, by_extra in wanted.items():
        for extra in by_extra:
            contents.setdefault(extra, set()).add(name)
    found = [_package(name, by_extra, contents, distribution) for name, by_extra in wanted.items()]
    return tuple(sorted(found, key=lambda one: _FIRST.index(one.name) if one.name in _FIRST else len(_FIRST)))


def version_of(name: str) -> str | None:
    """The installed version of a distribution; None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def install_command(provider: str, extra: str | None, missing: Iterable[str]) -> str:
    """The command that brings the packages that a plugin lacks.

    Args:
        provider: the distribution that brings the plugin.
        extra: the plugin's extra; that of the provider where it has one of that name.
        missing: the packages, for a plugin without an extra.
    """
    for distribution in (provider, DISTRIBUTION):
        if extra is not None and extra in provided_extras(distribution):
            return f"pip install '{distribution}[{extra}]'"
    return f"pip install {' '.join(missing)}"


def _package(
    name: str, by_extra: dict[str, list[Requirement]], contents: dict[str, set[str]], distribution: str
) -> Package:
    version = version_of(name)
    extras: list[str] = []
    if "" not in by_extra:
        # An extra that only gathers others says nothing on top of them.
        extras = [
            extra for extra in by_extra if not any(contents[other] < contents[extra] for other in by_extra)
        ]
    install = None
    if version is None:
        install = f"pip install '{distribution}[{extras[0]}]'" if extras else f"pip install '{name}'"
    return Package(
        name=name,
        version=version,
        extras=tuple(extras),
        install=install,
        unfit=None if version is None else _unfit(version, by_extra, contents),
    )


def _unfit(version: str, by_extra: dict[str, list[Requirement]], contents: dict[str, set[str]]) -> str | None:
    for extra, requirements in by_extra.items():
        # What an extra asks for does not count where the extra was not chosen.
        if extra and any(version_of(other) is None for other in contents[extra]):
            continue
        for requirement in requirements:
            if not requirement.specifier.contains(version, prereleases=True):
                return f"{requirement.specifier}" + (f" (extra {extra})" if extra else "")
    return None


def _extras(requirement: Requirement, provided: Sequence[str]) -> list[str]:
    """The extras under which a requirement holds on this machine; ``""`` where it always does."""
    if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
        return [""]
    return [extra for extra in provided if requirement.marker.evaluate({"extra": extra})]


def provided_extras(distribution: str) -> list[str]:
    """The extras that a distribution has; none where there is no such distribution."""
    try:
        return metadata.metadata(distribution).get_all("Provides-Extra") or []
    except (metadata.PackageNotFoundError, ValueError):
        # Not a distribution: a module that registers by a decorator is its own provider.
        return []


def _plugins() -> dict[str, str]:
    """The distributions besides isptune that bring plugins, with their versions."""
    found = {
        point.dist.name: point.dist.version
        for registry in REGISTRIES.values()
        for point in metadata.entry_points(group=registry.group)
        if point.dist is not None and point.dist.name != DISTRIBUTION
    }
    return dict(sorted(found.items()))
