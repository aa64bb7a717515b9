"""Colour plates: what was read is checked against the seed, said, and excludes nobody."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from isptune_study import database
from isptune_study.asking import ask_next
from isptune_study.plates import PlatesRead, numbers_of, plates_read, plates_seed
from isptune_study.serving.study_source import StudySource
from isptune_study.storage import StudyStore
from isptune_study.study_tables import Settings, StudyImage

Call = Callable[..., tuple[int, str, str]]


def said(seed: int, wrong: tuple[int, ...] = (), count: int = 6) -> list[dict[str, str]]:
    numbers = numbers_of(seed, count)
    return [
        {"shown": number, "said": "" if place in wrong else number} for place, number in enumerate(numbers)
    ]


def test_numbers_are_those_that_the_page_draws() -> None:
    # As Chromium says them: platesOf(123456, 6).
    assert numbers_of(123456, 6) == ["58", "33", "56", "74", "48", "98"]


@pytest.mark.parametrize(
    ("wrong", "right", "remarks"),
    [
        ((), 6, ()),
        ((2,), 5, ()),
        ((1, 2, 4), 3, ("read 1 of 4 colour plates of red and green",)),
        ((3,), 5, ("read 0 of 1 colour plate of blue and yellow",)),
        ((0, 3), 4, ("read 0 of 1 colour plate that everybody sees", "read 0 of 1 colour plate of blue and yellow")),
    ],
)  # fmt: skip
def test_what_was_misread_is_said_by_kind(
    wrong: tuple[int, ...], right: int, remarks: tuple[str, ...]
) -> None:
    assert plates_read(7, said(7, wrong)) == PlatesRead(6, right, remarks)


def test_plates_of_another_seed_are_said() -> None:
    found = plates_read(7, said(8))
    assert found.right < 6
    assert found.remarks[0] == "the colour plates are not those that the page shows this observer"


def test_score_export_and_the_admin_say_it_and_nobody_is_left_out(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_SYNCHRONOUS", "OFF")
    monkeypatch.chdir(tmp_path)
    Path("images").mkdir()
    images = []
    for number in range(4):
        Image.new("RGB", (8, 8), (60 * number, 0, 0)).save(f"images/{number}.png")
        images.append(StudyImage(f"{number}.png", "", f"images/{number}.png", "0"))
    with StudyStore.create("study.sqlite", Settings(opponents=3, seed=5), images) as store:
        for place, wrong in enumerate(((), (1, 2, 4, 5))):
            observer, _ = store.add_observer(f"P{place}")
            store.start_sitting(observer, {"plates": said(plates_seed(5, observer), wrong)})
            store.start_sitting(observer, {"width": 100})
            while asked := ask_next(store, observer):
                for trial, left, right, _ in asked:
                    store.answer(observer, trial, float(left > right), f"{place}-{trial}")
    code, out, err = call("study", "score", ".", "--without-flagged", "--out", "scores")
    assert code == 0
    assert "6/6" in out
    assert "2/6" in out
    note = "P1: read 0 of 4 colour plates of red and green; counted all the same"
    assert f"note: {note}\n" in err
    rows = list(csv.DictReader(Path("scores/observers.csv").read_text().splitlines()))
    assert [(row["plates"], row["plates_right"], row["left_out"]) for row in rows] == [
        ("6", "6", "0"),
        ("6", "2", "0"),
    ]
    assert "2 of 6" in Path("scores/report.html").read_text()
    assert call("study", "export", ".", "--out", "data")[0] == 0
    sittings = json.loads(Path("data/viewing.json").read_text())["sittings"]
    assert [one.get("plates_right") for one in sittings] == [6, None, 2, None]
    assert sittings[2]["plates_remarks"] == ["read 0 of 4 colour plates of red and green"]
    source = StudySource("study.sqlite")
    try:
        observers = source.study_progress().observers
    finally:
        source.close()
    assert [(one.plates, one.plates_right) for one in observers] == [(6, 6), (6, 2)]
    assert observers[1].remarks == ["read 0 of 4 colour plates of red and green"]
