"""What trackers share: the check of their packages, and what they note in a run directory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isptune.runs.directory import RunDirectory


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
