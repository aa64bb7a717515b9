"""Simulated studies, each made once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pytest

from isptune.cli import run
from isptune_study import Answers, Checks, People, create_design
from isptune_study.answers import Numbers
from isptune_study.simulated_studies import simulate_study
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
    others: Sequence[str] = (),
    checks: Checks = Checks(),  # noqa: B008
) -> Study:
    """Qualities, and the answers of honest observers and then of others."""
    qualities = qualities_over(count, span, np.random.default_rng(seed))
    plan = create_design(design, count, opponents, seed=seed, shared=shared)
    does = [*["honest"] * (observers - len(others)), *others]
    return qualities, simulate_study(qualities, plan, does, people, checks, seed)


@pytest.fixture(scope="session")
def study() -> Callable[..., Study]:
    """``simulated``, which keeps what it made."""
    return simulated


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Run ``isptune`` with arguments; its exit code, stdout and stderr."""
    # Workers of a parallel run are told a width.
    monkeypatch.delenv("COLUMNS", raising=False)

    def run_and_capture(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_and_capture
