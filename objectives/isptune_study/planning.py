"""What a study would tell, by observers and comparisons, before anyone is invited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isptune.errors import ConfigurationError
from isptune_study.agreement import agreement
from isptune_study.answers import Answers, Numbers
from isptune_study.designs import Design, create_design
from isptune_study.matchings import check_regular
from isptune_study.scaling import fit
from isptune_study.simulated_studies import simulate_study
from isptune_study.simulation import People, qualities_over
from isptune_study.win_counts import count_wins

_SPLITS = 20

MOST_IMAGES, MOST_OBSERVERS, MOST_STUDIES = 2000, 1000, 1000
"""More would take hours, and tell nothing that fewer do not."""


@dataclass(frozen=True)
class Assumptions:
    """What a plan takes for granted.

    Attributes:
        images: how many are compared.
        span: from the worst to the best one's quality, in standard deviations of a difference. 3 is subtle
            and 6 is wide.
        people: who compares.
        spammers: the share of observers who click at random.
        design: by name.
        shared: whether all observers compare the same pairs.
    """

    images: int = 100
    span: float = 6.0
    people: People = People()  # noqa: RUF009
    spammers: float = 0.0
    design: str = "random"
    shared: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.span <= 100:
            raise ConfigurationError(f"the range of quality is {self.span}; allowed: above 0, up to 100")
        if not 0 <= self.spammers < 1:
            raise ConfigurationError(f"the share of spammers is {self.spammers}; allowed: 0 to below 1")


@dataclass(frozen=True)
class Expected:
    """What to expect of a study: means over simulated ones; NaN for what cannot be had.

    Attributes:
        observers: who take part.
        opponents: how many others each image meets with one of them.
        comparisons: of one observer.
        minutes: that one observer needs, without breaks.
        half_width_mos: of the 95% intervals of the win counts, whose range is 0 to ``opponents``.
        half_width_jod: of those of Thurstone's scale, in just objectionable differences.
        srcc: of that scale with the true qualities.
        kendall_w, alpha, split_half: agreement of the observers.
    """

    observers: int
    opponents: int
    comparisons: int
    minutes: float
    half_width_mos: float
    half_width_jod: float
    srcc: float
    kendall_w: float
    alpha: float
    split_half: float


def plan(
    observers: Sequence[int],
    opponents: Sequence[int],
    assumptions: Assumptions | None = None,
    *,
    studies: int = 5,
    seed: int = 0,
) -> list[Expected]:
    """Simulate studies of several sizes.

    Args:
        observers: how many take part.
        opponents: how many others each image meets with one observer.
        assumptions: about images and people.
        studies: how many are simulated of each size.
        seed: of everything.

    Returns:
        For each number of opponents one row for each number of observers.

    Raises:
        ConfigurationError: a study that cannot be made, or a number out of its range.
    """
    assumed = assumptions or Assumptions()
    if not observers or min(observers) < 2:
        raise ConfigurationError(f"a plan needs at least 2 observers, got {min(observers, default=0)}")
    for what, value, most in (
        ("the number of images", assumed.images, MOST_IMAGES),
        ("the number of observers", max(observers), MOST_OBSERVERS),
        ("the number of simulated studies", studies, MOST_STUDIES),
    ):
        if value > most:
            raise ConfigurationError(f"{what} is {value:,}; a plan simulates up to {most:,}")
    if studies < 1:
        raise ConfigurationError(f"the number of simulated studies is {studies}; allowed: at least 1")
    for each in opponents:
        check_regular(assumed.images, each)
    rows = []
    for each in opponents:
        found = [_study(sorted(set(observers)), each, assumed, seed + number) for number in range(studies)]
        rows += [_mean([study[place] for study in found]) for place in range(len(set(observers)))]
    return rows


def _study(observers: Sequence[int], opponents: int, assumed: Assumptions, seed: int) -> list[Expected]:
    """One study of the most observers, looked at after each number of them."""
    generator = np.random.default_rng(seed)
    qualities = qualities_over(assumed.images, assumed.span, generator)
    design = create_design(assumed.design, assumed.images, opponents, seed=seed, shared=assumed.shared)
    clicks = generator.random(max(observers)) < assumed.spammers
    does = ["random" if one else "honest" for one in clicks]
    answers = simulate_study(qualities, design, does, assumed.people, seed=seed)
    rows = []
    for count in observers:
        rows.append(_looked_at(answers.where(answers.observer < count), count, qualities, design, assumed))
    return rows


def _looked_at(
    answers: Answers, count: int, qualities: Numbers, design: Design, assumed: Assumptions
) -> Expected:
    from isptune.iqa.evaluation.correlations import srcc

    scale = fit(answers)
    agreed = agreement(answers, win_counts=design.counts_mean_something, splits=_SPLITS)
    widths = count_wins(answers, scale).half_widths if design.counts_mean_something else np.array([np.nan])
    return Expected(
        observers=count,
        opponents=design.opponents,
        comparisons=design.answers_wanted,
        minutes=design.answers_wanted * assumed.people.seconds / 60,
        half_width_mos=float(widths.mean()),
        half_width_jod=float(scale.half_widths.mean() * scale.law.jod),
        srcc=srcc(scale.positions, qualities),
        kendall_w=agreed.kendall_w,
        alpha=agreed.alpha,
        split_half=agreed.split_half,
    )


def _mean(rows: Sequence[Expected]) -> Expected:
    names = ("half_width_mos", "half_width_jod", "srcc", "kendall_w", "alpha", "split_half")
    means = {name: float(np.mean([getattr(row, name) for row in rows])) for name in names}
    first = rows[0]
    return Expected(first.observers, first.opponents, first.comparisons, first.minutes, **means)
