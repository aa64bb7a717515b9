"""Which objectives can be created here, and what each would download first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from isptune.contracts.requirements import Download, Packaging
from isptune.doctor.packages import install_command
from isptune.errors import IsptuneError
from isptune.plugins.entries import Entry, Family
from isptune.plugins.installed import missing_packages
from isptune.plugins.registry import objectives as registry
from isptune.wording.naming import listed, natural_key

# Sizes are stated rounded: two per cent, or half of the last digit of one that is in tenths of a gigabyte.
_ROUNDING = 0.02
_HALF_A_TENTH = 0.05e9


@dataclass(frozen=True)
class DownloadStatus(Download):
    """A repository that an objective fetches on its first use.

    Attributes:
        cached_bytes: what the local cache holds of it, of whatever revision.
        state: ``in the cache``, ``to be fetched``, or ``partly (1.2 of 16.4 GB)``.
    """

    cached_bytes: int = 0
    state: str = ""


@dataclass(frozen=True)
class ObjectiveStatus:
    """A registered objective, or a whole family of them such as ``pyiqa:NAME``.

    Attributes:
        available: its packages are there.
        missing: those that are not.
        install: the command that brings them; None where nothing is missing.
        note: what else there is to say, such as why its package cannot be imported.
        weights: what it downloads, in words, where the repositories are not known.
    """

    name: str
    provider: str
    available: bool
    missing: tuple[str, ...] = ()
    install: str | None = None
    note: str = ""
    weights: str | None = None
    downloads: tuple[DownloadStatus, ...] = ()


def examine_objectives(cached: Mapping[str, int]) -> tuple[ObjectiveStatus, ...]:
    """Every registered objective; none is created and nothing is fetched.

    Args:
        cached: what the local cache of the hub holds, in bytes by repository.
    """
    families = registry.families()
    entries = registry.entries()
    found = [_alone(entry, cached) for entry in entries if entry.name.partition(":")[0] not in families]
    for prefix, family in families.items():
        members = [entry for entry in entries if entry.name.startswith(f"{prefix}:")]
        found.append(_family(prefix, family, members))
    return tuple(sorted(found, key=lambda one: natural_key(one.name)))


def download_status(download: Download, cached: int) -> DownloadStatus:
    """A download, compared by size with the bytes that the cache holds of it."""
    stated = download.gigabytes * 1e9
    slack = max(_ROUNDING * stated, _HALF_A_TENTH if download.gigabytes >= 1 else 0)
    if cached == 0:
        state = "to be fetched"
    elif cached >= stated - slack:
        state = "in the cache"
    elif download.gigabytes >= 1:
        state = f"partly ({cached / 1e9:.1f} of {download.gigabytes:.1f} GB)"
    else:
        state = f"partly ({cached / 1e6:.0f} of {1000 * download.gigabytes:.0f} MB)"
    return DownloadStatus(**asdict(download), cached_bytes=cached, state=state)


def _alone(entry: Entry, cached: Mapping[str, int]) -> ObjectiveStatus:
    try:
        target = registry.get(entry.name)
        return ObjectiveStatus(
            name=entry.name,
            provider=entry.provider,
            **_packages(target, entry.provider),
            weights=_packaging(target).weights,
            downloads=tuple(
                download_status(one, cached.get(one.repository, 0)) for one in _packaging(target).downloads
            ),
        )
    except IsptuneError as error:
        return ObjectiveStatus(entry.name, entry.provider, available=False, note=str(error))


def _family(prefix: str, family: Family, members: list[Entry]) -> ObjectiveStatus:
    provider = members[0].provider if members else type(family).__module__
    facts = _packages(family, provider)
    offered = [member for member in members if member.available]
    needs = [need for member in offered for need in member.needs if need.startswith("weights ")]
    weights = [need.removeprefix("weights ") for need in dict.fromkeys(needs)]
    note = ""
    if not facts["missing"]:
        note = f"{len(offered)} offered" if offered else "its package offers no name"
    return ObjectiveStatus(
        name=f"{prefix}:NAME",
        provider=provider,
        **{**facts, "available": facts["available"] and bool(offered)},
        note=note,
        weights=f"for {len(needs)} of them: {listed(weights, 3)}" if weights else None,
    )


def _packages(target: Any, provider: str) -> dict[str, Any]:
    """Which of a plugin's packages are missing, and what brings them."""
    packaging = _packaging(target)
    missing = tuple(missing_packages(packaging.requires))
    return {
        "available": not missing,
        "missing": missing,
        "install": install_command(provider, packaging.extra, missing) if missing else None,
    }


def _packaging(target: Any) -> Packaging:
    found: Packaging = getattr(target, "packaging", Packaging())
    return found
