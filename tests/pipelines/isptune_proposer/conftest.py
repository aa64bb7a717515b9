"""A tiny proposer, trained once by the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from isptune.cli import run

TINY = (
    *("--steps", "4", "--every", "2", "--option", "probes=2", "--option", "hidden=16"),
    *("--data-option", "crop=64", "--data-option", "contents=4"),
    *("--data-option", "batches=2", "--data-option", "beside=2"),
)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its training."""
    folder = tmp_path_factory.mktemp("proposer") / "trained"
    assert run(["train", "proposer", *TINY, "--images", "chart:160x128", "--out", str(folder)]) == 0
    return folder
