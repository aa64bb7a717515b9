"""A study so far, in the eyes of who runs it."""

from __future__ import annotations

import math
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from isptune_study.plates import plates_of_observers
from isptune_study.serving.messages import ImageScore, ObserverProgress, SceneProgress, State, StudyProgress

if TYPE_CHECKING:
    from isptune_study.answers import Answers
    from isptune_study.storage import StudyStore

_FRESH_SECONDS = 3.0
"""Scales are fitted no more often than this."""

_SHARE = 0.1
"""Nor does fitting take more than this share of the time, which is the observers'."""


class Overview:
    """Progress and scales, which are kept for a few seconds: a page asks again and again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scenes: list[SceneProgress] = []
        self._fitted: tuple[float, int] = (-math.inf, -1)
        self._seconds = 0.0

    def of(self, store: StudyStore, title: str, is_stopped: bool, total: int) -> StudyProgress:
        """The study so far.

        Args:
            store: for reading.
            title, is_stopped: of the study.
            total: how many answers each observer gives.
        """
        with self._lock:
            answers = store.read()
            began = time.monotonic()
            age = began - self._fitted[0]
            if len(answers) != self._fitted[1] and age > max(_FRESH_SECONDS, self._seconds / _SHARE):
                self._scenes = scenes_so_far(answers)
                self._fitted = (time.monotonic(), len(answers))
                self._seconds = self._fitted[0] - began
            observers = _observers(store, answers, total)
            taking_part = sum(not one.withdrawn for one in observers)
            state: State = "stopped" if is_stopped else "open"
            return StudyProgress(
                title=title,
                kind="study",
                state=state,
                answers=len(answers),
                total=total * taking_part,
                observers=observers,
                scenes=self._scenes,
            )


def _observers(store: StudyStore, answers: Answers, total: int) -> list[ObserverProgress]:
    found = []
    plates = plates_of_observers(store)
    for row in store.observer_rows():
        read = plates.get(row.observer)
        seconds = answers.seconds[answers.observer == row.observer]
        seconds = seconds[np.isfinite(seconds)]
        last = None if row.last is None else datetime.fromtimestamp(row.last, UTC)
        found.append(
            ObserverProgress(
                observer=row.observer,
                name=row.name,
                note=row.note,
                answered=row.answered,
                total=total,
                sittings=row.sittings,
                consented=row.consented,
                withdrawn=row.withdrawn,
                last=None if last is None else last.strftime("%Y-%m-%dT%H:%M:%SZ"),
                median_seconds=float(np.median(seconds)) if len(seconds) else None,
                unsure=row.unsure / row.answered if row.answered else None,
                plates=read.shown if read else None,
                plates_right=read.right if read else None,
                remarks=list(read.remarks) if read else [],
            )
        )
    return found


def scenes_so_far(answers: Answers) -> list[SceneProgress]:
    """The scale of each scene as far as it is known, with 95% intervals."""
    scenes = list(dict.fromkeys(answers.scenes)) or [""]
    return [_scene(scene, answers.of_scene(scene) if answers.scenes else answers) for scene in scenes]


def _scene(scene: str, answers: Answers) -> SceneProgress:
    from isptune_study.scaling import fit

    tests = answers.tests()
    count = len(tests.images)
    met = np.bincount(tests.left, minlength=count) + np.bincount(tests.right, minlength=count)
    scores: list[ImageScore] = []
    connected, width = False, None
    if len(tests):
        scale = fit(tests)
        connected = scale.is_connected
        half = scale.half_widths * scale.law.jod
        width = _known(float(half.mean()))
        scores = [
            ImageScore(name=name, jod=_known(one), half_width=_known(wide), comparisons=times)
            for name, one, wide, times in zip(
                tests.images, scale.jod.tolist(), half.tolist(), met.tolist(), strict=True
            )
        ]
    else:
        scores = [ImageScore(name=name, jod=None, half_width=None, comparisons=0) for name in tests.images]
    return SceneProgress(
        scene=scene, answers=len(tests), connected=connected, half_width_jod=width, images=scores
    )


def _known(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
