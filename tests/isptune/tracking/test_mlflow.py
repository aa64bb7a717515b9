"""MLflow runs in an SQLite store, read back with MLflow's client."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isptune.errors import ConfigurationError
from isptune.tracking import MLflow

Run = Callable[..., Any]


def runs(store: Any) -> list[Any]:
    experiment = store.get_experiment_by_name("isptune")
    return list(store.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"]))


def figures(store: Any, run_id: str, name: str) -> dict[int, float]:
    """One figure's value by step; each step once."""
    history = store.get_metric_history(run_id, name)
    assert len({metric.step for metric in history}) == len(history)
    return {metric.step: metric.value for metric in history}


def test_a_run_is_read_back_whole(run: Run, store: Any) -> None:
    result = run(callbacks=[MLflow()], optimizer_options={"plus": True}, pictures=True)
    (found,) = runs(store)
    history = result.history
    assert (found.info.run_name, found.info.status) == ("run", "FINISHED")
    assert found.data.params["optimizer.name"] == "es"
    assert found.data.params["optimizer.options.plus"] == "True"
    assert json.loads(found.data.params["scenes"]) == ["scene0", "scene1"]
    assert float(found.data.params["best.a"]) == result.best_parameters["a"]
    bests = np.minimum.accumulate(history.scores)[5::6].tolist()
    assert figures(store, found.info.run_id, "score/best") == dict(enumerate(bests, start=1))
    assert found.data.metrics["hidden/l1_normalised"] == pytest.approx(result.l1_normalised)
    assert found.data.tags["isptune.higher_is_better"] == "false"
    artifacts = {file.path for file in store.list_artifacts(found.info.run_id)}
    assert artifacts == {
        "run.yaml",
        "result.json",
        "before_after.png",
        "convergence.png",
        "recovered_levels.png",
    }
    assert json.loads(Path("run/mlflow.json").read_text())["run_id"] == found.info.run_id


def test_an_interrupted_run_continues_as_the_same_one_from_another_folder(
    run: Run, store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(progress: Any) -> None:
        if progress.generation == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(callbacks=[MLflow(), stop])
    (stopped,) = runs(store)
    assert stopped.info.status == "KILLED"
    assert set(figures(store, stopped.info.run_id, "score/best")) == {1, 2}
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run(out=tmp_path / "run", resume=True, callbacks=[MLflow()])
    (found,) = runs(store)
    assert (found.info.run_id, found.info.status) == (stopped.info.run_id, "FINISHED")
    assert figures(store, found.info.run_id, "time/evaluations") == {1: 6, 2: 12, 3: 18, 4: 24}
    # A finished run can be gone through again.
    run(out=tmp_path / "run", resume=True, callbacks=[MLflow()])
    assert len(runs(store)) == 1
    assert set(figures(store, found.info.run_id, "score/best")) == {1, 2, 3, 4}
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_an_error_is_noted_until_the_run_goes_on(run: Run, store: Any) -> None:
    def fail(progress: Any) -> None:
        raise ValueError("out of film")

    with pytest.raises(ValueError, match="out of film"):
        run(callbacks=[MLflow(), fail])
    (failed,) = runs(store)
    assert failed.info.status == "FAILED"
    assert failed.data.tags["isptune.error"] == "ValueError: out of film"
    run(resume=True, callbacks=[MLflow()])
    (found,) = runs(store)
    assert found.info.status == "FINISHED"
    assert "isptune.error" not in found.data.tags


def test_a_run_that_was_deleted_or_never_tracked_is_logged_anew_from_the_first_generation(
    run: Run, store: Any, cut: Run
) -> None:
    run()
    cut(3)
    run(resume=True, callbacks=[MLflow()])
    (first,) = runs(store)
    assert set(figures(store, first.info.run_id, "score/best")) == {1, 2, 3, 4}
    store.delete_run(first.info.run_id)
    run(resume=True, callbacks=[MLflow()])
    (second,) = runs(store)
    assert second.info.run_id != first.info.run_id
    assert set(figures(store, second.info.run_id, "score/best")) == {1, 2, 3, 4}


def test_many_fast_generations_are_logged_in_batches(
    run: Run, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    sizes: list[int] = []
    whole = MlflowClient.log_batch

    def counting(self: Any, run_id: str, metrics: Any = (), **other: Any) -> Any:
        sizes.append(len(metrics))
        return whole(self, run_id, metrics=metrics, **other)

    monkeypatch.setattr(MlflowClient, "log_batch", counting)
    monkeypatch.setattr("isptune.tracking.mlflow.PATIENCE", 3600.0)
    run(out=None, budget=780, callbacks=[MLflow()])
    assert [size for size in sizes if size] == [1000, 40]
    (found,) = runs(store)
    assert set(figures(store, found.info.run_id, "score/best")) == set(range(1, 131))
    assert found.info.run_name == "target-es-seed0"
    assert [file.path for file in store.list_artifacts(found.info.run_id)] == ["result.json"]


def test_the_environments_store_stands_in_for_the_default(
    run: Run, store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlflow.db").rename(tmp_path / "other.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")
    run(callbacks=[MLflow()])
    assert (
        json.loads(Path("run/mlflow.json").read_text())["tracking_uri"]
        == f"sqlite:///{tmp_path / 'other.db'}"
    )
    assert not (tmp_path / "mlflow.db").exists()


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        (
            "photo.png",
            "the MLflow store is 'photo.png'; allowed: a URI such as sqlite:///mlflow.db or http://HOST:5000",
        ),
        (
            "sqlite:////nowhere/at/all/mlflow.db",
            "the MLflow store is 'sqlite:////nowhere/at/all/mlflow.db', but there is no folder '/nowhere/at/all'",
        ),
    ],
)
def test_a_store_that_cannot_be_is_refused(uri: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        MLflow(uri)
    assert str(caught.value) == message
