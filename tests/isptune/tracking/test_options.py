"""``--tensorboard``, ``--mlflow`` and ``--wandb`` of tune and resume."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isptune.cli import run
from isptune.cli.run_and_print import make_trackers
from isptune.tracking import MLflow, TensorBoard, WandB

TUNE = [
    "tune",
    "chart:64x48",
    "--objective",
    "sharpness",
    "--budget",
    "8",
    "--population",
    "4",
    "--optimizer",
    "random",
    "--out",
    "run",
]


def test_each_option_makes_its_tracker() -> None:
    assert make_trackers(False, None, None) == []
    assert [type(tracker) for tracker in make_trackers(True, "sqlite:///x.db", "p")] == [
        TensorBoard,
        MLflow,
        WandB,
    ]


@pytest.mark.usefixtures("without_pictures")
def test_tune_and_resume_track(
    store: Any, cut: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*TUNE, "--mlflow", "--tensorboard", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["evaluations"] == 8
    assert len(list(Path("run/tensorboard").iterdir())) == 1
    cut(1)
    assert run(["resume", "run", "--tensorboard", "--mlflow"]) == 0
    assert len(list(Path("run/tensorboard").iterdir())) == 1
    (experiment,) = store.search_experiments(filter_string="name = 'isptune'")
    (found,) = store.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED"
    assert [metric.step for metric in store.get_metric_history(found.info.run_id, "score/best")] == [1, 2]


@pytest.mark.parametrize("verb", [TUNE, ["resume", "run"]])
def test_mistakes_are_said_before_anything_is_made(
    verb: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    for options, message in (
        (["--wandb", "p"], "install it with: pip install 'isptune[wandb]'"),
        (["--mlflow", "photo.png"], "the MLflow store is 'photo.png'; allowed: a URI such as"),
        (["--wandb"], "Option '--wandb' requires an argument."),
    ):
        assert run([*verb, *options]) == 2
        assert message in capsys.readouterr().err
        assert not Path("run").exists()


@pytest.mark.parametrize("verb", [TUNE, ["resume", "run"]])
def test_what_follows_an_option_is_not_taken_for_its_value(
    verb: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for options, message in (
        (
            ["--mlflow", "chart:96x64"],
            "isptune: error: the MLflow store is 'chart:96x64', which is a scene; allowed: a URI such as "
            "sqlite:///mlflow.db or http://HOST:5000 (--mlflow without a URI stands last or before another "
            "option)\n",
        ),
        (
            ["--wandb", "--json"],
            "isptune: error: the Weights & Biases project is '--json', which is an option; "
            "allowed: PROJECT or ENTITY/PROJECT\n",
        ),
    ):
        assert run([*verb, *options]) == 2
        assert capsys.readouterr().err == message
        assert not Path("run").exists()


@pytest.mark.usefixtures("without_pictures")
def test_a_server_that_is_not_there_is_refused_before_anything_is_made(
    closed_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    server = f"http://127.0.0.1:{closed_port}"
    message = (
        f"isptune: error: the MLflow server at {server} cannot be reached (Connection refused); "
        "start it, or choose another store\n"
    )
    assert run([*TUNE, "--mlflow", server]) == 2
    assert capsys.readouterr().err == message
    assert not Path("run").exists()
    assert run(TUNE) == 0
    before = Path("run/evaluations.jsonl").read_text()
    capsys.readouterr()
    # A run that was tracked there goes on without it.
    Path("run/mlflow.json").write_text(json.dumps({"tracking_uri": server}))
    assert run(["resume", "run", "--mlflow"]) == 2
    assert capsys.readouterr().err == message
    assert run(["resume", "run"]) == 0
    assert Path("run/evaluations.jsonl").read_text() == before


@pytest.mark.usefixtures("without_pictures")
def test_a_failure_at_the_start_ends_the_run_which_can_go_on(
    monkeypatch: pytest.MonkeyPatch, cut: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(self: Any, facts: Any) -> None:
        raise RuntimeError("no room left.")

    message = (
        "isptune: error: TensorBoard failed at the start: RuntimeError: no room left; mend it, or run without "
        "this tracker; then, or without the tracker, go on with: isptune resume run\n"
    )
    with monkeypatch.context() as patch:
        patch.setattr(TensorBoard, "start", fail)
        assert run([*TUNE, "--tensorboard"]) == 2
        assert capsys.readouterr().err.endswith(f"\n{message}")
        assert Path("run/evaluations.jsonl").read_text() == ""
        assert run(["resume", "run"]) == 0
        cut(1)
        capsys.readouterr()
        assert run(["resume", "run", "--tensorboard"]) == 2
        assert capsys.readouterr().err.endswith(f"\n{message}")
        assert len(Path("run/evaluations.jsonl").read_text().splitlines()) == 1
    assert run(["resume", "run", "--tensorboard", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["evaluations"] == 8


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("output", [[], ["--json"]])
def test_a_later_failure_is_said_once_more_at_the_end_and_resume_mends_it(
    store: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], output: list[str]
) -> None:
    def fail(self: Any, progress: Any) -> None:
        raise RuntimeError("the wire is cut")

    with monkeypatch.context() as patch:
        patch.setattr(MLflow, "generation", fail)
        assert run([*TUNE, "--mlflow", *output]) == 0
    said = capsys.readouterr()
    assert "8 evaluations" in said.out or json.loads(said.out)["evaluations"] == 8
    assert "MLflow failed and is switched off" in said.err
    assert said.err.endswith(
        "\nisptune: MLflow failed during the run and lacks a part of it: RuntimeError: the wire is cut; "
        "send the rest with: isptune resume run and the same option\n"
    )
    assert run(["resume", "run", "--mlflow"]) == 0
    assert "MLflow" not in capsys.readouterr().err
    (experiment,) = store.search_experiments(filter_string="name = 'isptune'")
    (found,) = store.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED"
    assert [metric.step for metric in store.get_metric_history(found.info.run_id, "score/best")] == [1, 2]
