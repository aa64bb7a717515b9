"""Numbers are computed where figures need no drawing; the benchmark knows neither figures nor the report."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import isptune

ROOT = Path(isptune.__file__).parent
FIGURES = sorted((ROOT / "figures").glob("*.py"))
DRAWINGS = {"style", "axes", "look", "before_after", "gallery", "benchmark_figures"}


def imported(file: Path) -> set[str]:
    """The modules that a file imports anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_the_benchmark_draws_nothing() -> None:
    for file in (ROOT / "benchmark").rglob("*.py"):
        rooms = {name for name in imported(file) if name.startswith(("isptune.figures", "isptune.report"))}
        assert not rooms, file


@pytest.mark.parametrize(
    "file",
    [one for one in FIGURES if one.stem not in DRAWINGS and not one.stem.endswith("_figure")],
    ids=lambda file: file.stem,
)
def test_numbers_know_no_drawing(file: Path) -> None:
    drawings = {f"isptune.figures.{one.stem}" for one in FIGURES if one.stem.endswith("_figure")}
    drawings |= {f"isptune.figures.{name}" for name in DRAWINGS} | {"matplotlib", "isptune.report"}
    assert not {name for name in imported(file) if name in drawings or name.startswith("matplotlib.")}
