"""The folder of a training: whether it can be gone on with, and what was changed since."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from isptune.errors import RunDirectoryError
from isptune.iqa.training.folder import CONFIGURATION, check_folder, check_unchanged

FACTS = {"learner": "severity", "settings": {"rate": 0.002, "steps": 24}, "data": {"chain": ["jpeg"]}}


def test_what_was_changed_is_said(snapshot: SnapshotAssertion) -> None:
    Path("out").mkdir()
    Path("out", CONFIGURATION).write_text(json.dumps(FACTS))
    check_unchanged("out", FACTS)
    now = {**FACTS, "settings": {"rate": 0.01, "steps": 24}, "initial": "first"}
    with pytest.raises(RunDirectoryError) as caught:
        check_unchanged("out", now)
    assert str(caught.value) == snapshot
    Path("out", CONFIGURATION).write_text("{torn")
    with pytest.raises(RunDirectoryError, match=r"^'out/training.json' cannot be read: "):
        check_unchanged("out", FACTS)


def test_a_folder_is_refused_before_anything_is_computed() -> None:
    check_folder("out", resume=False)
    with pytest.raises(RunDirectoryError, match="^there is no training in 'out' to continue$"):
        check_folder("out", resume=True)
    Path("out").mkdir()
    Path("out", CONFIGURATION).write_text("{}")
    check_folder("out", resume=True)
    with pytest.raises(RunDirectoryError, match="^'out' already holds a training; choose another folder"):
        check_folder("out", resume=False)
