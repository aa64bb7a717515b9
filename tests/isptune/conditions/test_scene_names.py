"""``scene_conditions``: what names a scene; and what ``--at`` may ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from isptune.cli.condition_table import _say_if_outside, asked_condition
from isptune.conditions.groups import group_scenes
from isptune.conditions.settings import TableConfig
from isptune.conditions.table import ParameterTable, TableEntry
from isptune.errors import ConfigurationError
from isptune.parameters import Float, ParameterSpace
from isptune.plugins.registry import pipelines
from isptune.tuning.settings import parse_config

from .conftest import settings, write_lamp


@pytest.mark.parametrize(
    ("told", "isos"),
    [
        ({"day/x.dng": {"iso": 50}}, {"day": 50, "night": 800}),
        ({"./night/x.dng": {"iso": 900}}, {"day": 100, "night": 900}),
        ({"day/*.dng": {"iso": 50}, "night/x.dng": {"iso": 900}}, {"day": 50, "night": 900}),
        # A file wins over a glob, wherever it stands.
        ({"day/x.dng": {"iso": 60}, "*.dng": {"iso": 900}}, {"day": 60, "night": 900}),
    ],
)
def test_files_of_one_name_are_told_apart_by_their_folders(
    lamps: str, in_an_empty_folder: None, told: dict[str, dict[str, float]], isos: dict[str, float]
) -> None:
    for folder, iso in (("day", 100), ("night", 800)):
        Path(folder).mkdir()
        write_lamp(f"{folder}/x.dng", iso=iso)
    sources = ["day/x.dng", "night/x.dng"]
    config = parse_config(settings(scenes=sources, scene_conditions=told), "the settings", TableConfig)
    groups = group_scenes(config, pipelines.create(lamps, scenes=sources))
    found = {Path(group.tuned[0]).parent.name: group.condition["iso"] for group in groups}
    assert found == isos


def test_a_condition_is_asked_once() -> None:
    assert asked_condition(["iso=640,illuminant=D65"]) == {"iso": "640", "illuminant": "D65"}
    with pytest.raises(ConfigurationError, match="^--at says iso twice; one setting is for one condition$"):
        asked_condition(["iso=100", "iso=200"])


def test_an_iso_outside_of_the_table_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    entries = [TableEntry({"iso": iso}, f"iso-{iso:g}", {}, "own", "", 1, {}) for iso in (100.0, 400.0)]
    table = ParameterTable(
        Path("t"), ("iso",), ParameterSpace({"gain": Float(0.0, 1.0)}), "psnr", True, {}, entries=entries
    )
    for iso in ("100", "200", "400"):
        _say_if_outside(table, {"iso": iso})
    assert capsys.readouterr().err == ""
    _say_if_outside(table, {"iso": "640"})
    assert capsys.readouterr().err == (
        "isptune: iso 640 is outside of the table, which reaches from 100 to 400; what is nearest in it holds\n"
    )
