"""Order statistics of many numbers without sorting them all."""

from __future__ import annotations

import numpy as np

from isptune.compiled.jit import loop

f4 = np.float32

_MOST_BINS = 2048


@loop
def select(values: np.ndarray, ranks: np.ndarray, found: np.ndarray) -> None:
    """``found[i] = sorted(values)[ranks[i]]``, exactly; NaN counts as the largest, as torch.sort has it.

    The numbers are dealt out to bins of equal width, in order; only the bins that hold a rank are sorted.

    Args:
        values: (T,) float32, T at least 1.
        ranks: (Q,) whole numbers below T.
        found: (Q,) float32 that receives the result.
    """
    low, high, strange = values[0], values[0], f4(0)
    for value in values:
        low = min(low, value)
        high = max(high, value)
        # Not 0 where a value is infinite or NaN.
        strange += value * f4(0)
    # Few numbers for many bins would be a walk over empty ones.
    bins = max(64, min(_MOST_BINS, len(values) // 4))
    scale = f4(bins - 1) / (high - low) if high > low else f4(0)
    if strange != 0 or not scale < f4(1e30):
        ordered = np.sort(values)
        for i in range(len(ranks)):
            found[i] = ordered[ranks[i]]
        return
    ends = np.zeros(bins + 1, np.int32)
    for value in values:
        ends[int((value - low) * scale) + 1] += 1
    for bin in range(bins):
        ends[bin + 1] += ends[bin]
    starts = ends[:bins].copy()
    dealt = np.empty_like(values)
    for value in values:
        bin = int((value - low) * scale)
        dealt[starts[bin]] = value
        starts[bin] += 1
    bin = -1
    for i in range(len(ranks)):
        before = bin
        bin = np.searchsorted(ends, ranks[i], side="right") - 1
        part = dealt[ends[bin] : ends[bin + 1]]
        if bin != before:
            part.sort()
        found[i] = part[ranks[i] - ends[bin]]
