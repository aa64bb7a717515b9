"""The interface of a tracker, and the calls of a run's callbacks and trackers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from isptune.errors import IsptuneError
from isptune.tracking.facts import Callback, Progress, RunFacts

if TYPE_CHECKING:
    from isptune.result import TuneResult

logger = logging.getLogger("isptune")


class Tracker:
    """Follows runs from start to end; subclass it and write the methods that you need.

    A tracker serves one run at a time, and one after another. What it raises never ends a run: it is warned
    about once and the tracker is switched off until the next run. An ``IsptuneError`` from ``start`` alone
    ends the run, before anything is evaluated: it is for mistakes that the user must put right.

    Attributes that a subclass sets:
        label: its name in messages; the class's by default.
        wants_truth: ``Progress`` shall hold the hidden L1 distortion losses of the best candidate so far.

    Example:
        >>> import isptune
        >>> from isptune.tracking import Tracker
        >>> class Printing(Tracker):
        ...     def generation(self, progress):
        ...         print(progress.generation, progress.evaluations)
        >>> pipeline = isptune.create_pipeline("synthetic", scenes=["chart:64x48"], seed=0)
        >>> result = isptune.tune(pipeline, "psnr", budget=60, population=30, callbacks=[Printing()])
        1 30
        2 60
    """

    label: ClassVar[str] = ""
    wants_truth: ClassVar[bool] = False

    def start(self, facts: RunFacts) -> None:
        """A run starts, or goes on where ``facts.resumed`` is true."""

    def generation(self, progress: Progress) -> None:
        """A generation was evaluated, or replayed from the log where ``progress.replayed`` is true."""

    def finish(self, result: TuneResult) -> None:
        """The run came to its end and its files are written (``result.files``)."""

    def failed(self, error: BaseException) -> None:
        """The run ended early: an error, or a stop by the user, which is no ``Exception``."""


class Watchers:
    """The callbacks and trackers of a run, called in the order in which they were given.

    A plain callable's exception ends the run, as it is the caller's own code; a tracker's does not.
    """

    def __init__(self, callbacks: Sequence[Callback | Tracker]) -> None:
        self._callbacks = list(callbacks)
        self._started: list[Tracker] = []

    @property
    def want_truth(self) -> bool:
        """Whether a tracker that is switched on wants the hidden truth."""
        return any(tracker.wants_truth for tracker in self._started)

    def start(self, facts: RunFacts) -> None:
        """Start the trackers.

        Raises:
            IsptuneError: a tracker cannot serve this run, by a mistake of the user's.
        """
        for tracker in self._callbacks:
            if isinstance(tracker, Tracker):
                try:
                    tracker.start(facts)
                except IsptuneError:
                    raise
                except Exception as error:
                    self._switch_off(tracker, error)
                else:
                    self._started.append(tracker)

    def generation(self, progress: Progress) -> None:
        """Tell everybody about a generation."""
        for callback in self._callbacks:
            if not isinstance(callback, Tracker):
                callback(progress)
            elif callback in self._started:
                self._tell(callback, lambda tracker: tracker.generation(progress))

    def finish(self, result: TuneResult) -> None:
        """Tell the trackers that the run came to its end."""
        self._end(lambda tracker: tracker.finish(result))

    def failed(self, error: BaseException) -> None:
        """Tell the trackers that have not been told of an end that the run ended early."""
        self._end(lambda tracker: tracker.failed(error))

    def _end(self, tell: Callable[[Tracker], None]) -> None:
        while self._started:
            self._tell(self._started.pop(0), tell)

    def _tell(self, tracker: Tracker, tell: Callable[[Tracker], None]) -> None:
        try:
            tell(tracker)
        except Exception as error:
            self._switch_off(tracker, error)

    def _switch_off(self, tracker: Tracker, error: Exception) -> None:
        if tracker in self._started:
            self._started.remove(tracker)
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        logger.warning(
            "%s failed and is switched off, which leaves the run as it is: %s%s",
            tracker.label or type(tracker).__name__,
            type(error).__name__,
            f": {reason}" if reason else "",
        )
        logger.debug("the tracker's traceback", exc_info=error)
