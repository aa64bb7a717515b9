"""The trust card of an objective: everything that was measured, as plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from isptune.benchmark.trust.judges import TRUTH
from isptune.benchmark.trust.searches import Search
from isptune.benchmark.trust.stability import Movement
from isptune.benchmark.trust.verdict import Stage, trusted_names
from isptune.errors import RunDirectoryError
from isptune.storage.paths import file_name
from isptune.storage.writing import write_whole

# Raised where a card of before could not be compared with one of today.
VERSION = 1


@dataclass(frozen=True)
class Beaten:
    """The visibly distorted picture that an objective likes best of all that were seen.

    Attributes:
        gain: by how many spreads it scores better than the pristine one; below 0 where it scores worse.
        what: it is, in words.
    """

    gain: float
    what: str


@dataclass(frozen=True)
class TrustCard:
    """What is known of an objective.

    Attributes:
        objective, options: what was examined.
        needs_reference, higher_is_better: its facts.
        verdict, reasons: see ``isptune.benchmark.trust.verdict``.
        spread: the objective's own unit, in its scores.
        beaten: whether the pristine picture is the best reachable one.
        stages: of the bank, in its order.
        searches: what it was let loose on.
        judges: the share of random candidates that what it tuned beats in each judge's eyes, the hidden
            truth last.
        moved: the score's movements by what nobody sees.
        seconds, size: for one picture, median, and the picture's width and height.
        scenes: names.
        failures: sentences about pictures without a score and judges that were left out.
        settings: plain data, see ``TrustSettings``.
        machine: what the seconds were measured on.
    """

    objective: str
    options: dict[str, Any]
    needs_reference: bool
    higher_is_better: bool
    verdict: str
    reasons: list[str]
    spread: float
    beaten: Beaten
    stages: list[Stage]
    searches: list[Search]
    judges: dict[str, float]
    moved: list[Movement]
    seconds: float
    size: list[int]
    scenes: list[str]
    failures: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    machine: str = ""

    @property
    def trusted(self) -> list[str]:
        """The stages that it judges as the truth does."""
        return trusted_names(self.stages)

    def to_dict(self) -> dict[str, Any]:
        return {"version": VERSION, **asdict(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TrustCard:
        """A card from plain data.

        Raises:
            TypeError, KeyError: it is none.
        """
        given = {key: value for key, value in data.items() if key != "version"}
        return cls(
            **given
            | {
                "beaten": Beaten(**data["beaten"]),
                "stages": [Stage(**one) for one in data["stages"]],
                "searches": [Search(**one) for one in data["searches"]],
                "moved": [Movement(**one) for one in data["moved"]],
            }
        )

    @property
    def file(self) -> str:
        """What its files are called, without a suffix."""
        return file_name(self.objective)

    def write(self, folder: Path) -> Path:
        """Write ``NAME.json``."""
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False, ensure_ascii=False)
        return write_whole(folder / f"{self.file}.json", text + "\n")


def read_card(path: Path) -> TrustCard:
    """Read a card that ``write`` wrote.

    Raises:
        RunDirectoryError: it is no card, or one of another version.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["version"] == VERSION:
            return TrustCard.from_dict(data)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunDirectoryError(f"'{path}' is no trust card: {type(error).__name__}: {error}") from error
    raise RunDirectoryError(f"'{path}' is a trust card of version {data['version']}; allowed: {VERSION}")


def cards_in(folder: Path, settings: Mapping[str, Any] | None = None) -> list[TrustCard]:
    """The cards of a folder by name, where settings are given those that were made with them."""
    cards: dict[str, TrustCard] = {}
    for path in sorted(folder.glob("*.json")):
        # Other files may lie there.
        with suppress(RunDirectoryError):
            card = read_card(path)
            if settings is None or card.settings == settings:
                cards[card.objective] = card
    return list(cards.values())


def judge_names(cards: Sequence[TrustCard]) -> list[str]:
    """All judges of some cards in the order in which they come first, the hidden truth last."""
    names = dict.fromkeys(name for card in cards for name in card.judges)
    return [name for name in names if name != TRUTH] + ([TRUTH] if TRUTH in names else [])
