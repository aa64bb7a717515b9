"""Chains of work on several threads: each in order, the first that can go on before the others, and errors."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import pytest
import torch

from isptune.compiled.threads import Chain, together


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_chain_goes_in_order_and_waits_for_what_it_needs(threads: int) -> None:
    between: deque[int] = deque()
    doubled: list[int] = []
    most = 0

    def early() -> Iterator[None]:
        nonlocal most
        for number in range(20):
            between.append(number)
            most = max(most, len(between))
            yield

    def late() -> Iterator[None]:
        for _ in range(20):
            doubled.append(2 * between.popleft())
            if len(doubled) == 20:
                return
            yield

    together([Chain(late(), lambda: bool(between)), Chain(early(), lambda: len(between) < 3)], threads)
    assert doubled == list(range(0, 40, 2))
    assert most <= 3


def test_an_error_ends_all_and_is_raised() -> None:
    done: list[int] = []

    def endless() -> Iterator[None]:
        while True:
            yield

    def fails() -> Iterator[None]:
        done.append(1)
        yield
        raise ValueError("no strip")

    with pytest.raises(ValueError, match="no strip"):
        together([Chain(fails()), Chain(endless())], 2)
    assert done == [1]


def test_no_gradients_are_recorded_and_inference_mode_is_the_callers() -> None:
    seen: list[tuple[bool, bool]] = []

    def look() -> Iterator[None]:
        seen.append((torch.is_grad_enabled(), torch.is_inference_mode_enabled()))
        yield

    with torch.inference_mode():
        together([Chain(look()), Chain(look())], 2)
    together([Chain(look())], 2)
    assert seen == [(False, True)] * 2 + [(False, False)]
