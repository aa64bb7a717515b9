"""How the pictures of a study were looked at: what its page noted of each visit and each answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isptune_study.plates import plates_read, plates_seed
from isptune_study.storage import StudyStore


def viewing_json(path: Path, names: Mapping[str, str]) -> str:
    """Visits and answers as JSON, with the page's details and the observers' remarks.

    Args:
        path: of a study's database.
        names: by the names of observers what to call them; others are left out.
    """
    with StudyStore(path) as store:
        known = [names.get(row.name) for row in store.observer_rows()]
        seed = store.settings.seed
        sittings = [
            {"observer": known[who], "session": number, "started": _time(at), **_read(seed, who, details)}
            for who, number, at, details in store.viewed_sittings()
            if known[who] is not None
        ]
        answers = [
            {"observer": known[who], "trial": trial, "session": number, "given": _time(at), **details}
            for who, trial, number, at, details in store.viewed_answers()
            if known[who] is not None
        ]
    return json.dumps({"sittings": sittings, "answers": answers}, indent=1)


def _read(seed: int, observer: int, details: dict[str, Any]) -> dict[str, Any]:
    """A visit's details, with how its colour plates were read."""
    plates = details.get("plates")
    if not plates:
        return details
    found = plates_read(plates_seed(seed, observer), plates)
    return details | {"plates_right": found.right, "plates_remarks": list(found.remarks)}


def _time(seconds: Any) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
