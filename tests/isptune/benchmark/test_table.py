"""The texts of a table, letter by letter."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isptune.benchmark.table import Table, latex_text, number_text, write_tables
from isptune.errors import ConfigurationError, RunDirectoryError


@pytest.fixture
def table() -> Table:
    return Table(
        "Losses & more",
        ["objective", "95%", "count"],
        [["a_b|c", 0.123456, 12], ["d", math.nan, None], ["e", -0.00001234, 123456]],
    )


def test_markdown(table: Table) -> None:
    assert table.to_markdown() == (
        "| objective |        95% |  count |\n"
        "| --------- | ---------: | -----: |\n"
        "| a_b\\|c    |     0.1235 |     12 |\n"
        "| d         |          – |      – |\n"
        "| e         | -1.234e-05 | 123456 |\n"
    )


def test_latex(table: Table) -> None:
    assert table.to_latex() == (
        "\\begin{table}\n"
        "\\centering\n"
        "\\caption{Losses \\& more}\n"
        "\\begin{tabular}{lrr}\n"
        "\\toprule\n"
        "objective & 95\\% & count \\\\\n"
        "\\midrule\n"
        "a\\_b\\textbar{}c & 0.1235 & 12 \\\\\n"
        "d & -- & -- \\\\\n"
        "e & $-1.234 \\times 10^{-5}$ & 123456 \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
        "\\end{table}\n"
    )


def test_csv(table: Table) -> None:
    assert table.to_csv() == "objective,95%,count\na_b|c,0.123456,12\nd,,\ne,-1.234e-05,123456\n"


def test_data(table: Table) -> None:
    assert table.to_dict() == {
        "title": "Losses & more",
        "columns": ["objective", "95%", "count"],
        "rows": [["a_b|c", 0.123456, 12], ["d", None, None], ["e", -0.00001234, 123456]],
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1, "1"),
        (12345678, "12345678"),
        (0.5, "0.5"),
        (0.00012345, "0.0001234"),
        (999.96, "1000"),
        (1234.5678, "1235"),
        (-4321.6, "-4322"),
        (1.5e6, "1.5e+06"),
        (31.41592, "31.42"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number_text(value) == text


def test_latex_letters() -> None:
    assert latex_text("50% of $x_1 & {y}# ~^\\ <|>\n  end") == (
        "50\\% of \\$x\\_1 \\& \\{y\\}\\# \\textasciitilde{}\\textasciicircum{}\\textbackslash{} "
        "\\textless{}\\textbar{}\\textgreater{} end"
    )


def test_texts_of_several_lines_stay_in_their_cells() -> None:
    table = Table("t", ["name", "error"], [["a", "one\n  two"]])
    assert table.to_markdown().splitlines()[2] == "| a    | one two |"
    assert "a & one two \\\\\n" in table.to_latex()
    assert list(csv.reader(io.StringIO(table.to_csv())))[1] == ["a", "one\n  two"]


def test_columns_of_texts_stand_left() -> None:
    assert Table("t", ["a", "b", "c"], [["x", "y", 1.0]]).text_columns == 2
    assert Table("t", ["a", "b"], [["x", "y"]]).text_columns == 2
    assert Table("t", ["a", "b"], []).text_columns == 1
    assert "\\begin{tabular}{lr}\n" in Table("t", ["a", "b"], []).to_latex()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_csv_and_json_keep_every_digit(values: list[float]) -> None:
    table = Table("t", [str(index) for index in range(len(values))], [list(values)])
    assert [float(cell) for cell in list(csv.reader(io.StringIO(table.to_csv())))[1]] == values
    assert json.loads(json.dumps(table.to_dict()))["rows"] == [values]


def test_refusals() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Table("t", [], [])
    assert str(caught.value) == "the table 't' has no columns; at least 1 is needed"
    with pytest.raises(ConfigurationError) as caught:
        Table("t", ["a", "b"], [[1.0, 2.0], [1.0]])
    assert str(caught.value) == "row 1 of the table 't' has 1 entries; 2 are needed, as of its columns"


class TestFiles:
    def test_what_is_written(self, table: Table, tmp_path: Path) -> None:
        files = write_tables({"first": table, "second": table}, tmp_path / "deep" / "tables")
        assert [file.name for file in files] == [
            *("first.md", "first.tex", "first.csv", "second.md", "second.tex", "second.csv"),
            "tables.json",
        ]
        assert files[0].read_text(encoding="utf-8") == "**Losses & more**\n\n" + table.to_markdown()
        assert files[1].read_text(encoding="utf-8") == table.to_latex()
        assert files[2].read_text(encoding="utf-8") == table.to_csv()
        data = json.loads(files[-1].read_text(encoding="utf-8"))
        assert data == {"first": table.to_dict(), "second": table.to_dict()}

    def test_tables_of_before_are_removed_and_nothing_else(self, table: Table, tmp_path: Path) -> None:
        (tmp_path / "mine.csv").write_text("1\n")
        write_tables({"first": table, "failures": table}, tmp_path)
        write_tables({"first": table}, tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            *("first.csv", "first.md", "first.tex", "mine.csv", "tables.json"),
        ]

    @pytest.mark.parametrize("before", ["no json", "3", "[[1]]"])
    def test_a_broken_file_of_before_is_replaced(self, table: Table, tmp_path: Path, before: str) -> None:
        (tmp_path / "tables.json").write_text(before)
        write_tables({"first": table}, tmp_path)
        assert list(json.loads((tmp_path / "tables.json").read_text())) == ["first"]

    def test_a_folder_that_cannot_be_written(self, table: Table, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(RunDirectoryError) as caught:
            write_tables({"first": table}, tmp_path / "file")
        assert str(caught.value) == f"cannot write the folder '{tmp_path / 'file'}': File exists"
