"""A photograph in the current folder, and the command line in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from skimage import data as photographs

from isptune.cli import run
from isptune.scenes import write_image


@pytest.fixture
def photo(in_an_empty_folder: None) -> str:
    """128x96 pixels of a real photograph as ``photo.png``."""
    image = torch.from_numpy(photographs.astronaut()).permute(2, 0, 1) / 255
    write_image("photo.png", image[:, 40:136, 150:278])
    return "photo.png"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run ``isptune`` with arguments; its exit code, stdout and stderr."""

    def run_and_capture(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_and_capture
