"""Answers as CSV, in the columns of pwcmp and some more, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isptune.errors import ConfigurationError
from isptune.wording.naming import did_you_mean
from isptune.wording.text_tables import csv_text
from isptune_study.answers import KINDS, Answers
from isptune_study.tables import number_of, parse_table, read_text

COLUMNS = (
    "observer", "session", "scene", "condition_A", "condition_B", "is_A_selected", "is_tie",
    "kind", "expected", "seconds",
)  # fmt: skip
"""Of a file. A stood on the left. In a tie ``is_A_selected`` is 0.5: programs that know no ties and take any
number for a choice take A, whose side was drawn."""

_NEEDED = ("observer", "condition_A", "condition_B", "is_A_selected")


def rows_of(answers: Answers) -> list[dict[str, Any]]:
    """One mapping for each answer, in the order of ``COLUMNS``."""
    return [
        {
            "observer": answers.observers[who],
            "session": session,
            "scene": answers.scenes[left] if answers.scenes else "",
            "condition_A": answers.images[left],
            "condition_B": answers.images[right],
            "is_A_selected": int(share) if share != 0.5 else share,
            "is_tie": int(share == 0.5),
            "kind": KINDS[kind],
            "expected": None if expected != expected else expected,
            "seconds": None if seconds != seconds else round(seconds, 3),
        }
        for who, session, left, right, share, kind, expected, seconds in zip(
            answers.observer.tolist(),
            answers.session.tolist(),
            answers.left.tolist(),
            answers.right.tolist(),
            answers.share.tolist(),
            answers.kind.tolist(),
            answers.expected.tolist(),
            answers.seconds.tolist(),
            strict=True,
        )
    ]


def answers_csv(answers: Answers) -> str:
    """All answers as CSV."""
    return csv_text(COLUMNS, [[*row.values()] for row in rows_of(answers)])


def answers_json(answers: Answers) -> str:
    """All answers, and the names of the images, as JSON."""
    scenes = answers.scenes or ("",) * len(answers.images)
    images = [{"name": name, "scene": scene} for name, scene in zip(answers.images, scenes, strict=True)]
    return json.dumps({"images": images, "answers": rows_of(answers)}, indent=1)


def read_answers(path: str | Path) -> Answers:
    """Read answers from a CSV or JSON file, of this or of another program.

    A CSV needs the columns ``observer``, ``condition_A``, ``condition_B`` and ``is_A_selected``, whatever
    their case; ``scene``, ``is_tie``, ``kind``, ``expected``, ``seconds`` and ``session`` may follow. Between
    cells stand commas, semicolons or tabs; where it is no comma, numbers may have decimal commas.

    Raises:
        ConfigurationError: it cannot be read; the message names the line.
    """
    path = Path(path)
    text = read_text(path, "the answers")
    if path.suffix.lower() == ".json":
        return _answers(path, [*enumerate(_json_rows(path, text), start=1)], "answer")
    table = parse_table(path, text, "the answers")
    found = {name.lower(): name for name in table.columns}
    names = {column: found[column.lower()] for column in COLUMNS if column.lower() in found}
    for column in _NEEDED:
        if column not in names:
            near = did_you_mean(column, table.columns)
            raise ConfigurationError(
                f"the answers '{path}' have no column '{column}'{near}; needed: {', '.join(_NEEDED)}"
            )
    rows = [(line, {column: row.get(name) for column, name in names.items()}) for line, row in table.rows]
    return _answers(path, rows, "line", table.has_decimal_commas)


def _json_rows(path: Path, text: str) -> list[Mapping[str, Any]]:
    try:
        data = json.loads(text)
        rows = data["answers"] if isinstance(data, dict) else data
    except (ValueError, KeyError) as error:
        raise ConfigurationError(f"the answers '{path}' are not JSON with a list of answers") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigurationError(f"the answers '{path}' are not JSON with a list of answers")
    return rows


def _answers(
    path: Path, rows: Sequence[tuple[int, Mapping[str, Any]]], what: str, has_decimal_commas: bool = False
) -> Answers:
    """Answers of rows, each with the number of its line or its own."""
    parsed = []
    for number, row in rows:
        try:
            parsed.append(_parsed(row, has_decimal_commas))
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"the answers '{path}', {what} {number}: {error}") from error
    if not parsed:
        raise ConfigurationError(f"the answers '{path}' hold none")
    observers = list(dict.fromkeys(row[0] for row in parsed))
    images = sorted({(row[1], name) for row in parsed for name in (row[2], row[3])})
    names = [name for _, name in images]
    if len(set(names)) < len(names):
        names = [f"{scene}/{name}" for scene, name in images]
    places, who = (
        {image: place for place, image in enumerate(images)},
        {o: n for n, o in enumerate(observers)},
    )
    scenes = [scene for scene, _ in images]
    return Answers.of(
        [who[row[0]] for row in parsed],
        [places[row[1], row[2]] for row in parsed],
        [places[row[1], row[3]] for row in parsed],
        [row[4] for row in parsed],
        images=names,
        observers=observers,
        kind=[row[5] for row in parsed],
        expected=[row[6] for row in parsed],
        seconds=[row[7] for row in parsed],
        session=[row[8] for row in parsed],
        scenes=scenes if len(set(scenes)) > 1 else (),
    )


_Row = tuple[str, str, str, str, float, int, float, float, int]


def _parsed(row: Mapping[str, Any], has_decimal_commas: bool) -> _Row:
    """A row's observer, scene, both images, share, kind, expected share, seconds and session."""

    def number_in(name: str, default: str = "") -> float:
        return _number(texts.get(name) or default, name, has_decimal_commas)

    texts = {name: "" if value is None else str(value).strip() for name, value in row.items()}
    for name in _NEEDED:
        if not texts.get(name):
            raise ValueError(f"there is no {name}")
    one, other = texts["condition_A"], texts["condition_B"]
    if one == other:
        raise ValueError(f"'{one}' is compared with itself")
    share = number_in("is_A_selected")
    if share not in (0, 0.5, 1):
        raise ValueError(f"is_A_selected is {share:g}; allowed: 0, 1, and 0.5 for a tie")
    if number_in("is_tie", "0"):
        share = 0.5
    kind = texts.get("kind") or KINDS[0]
    if kind not in KINDS:
        raise ValueError(f"kind is '{kind}'; allowed: {', '.join(KINDS)}")
    expected = number_in("expected", "nan")
    if kind == "golden" and expected not in (0, 1):
        raise ValueError("a golden pair needs the expected choice: 1 for A, 0 for B")
    seconds = number_in("seconds", "nan")
    if seconds < 0 or seconds == float("inf"):
        raise ValueError(f"seconds is {texts['seconds']}; allowed: at least 0")
    session = texts.get("session") or "1"
    number = int(session) if session.isdecimal() else 1
    scene = texts.get("scene", "")
    return texts["observer"], scene, one, other, share, KINDS.index(kind), expected, seconds, number


def _number(text: str, what: str, has_decimal_commas: bool) -> float:
    known = {"true": 1.0, "false": 0.0}
    try:
        return known[text.lower()] if text.lower() in known else number_of(text, has_decimal_commas)
    except ValueError:
        raise ValueError(f"{what} is '{text}', which is no number") from None
