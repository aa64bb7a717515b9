"""The folder of a training: whether it can be continued, and what was changed since it was started."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isptune.errors import RunDirectoryError
from isptune.wording.allowed import shown
from isptune.wording.naming import listed

CONFIGURATION = "training.json"


def check_folder(out: str | Path, resume: bool) -> None:
    """Refuse a folder that already holds a training, or one without a training to continue.

    Raises:
        RunDirectoryError: one sentence.
    """
    found = (Path(out) / CONFIGURATION).exists()
    if found and not resume:
        raise RunDirectoryError(
            f"'{out}' already holds a training; choose another folder, or continue it with --resume"
        )
    if resume and not found:
        raise RunDirectoryError(f"there is no training in '{out}' to continue")


def check_unchanged(out: str | Path, facts: Mapping[str, Any]) -> None:
    """Refuse to continue a training that was started with other facts.

    Raises:
        RunDirectoryError: one sentence with what was changed, or that the file cannot be read.
    """
    path = Path(out) / CONFIGURATION
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunDirectoryError(f"'{path}' cannot be read: {error}") from error
    if not isinstance(before, dict):
        raise RunDirectoryError(f"'{path}' does not hold a training's configuration")
    changes = changed_settings(before, facts)
    if changes:
        raise RunDirectoryError(
            f"the training in '{out}' was started with other data or settings: {listed(changes, 4)}"
        )


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any], path: str = "") -> list[str]:
    """In which settings two configurations differ, each as ``"settings.rate was 0.002 and is now 0.01"``."""
    found = []
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += changed_settings(old, new, f"{path}{key}.")
        elif old != new:
            found.append(f"{path}{key} was {shown(old)} and is now {shown(new)}")
    return found
