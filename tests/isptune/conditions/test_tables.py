"""Tables of parameters over conditions: grouping, sharing, smoothness, what is kept, and resuming."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isptune
from isptune.errors import IsptuneError, RunDirectoryError
from isptune.report.table_report import report_of_table
from isptune.tuning.sitting import run_session

from .conftest import settings, wanted, write_lamp

ISOS = (100, 400, 1600, 6400)


@pytest.fixture
def scenes(lamps: str, in_an_empty_folder: None) -> None:
    for iso in ISOS:
        for place in range(2):
            write_lamp(f"lamp{place}-{iso}.dng", iso=iso)


def tuned(given: dict[str, Any], out: str, run: Any = None) -> isptune.ParameterTable:
    """A table, without figures of its runs: they take longer than the rest."""
    return isptune.tune_table(given, out, run or quick)


def quick(session: Any, what: str) -> Any:
    return run_session(session, resume=True, figures=False)


def levels(table: isptune.ParameterTable) -> list[float]:
    return [entry.parameters["noise.level"] for entry in table.entries]


def test_the_level_grows_with_the_iso_and_no_entry_is_worse_than_the_common_setting(scenes: None) -> None:
    table = tuned(settings(holdout=1), "table")
    assert [entry.condition for entry in table.entries] == [{"iso": iso} for iso in ISOS]
    found = np.log10(levels(table))
    assert (np.diff(found) > 0.2).all()
    assert found == pytest.approx([wanted(iso) for iso in ISOS], abs=0.15)
    for entry in table.entries:
        assert (entry.kept, entry.why, entry.scenes) == ("own", "", 1)
        for scores in (entry.tuned, entry.held_out):
            assert scores is not None
            assert scores["own"] <= scores["common"]  # type: ignore[operator]
    # What is shared is that of the common setting, everywhere.
    assert {entry.parameters["tone.lift"] for entry in table.entries} == {table.common["tone.lift"]}
    assert table.shared == ("tone.lift",)


def test_the_folder_holds_ordinary_runs(scenes: None) -> None:
    table = tuned(settings(holdout=1, budget=16), "table")
    common = isptune.Run.read("table/common")
    assert common.best_parameters == table.common
    assert (len(common.scenes), len(common.held_out)) == (4, 4)
    near = table.common
    for entry in table.entries:
        run = isptune.Run.read(Path("table") / entry.folder)
        assert run.best_parameters == entry.parameters
        assert (len(run.scenes), len(run.held_out)) == (1, 1)
        # Its search began at the neighbour's setting and at the common one.
        begun = [row["noise.level"] for row in run.space.to_dicts(run.space.to_values(_rows(run)))[:2]]
        wanted_first = [near["noise.level"], table.common["noise.level"]][: 1 if near is table.common else 2]
        assert begun[: len(wanted_first)] == pytest.approx(wanted_first)
        near = entry.parameters
    read = isptune.ParameterTable.read("table")
    assert read.to_dict() == table.to_dict()
    assert read.space == table.space
    page = report_of_table(read)
    assert "noise.level over ISO" in page
    assert "own setting" in page


def _rows(run: isptune.Run) -> Any:
    import torch

    return torch.from_numpy(run.generations[0].candidates)


def test_between_conditions_parameters_are_interpolated(scenes: None) -> None:
    table = tuned(settings(budget=16, parameters={}), "table")
    first, second = table.entries[0].parameters, table.entries[1].parameters
    assert table.at(iso=100) == first
    assert table.at(iso=1) == first
    assert table.at(iso=1e6) == table.entries[-1].parameters
    middle = table.at(iso=200)
    # Halfway in the logarithm of ISO, on the scale of the parameter, which is logarithmic.
    both = math.log(first["noise.level"]), math.log(second["noise.level"])
    assert math.log(middle["noise.level"]) == pytest.approx(sum(both) / 2)
    assert middle["noise.steps"] in (
        round((first["noise.steps"] + second["noise.steps"]) / 2 + d) for d in (0, 0.01)
    )
    for iso, nearer in ((150, first), (300, second)):
        at = table.at(iso=iso)
        assert (at["method"], at["strong"]) == (nearer["method"], nearer["strong"])
    rising = [table.at(iso=iso)["noise.level"] for iso in np.geomspace(100, 400, 9)]
    assert (np.sign(np.diff(rising)) == np.sign(both[1] - both[0])).all()


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ({"iso": 0}, "iso is 0; allowed: a number above 0"),
        ({"iso": "many"}, "iso is 'many'; allowed: a number above 0"),
        ({"ios": 100}, "the table is over iso, and not over 'ios'; did you mean 'iso'?"),
        ({}, "the table is over iso, and none was given, such as iso=640"),
    ],
)
def test_what_a_table_does_not_hold_is_said(scenes: None, condition: dict[str, Any], sentence: str) -> None:
    table = tuned(settings(budget=8), "table")
    with pytest.raises(IsptuneError) as caught:
        table.at(**condition)
    assert str(caught.value) == sentence


def test_lights_have_rows_of_their_own(lamps: str) -> None:
    for light, more in (("A", 0.5), ("D65", 0.0)):
        for iso in (100, 1600):
            write_lamp(f"{light}-{iso}.dng", wants=wanted(iso) + more, iso=iso, illuminant=light)
    table = tuned(settings(conditions="iso,illuminant"), "table")
    assert [entry.name for entry in table.entries] == [
        "iso 100, A",
        "iso 100, D65",
        "iso 1600, A",
        "iso 1600, D65",
    ]
    assert [entry.folder for entry in table.entries] == [
        "iso-100-A",
        "iso-100-D65",
        "iso-1600-A",
        "iso-1600-D65",
    ]
    assert (
        table.at(iso=400, illuminant="A")["noise.level"]
        > 1.5 * table.at(iso=400, illuminant="D65")["noise.level"]
    )
    with pytest.raises(IsptuneError, match="for the illuminant A, D65, and none was given"):
        table.at(iso=400)
    with pytest.raises(IsptuneError, match="and not for 'D56'; did you mean 'D65'"):
        table.at(iso=400, illuminant="D56")
    assert "worth-tuned-D65" in report_of_table(table)


def test_smoothness_keeps_neighbours_together(scenes: None) -> None:
    def spread(smooth: float) -> float:
        table = tuned(settings(smooth=smooth), f"smooth-{smooth}")
        return float(np.abs(np.diff(np.log10(levels(table)))).sum())

    assert spread(300.0) < 0.5 * spread(0.0)
    assert isptune.Run.read("smooth-300.0/iso-400").config.stay_near == 300.0
    # The neighbour's setting is where it is counted from.
    table = isptune.ParameterTable.read("smooth-300.0")
    space = isptune.Run.read("smooth-300.0/iso-400").space
    assert space["noise.level"].default == table.entries[0].parameters["noise.level"]


def test_what_is_worse_on_held_out_scenes_gives_way_to_the_common_setting(lamps: str) -> None:
    for iso in (100, 6400):
        write_lamp(f"seen-{iso}.dng", iso=iso)
    # The unseen picture of ISO 100 wants what is between.
    write_lamp("unseen-100.dng", wants=wanted(800), iso=100)
    write_lamp("unseen-6400.dng", iso=6400)
    table = tuned(settings(scenes=["seen*.dng"], holdout=["unseen*.dng"], share=[]), "table")
    low, high = table.entries
    assert (low.kept, high.kept) == ("common", "own")
    assert low.parameters == table.common
    assert low.why.startswith("its own is worse on the held-out scenes (")
    assert isptune.Run.read("table/iso-100").best_parameters != table.common


@pytest.mark.parametrize(("after", "generations"), [(0, 1), (0, 3), (3, 2)])
def test_a_table_that_is_killed_ends_as_one_that_was_not(scenes: None, after: int, generations: int) -> None:
    whole = tuned(settings(holdout=1, smooth=0.3, budget=24), "whole").to_dict()
    begun = 0

    def killed(session: Any, what: str) -> Any:
        nonlocal begun
        begun += 1

        def kill(progress: isptune.tracking.Progress) -> None:
            if begun > after and progress.generation == generations:
                raise KeyboardInterrupt

        return run_session(session, resume=True, callbacks=[kill], figures=False)

    with pytest.raises(KeyboardInterrupt):
        tuned(settings(holdout=1, smooth=0.3, budget=24), "table", killed)
    with pytest.raises(RunDirectoryError, match="has not come to its end; go on with it by 'isptune resume"):
        isptune.ParameterTable.read("table")
    assert isptune.resume_table("table", quick).to_dict() == whole
    for log in sorted(Path("whole").glob("*/evaluations.jsonl")):
        other = Path("table") / log.parent.name / log.name
        assert _lines(other) == _lines(log)


def _lines(log: Path) -> list[Any]:
    return [{**json.loads(line), "seconds": 0} for line in log.read_text().splitlines()]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"conditions": "ios"}, "conditions names 'ios'; did you mean 'iso'?; allowed: iso, illuminant"),
        ({"conditions": []}, "conditions is []; allowed: at least one entry"),
        ({"conditions": "illuminant"}, "the scene 'lamp0-100.dng' has no illuminant, which conditions need"),
        ({"scenes": ["*-100.dng"]}, "all scenes were taken at iso 100; a table over iso needs at least two"),
        (
            {"holdout": 2},
            "holdout is 2 of each condition, and iso 100 has 2 scenes, of which at least one is",
        ),
        ({"share": ["tnoe.*"]}, "share names 'tnoe.*', which is no parameter"),
        (
            {"share": "noise.*,tone.*"},
            "share names all parameters that are searched, so that none is left to",
        ),
        ({"smooth": -1}, "smooth is -1"),
        ({"scene_conditions": {"x.dng": {"iso": 3}}}, "scene_conditions names 'x.dng', which is none of the"),
        ({"scene_conditions": {"x.dng": {"iso": "a"}}}, "iso is 'a'; allowed: a number above 0"),
        (
            {"scene_conditions": {"x.dng": 5}},
            "scene_conditions.x.dng is 5; allowed: names of scenes or globs",
        ),
        ({"smoth": 1}, "has the unknown key 'smoth'; did you mean 'smooth'?"),
        ({"objective": ["psnr", "ssim"]}, "a table over conditions has one score; give one objective"),
    ],
)
def test_mistakes_are_one_sentence(scenes: None, more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(IsptuneError) as caught:
        tuned(settings(**more), "table")
    assert sentence in str(caught.value)
    # Whoever mends it can use the same folder.
    assert not Path("table").exists()


def test_a_scene_without_an_iso_is_named_and_settings_may_say_it(scenes: None) -> None:
    write_lamp("unknown.dng", wants=-2.0)
    with pytest.raises(IsptuneError) as caught:
        tuned(settings(), "table")
    assert str(caught.value) == (
        "the scene 'unknown.dng' has no ISO, which conditions need; take a file that says it, or write into "
        "a file for --config: scene_conditions: {'unknown.dng': {iso: 800}}"
    )
    told = {"unknown*": {"iso": 51200}, "lamp*-100.dng": {"iso": 50}}
    table = tuned(settings(budget=8, scene_conditions=told), "table")
    assert [entry.condition["iso"] for entry in table.entries] == [50, 400, 1600, 6400, 51200]


def test_a_folder_that_holds_something_is_refused_and_a_changed_table_too(scenes: None) -> None:
    tuned(settings(budget=8), "table")
    with pytest.raises(
        RunDirectoryError, match="already holds a table; go on with it by 'isptune resume table'"
    ):
        tuned(settings(budget=8), "table")
    file = Path("table/table.yaml")
    file.write_text(file.read_text().replace("smooth: 0.0", "smooth: 0.5"))
    with pytest.raises(RunDirectoryError, match="was changed after the table was started"):
        isptune.resume_table("table")
    Path("table/table.json").write_text("{}")
    with pytest.raises(
        RunDirectoryError, match="is damaged .*; delete it, and 'isptune resume table' writes"
    ):
        isptune.ParameterTable.read("table")
