"""The templates: what is escaped, how numbers and tables are written."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from isptune.figures.shown_numbers import written
from isptune.report.page import Page, Table, embedded


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        ("es", "es"),
        (3, "3"),
        (3.0, "3"),
        (1500, "1500"),
        (11280, "11,280"),
        (-2, "−2"),
        (0.5, "0.5"),
        (0.0123456, "0.01235"),
        (-0.4421, "−0.4421"),
        (123456.789, "123,500"),
        (3.05e-5, "3.05e−5"),
        (1.5e20, "1.5e20"),
        (True, "true"),
    ],
)
def test_cells(value: str | float | None, expected: str) -> None:
    assert written(value) == expected


def content(template: str, **context: Any) -> str:
    """What a section holds, without the white space between elements."""
    page = Page("title", "lead", [])
    page.add("part", "Part", template, **context)
    return re.sub(r">\s+<", "><", page.sections[0].content)


def test_a_table_has_a_caption_and_headings_and_marks_numbers() -> None:
    source = Table("Runs <1>", ["run", "score"], [["a&b", 1.25], ["c", None]])
    assert content("tables.html", tables=[("runs", source)]) == (
        '<div class="scroll" tabindex="0" role="region" aria-labelledby="runs">'
        '<table class="sticky"><caption id="runs"><span>Runs &lt;1&gt;</span></caption>'
        '<thead><tr><th scope="col">run</th><th scope="col" class="number">score</th></tr></thead><tbody>'
        '<tr><th scope="row">a&amp;b</th><td class="number">1.25</td></tr>'
        '<tr><th scope="row">c</th><td class="number">–</td></tr></tbody></table></div>'
    )


def test_sentences_may_break() -> None:
    source = Table("Failed", ["run", "error"], [["a", "one reason that takes more room than a number would"]])
    assert '<td class="words">one reason' in content("tables.html", tables=[("failed", source)])


@given(
    st.recursive(
        st.none() | st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_embedded_json_reads_back_and_cannot_end_its_element(data: object) -> None:
    dumped = embedded(data)
    assert json.loads(dumped) == data
    assert "<" not in dumped
    assert ">" not in dumped


def making(command: str, name: str = "one") -> str:
    runs = [{"name": name, "command": command, "configuration": "budget: 1"}]
    tables = {"versions": Table("Versions", [], []), "machine": Table("Machine", ["part"], [["gpu"]])}
    return content("making.html", benchmark="", runs=runs, **tables)


@given(st.text())
def test_text_is_text_again(label: str) -> None:
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            found.extend(value or "" for name, value in attributes if name == "aria-label")

    Reader().feed(making("x", label))
    assert re.sub(r">\s+<", "><", f"Command of {label}") == found[0]


def test_code_is_escaped_and_can_be_copied() -> None:
    made = making("isptune tune '<a>'")
    assert "&lt;a&gt;" in made
    assert '<button type="button" class="copy" data-copy>Copy</button>' in made


def test_a_name_that_a_template_lacks_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'figures' is undefined"):
        content("truth.html")
