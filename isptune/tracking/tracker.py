"""The interface of a tracker, and the calls of a run's callbacks and trackers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any, ClassVar

from isptune.errors import ConfigurationError, IsptuneError
from isptune.tracking.run_facts import Callback, Progress, RunFacts
from isptune.tuning.switch import STOP

if TYPE_CHECKING:
    from isptune.tuning.result import TuneResult

logger = logging.getLogger("isptune")

# Characters of a library's own words in a message.
LONGEST_REASON = 240


class TrackerError(ConfigurationError):
    """A tracker failed before the first evaluation: its settings are the user's to mend."""


class Tracker:
    """Follows runs from start to end; subclass it and write the methods that you need.

    A tracker serves one run at a time, and one after another. What ``start`` raises ends the run before
    anything is evaluated, as the user can mend it then. What it raises later never ends a run: it is warned
    about once and the tracker is switched off until the next run.

    Attributes that a subclass sets:
        label: its name in messages; the class's by default.
        advice: what the user can do where it fails at the start.
        wants_truth: ``Progress`` shall hold the hidden l1 and normalised l1 of the best candidate so far.

    Attributes that a run sets:
        problem: why it was switched off in the latest run, or an empty text.

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
    advice: ClassVar[str] = "mend it, or run without this tracker"
    wants_truth: ClassVar[bool] = False
    problem: str = ""

    def check(self, out: Path | None) -> None:
        """Raise what can be known to fail before anything of a run is made.

        The command line asks for this check; a run from Python has that of ``start`` alone.

        Args:
            out: the directory of the run that goes on, or None for a new one.
        """

    def start(self, facts: RunFacts) -> None:
        """A run starts, or goes on where ``facts.resumed`` is true."""

    def generation(self, progress: Progress) -> Any:
        """A generation was evaluated, or replayed from the log where ``progress.replayed`` is true.

        ``return isptune.STOP`` ends the run after it.
        """

    def finish(self, result: TuneResult) -> None:
        """The run came to its end and its files are written (``result.files``)."""

    def failed(self, error: BaseException) -> None:
        """The run ended early: an error, or a stop by the user, which is no ``Exception``."""


def check_trackers(trackers: Sequence[Tracker], out: Path | None = None) -> None:
    """Check trackers before a run, see ``Tracker.check``.

    Raises:
        IsptuneError: one of them cannot serve the run.
    """
    for tracker in trackers:
        with _refusing(tracker):
            tracker.check(out)


class Watchers:
    """The callbacks and trackers of a run, called in the order in which they were given.

    A plain callable's exception ends the run, as it is the caller's own code; a tracker's only at the start.
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
            IsptuneError: a tracker cannot serve this run.
        """
        for tracker in self._callbacks:
            if isinstance(tracker, Tracker):
                tracker.problem = ""
                with _refusing(tracker):
                    tracker.start(facts)
                self._started.append(tracker)

    def generation(self, progress: Progress) -> bool:
        """Tell everybody about a generation; whether one of them wants the run to end."""
        answers: list[Any] = []
        for callback in self._callbacks:
            if not isinstance(callback, Tracker):
                answers.append(callback(progress))
            elif callback in self._started:
                self._tell(callback, lambda tracker: answers.append(tracker.generation(progress)))
        return any(answer is STOP for answer in answers)

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
        tracker.problem = _reason(error)
        logger.warning(
            "%s failed and is switched off, which leaves the run as it is: %s",
            label_of(tracker),
            tracker.problem,
        )
        logger.debug("the tracker's traceback", exc_info=error)


def label_of(tracker: Tracker) -> str:
    """The tracker's name in messages."""
    return tracker.label or type(tracker).__name__


@contextmanager
def _refusing(tracker: Tracker) -> Iterator[None]:
    """Make a tracker's exception an error of the user's."""
    try:
        yield
    except IsptuneError:
        raise
    except Exception as error:
        raise TrackerError(
            f"{label_of(tracker)} failed at the start: {_reason(error)}; {tracker.advice}"
        ) from error


def _reason(error: Exception) -> str:
    """An exception's type and the first line of its message, or what of it can be read at a glance."""
    line = str(error).strip().partition("\n")[0].rstrip(". ")
    reason = shorten(line, LONGEST_REASON, placeholder=" ...")
    return f"{type(error).__name__}: {reason}" if reason else type(error).__name__
