"""Tuning runs in MLflow: a local SQLite store by default, or any tracking server."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isptune.plugins import require_packages
from isptune.runs.directory import LOG_NAME
from isptune.tracking.mlflow_stores import checked_uri, default_uri, impatient, packages, require_server
from isptune.tracking.notes import read_note, write_note
from isptune.tracking.run_facts import Progress, RunFacts, flattened, held_out_scalars, scalars
from isptune.tracking.tracker import Tracker

if TYPE_CHECKING:
    from isptune.tuning.result import TuneResult

NOTE_NAME = "mlflow.json"
ERROR_TAG = "isptune.error"
# What MLflow accepts in one call, and of one parameter.
MOST_METRICS = 1000
MOST_PARAMETERS = 100
LONGEST_PARAMETER = 6000
# Figures wait this many seconds at most, so that fast generations do not wait for the store.
PATIENCE = 2.0


class MLflow(Tracker):
    """Logs a run's configuration, figures per generation, result and pictures to MLflow.

    A resumed run continues its MLflow run, whose id ``mlflow.json`` in the run directory keeps; each figure
    is logged once per generation. MLflow's global state (active run, tracking URI) is left alone.

    Args:
        uri: of the store, such as ``sqlite:///mlflow.db`` or ``http://HOST:5000``. If None: that of the
            resumed run, else the environment's ``MLFLOW_TRACKING_URI``, else ``sqlite:///mlflow.db`` in the
            current folder (see it with ``mlflow ui --backend-store-uri sqlite:///mlflow.db``).
        experiment: made where it does not exist.
        run_name: the run directory's name if None.

    Raises:
        MissingPackageError: mlflow is not installed.
        ConfigurationError: the URI has no known form, or its SQLite file's folder does not exist.
    """

    label = "MLflow"
    advice = "check the store's URI and your rights there, or run without MLflow"
    wants_truth = True

    def __init__(
        self, uri: str | None = None, *, experiment: str = "isptune", run_name: str | None = None
    ) -> None:
        self._chosen = None if uri is None else checked_uri(uri)
        # What the environment holds matters only where nothing is chosen.
        self._default = self._chosen or default_uri()
        require_packages("MLflow tracking", packages(self._default), "'isptune[mlflow]'")
        self._experiment = experiment
        self._run_name = run_name
        self._client: Any = None
        self._run_id = ""
        self._logged: set[int] = set()
        self._waiting: list[Any] = []
        self._flushed = 0.0

    def check(self, out: Path | None) -> None:
        """Find out whether the store's server, where it has one, can be reached.

        Raises:
            ConfigurationError: it cannot.
        """
        require_server(self._uri(read_note(out, NOTE_NAME)))

    def start(self, facts: RunFacts) -> None:
        """Find or make the MLflow run.

        Raises:
            ConfigurationError: the store's server cannot be reached.
        """
        self._logged, self._waiting, self._flushed = set(), [], time.monotonic()
        note = read_note(facts.out, NOTE_NAME) if facts.resumed else {}
        uri = self._uri(note)
        require_server(uri)
        with impatient():
            self._find_or_make(facts, uri, note)

    def _uri(self, note: dict[str, Any]) -> str:
        return str(self._chosen or note.get("tracking_uri") or self._default)

    def _find_or_make(self, facts: RunFacts, uri: str, note: dict[str, Any]) -> None:
        from mlflow import MlflowClient

        self._client = MlflowClient(tracking_uri=uri)
        ours = (note.get("tracking_uri"), note.get("experiment")) == (uri, self._experiment)
        if ours and self._continue(str(note.get("run_id"))):
            return
        run = self._client.create_run(
            self._experiment_id(),
            run_name=self._run_name or facts.name,
            tags={
                "isptune.fingerprint": facts.fingerprint,
                "isptune.higher_is_better": str(facts.higher_is_better).lower(),
                **{f"isptune.version.{package}": version for package, version in facts.versions.items()},
            },
        )
        self._run_id = run.info.run_id
        self._log_parameters(flattened(facts.settings))
        write_note(
            facts.out,
            NOTE_NAME,
            {"tracking_uri": uri, "experiment": self._experiment, "run_id": self._run_id},
        )

    def generation(self, progress: Progress) -> None:
        from mlflow.entities import Metric

        if progress.generation in self._logged:
            return
        now = int(time.time() * 1000)
        figures = scalars(progress)
        if len(self._waiting) + len(figures) > MOST_METRICS:
            self._flush()
        self._waiting += [Metric(name, value, now, progress.generation) for name, value in figures.items()]
        if time.monotonic() - self._flushed > PATIENCE:
            self._flush()

    def finish(self, result: TuneResult) -> None:
        self._flush()
        for name, value in held_out_scalars(result).items():
            self._client.log_metric(self._run_id, name, value)
        self._log_parameters(flattened({"best": result.best_parameters}))
        for file in result.files:
            # The log can be large, and belongs to the run directory.
            if file.name != LOG_NAME:
                self._client.log_artifact(self._run_id, str(file))
        if result.out is None:
            self._client.log_dict(self._run_id, result.to_dict(), "result.json")
        self._client.set_terminated(self._run_id, "FINISHED")

    def failed(self, error: BaseException) -> None:
        self._flush()
        if isinstance(error, Exception):
            self._client.set_tag(
                self._run_id, ERROR_TAG, f"{type(error).__name__}: {error}"[:LONGEST_PARAMETER]
            )
        self._client.set_terminated(self._run_id, "FAILED" if isinstance(error, Exception) else "KILLED")

    def _experiment_id(self) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(self._experiment)
        if found is None:
            try:
                return str(self._client.create_experiment(self._experiment))
            except MlflowException:
                # Another run may have made it in between.
                found = self._client.get_experiment_by_name(self._experiment)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _continue(self, run_id: str) -> bool:
        """Go on with an MLflow run; false where it is deleted."""
        from mlflow.exceptions import MlflowException

        try:
            run = self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return False
            raise
        if run.info.lifecycle_stage != "active":
            return False
        self._run_id = run_id
        # The evaluations are the figure that every generation has.
        history = self._client.get_metric_history(run_id, "time/evaluations")
        self._logged = {metric.step for metric in history}
        self._client.update_run(run_id, status="RUNNING")
        if ERROR_TAG in run.data.tags:
            self._client.delete_tag(run_id, ERROR_TAG)
        return True

    def _flush(self) -> None:
        if self._waiting:
            self._client.log_batch(self._run_id, metrics=self._waiting)
        self._waiting, self._flushed = [], time.monotonic()

    def _log_parameters(self, settings: dict[str, str]) -> None:
        from mlflow.entities import Param

        found = [
            Param(re.sub(r"[^\w\-. :/]", "_", name)[:250], value[:LONGEST_PARAMETER])
            for name, value in settings.items()
        ]
        for first in range(0, len(found), MOST_PARAMETERS):
            self._client.log_batch(self._run_id, params=found[first : first + MOST_PARAMETERS])
