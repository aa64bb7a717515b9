"""The file of what judges noted: whole lines, given back by judge and generation, damage named."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from isptune.errors import DiskFullError, RunDirectoryError
from isptune.runs.judgements import Judgements


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "judgements.jsonl"


def line(generation: int = 0, run: str = "abc", note: object = None, judge: str = "taste") -> str:
    return json.dumps({"run": run, "generation": generation, "judge": judge, "note": note or {}}) + "\n"


@pytest.mark.parametrize("in_memory", [False, True])
def test_notes_are_given_back_by_judge_and_generation(path: Path, in_memory: bool) -> None:
    kept = Judgements(None if in_memory else path, "abc")
    kept.note("taste", 0, {"who": "a", "worth": 0.1})
    kept.note("taste (2)", 0, {"who": "a"})
    kept.note("taste", 0, {"who": "b"})
    kept.note("taste", 2, {"who": "c"})
    kept.close()
    again = kept if in_memory else Judgements(path, "abc", logged=2)
    assert again.notes("taste", 0) == ({"who": "a", "worth": 0.1}, {"who": "b"})
    assert again.notes("taste (2)", 0) == ({"who": "a"},)
    assert again.notes("taste", 1) == ()
    assert again.earlier("taste", 3) == (again.notes("taste", 0), (), ({"who": "c"},))
    assert again.earlier("taste", 0) == ()
    assert again.notes("other", 0) == ()


def test_a_note_is_a_whole_line_before_it_returns(path: Path) -> None:
    kept = Judgements(path, "abc")
    assert not path.exists()
    for number in range(3):
        kept.note("taste", 0, {"number": number})
        lines = path.read_text().splitlines(keepends=True)
        assert lines[-1] == line(note={"number": number})
        assert len(lines) == number + 1


def test_a_torn_last_line_is_dropped(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_text(line(note={"number": 1}) + line(note={"number": 2})[:-7])
    kept = Judgements(path, "abc")
    assert kept.notes("taste", 0) == ({"number": 1},)
    with caplog.at_level(logging.WARNING, "isptune"):
        kept.note("taste", 0, {"number": 3})
    size = len(line(note={"number": 2})) - 7
    assert caplog.messages == [f"dropped a torn last line of {size} bytes from '{path}'"]
    assert path.read_text() == line(note={"number": 1}) + line(note={"number": 3})


@pytest.mark.parametrize(
    "broken",
    [
        "{]\n",
        "[]\n",
        '"abc"\n',
        "\xff\n",
        line(-1),
        line().replace("0", "true"),
        line(note=[1]),
        line().replace('"taste"', "3"),
        line(run="xyz"),
        line(3),
    ],
)
def test_damage_is_named(path: Path, broken: str, snapshot: SnapshotAssertion) -> None:
    path.write_bytes((line(2) + broken + line(2)).encode("latin-1"))
    with pytest.raises(RunDirectoryError) as refusal:
        Judgements(path, "abc", logged=2)
    assert str(refusal.value) == snapshot


def test_a_full_disk_leaves_whole_lines(
    path: Path, disk: Callable[[int | None], None], snapshot: SnapshotAssertion
) -> None:
    kept = Judgements(path, "abc")
    kept.note("taste", 0, {"number": 1})
    disk(10)
    with pytest.raises(DiskFullError) as refusal:
        kept.note("taste", 0, {"number": 2})
    assert str(refusal.value) == snapshot
    disk(None)
    kept.note("taste", 0, {"number": 3})
    kept.close()
    assert Judgements(path, "abc").notes("taste", 0) == ({"number": 1}, {"number": 3})
