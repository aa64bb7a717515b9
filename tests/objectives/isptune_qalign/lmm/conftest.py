"""Tiny checkpoints with random weights, written once per family."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from isptune_qalign.lmm.tiny import write_tiny


@pytest.fixture(scope="session", autouse=True)
def _number_words():
    """SmolVLM's processor asks for num2words, which writes numbers of video frames: not used for images."""
    from transformers.models.smolvlm import processing_smolvlm

    if processing_smolvlm.num2words is not None:
        yield
        return
    processing_smolvlm.num2words = str
    yield
    processing_smolvlm.num2words = None


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, _number_words: None) -> Callable[[str], Path]:
    """The folder of a family's tiny checkpoint, which tests must not change."""
    folders: dict[str, Path] = {}

    def folder(family: str) -> Path:
        if family not in folders:
            folders[family] = write_tiny(tmp_path_factory.mktemp(family), family)
        return folders[family]

    return folder
