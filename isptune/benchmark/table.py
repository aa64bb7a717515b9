"""A table and its texts: Markdown, LaTeX, CSV and plain data for JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isptune.errors import ConfigurationError, RunDirectoryError
from isptune.storage.paths import file_name
from isptune.storage.writing import full_or, write_whole
from isptune.wording.text_tables import csv_text, markdown_table
from isptune.wording.words import in_words

Entry = str | float | None

JSON_NAME = "tables.json"

# What stands where there is no number.
DASH = "–"

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    DASH: "--",
}


@dataclass(frozen=True)
class Table:
    """Rows under named columns.

    Attributes:
        title: a sentence without its full stop.
        columns: their heads.
        rows: each as long as ``columns``: texts, numbers, or None where there is none. Numbers that are not
            finite become None.

    Raises:
        ConfigurationError: no columns, or a row of another length.
    """

    title: str
    columns: list[str]
    rows: list[list[Entry]]

    def __post_init__(self) -> None:
        if not self.columns:
            raise ConfigurationError(f"the table '{self.title}' has no columns; at least 1 is needed")
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ConfigurationError(
                    f"row {number} of the table '{self.title}' has {len(row)} entries; "
                    f"{len(self.columns)} are needed, as of its columns"
                )
        object.__setattr__(self, "rows", [[_finite(entry) for entry in row] for row in self.rows])

    @property
    def text_columns(self) -> int:
        """How many of the first columns hold texts alone; those after them stand right."""
        for column in range(len(self.columns)):
            if not all(isinstance(row[column], str) for row in self.rows):
                return column
        return len(self.columns) if self.rows else 1

    def to_markdown(self) -> str:
        """Pipes that line up, numbers with 4 significant digits, a dash for None; without the title."""
        return markdown_table(self.columns, self.cells, self.text_columns) + "\n"

    @property
    def cells(self) -> list[list[str]]:
        """The entries as texts of one line, numbers with 4 significant digits, a dash for None."""
        return [[" ".join(_shown(entry).split()) for entry in row] for row in self.rows]

    def to_latex(self) -> str:
        """A ``table`` environment of the package booktabs, captioned by the title, numbers as in Markdown."""
        left = self.text_columns
        lines = [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{latex_text(self.title)}}}",
            rf"\begin{{tabular}}{{{'l' * left}{'r' * (len(self.columns) - left)}}}",
            r"\toprule",
            _latex_line([latex_text(column) for column in self.columns]),
            r"\midrule",
            *(_latex_line([_latex_entry(entry) for entry in row]) for row in self.rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
        return "\n".join(lines) + "\n"

    def to_csv(self) -> str:
        """Every digit of the numbers, so that they read back the same; nothing for None."""
        return csv_text(self.columns, self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Title, columns and rows as plain data."""
        return {"title": self.title, "columns": list(self.columns), "rows": [list(row) for row in self.rows]}


def write_tables(tables: Mapping[str, Table], folder: str | Path) -> list[Path]:
    """Write each table as ``NAME.md``, ``NAME.tex`` and ``NAME.csv``, and all of them into ``tables.json``.

    The folder is made where it is missing. Files of tables that ``tables.json`` names and that are no longer
    among the tables are removed, so that no old table stands among new ones.

    Returns:
        The files.

    Raises:
        RunDirectoryError: the folder cannot be written.
        DiskFullError: there is no room for a file; those before it are whole.
    """
    folder = Path(folder)
    texts: dict[str, str] = {}
    for name, table in tables.items():
        plain = file_name(name)
        texts[f"{plain}.md"] = f"**{table.title}**\n\n{table.to_markdown()}"
        texts[f"{plain}.tex"] = table.to_latex()
        texts[f"{plain}.csv"] = table.to_csv()
    data = {name: table.to_dict() for name, table in tables.items()}
    texts[JSON_NAME] = json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in _files_before(folder):
            if name not in texts:
                (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise full_or(error, RunDirectoryError)(
            f"cannot write the folder '{folder}': {error.strerror or error}"
        ) from error
    return [write_whole(folder / name, text) for name, text in texts.items()]


def _files_before(folder: Path) -> list[str]:
    """Of the tables that were written there last."""
    try:
        names = list(json.loads((folder / JSON_NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return []
    return [f"{file_name(str(name))}.{ending}" for name in names for ending in ("md", "tex", "csv")]


def number_text(value: float) -> str:
    """4 significant digits, without an exponent from 0.0001 to below a million; whole numbers as they are.

    Example:
        >>> [number_text(value) for value in (0.123456, 12345.6, 0.00001234, 1500)]
        ['0.1235', '12346', '1.234e-05', '1500']
    """
    if isinstance(value, int):
        return str(value)
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.4g}"


def latex_text(text: str) -> str:
    """A text with LaTeX's special letters escaped and its white space made single spaces."""
    return "".join(_LATEX.get(letter, letter) for letter in " ".join(text.split()))


def _latex_entry(entry: Entry) -> str:
    if entry is None or isinstance(entry, str):
        return latex_text(_shown(entry))
    digits, _, exponent = number_text(entry).partition("e")
    if exponent:
        return rf"${digits} \times 10^{{{int(exponent)}}}$"
    # In text a minus would be a hyphen.
    return f"${digits}$" if digits.startswith("-") else digits


def _latex_line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _shown(entry: Entry) -> str:
    if entry is None:
        return DASH
    return in_words(entry) if isinstance(entry, str) else number_text(entry)


def _finite(entry: Entry) -> Entry:
    return None if isinstance(entry, float) and not math.isfinite(entry) else entry
