"""Pieces of HTML: what is escaped, how numbers are written."""

from __future__ import annotations

import json
import math
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isptune.report.markup import code, embedded, table, text, written


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


def test_a_table_has_a_caption_and_headings_and_marks_numbers() -> None:
    made = table("Runs <1>", ["run", "score"], [["a&b", 1.25], ["c", None]], "runs")
    assert made == (
        '<div class="scroll" tabindex="0" role="region" aria-labelledby="runs">'
        '<table class="sticky"><caption id="runs"><span>Runs &lt;1&gt;</span></caption>'
        '<thead><tr><th scope="col">run</th><th scope="col" class="number">score</th></tr></thead><tbody>'
        '<tr><th scope="row">a&amp;b</th><td class="number">1.25</td></tr>'
        '<tr><th scope="row">c</th><td class="number">–</td></tr></tbody></table></div>'
    )


def test_sentences_may_break() -> None:
    made = table(
        "Failed", ["run", "error"], [["a", "one reason that takes more room than a number would"]], "x"
    )
    assert '<td class="words">one reason' in made


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


@given(st.text())
def test_text_is_text_again(content: str) -> None:
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            found.append(dict(attributes)["title"] or "")

    Reader().feed(f'<p title="{text(content)}">')
    assert found == [content]


def test_code_is_escaped_and_can_be_copied() -> None:
    made = code("isptune tune '<a>'", "Command", copy=True)
    assert "&lt;a&gt;" in made
    assert '<button type="button" class="copy" data-copy>Copy</button>' in made
    assert "data-copy" not in code("x", "Configuration")
