"""Fits the sources' docstrings for Markdown: ``Example::``, and sections of our own such as *Class facts*."""

from __future__ import annotations

import re
from typing import Any

import griffe

# Sections that the reader of docstrings knows by itself.
KNOWN = {"Args", "Attributes", "Example", "Examples", "Raises", "Returns", "Yields"}
_SECTION = re.compile(r"^(?P<title>[A-Z][^:\n]*):\n(?P<body>(?: {4}[^\n]*\n|\n)+)", re.MULTILINE)
_ITEM = re.compile(r"^(?P<names>\w+(?:, \w+)*): ", re.MULTILINE)


def to_markdown(text: str) -> str:
    """A docstring whose own sections are lists, and whose literal blocks are code of Python."""
    text = _SECTION.sub(_as_list, text + "\n").rstrip()
    text = re.sub(r"^Example:$", "Examples:", text, flags=re.MULTILINE)
    text = re.sub(r"^Examples?::$", "**Example**", text, flags=re.MULTILINE)
    return re.sub(r"(?<=\S)::$", ":", text, flags=re.MULTILINE)


def _as_list(found: re.Match[str]) -> str:
    if found["title"] in KNOWN:
        return found[0]
    body = re.sub(r"^ {4}", "", found["body"], flags=re.MULTILINE)
    items = [re.sub(r"\s*\n\s*", " ", item).strip() for item in re.split(r"\n(?=\S)", body.strip("\n"))]
    listed = [_ITEM.sub(lambda item: f"`{item['names'].replace(', ', '`, `')}`: ", item) for item in items]
    return f"**{found['title']}**\n\n" + "\n".join(f"- {item}" for item in listed) + "\n\n"


class Docstrings(griffe.Extension):
    """Rewrites every docstring as it is read."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = to_markdown(obj.docstring.value)
