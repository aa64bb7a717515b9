"""``page.yaml`` in a study's folder: what observers read and what they are asked before the first pair."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from isptune.errors import ConfigurationError
from isptune.storage.writing import write_whole

FILE = "page.yaml"
_OR_NONE = ("screen", "distance_cm", "break_minutes")

_INSTRUCTIONS = """\
You will see two pictures of the same thing, one on the left and one on the right.

Choose the picture that you like better. Where you see no difference that matters, say that you are not sure.

There is no right answer, and nobody measures how fast you are. You may stop at any time and go on later \
with the same link."""


_TEMPLATE = """\
# What observers read and are asked. An empty line begins a paragraph; what is left out has its default.
# title: {title}
question: Which picture is better?
instructions: |
{instructions}
# Observers agree to this text before a pair is shown. Nobody is asked where it is left out.
# consent: |
#   We keep which picture you choose, when, and the size of your screen.
#
#   You may take all of it back at any time, on the page that you answer on.
# So many colour plates come first, at most 40.
# plates: 6
# The least size of the window, in CSS pixels.
# screen: {{width: 1280, height: 800}}
# The distance that observers are asked to keep.
# distance_cm: 60
break_minutes: 30
"""


class LeastScreen(BaseModel):
    """The least size of the window in CSS pixels."""

    model_config = ConfigDict(extra="forbid")

    width: int = Field(ge=0, le=100_000)
    height: int = Field(ge=0, le=100_000)


class PageSettings(BaseModel):
    """What a page says and asks.

    Attributes:
        title: instead of the study's.
        question: above each pair.
        instructions: text before the first pair; an empty line begins a paragraph.
        consent: text that observers agree to before a pair is shown; nobody is asked where it is empty.
        plates: so many colour plates come first; 0 for none.
        screen: least ``width`` and ``height`` of the window in CSS pixels, or None.
        distance_cm: between eye and screen that observers are asked to keep, or None.
        break_minutes: after which a break is offered, or None.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)

    title: str = Field(default="", max_length=200)
    question: str = Field(default="Which picture is better?", min_length=1, max_length=200)
    instructions: str = Field(default=_INSTRUCTIONS, max_length=20_000)
    consent: str = Field(default="", max_length=20_000)
    plates: int = Field(default=0, ge=0, le=40)
    screen: LeastScreen | None = None
    distance_cm: float | None = Field(default=None, gt=0, le=1000)
    break_minutes: float | None = Field(default=30, gt=0, le=600)

    @property
    def consent_digest(self) -> str:
        """What changes with the text that is agreed to; empty where there is none."""
        text = self.consent.strip()
        return hashlib.sha256(text.encode()).hexdigest() if text else ""


def read_page_settings(folder: Path) -> PageSettings:
    """The settings of a study's page; the default ones where the folder has no such file.

    Raises:
        ConfigurationError: the file cannot be read, or it has a key or a value that is not allowed.
    """
    from isptune.storage.yaml_files import read_mapping
    from isptune.tuning.settings.mistakes import first_mistake

    path = folder / FILE
    if not path.exists():
        return PageSettings()
    what = f"the page '{path}'"
    given = read_mapping(path, what, ConfigurationError)
    # A key with nothing behind it has its default, but for those that mean none by it.
    given = {key: value for key, value in given.items() if value is not None or key in _OR_NONE}
    _check(given, what)
    try:
        return PageSettings(**given)
    except ValidationError as error:
        raise ConfigurationError(first_mistake(error, what, PageSettings)) from None


def _check(given: Mapping[str, Any], what: str) -> None:
    """Refuse what a model would take, or would refuse with other words.

    Raises:
        ConfigurationError: a number is yes or no, the screen no mapping, or a text holds what no page shows.
    """
    for key, value in given.items():
        if isinstance(value, bool):
            raise ConfigurationError(f"in {what}, {key} is {str(value).lower()}; allowed: no yes or no")
        text = value.strip() if isinstance(value, str) else ""
        if any(unicodedata.category(sign) in ("Cc", "Cs") and sign not in "\t\r\n" for sign in text):
            raise ConfigurationError(f"in {what}, {key} holds a character that no page can show")
        if key in ("title", "question") and "\n" in text:
            raise ConfigurationError(f"in {what}, {key} has several lines; allowed: one")
    if not isinstance(given.get("screen", {}), (Mapping, NoneType)):
        raise ConfigurationError(
            f"in {what}, screen is {given['screen']!r}; allowed: a mapping, such as "
            "{width: 1280, height: 800}"
        )


def write_page_template(folder: Path, title: str = "") -> None:
    """Write the default settings as a file that a lab changes; the title is the study's."""
    instructions = "\n".join(f"  {line}".rstrip() for line in _INSTRUCTIONS.strip().splitlines())
    text = _TEMPLATE.format(
        title=json.dumps(title or "First study", ensure_ascii=False), instructions=instructions
    )
    write_whole(folder / FILE, text, ConfigurationError)


def paragraphs(text: str) -> list[str]:
    """Paragraphs of a text, each one line."""
    parts = [" ".join(part.split()) for part in text.replace("\r", "").split("\n\n")]
    return [part for part in parts if part]
