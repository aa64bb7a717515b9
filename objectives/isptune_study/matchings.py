"""Regular sets of pairs: rounds in which every item meets another one, and no pair comes twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isptune.errors import ConfigurationError

Pairs = NDArray[np.int64]
"""(P, 2) items of each pair."""

Mask = NDArray[np.bool_]

_MIXES = 2
"""How often each round of a factorisation is mixed with another one."""


def check_regular(count: int, opponents: int, what: str = "images") -> None:
    """Refuse with a ConfigurationError what cannot be: each of ``count`` items meeting so many others."""
    if count < 2:
        raise ConfigurationError(f"a comparison needs at least 2 {what}, got {count}")
    if not 1 <= opponents <= count - 1:
        raise ConfigurationError(
            f"each of {count} {what} cannot meet {opponents} others once; allowed: 1 to {count - 1}"
        )
    if count * opponents % 2:
        near = [k for k in (opponents - 1, opponents + 1) if 1 <= k <= count - 1]
        others = " or ".join(map(str, near))
        raise ConfigurationError(
            f"each of {count} {what} cannot meet {opponents} others: {count} x {opponents} is odd, and a "
            f"pair takes two; possible: {others} others, or {count - 1} or {count + 1} {what}"
        )


def random_rounds(count: int, opponents: int, generator: np.random.Generator) -> list[Pairs]:
    """Rounds in which every item meets others at random, ``opponents`` of them in all and none twice.

    Each round of an even number of items is a perfect matching. An odd number has none: there a round is a
    circle through all items, in which everyone meets two. Every pair is as probable as every other one,
    ``opponents / (count - 1)``.

    A shuffled round is mended where a pair of it came before: two pairs, or two edges of the circle, change
    partners. As long as every item still has half of the others to meet, that always succeeds (G. A. Dirac,
    "Some theorems on abstract graphs", 1952; E. M. Palmer, "The hidden algorithm of Ore's theorem", 1997).
    Beyond that the rounds are drawn from a factorisation of all pairs, which is relabelled and mixed.

    Args:
        count: of the items, 0 to ``count - 1``.
        opponents: how many others each one meets.
        generator: draws everything.

    Returns:
        (count // 2, 2) pairs a round, ``opponents`` of them; of an odd count (count, 2), half as many.

    Raises:
        ConfigurationError: ``count`` times ``opponents`` is odd, or there are not that many others.

    Example:
        >>> [len(pairs) for pairs in random_rounds(100, 9, np.random.default_rng(0))]
        [50, 50, 50, 50, 50, 50, 50, 50, 50]
    """
    check_regular(count, opponents)
    if 2 * opponents > count:
        rounds = factorisation(count, generator)
        chosen = generator.permutation(len(rounds))[: opponents if count % 2 == 0 else opponents // 2]
        return [rounds[number] for number in chosen]
    allowed = ~np.eye(count, dtype=bool)
    found: list[Pairs] = []
    for _ in range(opponents if count % 2 == 0 else opponents // 2):
        if count % 2:
            pairs = _random_circle(allowed, generator)
        else:
            order = generator.permutation(count)
            pairs = mended(order.reshape(-1, 2), allowed, generator)
        allowed[pairs[:, 0], pairs[:, 1]] = allowed[pairs[:, 1], pairs[:, 0]] = False
        found.append(pairs)
    return found


def mended(pairs: Pairs, allowed: Mask, generator: np.random.Generator) -> Pairs:
    """A perfect matching near a given one, of allowed pairs only.

    Args:
        pairs: (P, 2) every item once.
        allowed: (2P, 2P) symmetric, False on the diagonal; everyone has at least P allowed partners.
        generator: chooses among what is equally good.

    Raises:
        ConfigurationError: none was found, which can only be where someone has fewer partners.
    """
    good = allowed[pairs[:, 0], pairs[:, 1]]
    if good.all():
        return pairs
    kept, loose = pairs[good], pairs[~good].reshape(-1).tolist()
    while loose:
        one = loose.pop()
        partner = next((other for other in loose if allowed[one, other]), None)
        if partner is not None:
            loose.remove(partner)
            kept = np.vstack([kept, [one, partner]])
            continue
        # No two of the loose ones may meet: a pair is parted, and its two take one of them each.
        other = loose.pop()
        straight = allowed[one, kept[:, 0]] & allowed[other, kept[:, 1]]
        crossed = allowed[one, kept[:, 1]] & allowed[other, kept[:, 0]]
        choices = np.flatnonzero(np.concatenate([straight, crossed]))
        if not choices.size:
            raise ConfigurationError("no further round is left in which every image meets a new one")
        choice = int(generator.choice(choices))
        place, side = choice % len(kept), choice // len(kept)
        first, second = kept[place, side], kept[place, 1 - side]
        kept[place] = (one, first)
        kept = np.vstack([kept, [other, second]])
    return kept


def _random_circle(allowed: Mask, generator: np.random.Generator) -> Pairs:
    """A random circle through all items, of allowed pairs only: Palmer's algorithm."""
    circle = generator.permutation(len(allowed))
    while True:
        following = np.roll(circle, -1)
        gaps = np.flatnonzero(~allowed[circle, following])
        if not gaps.size:
            return np.stack([circle, following], axis=1)
        # Turned so that the gap is between the last and the first one.
        circle = np.roll(circle, -(int(gaps[0]) + 1))
        first, last = circle[0], circle[-1]
        choices = np.flatnonzero(allowed[last, circle[:-1]] & allowed[first, circle[1:]])
        place = int(generator.choice(choices))
        # ... x [y ... last] first ...  becomes  ... x [last ... y] first ...
        circle = np.concatenate([circle[: place + 1], circle[place + 1 :][::-1]])


def factorisation(count: int, generator: np.random.Generator) -> list[Pairs]:
    """All pairs of ``count`` items, parted at random into rounds.

    Returns:
        Of an even count ``count - 1`` perfect matchings; of an odd one ``(count - 1) / 2`` circles.
    """
    names = generator.permutation(count)
    if count % 2:
        return [names[pairs] for pairs in _walecki(count)]
    rounds = _circle_method(count)
    for first in range(len(rounds)):
        for _ in range(min(_MIXES, len(rounds) - 1)):
            second = int((first + generator.integers(1, len(rounds))) % len(rounds))
            rounds[first], rounds[second] = _mixed(rounds[first], rounds[second], generator)
    return [names[pairs] for pairs in rounds]


def _circle_method(count: int) -> list[Pairs]:
    """The last one stays, the others turn around it."""
    steps = np.arange(1, count // 2)
    found = []
    for turn in range(count - 1):
        across = np.stack([(turn + steps) % (count - 1), (turn - steps) % (count - 1)], axis=1)
        found.append(np.vstack([[turn, count - 1], across]).astype(np.int64))
    return found


def _walecki(count: int) -> list[Pairs]:
    """Circles through all of an odd number of items: a zigzag between the others, and the last one."""
    half = (count - 1) // 2
    steps = np.arange(1, count - 1)
    zigzag = np.concatenate([[0], np.cumsum(np.where(steps % 2, steps, -steps))])
    found = []
    for turn in range(half):
        circle = np.append((zigzag + turn) % (count - 1), count - 1)
        found.append(np.stack([circle, np.roll(circle, -1)], axis=1).astype(np.int64))
    return found


def _mixed(first: Pairs, second: Pairs, generator: np.random.Generator) -> tuple[Pairs, Pairs]:
    """Two matchings whose union is the same: in each circle of it the two change places, or do not."""
    count = 2 * len(first)
    partners = np.empty((2, count), dtype=np.int64)
    for which, pairs in enumerate((first, second)):
        partners[which, pairs[:, 0]], partners[which, pairs[:, 1]] = pairs[:, 1], pairs[:, 0]
    labels = _circles(partners)
    changed = generator.integers(2, size=count).astype(bool)[labels]
    one = np.where(changed, partners[1], partners[0])
    other = np.where(changed, partners[0], partners[1])
    items = np.arange(count)
    return tuple(  # type: ignore[return-value]
        np.stack([items, partner], axis=1)[items < partner] for partner in (one, other)
    )


def _circles(partners: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) a number of the circle that each item is on."""
    one, other = partners.tolist()
    labels = [-1] * len(one)
    for circle in range(len(one)):
        # Named after its first item; many names are of none.
        at = circle
        while labels[at] < 0:
            labels[at] = labels[one[at]] = circle
            at = other[one[at]]
    return np.array(labels, dtype=np.int64)
