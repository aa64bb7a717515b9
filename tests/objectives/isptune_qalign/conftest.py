"""Tiny checkpoints, made once for a session."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from isptune_qalign.tiny import write_tiny

DATA = Path(__file__).resolve().parents[2] / "data" / "qalign"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Q-Align checkpoint in one file."""
    return write_tiny(tmp_path_factory.mktemp("qalign") / "tiny")


@pytest.fixture(scope="session")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in three shards."""
    return write_tiny(tmp_path_factory.mktemp("qalign") / "sharded", shards=3)


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of the original code's tiny checkpoint with its inputs and outputs."""
    return DATA


@pytest.fixture(scope="session")
def eager() -> ModuleType:
    """The independent computation in eager.py, which tests cannot import by name."""
    spec = importlib.util.spec_from_file_location("eager", Path(__file__).with_name("eager.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
