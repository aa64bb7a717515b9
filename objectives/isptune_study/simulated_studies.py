"""Whole studies with observers who do not exist."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isptune_study.answers import Answers, Numbers
from isptune_study.designs import Design
from isptune_study.sessions import Checks, Session
from isptune_study.simulation import Observer, People


def simulate_study(
    qualities: Numbers,
    design: Design,
    behaviours: Sequence[str],
    people: People | None = None,
    checks: Checks | None = None,
    seed: int = 0,
) -> Answers:
    """The answers of observers who come one after the other.

    Args:
        qualities: (N,) of the images, in standard deviations of a difference.
        design: which pairs they compare.
        behaviours: of each observer, see ``isptune_study.simulation.BEHAVIOURS``.
        people: what they have in common.
        checks: what comes beside the design's pairs.
        seed: of the observers; the pairs follow from the design's.

    Example:
        >>> from isptune_study import create_design
        >>> design = create_design("random", 20, 5)
        >>> len(simulate_study(np.linspace(-3, 3, 20), design, ["honest"] * 4))
        200
    """
    people, checks = people or People(), checks or Checks()
    generator = np.random.default_rng(seed)
    follows = design.is_adaptive or checks.repeats > 0
    answers = _empty(design.count, len(behaviours))
    rows: list[Numbers] = []
    for number, behaviour in enumerate(behaviours):
        observer = Observer(qualities, people, generator, behaviour)
        session = Session(design, number, checks)
        for block in range(session.length):
            trials = session.block(block, answers)
            pairs = np.array([(one.left, one.right) for one in trials], dtype=np.int64).reshape(-1, 2)
            columns = [
                np.full(len(trials), number),
                *pairs.T,
                observer.answer(pairs),
                [one.kind for one in trials],
                [one.expected for one in trials],
                observer.seconds(len(trials)),
            ]
            rows.append(np.array(columns, dtype=np.float64))
            if follows:
                answers = _answers(rows, answers)
    return _answers(rows, answers)


def _empty(images: int, observers: int) -> Answers:
    return Answers.of([], [], [], [], images=images, observers=observers)


def _answers(rows: Sequence[Numbers], like: Answers) -> Answers:
    if not rows:
        return like
    who, left, right, share, kind, expected, seconds = np.concatenate(rows, axis=1)
    return Answers.of(
        who.astype(np.int64),
        left.astype(np.int64),
        right.astype(np.int64),
        share,
        images=like.images,
        observers=like.observers,
        kind=kind.astype(np.int64),
        expected=expected,
        seconds=seconds,
    )
