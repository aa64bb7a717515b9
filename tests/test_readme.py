"""README's examples run as they stand: every shell line, every Python block."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from skimage import data as photographs

from isptune.cli import run
from isptune.config import parse_config, read_config
from isptune.scenes import write_image

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture(autouse=True)
def folder_with_a_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    image = torch.from_numpy(photographs.astronaut()).permute(2, 0, 1) / 255
    write_image("photo.png", image[:, 40:168, 150:342])


def test_set_up_is_exactly_two_commands() -> None:
    assert blocks("sh")[0].splitlines() == ["pip install uv && uv run isptune tune", "uv run pytest"]


def test_the_shell_examples_run_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    commands = [line for block in blocks("sh")[1:] for line in block.splitlines()]
    assert len(commands) >= 8
    for command in commands:
        program, *arguments = shlex.split(command)
        if program == "python":
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            continue
        assert program == "isptune"
        assert run(arguments) == 0, command
    assert {"convergence.png", "soft.png", "best.png"} <= {path.name for path in Path().iterdir()}


def test_the_configuration_example_runs() -> None:
    Path("run.yaml").write_text(blocks("yaml")[0])
    assert parse_config(read_config("run.yaml")).optimizer.name == "cma"
    assert run(["tune", "--config", "run.yaml", "--out", "run"]) == 0


def test_the_python_examples_run_in_their_order() -> None:
    names: dict[str, Any] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    assert names["result"].evaluations == 300
    conformance = names["TestVignette"]()
    checks = [name for name in dir(conformance) if name.startswith("test_")]
    assert checks
