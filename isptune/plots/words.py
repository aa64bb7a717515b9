"""The names of quantities, the same in every figure, table and caption.

``l1`` and ``l1_normalised`` are the keys in files and in Python; these are the words for people.
"""

from __future__ import annotations

L1 = "l1"
"""The mean hidden level of the stages, in their own units."""

NORMALISED_L1 = "normalised l1"
"""The mean share of the stages' highest levels."""

START, FOUND = "start", "found"
"""The pipeline's parameters before tuning, and those that the objective scored best."""
