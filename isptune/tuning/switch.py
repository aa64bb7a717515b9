"""How a run is ended early from within: a callback returns ``isptune.STOP``, or calls ``isptune.stop()``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum

from isptune.errors import ConfigurationError


class Stop(Enum):
    """The type of ``isptune.STOP``; other values that count as true, such as a bar's answer, stop nothing."""

    STOP = "stop"

    def __repr__(self) -> str:
        return "isptune.STOP"


STOP = Stop.STOP


class Switch:
    """Whether the run that is going on was asked to end."""

    def __init__(self) -> None:
        self.asked = False


_current: ContextVar[Switch | None] = ContextVar("isptune_run", default=None)


@contextmanager
def stoppable_run() -> Iterator[Switch]:
    """The switch that ``stop`` turns while the block runs."""
    switch = Switch()
    token = _current.set(switch)
    try:
        yield switch
    finally:
        _current.reset(token)


def stop() -> None:
    """End the run that is going on in this thread after its generation, with a result.

    A callback may call it, and so may a pipeline, an objective or a handler of a signal; a callback that
    returns ``isptune.STOP`` does the same. The result says ``stopped``, its files are written, and a run
    directory can be resumed to its full budget.

    Raises:
        ConfigurationError: no run is going on in this thread.

    Example:
        >>> import isptune
        >>> pipeline = isptune.create_pipeline("synthetic", scenes=["chart:64x48"], seed=0)
        >>> def enough(progress):
        ...     if progress.best_score > 12:
        ...         isptune.stop()
        >>> result = isptune.tune(pipeline, "psnr", budget=300, population=30, callbacks=[enough])
        >>> result.stopped, result.evaluations < 300
        (True, True)
    """
    switch = _current.get()
    if switch is None:
        raise ConfigurationError(
            "isptune.stop() ends the run that is going on in this thread, and there is none"
        )
    switch.asked = True
