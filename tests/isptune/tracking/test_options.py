"""``--tensorboard``, ``--mlflow`` and ``--wandb`` of tune and resume."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isptune.cli import run
from isptune.cli.running import make_trackers
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
