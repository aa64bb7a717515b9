"""Guesses of tokens become slow, observers do not; blocks of observers do not wait for each other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from isptune_study.serving import study_progress, study_source, throttle
from isptune_study.serving.throttle import FREE, SLOWEST_SECONDS, Throttle


def test_wrong_tokens_of_an_address_become_slow_and_are_forgotten() -> None:
    now = [0.0]
    guard = Throttle(lambda: now[0])
    assert [guard.delay("a") for _ in range(FREE)] == [0.0] * FREE
    later = [guard.delay("a") for _ in range(40)]
    assert later == sorted(later)
    assert later[-1] == SLOWEST_SECONDS
    assert guard.delay("b") == 0.0
    now[0] = 1000.0
    assert guard.delay("a") == 0.0
    for number in range(20_000):
        guard.delay(f"address {number}")
    assert len(guard._wrong) == 10_000


def test_so_many_refusals_wait_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await turn.wait()

    async def flood() -> None:
        waiting = [asyncio.ensure_future(guard.slow_down("a")) for _ in range(300)]
        while sum(one.done() for one in waiting) < 200:
            await yielding(0)
        turn.set()
        await asyncio.gather(*waiting)

    yielding, turn, guard = asyncio.sleep, asyncio.Event(), Throttle()
    monkeypatch.setattr(throttle.asyncio, "sleep", sleep)
    asyncio.run(flood())
    assert len(slept) == 100


def test_an_observer_behind_the_address_of_a_guesser_is_not_slowed(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = serve()
    ada, slept = page.observer("Ada"), []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(throttle, "asyncio", type("", (), {"sleep": staticmethod(sleep)}))
    for number in range(FREE + 5):
        wrong = {"Authorization": f"Bearer wrong-{number}"}
        assert page.client.get("/api/study", headers=wrong).status_code == 401
    assert len(slept) == 5
    assert ada.get("/api/study").status_code == 200
    assert page.admin.get("/api/admin/progress").status_code == 200
    assert len(slept) == 5


def test_the_block_of_one_observer_does_not_wait_for_that_of_another(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = serve()
    ada, bea = (page.source.add_observer(name, "")[0] for name in ("Ada", "Bea"))
    plan, other_is_there = study_source.plan_block, threading.Event()

    def slow_for_ada(store: Any, observer: int) -> Any:
        if observer != bea:
            assert other_is_there.wait(20)
        return plan(store, observer)

    monkeypatch.setattr(study_source, "plan_block", slow_for_ada)
    with ThreadPoolExecutor(3) as threads:
        first, again = (threads.submit(page.source.ask, ada, 2) for _ in range(2))
        assert page.source.ask(bea, 2).trials
        other_is_there.set()
        # Two tabs of one observer get one block.
        assert first.result() == again.result()


def test_scales_of_large_studies_are_fitted_less_often(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    page, now, fits = serve(), [0.0], []
    monkeypatch.setattr(study_progress, "time", type("", (), {"monotonic": staticmethod(lambda: now[0])}))

    def slow(answers: Any) -> list[Any]:
        now[0] += 20.0
        fits.append(len(answers))
        return []

    monkeypatch.setattr(study_progress, "scenes_so_far", slow)
    ada = page.observer("Ada")
    page.source.study_progress()
    for _ in range(2):
        for trial in ada.next()["trials"][:1]:
            assert ada.answer(trial["trial"]).status_code == 200
        now[0] += 150.0
        page.source.study_progress()
    # Of 20 seconds each, ten times as long after one another.
    assert fits == [0, 2]
