"""Simulated studies, each made once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pytest

from isptune_study import Answers, Observer, People, Session, create_design
from isptune_study.answers import Numbers
from isptune_study.sessions import Checks
from isptune_study.simulation import qualities_over

Study = tuple[Numbers, Answers]


@cache
def simulated(
    design: str = "random",
    observers: int = 15,
    span: float = 6.0,
    people: People = People(),  # noqa: B008
    seed: int = 0,
    count: int = 100,
    opponents: int = 9,
    shared: bool = False,
    behaviours: Sequence[str] = (),
    checks: Checks = Checks(),  # noqa: B008
) -> Study:
    """Qualities, and the answers of observers who came one after the other."""
    generator = np.random.default_rng(seed)
    qualities = qualities_over(count, span, generator)
    plan = create_design(design, count, opponents, seed=seed, shared=shared)
    does = [*behaviours, *["honest"] * (observers - len(behaviours))]
    columns: list[list[float]] = [[] for _ in range(7)]
    answers = Answers.of([], [], [], [], images=count, observers=observers)
    for number, behaviour in enumerate(does):
        observer, session = Observer(qualities, people, generator, behaviour), Session(plan, number, checks)
        for block in range(session.length):
            trials = session.block(block, answers)
            pairs = np.array([(one.left, one.right) for one in trials], dtype=np.int64).reshape(-1, 2)
            new = (
                [number] * len(trials), pairs[:, 0], pairs[:, 1], observer.answer(pairs),
                [one.kind for one in trials], [one.expected for one in trials], observer.seconds(len(trials)),
            )  # fmt: skip
            for column, values in zip(columns, new, strict=True):
                column.extend(values)
            if plan.is_adaptive or checks.repeats or block == session.length - 1:
                who, left, right, share, kind, expected, seconds = columns
                answers = Answers.of(
                    who, left, right, share, images=count, observers=observers,
                    kind=kind, expected=expected, seconds=seconds,
                )  # fmt: skip
    return qualities, answers


@pytest.fixture(scope="session")
def study() -> Callable[..., Study]:
    """``simulated``, which keeps what it made."""
    return simulated
