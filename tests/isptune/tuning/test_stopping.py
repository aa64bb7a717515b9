"""Runs that end early from within: the result so far, its files, and the way back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import isptune
from isptune.errors import ConfigurationError
from isptune.runs.directory import LOG_NAME
from isptune.tracking import Tracker

Maker = Callable[..., Any]

SETTINGS: dict[str, Any] = {"budget": 60, "population": 6, "seed": 0}


def by_answer(progress: Any) -> Any:
    return isptune.STOP if progress.generation == 3 else True


def by_call(progress: Any) -> None:
    if progress.generation == 3:
        isptune.stop()


class Stopping(Tracker):
    def generation(self, progress: Any) -> Any:
        return by_answer(progress)


@pytest.mark.parametrize("callback", [by_answer, by_call, Stopping()])
def test_a_callback_ends_a_run_with_its_result(flat: Maker, target: Maker, callback: Any) -> None:
    result = isptune.tune(flat(), target(), out="run", callbacks=[callback], **SETTINGS)
    assert (result.stopped, result.evaluations) == (True, 18)
    assert repr(result).endswith(", stopped early>")
    assert json.loads(Path("run/result.json").read_text())["stopped"] is True
    assert Path("run/before_after.png").is_file()
    whole = isptune.tune(flat(), target(), out="whole", **SETTINGS)
    resumed = isptune.tune(flat(), target(), out="run", resume=True, **SETTINGS)
    assert (whole.stopped, resumed.stopped) == (False, False)
    assert resumed.history.scores.tolist() == whole.history.scores.tolist()
    assert "stopped" not in json.loads(Path("run/result.json").read_text())


def test_other_answers_stop_nothing_and_a_stop_at_the_end_is_none(flat: Maker, target: Maker) -> None:
    result = isptune.tune(flat(), target(), callbacks=[lambda progress: True], **SETTINGS)
    assert (result.stopped, result.evaluations) == (False, 60)
    last = isptune.tune(
        flat(), target(), callbacks=[lambda p: isptune.STOP if p.generation == 10 else None], **SETTINGS
    )
    assert not last.stopped


def test_a_rule_that_was_fulfilled_stays_so_when_the_run_goes_on(flat: Maker, target: Maker) -> None:
    for resume in (False, True):
        result = isptune.tune(flat(), target(), out="run", callbacks=[by_answer], resume=resume, **SETTINGS)
        assert result.evaluations == 18


def test_a_plugin_may_stop_the_run(flat: Maker, target: Maker) -> None:
    class Satisfied(type(target())):  # type: ignore[misc]
        def score(self, images: Any, reference: Any = None) -> Any:
            isptune.stop()
            return super().score(images, reference)

    assert isptune.tune(flat(), Satisfied(), **SETTINGS).evaluations == 6
    with pytest.raises(
        ConfigurationError, match=r"^isptune.stop\(\) ends the run that is going on in this thread"
    ):
        isptune.stop()


class Interrupted:
    """Ctrl-C in the midst of a generation."""

    def __init__(self, flat: Maker, batches: int) -> None:
        class Pipeline(type(flat())):  # type: ignore[misc]
            def render(self, values: Any, scene: Any) -> Any:
                if len(self.batches) == batches:
                    self.batches.append(0)
                    raise KeyboardInterrupt
                return super().render(values, scene)

        self.pipeline = Pipeline()


class Watching(Tracker):
    def __init__(self) -> None:
        self.ends: list[str] = []

    def finish(self, result: Any) -> None:
        self.ends.append("finished")

    def failed(self, error: BaseException) -> None:
        self.ends.append(type(error).__name__)


def test_an_interrupt_gives_what_was_found(
    flat: Maker, target: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    # Two scenes, so the sixth batch is the second half of the third generation.
    watching = Watching()
    result = isptune.tune(
        Interrupted(flat, 5).pipeline, target(), out="run", callbacks=[watching], **SETTINGS
    )
    assert (result.stopped, result.evaluations) == (True, 12)
    assert watching.ends == ["KeyboardInterrupt"]
    assert Path("run", LOG_NAME).read_bytes().count(b"\n") == 2
    assert "stopped by Ctrl-C after generation 2 of 10; the result holds what was found" in caplog.text
    whole = isptune.tune(flat(), target(), **SETTINGS)
    resumed = isptune.tune(flat(), target(), out="run", resume=True, **SETTINGS)
    assert resumed.history.scores.tolist() == whole.history.scores.tolist()


def test_an_interrupt_before_the_first_generation_is_raised(flat: Maker, target: Maker) -> None:
    with pytest.raises(KeyboardInterrupt):
        isptune.tune(Interrupted(flat, 1).pipeline, target(), **SETTINGS)
