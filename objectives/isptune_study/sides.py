"""Which picture of a pair stands on the left: every image equally often on either side."""

from __future__ import annotations

import numpy as np

from isptune_study.matchings import Pairs


def balanced_sides(count: int, pairs: Pairs, generator: np.random.Generator) -> Pairs:
    """The same pairs in their order, the left one first; no image is more than once more often on one side.

    The pairs are walked through in closed trails, each from left to right; where an image has an odd number
    of pairs, a further item that nobody sees makes it even.

    Args:
        count: of the images.
        pairs: (P, 2); a pair may come more than once.
        generator: draws the trails.

    Returns:
        (P, 2), left and right.
    """
    degrees = np.bincount(pairs.reshape(-1), minlength=count)
    odd = np.flatnonzero(degrees % 2)
    edges = np.vstack([pairs, np.stack([odd, np.full(len(odd), count)], axis=1)])
    order = generator.permutation(len(edges)).tolist()
    ends = edges.tolist()
    waiting: list[list[int]] = [[] for _ in range(count + 1)]
    for edge in order:
        one, other = ends[edge]
        waiting[one].append(edge)
        waiting[other].append(edge)
    taken = [False] * len(ends)
    left = [0] * len(ends)
    for start in order:
        # Which way a trail goes is drawn, too.
        if taken[start]:
            continue
        at = ends[start][int(generator.integers(2))]
        while True:
            at_here = waiting[at]
            while at_here and taken[at_here[-1]]:
                at_here.pop()
            if not at_here:
                break
            edge = at_here.pop()
            taken[edge] = True
            left[edge] = at
            one, other = ends[edge]
            at = other if at == one else one
    lefts = np.array(left[: len(pairs)], dtype=np.int64)
    return np.stack([lefts, pairs.sum(axis=1) - lefts], axis=1)
