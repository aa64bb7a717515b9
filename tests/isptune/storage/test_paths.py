"""Names of any bytes: what is shown of them, and which file a text means."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from isptune.storage.paths import folder_name, names_chart, shortened, shown, user_path, what_is_missing
from isptune.wording.naming import natural_sorted


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("photo.png", "photo.png"),
        ("Straße 写真 👨‍👩‍👧.png", "Straße 写真 👨‍👩‍👧.png"),
        (os.fsdecode(b"caf\xe9.png"), r"caf\xe9.png"),
        ("two\nlines\t\x1b[31m\x7f.png", r"two\nlines\t\x1b[31m\x7f.png"),
        ("lin\u2028e \u202egnp.exe", r"lin\u2028e \u202egnp.exe"),
        ("half \ud83d", r"half \ud83d"),
    ],
)
def test_what_is_shown_fits_one_line_of_any_text_file(name: str, expected: str) -> None:
    assert shown(name) == expected
    shown(name).encode("utf-8")
    assert shown(shown(name)) == expected


def test_json_keeps_the_bytes_of_a_name() -> None:
    name = os.fsdecode(b"caf\xe9.png")
    assert os.fsencode(json.loads(json.dumps(name))) == b"caf\xe9.png"


def test_a_tilde_is_the_names_where_there_is_such_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert user_path("~/a.png") == Path("/home/me/a.png")
    assert user_path("~draft.png") == Path("~draft.png")
    Path("~").mkdir()
    Path("~/a.png").touch()
    assert user_path("~/a.png") == Path("~/a.png")


def test_folder_names_are_cut_and_stay_different() -> None:
    assert folder_name("psnr-es-seed0") == "psnr-es-seed0"
    long = [folder_name("ä" * 100 + end) for end in "ab"]
    assert all(len(os.fsencode(name)) <= 120 for name in long)
    assert long[0] != long[1]


def test_what_is_missing_is_named() -> None:
    Path("photo.png").touch()
    Path("dangling.png").symlink_to("nowhere.png")
    Path("circle.png").symlink_to("circle.png")
    for name, expected in (
        ("phto.png", "there is no such file; did you mean 'photo.png'?"),
        ("nofolder/a.png", "there is no folder 'nofolder'"),
        ("dangling.png", "it is a link to 'nowhere.png', which is not there"),
        ("circle.png", "it is a link to 'circle.png', which is not there"),
        ("z" * 300, "its name is too long: 300 bytes, where systems take 255"),
    ):
        assert what_is_missing(Path(name)) == expected
    assert len(shortened("z" * 300)) <= 160


def test_only_a_file_of_that_name_is_no_chart() -> None:
    assert names_chart("chart")
    assert names_chart("chart:64x48")
    assert names_chart("chart:fine.png")
    Path("chart:fine.png").touch()
    assert not names_chart("chart:fine.png")
    assert not names_chart("./chart")


def test_digits_that_are_no_numbers_are_sorted() -> None:
    assert natural_sorted(["5²", "²", "a10", "a9"]) == ["5²", "a9", "a10", "²"]
