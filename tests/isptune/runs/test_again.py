"""Runs that were started from Python: what names stand for works with every command, what they do not is said."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import isptune
from isptune import Float, ParameterSpace
from isptune.cli import run as command
from isptune.errors import IsptuneError, RunDirectoryError
from isptune.runs.directory import LOG_NAME, RunDirectory
from isptune.scenes import write_image
from isptune.tuning.best_of_run import best_of_run

Maker = Callable[..., Any]


def tuned(pipeline: Any, out: str = "run", **options: Any) -> isptune.TuneResult:
    return isptune.tune(pipeline, "psnr", **{"budget": 12, "population": 6, "seed": 4, "out": out, **options})


@pytest.fixture
def pictures() -> None:
    for seed, name in enumerate(("a.png", "b.png")):
        write_image(name, torch.rand(3, 40, 64, generator=torch.Generator().manual_seed(seed)))


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take longer than the runs."""
    monkeypatch.setattr("isptune.tuning.sitting.write_outputs", lambda *_: None)


@pytest.mark.parametrize(
    "options",
    [
        {"scenes": ["a.png"], "seed": 2, "stages": ["gaussian_blur"]},
        {"scenes": [Path("a.png")], "stages": ["gaussian_blur"]},
        {"scenes": "[ab].png", "stages": ["gaussian_blur"], "maps": "identity"},
        {"crop": 64, "stages": ["gaussian_blur"]},
    ],
    ids=repr,
)
def test_a_run_goes_on_from_any_folder(
    pictures: None, no_pictures: None, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tuned(isptune.create_pipeline("synthetic", **options))
    log = Path("run") / LOG_NAME
    whole = log.read_bytes()
    log.write_bytes(whole[: whole.index(b"\n") + 1])
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    again = isptune.resume("../run")
    assert again.history.candidates.tolist() == first.history.candidates.tolist()
    assert again.history.scores.tolist() == first.history.scores.tolist()
    assert again.l1 == first.l1


def test_commands_work_on_it_as_on_their_own(
    pictures: None, no_pictures: None, capsys: pytest.CaptureFixture[str]
) -> None:
    tuned(isptune.create_pipeline("synthetic", scenes=["a.png"], stages=["gaussian_blur"]))
    assert command(["resume", "run"]) == 0
    assert command(["plot", "run", "--out", "plot.png"]) == 0
    assert command(["report", "run"]) == 0
    # The picture that is asked for, not the run's own.
    write_image("wide.png", torch.rand(3, 40, 80))
    assert command(["render", "wide.png", "--run", "run", "--out", "best.png"]) == 0
    assert "(80x40; blur=" in capsys.readouterr().out


def test_the_configuration_of_such_a_run_starts_an_equal_one(pictures: None, no_pictures: None) -> None:
    first = tuned(isptune.create_pipeline("synthetic", scenes=["a.png"], stages=["gaussian_blur"]))
    assert command(["tune", "--config", "run/run.yaml", "--out", "again"]) == 0
    # The seed of the run, 4, is not the pipeline's.
    again = isptune.resume("again")
    assert again.history.scores.tolist() == first.history.scores.tolist()


def test_a_class_that_was_called_directly_has_no_name(pictures: None, no_pictures: None) -> None:
    from isptune_synthetic.pipeline import SyntheticPipeline

    tuned(SyntheticPipeline(scenes=["a.png"], stages=["gaussian_blur"], maps="identity"))
    sentence = (
        r"^the run in 'run' was started from Python and its pipeline is an object that no name stands for "
        r"\(SyntheticPipeline\); go on with it by the same call of isptune.tune and resume=True, whose result has "
        r"plot\(\); commands and isptune.resume need what isptune.create_pipeline makes of a name and plain options$"
    )
    with pytest.raises(RunDirectoryError, match=sentence):
        isptune.resume("run")
    same = SyntheticPipeline(scenes=["a.png"], stages=["gaussian_blur"], maps="identity")
    assert tuned(same, resume=True).plot().axes


def test_options_that_no_file_holds_are_said(no_pictures: None) -> None:
    tuned(isptune.create_pipeline("synthetic", scenes=[torch.rand(3, 40, 48)], stages=["gaussian_blur"]))
    with pytest.raises(
        RunDirectoryError, match=r"its pipeline is made with options that no file can hold \(scenes\)"
    ):
        isptune.resume("run")


def test_a_space_that_was_changed_afterwards_is_not_taken_for_the_pipelines_own(no_pictures: None) -> None:
    pipeline = isptune.create_pipeline("synthetic", scenes=["chart:64x48"], stages=["gaussian_blur"])
    pipeline.space = ParameterSpace({"blur": Float(0.0, 0.5)})
    tuned(pipeline)
    sentence = (
        r"^the run in 'run' was started with other parameters than its pipeline has when it is made again "
        r"\(blur\); go on with it by the same call of isptune.tune and resume=True$"
    )
    with pytest.raises(RunDirectoryError, match=sentence):
        isptune.resume("run")
    with pytest.raises(RunDirectoryError, match=sentence):
        best_of_run("run", ["chart:64x48"])
    # Whoever only reads it needs no pipeline.
    assert isptune.Run.read("run").space == pipeline.space
    assert command(["report", "run"]) == 0
    assert tuned(pipeline, resume=True).evaluations == 12


def test_names_of_a_program_are_asked_for_where_they_are_missing(no_pictures: None) -> None:
    from isptune.plugins.registry import stages

    @isptune.register_stage("veil")
    class Veil(isptune.Distortion):
        def forward(self, images: Any, level: Any, noise: Any = None) -> Any:
            return images * (1 - level.to(images.dtype).reshape(-1, 1, 1, 1))

    tuned(isptune.create_pipeline("synthetic", scenes=["chart:64x48"], stages=["veil"]))
    assert isptune.resume("run").evaluations == 12
    stages._records.pop("veil")
    with pytest.raises(IsptuneError) as raised:
        isptune.resume("run")
    assert str(raised.value).startswith(
        "the run in 'run' cannot be made again here: there is no stage named 'veil'"
    )
    assert str(raised.value).endswith("; call isptune.resume('run') in the program that registers it")


def test_of_two_starts_in_one_folder_one_runs_and_the_other_leaves_nothing(
    flat: Maker, target: Maker, no_pictures: None
) -> None:
    for attempt in range(3):
        out, ready = f"run{attempt}", threading.Barrier(4)
        ended: list[str] = []

        def start(seed: int, out: str = out, ready: threading.Barrier = ready, ended: Any = ended) -> None:
            pipeline, objective = flat(), target()
            ready.wait()
            try:
                isptune.tune(pipeline, objective, budget=6, population=6, seed=seed, out=out)
                ended.append("done")
            except RunDirectoryError as error:
                ended.append(str(error))

        threads = [threading.Thread(target=start, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ended.count("done") == 1
        allowed = {
            f"another process is writing the run in '{out}'",
            f"the directory '{out}' already holds a run; go on with it by resume=True, or choose another folder for out",
        }
        assert set(ended) - {"done"} <= allowed
        noted = yaml.safe_load(Path(out, "run.yaml").read_text())
        assert len(RunDirectory(out).read_log(noted["fingerprint"])[0]) == 1


def test_a_locked_folder_is_refused_before_anything_is_written_in_it(flat: Maker, target: Maker) -> None:
    first = RunDirectory("run")
    first.lock()
    with pytest.raises(RunDirectoryError, match="^another process is writing the run in 'run'$"):
        isptune.tune(flat(), target(), budget=6, population=6, out="run")
    assert [path.name for path in Path("run").iterdir()] == [LOG_NAME]
    first.close()
    # What a start leaves that was killed at once is no run.
    assert isptune.tune(flat(), target(), budget=6, population=6, out="run").evaluations == 6


def test_a_plugin_that_changes_the_working_folder_loses_nothing(
    flat: Maker, target: Maker, tmp_path: Path
) -> None:
    import os

    class Wanderer(type(flat())):  # type: ignore[misc]
        def render(self, values: Any, scene: Any) -> Any:
            (tmp_path / "away").mkdir(exist_ok=True)
            os.chdir(tmp_path / "away")
            return super().render(values, scene)

    result = isptune.tune(Wanderer(), target(), budget=12, population=6, out="run")
    assert {path.name for path in (tmp_path / "run").iterdir()} >= {"run.yaml", LOG_NAME, "result.json"}
    assert (tmp_path / "run/before_after.png").is_file()
    assert not list((tmp_path / "away").iterdir())
    assert result.out == tmp_path / "run"
    assert all(np.isfinite(result.history.scores))
