"""Wrong tokens of one address are answered ever more slowly; right ones never."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

FREE = 20
"""So many wrong tokens in a row cost nothing: a link that was replaced is tried by several tabs."""

SLOWEST_SECONDS = 2.0
_STEP_SECONDS = 0.1
_FORGOTTEN_A_SECOND = 0.5
_ADDRESSES = 10_000
_WAITING = 100
"""Answers that wait at once; connections are for observers."""


class Throttle:
    """How long the next refusal of a token waits; it keeps a bounded number of addresses, in memory alone.

    Nobody is locked out: it slows refusals, so observers who share an address with somebody who guesses
    notice nothing.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # By address how many are not forgotten, and when that was so; the latest come last.
        self._wrong: dict[str, tuple[float, float]] = {}
        self._waiting = 0

    def delay(self, address: str) -> float:
        """Note a wrong token of an address: the seconds that its refusal is to wait."""
        now = self._clock()
        before, at = self._wrong.pop(address, (0.0, now))
        wrong = max(0.0, before - (now - at) * _FORGOTTEN_A_SECOND) + 1
        self._wrong[address] = wrong, now
        if len(self._wrong) > _ADDRESSES:
            del self._wrong[next(iter(self._wrong))]
        return min(SLOWEST_SECONDS, max(0.0, wrong - FREE) * _STEP_SECONDS)

    async def slow_down(self, address: str) -> None:
        """Wait before a refusal, unless too many wait already."""
        seconds = self.delay(address)
        if not seconds or self._waiting >= _WAITING:
            return
        self._waiting += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._waiting -= 1
