"""The page that sections are put into: contents, style, scripts and data, all in one file."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from isptune.report.markup import embedded, text

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
    "compare.js",
    "page.js",
)


@dataclass(frozen=True)
class Section:
    """A part of the page with its heading."""

    identifier: str
    title: str
    content: str


@dataclass
class Page:
    """What the page is made of.

    Attributes:
        title: of the document, and its first heading.
        lead: the result in a sentence or two.
        sections: in their order.
        charts: data of the charts by identifier.
        objectives: names in the order of their colours.
    """

    title: str
    lead: str
    objectives: list[str]
    sections: list[Section] = field(default_factory=list)
    charts: dict[str, Any] = field(default_factory=dict)

    def add(self, identifier: str, title: str, content: str) -> None:
        """Add a section, unless it is empty."""
        if content:
            self.sections.append(Section(identifier, title, content))

    def to_html(self) -> str:
        """The whole document.

        A content security policy forbids every request: only data that the file holds itself is shown, and
        only the script whose digest stands in the policy runs.
        """
        style = asset("report.css")
        script = "(() => {\n'use strict';\n" + "\n".join(asset(name) for name in SCRIPTS) + "})();\n"
        policy = (
            "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
            f"script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
        )
        parts = {
            "@POLICY@": policy,
            "@TITLE@": text(self.title),
            "@LEAD@": text(self.lead),
            "@STYLE@": style,
            "@CONTENTS@": "".join(
                f'<li><a href="#{text(section.identifier)}">{text(section.title)}</a></li>'
                for section in self.sections
            ),
            "@SECTIONS@": "\n".join(_section(section) for section in self.sections),
            "@DATA@": embedded({"objectives": self.objectives, "charts": self.charts}),
            "@SCRIPT@": script,
        }
        # One pass over the template: a mark within what is filled in stays what it is.
        return re.sub("|".join(parts), lambda mark: parts[mark.group()], asset("page.html"))


def _section(section: Section) -> str:
    heading = f"{section.identifier}-heading"
    return (
        f'<section id="{text(section.identifier)}" aria-labelledby="{text(heading)}">'
        f'<h2 id="{text(heading)}">{text(section.title)}</h2>{section.content}</section>'
    )


def asset(name: str) -> str:
    """The text of a file that comes with this package."""
    return files("isptune.report").joinpath("assets", name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
