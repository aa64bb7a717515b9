"""The interface: what trackers are told, and that none of them can end or change a run."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

import isptune
from isptune.errors import ConfigurationError, IsptuneError, MissingPackageError
from isptune.runs.directory import LOG_NAME
from isptune.tracking import MLflow, Progress, RunFacts, TensorBoard, TrackerError, WandB
from isptune.tracking.run_facts import flattened, scalars

Run = Callable[..., Any]


def test_a_tracker_is_told_start_generations_and_end(run: Run, wanting_truth: Any) -> None:
    tracker = wanting_truth()
    result = run(callbacks=[tracker], pictures=True)
    assert tracker.methods == ["start", *["generation"] * 4, "finish"]
    facts: RunFacts = tracker.calls[0][1]
    assert (facts.name, facts.out, facts.generations) == ("run", Path("run"), 4)
    assert (facts.higher_is_better, facts.resumed) == (False, False)
    assert facts.settings["budget"] == 24
    assert tracker.calls[-1][1] is result
    assert Path("run/before_after.png") in result.files


def test_the_figures_are_those_of_the_history(run: Run, wanting_truth: Any) -> None:
    tracker = wanting_truth()
    history = run(callbacks=[tracker]).history
    scores = history.score.reshape(4, 6)
    for number, (_, told) in enumerate(tracker.calls[1:-1]):
        best = int(history.score[: 6 * (number + 1)].argmin())
        assert told.generation_best == scores[number].min()
        assert told.generation_mean == pytest.approx(scores[number].mean())
        assert told.best_score == history.score[best]
        assert told.l1 == pytest.approx(history.l1[best])
        assert told.l1_normalised == pytest.approx(history.l1_normalised[best])
        assert told.evaluations_per_second > 0


def test_the_truth_is_told_where_a_tracker_wants_it(
    flat: Run, target: Run, noting: Any, wanting_truth: Any
) -> None:
    def told(*callbacks: Any) -> list[bool]:
        seen: list[Progress] = []
        isptune.tune(flat(), target(), budget=24, population=6, callbacks=[seen.append, *callbacks])
        return [progress.l1 is not None and progress.l1_normalised is not None for progress in seen]

    assert told(noting()) == [False] * 4
    assert told(wanting_truth()) == [True] * 4
    # One that is switched off wants nothing any more.
    assert told(wanting_truth(raises="generation")) == [True, False, False, False]


def test_scores_that_are_not_finite_have_no_figures(flat: Run, target: Run, wanting_truth: Any) -> None:
    class Never(type(target())):  # type: ignore[misc]
        def score(self, images: Any, reference: Any = None) -> Any:
            return super().score(images) * float("nan")

    tracker = wanting_truth()
    isptune.tune(flat(), Never(), budget=12, population=6, max_failures=1.0, callbacks=[tracker])
    told = tracker.calls[1][1]
    assert (told.best_score, told.generation_best, told.generation_mean, told.l1) == (None,) * 4
    assert set(scalars(told)) == {"time/evaluations", "time/evaluations_per_second", "time/seconds"}


@pytest.mark.parametrize(("method", "calls"), [("generation", 2), ("finish", 6)])
def test_a_tracker_that_raises_is_warned_about_once_and_switched_off(
    run: Run, noting: Any, method: str, calls: int, caplog: pytest.LogCaptureFixture
) -> None:
    raising, other = noting(raises=method), noting()
    with caplog.at_level(logging.WARNING, "isptune"):
        result = run(callbacks=[raising, other])
    assert [record.getMessage() for record in caplog.records] == [
        "Noting failed and is switched off, which leaves the run as it is: RuntimeError: the wire is cut"
    ]
    assert len(raising.calls) == calls
    assert (raising.problem, other.problem) == ("RuntimeError: the wire is cut", "")
    assert other.methods == ["start", *["generation"] * 4, "finish"]
    assert result.evaluations == 24
    assert len((Path("run") / LOG_NAME).read_text().splitlines()) == 4
    assert Path("run/result.json").exists()


def test_a_mistake_of_the_user_ends_the_run_before_anything_is_evaluated(run: Run, noting: Any) -> None:
    first, second = noting(), noting(raises="start", error=ConfigurationError("no such folder"))
    with pytest.raises(ConfigurationError, match=r"^no such folder$"):
        run(callbacks=[first, second])
    assert first.methods == ["start", "failed"]
    assert second.methods == ["start"]
    assert (Path("run") / LOG_NAME).read_text() == ""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("the wire is cut.\nsecond line"), "RuntimeError: the wire is cut"),
        (KeyError(), "KeyError"),
        (ValueError("word " * 100), f"ValueError: {'word ' * 47}..."),
    ],
)
def test_any_failure_at_the_start_ends_the_run_before_anything_is_evaluated(
    run: Run, noting: Any, error: Exception, reason: str
) -> None:
    first, second = noting(), noting(raises="start", error=error)
    with pytest.raises(TrackerError) as caught:
        run(callbacks=[first, second])
    assert str(caught.value) == (
        f"Noting failed at the start: {reason}; mend it, or run without this tracker"
    )
    assert caught.value.exit_code == 2
    assert first.methods == ["start", "failed"]
    assert (Path("run") / LOG_NAME).read_text() == ""
    assert run(resume=True).evaluations == 24


def test_a_problem_is_that_of_the_latest_run(run: Run, noting: Any) -> None:
    tracker = noting(raises="finish")
    run(callbacks=[tracker])
    assert tracker.problem == "RuntimeError: the wire is cut"
    tracker.raises = ""
    run(out=None, callbacks=[tracker])
    assert tracker.problem == ""


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), SystemExit(3)])
def test_an_early_end_is_told_and_the_error_goes_on(run: Run, noting: Any, error: BaseException) -> None:
    def stop(progress: Progress) -> None:
        if progress.generation == 2:
            raise error

    tracker, clumsy = noting(), noting(raises="failed")
    with pytest.raises(type(error)) as caught:
        run(callbacks=[clumsy, tracker, stop])
    assert caught.value is error
    assert tracker.methods == ["start", "generation", "generation", "failed"]
    assert tracker.calls[-1][1] is error


def test_a_refused_directory_starts_no_tracker(run: Run, noting: Any) -> None:
    run()
    tracker = noting()
    with pytest.raises(IsptuneError, match="already holds a run"):
        run(callbacks=[tracker])
    assert tracker.methods == []


def test_a_resumed_run_tells_all_generations(run: Run, cut: Run, noting: Any) -> None:
    run()
    cut(3)
    tracker = noting()
    run(resume=True, callbacks=[tracker])
    assert tracker.calls[0][1].resumed
    assert [told.replayed for _, told in tracker.calls[1:-1]] == [True, True, True, False]


def test_resume_of_nothing_is_a_fresh_start(run: Run, noting: Any) -> None:
    tracker = noting()
    run(resume=True, callbacks=[tracker])
    assert not tracker.calls[0][1].resumed


def test_trackers_do_not_change_what_is_found(run: Run, wanting_truth: Any) -> None:
    plain = run(out=None)
    watched = run(out=None, callbacks=[wanting_truth()])
    np.testing.assert_array_equal(plain.history.candidates, watched.history.candidates)
    np.testing.assert_array_equal(plain.history.score, watched.history.score)


def test_flattened_settings() -> None:
    settings = {"a": {"b": {"c": 1}, "d": {}}, "e": ["x", 2], "f": None}
    assert flattened(settings) == {"a.b.c": "1", "e": json.dumps(["x", 2]), "f": "None"}


@pytest.mark.parametrize(
    ("package", "make"),
    [
        ("tensorboard", TensorBoard),
        ("mlflow", MLflow),
        ("alembic", MLflow),
        ("wandb", lambda: WandB("p")),
    ],
)
def test_a_missing_package_is_named_with_its_command(
    package: str, make: Run, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError) as caught:
        make()
    assert str(caught.value) == snapshot


def test_importing_the_trackers_imports_no_package_of_theirs() -> None:
    code = (
        "import sys; from isptune.tracking import MLflow, TensorBoard, WandB; MLflow(); WandB('p'); TensorBoard(); "
        "print({'torch', 'mlflow', 'wandb', 'tensorboard', 'sqlalchemy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
