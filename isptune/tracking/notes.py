"""What trackers share: the check of their packages, and what they note in a run directory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isptune.errors import MissingPackageError
from isptune.naming import listed
from isptune.plugins import missing_packages
from isptune.run import RunDirectory


def require(what: str, packages: Sequence[str], extra: str) -> None:
    """Check that packages are installed, without loading them.

    Args:
        what: needs them, the start of the message.
        packages: their import names.
        extra: of isptune, that brings them.

    Raises:
        MissingPackageError: one sentence with the command that installs them.
    """
    missing = missing_packages(packages)
    if missing:
        few = len(missing) == 1
        raise MissingPackageError(
            f"{what} needs the package{'' if few else 's'} {listed(missing)}, which {'is' if few else 'are'} "
            f"not installed; install {'it' if few else 'them'} with: pip install 'isptune[{extra}]'"
        )


def read_note(out: Path | None, name: str) -> dict[str, Any]:
    """What a tracker noted in a run directory; empty where there is nothing that can be read."""
    if out is None:
        return {}
    try:
        data = json.loads((out / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Without its note a tracker begins anew, with all generations: nothing is lost.
        return {}
    return data if isinstance(data, dict) else {}


def write_note(out: Path | None, name: str, data: Mapping[str, Any]) -> None:
    """Note something in the run directory, where there is one."""
    if out is not None:
        RunDirectory(out).write(name, json.dumps(data, indent=2) + "\n")
