"""What the objectives state of stages is what was measured, and no new stage is left out."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

import isptune
from isptune import Distortion
from isptune.cli.key_values import key_values
from isptune.plugins.registry import objectives

TABLE = Path(__file__).parents[2] / "benchmarks" / "embedded_models" / "blind_spots.md"


def table() -> tuple[list[str], dict[str, list[str]]]:
    """The objectives, and per stage a cell for each."""
    rows = [line.strip().strip("|").split("|") for line in TABLE.read_text().splitlines() if line[:2] == "| "]
    cells = [[cell.strip() for cell in row] for row in rows]
    return cells[0][2:], {row[0]: row[2:] for row in cells[2:]}


NAMES, ROWS = table()


def test_every_stage_was_measured() -> None:
    # Those that are installed: other tests register stages of their own.
    shipped = metadata.distribution("isptune").entry_points.select(group="isptune.stages")
    # The operators of the family and the steps of a raw pipeline are no distortions.
    stages = {entry.name: entry.load() for entry in shipped}
    assert sorted(ROWS) == sorted(name for name, stage in stages.items() if issubclass(stage, Distortion))


@pytest.mark.parametrize("name", NAMES)
def test_blind_spots_are_those_that_were_measured(name: str) -> None:
    kind, *options = name.split()
    coverage = objectives.get(kind).coverage_with(key_values(options, "--objectives"))
    column = NAMES.index(name)
    blind = {stage for stage, cells in ROWS.items() if cells[column].endswith("*")}
    assert set(coverage.blind_to) == blind
    assert {stage for stage in ROWS if coverage.judges(stage) is True} == set(ROWS) - blind


@pytest.mark.parametrize("name", ["severity", "qalign-tiny", "scorenet-align-tiny"])
def test_an_object_states_what_its_class_does(name: str) -> None:
    kind = objectives.get(name)
    assert isptune.create_objective(name).coverage == kind.coverage == kind.coverage_with({})
