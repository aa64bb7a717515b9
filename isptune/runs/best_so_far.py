"""Which evaluation a run would have handed over at each moment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def best_so_far(scores: NDArray[np.float64], higher_is_better: bool) -> NDArray[np.int64]:
    """(E,) the index of the best finite score up to each one, the first of equals; -1 before there is any."""
    losses = np.where(np.isfinite(scores), -scores if higher_is_better else scores, np.inf)
    lowest = np.minimum.accumulate(losses)
    improves = losses < np.concatenate([[np.inf], lowest[:-1]])
    index: NDArray[np.int64] = np.maximum.accumulate(np.where(improves, np.arange(len(scores)), -1))
    return index
