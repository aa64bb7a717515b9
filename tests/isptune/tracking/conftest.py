"""Runs of the small pipeline, a tracker that notes what it is told, and an MLflow store that is quickly there."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import isptune
from isptune.runs.directory import LOG_NAME
from isptune.runs.outputs import write_outputs
from isptune.tracking import Tracker

Maker = Callable[..., Any]


@pytest.fixture(autouse=True, scope="session")
def nothing_leaves_the_machine() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("WANDB_SILENT", "true")
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        yield


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes most of a small run's time."""
    monkeypatch.setattr(
        "isptune.tuning.sitting.write_outputs", lambda *parts: write_outputs(*parts[:3], None)
    )


@pytest.fixture
def run(flat: Maker, target: Maker, monkeypatch: pytest.MonkeyPatch) -> Callable[..., isptune.TuneResult]:
    """Four generations of six candidates, without pictures; the options are those of ``isptune.tune``."""

    def tune(*, pictures: bool = False, **options: Any) -> isptune.TuneResult:
        settings: dict[str, Any] = {"budget": 24, "population": 6, "seed": 0, "out": "run"}
        with monkeypatch.context() as patch:
            patch.setattr(
                "isptune.tuning.sitting.write_outputs",
                lambda *parts: write_outputs(*parts[:3], parts[3] if pictures else None),
            )
            return isptune.tune(flat(), target(), **{**settings, **options})

    return tune


@pytest.fixture
def cut() -> Callable[[int], None]:
    """Leave the log of the run as it was after some generations."""

    def shorten(generations: int) -> None:
        log = Path("run") / LOG_NAME
        log.write_text("".join(log.read_text().splitlines(keepends=True)[:generations]))

    return shorten


class Noting(Tracker):
    """Notes every call as (method, argument); raises in one method if asked to."""

    def __init__(self, raises: str = "", error: BaseException | None = None) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.raises, self.error = raises, error or RuntimeError("the wire is cut.\nsecond line")

    def _note(self, method: str, told: Any) -> None:
        self.calls.append((method, told))
        if method == self.raises:
            raise self.error

    def start(self, facts: Any) -> None:
        self._note("start", facts)

    def generation(self, progress: Any) -> None:
        self._note("generation", progress)

    def finish(self, result: Any) -> None:
        self._note("finish", result)

    def failed(self, error: BaseException) -> None:
        self._note("failed", error)

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.calls]


class WantingTruth(Noting):
    wants_truth = True


@pytest.fixture
def noting() -> type[Noting]:
    return Noting


@pytest.fixture
def wanting_truth() -> type[WantingTruth]:
    return WantingTruth


@pytest.fixture
def closed_port() -> int:
    """A port of this computer where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables: making them takes seconds."""
    from mlflow import MlflowClient

    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def store(empty_store: Path, tmp_path: Path) -> Any:
    """The client of an MLflow store at the default place of the current folder."""
    from mlflow import MlflowClient

    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
