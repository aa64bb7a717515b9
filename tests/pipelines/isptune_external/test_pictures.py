"""What programs write is looked at before it is read."""

from __future__ import annotations

import os

import pytest
import torch

from isptune import Scene
from isptune.scenes import write_image
from isptune_external import ProgramError
from isptune_external.pictures import read_output


def test_a_file_that_no_picture_of_the_size_has_is_not_read(tmp_path):
    scene = Scene.of_picture("x", torch.full((3, 48, 64), 0.5))
    path = tmp_path / "output.png"
    write_image(path, torch.full((3, 48, 64), 0.5))
    assert read_output(path, scene, "it").shape == (3, 48, 64)
    os.truncate(path, 50 * 10**9)
    with pytest.raises(ProgramError, match="it wrote a file of 50,000,000,000 bytes, which no picture of"):
        read_output(path, scene, "it")


@pytest.mark.parametrize("other", ["fifo", "folder", "device"])
def test_what_is_no_file_is_no_picture(tmp_path, other):
    path = tmp_path / "output.png"
    {"fifo": os.mkfifo, "folder": os.mkdir, "device": lambda path: os.symlink("/dev/zero", path)}[other](path)
    scene = Scene.of_picture("x", torch.full((3, 48, 64), 0.5))
    with pytest.raises(ProgramError, match="it ended without an error and wrote no picture"):
        read_output(path, scene, "it")
