"""Which candidates of a generation are compared, on which scene, and who stands on which side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from isptune.contracts.round import Contender, JudgedScene, Round
from isptune_study.designs import generator_of

_PLACES = 10_000
"""More questions than a generation has; their numbers follow from the generation and their place in it."""


@dataclass(frozen=True)
class Question:
    """Which of two candidates is better on a scene.

    Attributes:
        trial: its number in the run: the same in every process.
        first, second: the candidates, in the order of their identities.
        scene: that is shown.
        is_needed: the generation ends when it is answered; the others are for people who would wait.
        is_swapped: the second one stands on the left.
    """

    trial: int
    first: Contender
    second: Contender
    scene: JudgedScene
    is_needed: bool
    is_swapped: bool

    @property
    def left(self) -> Contender:
        """The candidate on the left."""
        return self.second if self.is_swapped else self.first

    @property
    def right(self) -> Contender:
        """The candidate on the right."""
        return self.first if self.is_swapped else self.second

    def share_of_first(self, share_of_left: float) -> float:
        """The share of the win that went to the first one."""
        return 1.0 - share_of_left if self.is_swapped else share_of_left


def questions_of(round: Round, comparisons: int) -> list[Question]:
    """The questions of a generation, the needed ones first.

    The pairs that the optimizer asks for are compared ``comparisons`` times each. Where it asks for none,
    each contender meets the leader (the start where there is no leader yet), and ``comparisons - 1`` others
    of its generation. All other pairs of what is there follow, for people who would have to wait.
    """
    shown = _shown(round)
    pairs = list(_wanted(round, shown)) if round.pairs else _circle(round, comparisons)
    if round.pairs:
        pairs = [pair for pair in pairs for _ in range(comparisons)]
    asked = {frozenset(pair) for pair in pairs}
    more = [pair for pair in combinations(sorted(shown), 2) if frozenset(pair) not in asked]
    found: list[Question] = []
    times: dict[tuple[str, ...], int] = {}
    for place, pair in enumerate([*pairs, *more][:_PLACES]):
        names = tuple(sorted(pair))
        times[names] = times.get(names, -1) + 1
        generator = generator_of(0, "question", *names)
        scene, side = (int(number) for number in generator.integers([len(round.scenes), 2]))
        found.append(
            Question(
                trial=round.generation * _PLACES + place,
                first=shown[names[0]],
                second=shown[names[1]],
                scene=round.scenes[(scene + times[names]) % len(round.scenes)],
                is_needed=place < len(pairs),
                is_swapped=bool((side + times[names]) % 2),
            )
        )
    return found


def _shown(round: Round) -> dict[str, Contender]:
    """All that there are pictures of, by identity."""
    others = [one for one in (round.start, round.leader) if one is not None]
    return {one.identity: one for one in (*others, *round.contenders)}


def _anchor(round: Round) -> str | None:
    """What contenders without a partner are compared with."""
    one = round.leader or round.start
    return None if one is None else one.identity


def _wanted(round: Round, shown: dict[str, Contender]) -> Iterator[tuple[str, str]]:
    """The optimizer's pairs; one whose partner has no pictures meets the leader instead."""
    new = {one.identity for one in round.contenders}
    paired: set[str] = set()
    for first, second in round.pairs:
        if first in shown and second in shown and new & {first, second}:
            paired |= {first, second}
            yield first, second
    anchor = _anchor(round)
    for identity in sorted(new - paired):
        if anchor is not None and anchor != identity:
            yield anchor, identity


def _circle(round: Round, comparisons: int) -> list[tuple[str, str]]:
    """Each contender meets the leader, and its neighbours in a random circle of its generation."""
    names = sorted(one.identity for one in round.contenders)
    anchor = _anchor(round)
    linked = [(anchor, name) for name in names if anchor is not None and name != anchor]
    order: Sequence[int] = generator_of(0, "circle", *names).permutation(len(names)).tolist()
    circle = [names[place] for place in order]
    steps = comparisons - bool(linked)
    count = len(circle)
    wanted = min(steps, count - 1)
    near = [
        (circle[place], circle[(place + step) % count])
        for step in range(1, wanted // 2 + 1)
        for place in range(count)
    ]
    if wanted % 2:
        half = count // 2
        near += [(circle[place], circle[(place + half) % count]) for place in range(count - half)]
    return linked + list(_once(near))


def _once(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    seen: set[frozenset[str]] = set()
    for pair in pairs:
        if frozenset(pair) not in seen and pair[0] != pair[1]:
            seen.add(frozenset(pair))
            yield pair
