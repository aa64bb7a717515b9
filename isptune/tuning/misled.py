"""Whether tuning went the wrong way: the score improved while the hidden distortion rose."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isptune.runs.history import History

MISLED = "score improved, hidden distortion rose"

# What rounding may do to a mean of levels.
_NOTHING = 1e-9


def sentence(start: float, found: float) -> str:
    """What the result of a misled run says, from ``l1_normalised`` before and after tuning."""
    return f"{MISLED}: normalised l1 {start:.3g} at the start, {found:.3g} at the best score"


def is_misled(history: History, start: float | None) -> bool | None:
    """Whether the best candidate is more distorted than an untuned one although the run had seen better.

    That is: its hidden ``l1_normalised`` is above ``start``, and a candidate that is not above it was
    evaluated and scored worse; of several scores, nowhere better and somewhere worse.

    Args:
        history: every evaluation of a run.
        start: the ``l1_normalised`` of an untuned candidate.

    Returns:
        None where no truth is known, or no score was finite.
    """
    losses, best = history.l1_normalised, history.best
    if start is None or losses is None or best is None:
        return None
    if losses[best] <= start + _NOTHING:
        return False
    # NaN is worse than nothing.
    scores = history.losses
    worse = (scores >= scores[best]).all(axis=1) & (scores > scores[best]).any(axis=1)
    return bool((worse & (losses <= start + _NOTHING)).any())
