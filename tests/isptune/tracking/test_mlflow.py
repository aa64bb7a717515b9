"""MLflow runs in an SQLite store, read back with MLflow's client."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from isptune.errors import ConfigurationError
from isptune.tracking import MLflow, TrackerError

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
    bests = np.minimum.accumulate(history.score)[5::6].tolist()
    assert figures(store, found.info.run_id, "score/best") == dict(enumerate(bests, start=1))
    assert found.data.metrics["hidden/l1_normalised"] == pytest.approx(result.l1_normalised)
    assert found.data.tags["isptune.higher_is_better"] == "false"
    artifacts = {file.path for file in store.list_artifacts(found.info.run_id)}
    assert artifacts == {
        "run.yaml",
        "result.json",
        "before_after.png",
        "pictures",
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

    assert run(callbacks=[MLflow(), stop]).stopped
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


ALLOWED = (
    "allowed: a URI such as sqlite:///mlflow.db or http://HOST:5000 "
    "(--mlflow without a URI stands last or before another option)"
)


@pytest.mark.parametrize(
    "uri",
    [
        "photo.png",
        "there.png",
        "pictures",
        "chart",
        "chart:96x64",
        "",
        "runs.db",
        "htp://host:5000",
        "sqlite:mlflow.db",
        "http:5000",
        "http://host:port",
        "sqlite:////nowhere/at/all/mlflow.db",
    ],
)
def test_a_store_that_cannot_be_is_refused(uri: str, snapshot: SnapshotAssertion) -> None:
    Path("there.png").touch()
    Path("pictures").mkdir()
    with pytest.raises(ConfigurationError) as caught:
        MLflow(uri)
    assert str(caught.value) == snapshot


@pytest.mark.parametrize(
    "uri",
    [
        "http://host",
        "https://user:word@host:5000/path",
        "sqlite:///x.db",
        "file:store",
        "postgresql+psycopg2://host/name",
        "mysql://host/name",
        "mssql+pyodbc://host/name",
        "databricks",
        "databricks://profile",
    ],
)
def test_the_forms_that_mlflow_knows_are_allowed(uri: str) -> None:
    MLflow(uri)


def test_the_form_of_an_installed_plugin_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def installed(group: str) -> list[EntryPoint]:
        return [EntryPoint("cellar", "package:store", group)]

    with pytest.raises(ConfigurationError, match="the MLflow store is 'cellar://x'"):
        MLflow("cellar://x")
    monkeypatch.setattr("isptune.tracking.mlflow_stores.metadata.entry_points", installed)
    MLflow("cellar://x")


def test_the_environments_store_is_named_and_matters_without_another_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "store")
    with pytest.raises(ConfigurationError) as caught:
        MLflow()
    assert str(caught.value) == f"the MLflow store of MLFLOW_TRACKING_URI is 'store'; {ALLOWED}"
    MLflow("sqlite:///x.db")


def test_a_server_that_is_not_there_is_refused(run: Run, closed_port: int) -> None:
    message = (
        f"the MLflow server at http://127.0.0.1:{closed_port} cannot be reached (Connection refused); "
        "start it, or choose another store"
    )
    # The password is not shown.
    tracker = MLflow(f"http://me:secret@127.0.0.1:{closed_port}/path")
    for refused in (lambda: tracker.check(None), lambda: run(callbacks=[tracker])):
        with pytest.raises(ConfigurationError) as caught:
            refused()
        assert str(caught.value) == message
    assert run(resume=True).evaluations == 24


def test_a_server_without_an_answer_is_waited_for_a_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def never(address: Any, timeout: float) -> Any:
        asked.append((address, timeout))
        raise TimeoutError

    monkeypatch.setattr("socket.create_connection", never)
    with pytest.raises(ConfigurationError) as caught:
        MLflow("https://host.invalid").check(None)
    assert str(caught.value) == (
        "the MLflow server at https://host.invalid:443 cannot be reached (no answer within 5 seconds); "
        "start it, or choose another store"
    )
    assert asked == [(("host.invalid", 443), 5.0)]


def test_a_server_that_takes_the_connection_and_never_answers_is_refused_at_the_start(
    run: Run, silent_port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(
        "isptune.tracking.mlflow_stores.START_SETTINGS",
        {"MLFLOW_HTTP_REQUEST_TIMEOUT": "1", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"},
    )
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tracker = MLflow(f"http://127.0.0.1:{silent_port}")
    tracker.check(None)
    with pytest.raises(TrackerError) as caught:
        run(callbacks=[tracker])
    assert str(caught.value).startswith(
        "MLflow failed at the start: MlflowException: API request to http://127"
    )
    assert str(caught.value).endswith(
        "...; check the store's URI and your rights there, or run without MLflow"
    )
    assert caplog.records == []
    # What the user set stays, and what the start set is gone.
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0"
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ


def test_behind_a_proxy_no_connection_is_tried(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = MLflow(f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    tracker.check(None)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(ConfigurationError, match="cannot be reached"):
        tracker.check(None)


def test_the_server_of_a_run_that_goes_on_is_the_one_it_noted(closed_port: int) -> None:
    note = {"tracking_uri": f"http://127.0.0.1:{closed_port}", "experiment": "isptune", "run_id": "1"}
    Path("run").mkdir()
    Path("run/mlflow.json").write_text(json.dumps(note))
    MLflow().check(None)
    MLflow("sqlite:///x.db").check(Path("run"))
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{closed_port} cannot be reached"):
        MLflow().check(Path("run"))
