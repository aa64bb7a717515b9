"""README's examples run as they stand: every command, every Python block."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.draws

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def test_set_up_is_exactly_two_commands(document: Callable) -> None:
    first = document(README).texts("sh")[0]
    assert first.splitlines() == ["pip install uv && uv run isptune tune", "uv run pytest"]


def test_the_shell_examples_run_in_their_order(
    document: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    # Processes of a benchmark are another test's.
    shown = document(README, {"isptune bench": ["--engine", "in-process"]})
    (examples,) = [block for block in shown.blocks if block.language == "sh"][1:]
    assert len(examples.lines) == 10
    shown.run_block(examples)
    assert {"convergence.png", "best.png"} <= {path.name for path in Path().iterdir()}


def test_an_isp_of_ones_own_takes_less_than_forty_lines_and_runs(document: Callable) -> None:
    shown = document(README)
    (example,) = (block for block in shown.blocks if "class MyISP" in block.text)
    assert len(example.text.splitlines()) < 40
    shown.run_block(example)
    assert shown.names["tuned"].evaluations == 150


def test_links_lead_somewhere(document: Callable) -> None:
    links = document(README).links
    assert len(links) > 20
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_tutorial_has_the_same_isp(document: Callable) -> None:
    own = [text for text in document(README).texts("python") if "class MyISP" in text]
    assert own[0] in document(ROOT / "docs/tutorials/pipeline.md").texts("python")
