"""What observers read on the colour plates, beside what the seed says they showed (``pages/plates.js``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from isptune.wording.showing import counted
from isptune_study.designs import generator_of

if TYPE_CHECKING:
    from isptune_study.storage import StudyStore

ORDER = ("light", "long", "middle", "short", "middle", "long")
"""What the plates differ in: light, or one kind of cone."""

_GROUPS = {
    "light": ("light",),
    "red and green": ("long", "middle"),
    "blue and yellow": ("short",),
}
_WORD = 2**32


@dataclass(frozen=True)
class PlatesRead:
    """How an observer read the plates.

    Attributes:
        shown, right: how many there were, and how many were read right.
        remarks: sentences about what was not; they exclude nobody.
    """

    shown: int
    right: int
    remarks: tuple[str, ...] = ()


def plates_seed(seed: int, observer: int) -> int:
    """The seed of an observer's plates in a study with a seed."""
    return int(generator_of(seed, "plates", observer).integers(2**31))


def numbers_of(seed: int, count: int) -> list[str]:
    """The numbers on so many plates, as the page draws them."""
    draw = _Mulberry(seed)
    found = []
    for _ in range(count):
        found.append(f"{2 + int(draw() * 8)}{2 + int(draw() * 8)}")
        draw()  # the seed of the dots
    return found


def plates_read(seed: int, plates: Sequence[Mapping[str, str]]) -> PlatesRead:
    """Check what was read against the seed.

    Args:
        seed: of the plates.
        plates: in their order what the page said it had ``shown``, and what the observer ``said``.
    """
    expected = numbers_of(seed, len(plates))
    right = [one["said"] == number for one, number in zip(plates, expected, strict=True)]
    remarks = []
    if any(one["shown"] != number for one, number in zip(plates, expected, strict=True)):
        remarks.append("the colour plates are not those that the page shows this observer")
    kinds = [ORDER[place % len(ORDER)] for place in range(len(plates))]
    for name, group in _GROUPS.items():
        own = [is_right for is_right, kind in zip(right, kinds, strict=True) if kind in group]
        # One number may be mistyped.
        if own and 2 * sum(own) < len(own):
            told = counted(len(own), "colour plate")
            seen = "that everybody sees" if name == "light" else f"of {name}"
            remarks.append(f"read {sum(own)} of {told} {seen}")
    return PlatesRead(len(plates), sum(right), tuple(remarks))


def plates_of_observers(store: StudyStore) -> dict[int, PlatesRead]:
    """By observer how the plates of the latest visit that had some were read."""
    found = {}
    seed = store.settings.seed
    for observer, _, _, details in store.viewed_sittings():
        plates: list[dict[str, Any]] = details.get("plates") or []
        if plates:
            found[observer] = plates_read(plates_seed(seed, observer), plates)
    return found


class _Mulberry:
    """The page's generator of numbers in [0, 1)."""

    def __init__(self, seed: int) -> None:
        self._state = seed % _WORD

    def __call__(self) -> float:
        self._state = (self._state + 0x6D2B79F5) % _WORD
        state = self._state
        mixed = (state ^ state >> 15) * (1 | state) % _WORD
        mixed = (mixed + (mixed ^ mixed >> 7) * (61 | mixed)) % _WORD ^ mixed
        return (mixed ^ mixed >> 14) / _WORD
