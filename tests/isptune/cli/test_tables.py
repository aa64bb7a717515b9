"""Tables at any width: names wrap, numbers stay whole, nothing is cut."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from isptune.cli.tables import Column, column_widths, print_markdown, print_table
from isptune.scenes import write_image

COLUMNS: list[str | Column] = [
    "stage",
    Column("start", number=True),
    Column("a long head", number=True),
    "unit",
]
ROWS = [
    ["gaussian_blur_of_the_lens", "0.01234", "-1.5e-05", "px"],
    ["noise", "12.5", "100", "share of the brightest"],
]
NUMBERS = ["0.01234", "-1.5e-05", "12.5", "100"]


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def has_whole(numbers: Sequence[str], lines: Sequence[str]) -> None:
    words = [word for line in lines for word in re.split(r"[\s│┃]+", line)]
    for number in numbers:
        assert number in words, (number, lines)


@pytest.mark.parametrize("box", [True, False])
@pytest.mark.parametrize("width", [12, 20, 30, 45, 60, 120])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_broken(
    width: int, box: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_table(COLUMNS, ROWS, title="Levels", box=box)
    lines = printed(capsys)
    assert max(map(len, lines)) <= width
    has_whole(NUMBERS, lines)
    letters = "".join(re.findall(r"[a-z]", "".join(lines)))
    for text in ("gaussian", "share"):
        assert text[:8] in letters


def test_rows_stand_below_each_other_where_the_numbers_leave_no_room(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    print_table(COLUMNS, ROWS, title="Levels")
    assert printed(capsys) == [
        "Levels",
        "gaussian_blur_of_the_len",
        "s",
        "  start 0.01234",
        "  a long head -1.5e-05",
        "  unit px",
        "noise",
        "  start 12.5",
        "  a long head 100",
        "  unit",
        "    share of the",
        "    brightest",
    ]


def test_a_pipe_is_wide(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table(["name", "what"], [["x" * 60, "y" * 100]], box=False)
    assert f"{'x' * 60}  {'y' * 100}" in printed(capsys)


def test_brackets_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name"], [["photo.png[0,256]"], ["pip install 'isptune[clip]'"]], box=False)
    assert [line.rstrip() for line in printed(capsys)] == [
        "name",
        "photo.png[0,256]",
        "pip install 'isptune[clip]'",
    ]


def test_widths_are_shared_by_need() -> None:
    columns = [Column("name"), Column("n", number=True), Column("what it is")]
    rows = [["a" * 20, "12345678", "b" * 40]]
    assert column_widths(columns, rows, 100) == [20, 8, 40]
    assert column_widths(columns, rows, 60) == [20, 8, 32]
    assert column_widths(columns, rows, 40) == [16, 8, 16]
    assert column_widths(columns, rows, 23) is None


def test_markdown_stays_markdown_where_it_fits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    head, rows = ["objective", "SRCC"], [["psnr", "0.812 [0.790, 0.833]"]]
    monkeypatch.setenv("COLUMNS", "80")
    print_markdown(head, rows, 1)
    assert printed(capsys)[0] == "| objective |                 SRCC |"
    monkeypatch.setenv("COLUMNS", "26")
    print_markdown(head, rows, 1)
    assert printed(capsys) == ["psnr", "  SRCC", "    0.812 [0.790, 0.833]"]


def test_every_table_of_the_console_at_30_columns(
    photo: str,
    call: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import torch

    monkeypatch.setenv("COLUMNS", "30")
    outputs = []
    tune = [photo, "--budget", "20", "--population", "10", "--objective", "psnr"]
    outputs.append(call("tune", *tune, "--out", "run")[1])
    two = [photo, "--budget", "20", "--population", "20", "--objective", "psnr,sharpness"]
    outputs.append(call("tune", *two, "--optimizer", "nsga2", "--out", "front")[1])
    outputs.append(call("list", "optimizers")[1])
    bench = ["--objective", "psnr", "--scene", photo, "--seeds", "1", "--budget", "20", "--population", "10"]
    outputs.append(call("bench", *bench, "--no-report", "--engine", "in-process", "--out", "b")[1])
    Path("data").mkdir()
    names = [f"{number}.png" for number in range(4)]
    for number, name in enumerate(names):
        write_image(f"data/{name}", torch.full((3, 32, 32), (number + 1) / 8))
    Path("meta.csv").write_text("name,mos\n" + "".join(f"{name},{n + 1}\n" for n, name in enumerate(names)))
    data = ["--data", "meta.csv", "--images", "data", "--objective", "exposure", "--bootstrap", "20"]
    outputs.append(call("evaluate", *data, "--out", "e")[1])
    for output in outputs:
        assert output
        for line in output.splitlines():
            # Paths and whole sentences are wrapped by the terminal.
            if not line.startswith("wrote ") and not line.endswith("."):
                assert len(line) <= 30, output
    assert re.search(r"^blur +\d\.\d+  \[0, 1\]", outputs[0], re.MULTILINE)
    assert re.search(r"^  normalised l1 +0\.\d+$", outputs[1], re.MULTILINE)
    assert re.search(r"SRCC 1\.000 \[1\.000, 1\.000\]$", outputs[4], re.MULTILINE)
