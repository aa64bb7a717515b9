"""The local cache of the Hugging Face hub, and whether the hub itself can be reached."""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from isptune.plugins.checkpoints import hub_cache, reachable
from isptune.wording.naming import natural_key

_SECONDS = 5.0
_KINDS = {"models": "model", "datasets": "dataset", "spaces": "space"}


@dataclass(frozen=True)
class CachedRepository:
    """A repository in the cache, with all of its revisions and what is half fetched."""

    name: str
    kind: str
    size_bytes: int


@dataclass(frozen=True)
class Hub:
    """The cache and the hub.

    Attributes:
        folder: where repositories are kept, whether it exists yet or not.
        free_bytes: what is free on its disk; None where that cannot be told.
        address: the hub that would be asked.
        reachable: whether it answered; None where it was not asked.
        reason: why it did not answer, or was not asked.
    """

    folder: str
    exists: bool
    size_bytes: int
    free_bytes: int | None
    repositories: tuple[CachedRepository, ...]
    address: str
    reachable: bool | None
    reason: str | None


def examine_hub(offline: bool) -> Hub:
    """The state of the cache and, unless ``offline``, of the way to the hub."""
    folder = hub_cache()
    repositories = cached_repositories(folder)
    address = _address()
    answered, reason = _ask(address, offline)
    return Hub(
        folder=str(folder),
        exists=folder.is_dir(),
        size_bytes=sum(one.size_bytes for one in repositories),
        free_bytes=_free(folder),
        repositories=repositories,
        address=address,
        reachable=answered,
        reason=reason,
    )


def cached_repositories(folder: Path) -> tuple[CachedRepository, ...]:
    """The repositories in a cache folder, by name."""
    found = []
    try:
        entries = [entry for entry in os.scandir(folder) if entry.is_dir()]
    except OSError:
        return ()
    for entry in entries:
        kind, dashes, name = entry.name.partition("--")
        if dashes and kind in _KINDS:
            found.append(CachedRepository(name.replace("--", "/"), _KINDS[kind], _size(entry.path)))
    return tuple(sorted(found, key=lambda one: (natural_key(one.name), one.kind)))


def _size(folder: str) -> int:
    """What the files of a folder take; its links lead to other files of it and do not count."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            try:
                total += 0 if os.path.islink(path) else os.stat(path).st_size
            except OSError:
                continue
    return total


def _free(folder: Path) -> int | None:
    """Free bytes of the disk on which a folder lies or would be made."""
    for place in (folder, *folder.absolute().parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return None


def _address() -> str:
    try:
        from huggingface_hub.constants import ENDPOINT
    except ImportError:
        return os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    return ENDPOINT


def _ask(address: str, offline: bool) -> tuple[bool | None, str | None]:
    """Whether the hub answers, and why not; None where it is not asked."""
    if offline:
        return None, "--offline was given"
    try:
        from huggingface_hub import constants
    except ImportError:
        constants = None  # type: ignore[assignment]
    if constants is not None and constants.HF_HUB_OFFLINE:
        return None, "HF_HUB_OFFLINE is set"
    answer: list[tuple[bool, str | None]] = []
    # In a thread, because the look-up of a name has no time limit of its own.
    asking = threading.Thread(target=lambda: answer.append(_head(address)), daemon=True)
    asking.start()
    asking.join(2 * _SECONDS)
    return answer[0] if answer else (False, f"no answer in {2 * _SECONDS:.0f} seconds")


def _head(address: str) -> tuple[bool, str | None]:
    """Ask for the hub's headers the way its own library does: through its proxies and certificates."""
    try:
        from huggingface_hub.utils import get_session
    except ImportError:
        there = reachable(address, _SECONDS)
        return there, None if there else "no connection"
    try:
        # Whatever the status is, something answered.
        get_session().head(address, timeout=_SECONDS)
    except Exception as error:
        return False, " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return True, None
