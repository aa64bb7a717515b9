"""The page that sections are put into: contents, style, scripts and data, all in one file."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from isptune.figures.shown_numbers import Cell, written
from isptune.tuning.misled import MISLED
from isptune.wording import words

NO_TRUTH = (
    "The pipeline does not know how far a candidate is from pristine, so the parts of a report that need "
    "this hidden truth are left out: normalised l1, recovered levels, objective against truth, and targets."
)
TOO_FEW = "The run's log holds too few different evaluations to tell how much each parameter matters."

# Scripts are joined in this order; each is a part of one closure.
SCRIPTS = (
    "base.js",
    "axes.js",
    "frame.js",
    "ramp.js",
    "lines.js",
    "points.js",
    "front.js",
    "levels.js",
    "parallel.js",
    "intervals.js",
    "compare.js",
    "page.js",
)
# Longer cells may break.
_SENTENCE = 48


@dataclass(frozen=True)
class Table:
    """A table as the templates write it: its first column names the rows.

    Attributes:
        title: the caption.
        columns: headings.
        rows: each as long as the headings.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    @cached_property
    def kinds(self) -> list[Markup]:
        """What sets columns of numbers apart."""
        return [
            Markup(' class="number"')
            if self.rows and all(not isinstance(row[place], str) or row[place] == "" for row in self.rows)
            else Markup("")
            for place in range(len(self.columns))
        ]

    def kind_of(self, place: int, cell: Cell) -> Markup:
        """Cells stay on one line, but for those that hold a sentence."""
        kind = self.kinds[place]
        return kind if kind or len(written(cell)) <= _SENTENCE else Markup(' class="words"')


@dataclass(frozen=True)
class Chart:
    """The place where a script draws a figure.

    Attributes:
        identifier: of the figure's data on the page.
        description: what it shows, for those who cannot see it.
        title: stands over it; none where it is empty.
        caption: a sentence under it.
    """

    identifier: str
    description: str
    title: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page with its heading."""

    identifier: str
    title: str
    content: Markup


@dataclass
class Page:
    """What the page is made of.

    Attributes:
        title: of the document, and its first heading.
        lead: the result in a sentence or two.
        objectives: names in the order of their colours.
        sections: in their order.
        charts: data of the charts by identifier.
        templates: packages whose folder ``templates`` holds sections; what is not there is taken from here.
    """

    title: str
    lead: str
    objectives: list[str]
    sections: list[Section] = field(default_factory=list)
    charts: dict[str, Any] = field(default_factory=dict)
    templates: tuple[str, ...] = ()

    def draw(self, data: dict[str, Any], chart: Chart) -> Chart:
        """Note what the scripts draw at the place of a chart."""
        self.charts[chart.identifier] = data
        return chart

    def add(self, identifier: str, title: str, template: str, **context: Any) -> None:
        """Add a section made by one of the templates."""
        content = Markup(_environment(self.templates).get_template(template).render(context).strip())
        self.sections.append(Section(identifier, title, content))

    def to_html(self) -> str:
        """The whole document.

        A content security policy forbids every request: only data that the file holds itself is shown, and
        only the script whose digest stands in the policy runs.
        """
        script = "(() => {\n'use strict';\n" + "\n".join(asset(name) for name in SCRIPTS) + "})();\n"
        policy = (
            "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
            f"script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
        )
        return (
            _environment(())
            .get_template("page.html")
            .render(
                page=self,
                policy=Markup(policy),
                style=Markup(asset("report.css")),
                script=Markup(script),
                data=embedded({"objectives": self.objectives, "charts": self.charts}),
            )
        )


@cache
def _environment(packages: tuple[str, ...]) -> Environment:
    """Templates that escape all that comes from outside; an unknown name in one is an error."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in (*packages, "isptune.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["written"] = written
    constants = {name: value for name, value in vars(words).items() if name.isupper()}
    made.globals |= constants | {"NO_TRUTH": NO_TRUTH, "TOO_FEW": TOO_FEW, "MISLED": MISLED}
    return made


def embedded(data: Any) -> Markup:
    """JSON for a script element: nothing in it can end the element or begin a comment."""
    dumped = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return Markup(dumped.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def asset(name: str) -> str:
    """The text of a file that comes with this package."""
    return files("isptune.report").joinpath("assets", name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
