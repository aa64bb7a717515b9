"""The local cache of the Hugging Face hub, and whether the hub itself can be reached."""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from isptune.wording.naming import natural_key
from isptune.wording.showing import one_line

_SECONDS = 5.0
_LACKING = "the package huggingface_hub is not installed; install it with: pip install huggingface_hub"


@dataclass(frozen=True)
class CachedRepository:
    """A repository in the cache, with all of its revisions."""

    name: str
    kind: str
    size_bytes: int


@dataclass(frozen=True)
class Hub:
    """The cache and the hub.

    Attributes:
        folder: where repositories are kept, whether it exists yet or not; None without huggingface_hub.
        free_bytes: what is free on its disk; None where that cannot be told.
        address: the hub that would be asked; None without huggingface_hub.
        reachable: whether it answered; None where it was not asked.
        reason: why it did not answer, or was not asked.
    """

    folder: str | None = None
    exists: bool = False
    size_bytes: int = 0
    free_bytes: int | None = None
    repositories: tuple[CachedRepository, ...] = ()
    address: str | None = None
    reachable: bool | None = None
    reason: str | None = None


def examine_hub(offline: bool) -> Hub:
    """The state of the cache and, unless ``offline``, of the way to the hub."""
    try:
        from huggingface_hub import constants
    except ImportError:
        return Hub(reason=_LACKING)
    folder = Path(constants.HF_HUB_CACHE)
    repositories = cached_repositories(folder)
    answered, reason = _ask(constants.ENDPOINT, offline, constants.HF_HUB_OFFLINE)
    return Hub(
        folder=str(folder),
        exists=folder.is_dir(),
        size_bytes=sum(one.size_bytes for one in repositories),
        free_bytes=_free(folder),
        repositories=repositories,
        address=constants.ENDPOINT,
        reachable=answered,
        reason=reason,
    )


def cached_repositories(folder: Path) -> tuple[CachedRepository, ...]:
    """The repositories in a cache folder, by name; those of which no revision is whole are left out."""
    from huggingface_hub import CacheNotFound, scan_cache_dir

    try:
        kept = scan_cache_dir(folder).repos
    except (CacheNotFound, ValueError):
        return ()
    found = [CachedRepository(one.repo_id, one.repo_type, one.size_on_disk) for one in kept]
    return tuple(sorted(found, key=lambda one: (natural_key(one.name), one.kind)))


def _free(folder: Path) -> int | None:
    """Free bytes of the disk on which a folder lies or would be made."""
    for place in (folder, *folder.absolute().parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return None


def _ask(address: str, offline: bool, switched_off: bool) -> tuple[bool | None, str | None]:
    """Whether the hub answers, and why not; None where it is not asked."""
    if offline or switched_off:
        return None, "--offline was given" if offline else "HF_HUB_OFFLINE is set"
    answer: list[tuple[bool, str | None]] = []
    # In a thread, because the look-up of a name has no time limit of its own.
    asking = threading.Thread(target=lambda: answer.append(_head(address)), daemon=True)
    asking.start()
    asking.join(2 * _SECONDS)
    return answer[0] if answer else (False, f"no answer in {2 * _SECONDS:.0f} seconds")


def _head(address: str) -> tuple[bool, str | None]:
    """Ask for the hub's headers the way its own library does: through its proxies and certificates."""
    from huggingface_hub.utils import get_session

    try:
        # Whatever the status is, something answered.
        get_session().head(address, timeout=_SECONDS)
    except Exception as error:
        return False, one_line(error)
    return True, None
