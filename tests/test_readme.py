"""README's examples run as they stand: every command, every Python block."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from skimage import data as photographs

from isptune.cli import run
from isptune.scenes import write_image
from isptune.tuning.settings import parse_config, read_config

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")

# Examples on published weights, data and GPUs run on stand-ins of the same names, as short as they can be.
SHORTER = {
    "isptune tune photo.png --objective qalign": ["--device", "auto", "--budget", "2", "--population", "2", "--optimizer", "random"],
    "isptune score *.png --objective clipiqa": ["--checkpoint", "checkpoints/clip"],
    "isptune train scorenet --host clipiqa --data": ["--steps", "2", "--option", "host_options={checkpoint: checkpoints/clip}"],
    "isptune evaluate --objective severity,niqe-distance": ["--bootstrap", "5"],
}  # fmt: skip


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture(autouse=True)
def folder_with_a_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    image = torch.from_numpy(photographs.astronaut()).permute(2, 0, 1) / 255
    write_image("photo.png", image[:, 40:168, 150:342])
    write_image("wanted.png", 0.05 + 0.95 * image[:, 40:168, 150:342] ** 0.7)


def test_set_up_is_exactly_two_commands() -> None:
    assert blocks("sh")[0].splitlines() == ["pip install uv && uv run isptune tune", "uv run pytest"]


def call(command: str, *more: str) -> None:
    """Run a line of the README in this process."""
    program, *arguments = shlex.split(command)
    if program == "python":
        assert arguments[0] == "-m"
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(sys, "argv", arguments[1:])
            runpy.run_module(arguments[1], run_name="__main__")
        return
    assert program == "isptune", command
    assert run([*arguments, *more]) == 0, command


def test_the_shell_examples_run_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    commands = [line for block in blocks("sh")[1:] for line in block.splitlines()]
    assert len(commands) >= 8
    for command in commands:
        call(command)
    assert {"convergence.png", "soft.png", "best.png"} <= {path.name for path in Path().iterdir()}


def test_the_examples_on_published_weights_run_on_stand_ins(capsys: pytest.CaptureFixture[str]) -> None:
    from isptune_clipiqa.tiny import write_tiny as write_clip
    from isptune_qalign.tiny import write_tiny as write_qalign

    write_qalign("one-align")
    write_clip("checkpoints/clip")
    Path("koniq10k").mkdir()
    rows = ["name,mos"]
    for index in range(6):
        write_image(f"koniq10k/{index}.png", torch.rand(3, 40, 48) * (index + 1) / 6)
        rows.append(f"{index}.png,{index}")
    Path("koniq10k/meta.csv").write_text("\n".join(rows) + "\n")
    commands = [
        line
        for block in re.findall(r"```\n(isptune .*?)```", README, re.DOTALL)
        for line in block.splitlines()
    ]
    assert len(commands) >= len(SHORTER)
    for command in commands:
        # What is given last counts; photographs of earlier examples are not here.
        more = next((more for start, more in SHORTER.items() if command.startswith(start)), [])
        call(command, *more)


def test_the_configuration_example_runs() -> None:
    Path("run.yaml").write_text(blocks("yaml")[0])
    assert parse_config(read_config("run.yaml")).optimizer.name == "cma"
    assert run(["tune", "--config", "run.yaml", "--out", "run"]) == 0


def test_an_isp_of_ones_own_takes_less_than_forty_lines() -> None:
    (example,) = (block for block in blocks("python") if "class MyISP" in block)
    assert len(example.splitlines()) < 40


def test_the_python_examples_run_in_their_order() -> None:
    names: dict[str, Any] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    assert names["result"].evaluations == 300
    assert names["chain"].space.names == ["tone.gamma", "tone.shadows", "lens.level"]
    conformance = names["TestVignette"]()
    checks = [name for name in dir(conformance) if name.startswith("test_")]
    assert checks
