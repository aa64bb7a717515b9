"""Which contenders of a round meet each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def pairs_of(
    items: Sequence[str], comparisons: int, generator: np.random.Generator, leader: str | None = None
) -> list[tuple[str, str]]:
    """Pairs such that every item meets equally many others, drawn at random.

    The items stand in a random circle, and each meets its nearest neighbours in it: no pair comes twice, and
    from two meetings each on all are connected.

    Args:
        items: different names.
        comparisons: how many others each meets, the leader among them; all where there are no more. Of an
            odd number of items one meets another more where it would not come out even.
        generator: draws the circle.
        leader: a further name, which meets every item once.

    Example:
        >>> pairs_of(["a", "b", "c"], 2, np.random.default_rng(0), leader="best")[:3]
        [('a', 'best'), ('b', 'best'), ('c', 'best')]
    """
    linked = [] if leader is None else [(item, leader) for item in items]
    count = len(items)
    each = min(comparisons - bool(linked), count - 1)
    circle = [items[place] for place in generator.permutation(count)]
    steps = [(start, (start + step) % count) for step in range(1, each // 2 + 1) for start in range(count)]
    if each % 2:
        # Opposite ones; of an odd number the first of the second half meets one on either side.
        half = count // 2
        steps += [(start, start + half) for start in range(count - half)]
    return linked + [(circle[one], circle[other]) for one, other in steps]
