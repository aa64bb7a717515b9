"""Tiny checkpoints in open_clip's own form, written once for all tests of the folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from isptune_clipiqa.tiny import write_tiny, write_tiny_context


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny checkpoint of a kind; nobody writes to it."""
    folder = tmp_path_factory.mktemp("clip")

    def find(kind: str) -> Path:
        if not (folder / kind).is_dir():
            write_tiny(folder / kind, kind)
        return folder / kind

    return find


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of random learned tokens of the tiny text encoders' width."""
    return write_tiny_context(tmp_path_factory.mktemp("context") / "context.pth")
