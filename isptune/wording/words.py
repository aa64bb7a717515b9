"""The names of quantities, the same in every figure, table, caption and sentence.

``l1`` and ``l1_normalised`` are the keys in files and in Python; these are the words for people.
"""

from __future__ import annotations

L1 = "l1"
"""The mean hidden level of the stages, in their own units."""

NORMALISED_L1 = "normalised l1"
"""The mean share of the stages' highest levels."""

START, FOUND = "start", "found"
"""The pipeline's parameters before tuning, and those that the run hands over."""

START_WORDS = "the factory's defaults, else the middle of the ranges"
"""What the start is, where a sentence says so."""

PRISTINE, TARGET = "pristine", "target"
"""What candidates are compared with: the picture without distortion, or one to come near to."""

DEVICES = "Compute on auto (the fastest device), cpu, cuda, cuda:1 or mps"
"""What an option for the device does."""

_KEYS = {"l1_normalised": NORMALISED_L1}


def in_words(key: str) -> str:
    """The name of a quantity for people; other texts as they are.

    Example:
        >>> in_words("l1_normalised"), in_words("l1"), in_words("score")
        ('normalised l1', 'l1', 'score')
    """
    return _KEYS.get(key, key)
