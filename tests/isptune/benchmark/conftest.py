"""The logs of a benchmark's directory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def logs() -> Callable[[Path], dict[str, list[dict[str, Any]]]]:
    """Every log of a benchmark's directory by its cell, without timings."""

    def read(folder: Path) -> dict[str, list[dict[str, Any]]]:
        found = {}
        for path in sorted(folder.glob("cells/*/*/*/*/evaluations.jsonl")):
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            key = path.parent.relative_to(folder).as_posix()
            found[key] = [{name: line[name] for name in line if name != "seconds"} for line in lines]
        return found

    return read
