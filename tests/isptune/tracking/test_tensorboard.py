"""TensorBoard files, read back with TensorBoard's own reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isptune.errors import ConfigurationError, RunDirectoryError
from isptune.tracking import TensorBoard

Run = Callable[..., Any]


def events(folder: str = "run/tensorboard") -> dict[str, list[tuple[int, Any]]]:
    """(step, tensor) of every value, by tag, in the order of the files."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found: dict[str, list[tuple[int, Any]]] = {}
    for file in files(folder):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.tensor))
    return found


def files(folder: str = "run/tensorboard") -> list[Path]:
    return sorted(Path(folder).glob("events.out.tfevents.*"), key=lambda file: file.stat().st_mtime_ns)


def figures(tag: str, folder: str = "run/tensorboard") -> dict[int, float]:
    """One figure's value by step; each step once."""
    found = events(folder)[tag]
    assert len({step for step, _ in found}) == len(found)
    return {step: tensor.float_val[0] for step, tensor in found}


def test_the_figures_of_every_generation_are_read_back(run: Run) -> None:
    history = run(callbacks=[TensorBoard()]).history
    bests = np.minimum.accumulate(history.score)[5::6]
    assert list(figures("score/best")) == [1, 2, 3, 4]
    assert list(figures("score/best").values()) == pytest.approx(bests.tolist())
    means = history.score.reshape(4, 6).mean(axis=1)
    assert list(figures("score/generation_mean").values()) == pytest.approx(means.tolist())
    assert figures("hidden/l1_normalised")[4] == pytest.approx(history.l1_normalised[history.best])
    assert figures("time/evaluations") == {1: 6, 2: 12, 3: 18, 4: 24}


@pytest.mark.draws
def test_configuration_and_pictures_are_there(run: Run) -> None:
    run(callbacks=[TensorBoard()], pictures=True)
    found = events()
    text = found["configuration/text_summary"][0][1].string_val[0].decode()
    assert "| optimizer.name | es |" in text
    assert "| versions.torch | " in text
    width, height, picture = found["before_after"][0][1].string_val[:3]
    assert picture.startswith(b"\x89PNG")
    assert min(int(width), int(height)) > 300
    assert {"convergence", "recovered_levels"} <= set(found)


@pytest.mark.parametrize("kept", [0, 2, 4])
def test_a_resumed_run_goes_on_without_doubling_steps(run: Run, cut: Run, kept: int) -> None:
    def stop(progress: Any) -> None:
        if progress.generation == 2:
            raise KeyboardInterrupt

    assert run(callbacks=[TensorBoard(), stop]).stopped
    cut(kept)
    result = run(resume=True, callbacks=[TensorBoard()])
    bests = np.minimum.accumulate(result.history.score)[5::6]
    assert figures("score/best") == pytest.approx(dict(enumerate(bests.tolist(), start=1)))
    assert all(len(values) == len({step for step, _ in values}) for values in events().values())


def test_what_never_reached_the_disk_is_written_by_the_next_sitting(run: Run, cut: Run) -> None:
    run()
    cut(3)
    run(resume=True, callbacks=[TensorBoard()])
    assert list(figures("score/best")) == [1, 2, 3, 4]


def test_a_torn_file_is_read_as_far_as_it_goes(run: Run) -> None:
    run(callbacks=[TensorBoard()], pictures=True)
    file = files()[0]
    content = file.read_bytes()
    file.write_bytes(content[: content.index(b"before_after")])
    before = len(events()["score/best"])
    assert before == 4
    run(resume=True, callbacks=[TensorBoard()], pictures=True)
    assert list(figures("score/best")) == [1, 2, 3, 4]
    assert len(events()["before_after"]) == 1


def test_a_finished_run_gets_no_further_file(run: Run) -> None:
    run(callbacks=[TensorBoard()])
    before = files()
    run(resume=True, callbacks=[TensorBoard()])
    assert files() == before


def test_a_folder_of_choice_without_a_run_directory(run: Run) -> None:
    run(out=None, callbacks=[TensorBoard("curves")])
    assert list(figures("score/best", "curves")) == [1, 2, 3, 4]
    with pytest.raises(ConfigurationError) as caught:
        run(out=None, callbacks=[TensorBoard()])
    assert str(caught.value) == (
        "TensorBoard files of a run without a run directory need a folder: TensorBoard(folder)"
    )


def test_the_folder_of_another_run_is_refused(run: Run) -> None:
    run(out=None, callbacks=[TensorBoard("curves")])
    before = files("curves")
    message = "^the folder 'curves' already holds TensorBoard files of another run; choose another$"
    with pytest.raises(RunDirectoryError, match=message):
        run(out=None, callbacks=[TensorBoard("curves")])
    run(seed=1)
    with pytest.raises(RunDirectoryError, match=message):
        run(seed=1, resume=True, callbacks=[TensorBoard("curves")])
    assert files("curves") == before


def test_one_tracker_serves_runs_one_after_another(run: Run) -> None:
    tracker = TensorBoard()
    run(callbacks=[tracker], out="a")
    run(callbacks=[tracker], out="b", seed=1)
    assert list(figures("score/best", "a/tensorboard")) == [1, 2, 3, 4]
    assert figures("score/best", "a/tensorboard") != figures("score/best", "b/tensorboard")
