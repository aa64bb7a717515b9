"""The report of a table of parameters over conditions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from isptune.conditions.settings import ISO
from isptune.conditions.table import COMMON, OWN, ParameterTable, TableEntry
from isptune.figures.shown_numbers import Cell
from isptune.parameters import Choice
from isptune.report.charts import Spec, plain, rounded
from isptune.report.page import Chart, Page, Table
from isptune.report.sections import plain_cell
from isptune.wording.naming import listed
from isptune.wording.showing import counted

_SIDES = {"tuned": "tuned scenes", "held_out": "held-out scenes"}
_WORDS = {"start": "factory defaults", COMMON: "common setting", OWN: "own setting"}


def report_of_table(table: ParameterTable) -> str:
    """A whole HTML document about a table: its parameters as curves and numbers, and what they are worth."""
    rows = _rows(table)
    title = f"Table of parameters over {listed(table.by)}: {table.objective}"
    own = sum(entry.kept == OWN for entry in table.entries)
    lead = (
        f"{counted(len(table.entries), 'condition')}, {own} of which have a setting that was found for them."
    )
    if own < len(table.entries):
        lead += " The others keep the common one."
    names = [*rows, *(word for word in _WORDS.values() if word not in rows)]
    page = Page(title, lead, names)
    page.add("curves", "Parameters", "condition_curves.html", **_curves(page, table, rows))
    page.add("worth", "What they are worth", "condition_worth.html", **_worth(page, table, rows))
    return page.to_html()


def _rows(table: ParameterTable) -> dict[str, list[TableEntry]]:
    """The entries of one light, by its name, along which the ISO rises."""
    found: dict[str, list[TableEntry]] = {}
    for entry in table.entries:
        name = ", ".join(str(value) for key, value in entry.condition.items() if key != ISO)
        found.setdefault(name or "setting", []).append(entry)
    return found


def _curves(page: Page, table: ParameterTable, rows: Mapping[str, list[TableEntry]]) -> dict[str, Any]:
    figures = []
    for number, parameter in enumerate(table.space.free):
        name = parameter.name
        if ISO not in table.by or isinstance(parameter, Choice) or name in table.shared:
            continue
        series = [
            {"name": word, "values": [float(entry.parameters[name]) for entry in entries], "entries": entries}
            for word, entries in rows.items()
        ]
        label = f"{name} ({parameter.unit})" if parameter.unit else name
        spec = _over_iso(page, series, label, bool(getattr(parameter, "log", False)))
        figures.append(page.draw(spec, Chart(f"curve-{number}", f"{name} over ISO.", name)))
    cells: list[list[Cell]] = [
        [
            name,
            "yes" if name in table.shared else "",
            plain_cell(table.common[name]),
            *(plain_cell(entry.parameters[name]) for entry in table.entries),
        ]
        for name in table.space.names
    ]
    heads = ["parameter", "shared", "common", *(entry.name for entry in table.entries)]
    return {
        "figures": figures,
        "table": Table("Parameters by condition", heads, cells),
        "smooth": table.smooth,
    }


def _worth(page: Page, table: ParameterTable, rows: Mapping[str, list[TableEntry]]) -> dict[str, Any]:
    sides = [side for side in _SIDES if any(getattr(entry, side) for entry in table.entries)]
    figures = []
    if ISO in table.by:
        for side in sides:
            for row, entries in rows.items():
                series = [
                    {"name": word, "values": [getattr(e, side)[key] for e in entries], "entries": entries}
                    for key, word in _WORDS.items()
                ]
                spec = _over_iso(page, series, table.objective, log=False)
                where = _SIDES[side] if len(rows) == 1 else f"{_SIDES[side]}, {row}"
                words = f"{table.objective} on the {where} over ISO."
                title = f"{table.objective} on the {where}"
                figures.append(page.draw(spec, Chart(f"worth-{side}-{row}".replace(" ", "-"), words, title)))
    heads = ["condition", "kept", *(f"{_SIDES[side]}: {word}" for side in sides for word in _WORDS.values())]
    cells: list[list[Cell]] = [
        [entry.name, entry.kept] + [(getattr(entry, side) or {}).get(key) for side in sides for key in _WORDS]
        for entry in table.entries
    ]
    title = f"{table.objective} ({'higher' if table.higher_is_better else 'lower'} is better)"
    return {
        "figures": figures,
        "table": Table(title, heads, cells),
        "kept": [
            f"{entry.name} keeps the common setting: {entry.why}" for entry in table.entries if entry.why
        ],
    }


def _over_iso(page: Page, series: list[dict[str, Any]], label: str, log: bool) -> Spec:
    """Lines over ISO, in its logarithm."""
    lines = [
        {
            "name": one["name"],
            "colour": page.objectives.index(one["name"]),
            "runs": 1,
            "x": plain([entry.condition[ISO] for entry in one["entries"]]),
            "y": [None if value is None else rounded(value) for value in one["values"]],
        }
        for one in series
    ]
    known = [value for line in lines for value in line["y"] if value is not None and math.isfinite(value)]
    y: Spec = {"label": label, "log": log and bool(known) and min(known) > 0}
    return {
        "kind": "lines",
        "x": {"label": "ISO", "log": True},
        "y": y,
        "slices": [{"label": "", "series": lines}],
    }
