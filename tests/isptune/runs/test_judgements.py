"""The file of what judges noted: whole lines, given back by judge and generation, damage named."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

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
    ("broken", "sentence"),
    [
        ("{]\n", "line 2 of '{path}' is damaged; {mend}"),
        ("[]\n", "line 2 of '{path}' is damaged; {mend}"),
        ('"abc"\n', "line 2 of '{path}' is damaged; {mend}"),
        ("\xff\n", "line 2 of '{path}' is damaged; {mend}"),
        (line(-1), "line 2 of '{path}' is damaged; {mend}"),
        (line().replace("0", "true"), "line 2 of '{path}' is damaged; {mend}"),
        (line(note=[1]), "line 2 of '{path}' is damaged; {mend}"),
        (line().replace('"taste"', "3"), "line 2 of '{path}' is damaged; {mend}"),
        (
            line(run="xyz"),
            "line 2 of '{path}' belongs to a run with another configuration (xyz instead of abc); put the run.yaml "
            "back that it was made with",
        ),
        (line(3), "line 2 of '{path}' is about generation 3, and the log ends before generation 2; {mend}"),
    ],
)
def test_damage_is_named(path: Path, broken: str, sentence: str) -> None:
    path.write_bytes((line(2) + broken + line(2)).encode("latin-1"))
    mend = "to go on from before it, delete that line and all that follow, then resume"
    with pytest.raises(RunDirectoryError) as refusal:
        Judgements(path, "abc", logged=2)
    assert str(refusal.value) == sentence.replace("{path}", str(path)).replace("{mend}", mend)


def test_a_full_disk_leaves_whole_lines(path: Path, disk: Callable[[int | None], None]) -> None:
    kept = Judgements(path, "abc")
    kept.note("taste", 0, {"number": 1})
    disk(10)
    with pytest.raises(DiskFullError) as refusal:
        kept.note("taste", 0, {"number": 2})
    assert str(refusal.value) == (
        f"'{path}' cannot be written: No space left on device; what was noted stays: make room, then resume"
    )
    disk(None)
    kept.note("taste", 0, {"number": 3})
    kept.close()
    assert Judgements(path, "abc").notes("taste", 0) == ({"number": 1}, {"number": 3})
