"""What a pipeline may do before a run, what run.yaml notes of its programs, and time-outs of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import isptune
from isptune import Development, Float, ParameterSpace, Pipeline, Scene
from isptune.benchmark.cell import Cell
from isptune.benchmark.cell_worker import Job
from isptune.errors import ConfigurationError
from isptune.runs.directory import RunDirectory
from isptune.tuning.developing import Developing
from isptune.tuning.settings import parse_config
from isptune.tuning.verdicts import VERDICTS_NAME


class Bench(Pipeline):
    name = "bench"
    development = Development(isolated=False)

    def __init__(self, refuse: bool = False) -> None:
        self.options = {}
        self.versions = {"bench-cli": "1.2.3"}
        self.space = ParameterSpace({"a": Float(0, 1), "b": Float(0, 1)})
        self.scenes = [Scene("bench", (8, 8))]
        self.refuse, self.seen, self.key = refuse, None, None

    def before_run(self, space):
        self.seen = space
        if self.refuse:
            raise ConfigurationError("the lens is not mounted")

    def develop(self, values, scene):
        if values["a"] > 0.5:
            raise TimeoutError("the shutter hangs")
        return np.full((8, 8, 3), values["b"], np.float32)

    def before_run_key(self, space):
        return self.key


def tune(pipeline, out, **more):
    return isptune.tune(
        pipeline,
        "exposure",
        optimizer="random",
        budget=4,
        population=4,
        out=out,
        parameters={"a": {"fix": 0.25}},
        **more,
    )


def test_a_pipeline_may_refuse_a_run_before_anything_is_written(tmp_path):
    with pytest.raises(ConfigurationError, match="the lens is not mounted"):
        tune(Bench(refuse=True), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_it_sees_what_is_searched_and_its_versions_are_noted(tmp_path):
    pipeline = Bench()
    tune(pipeline, tmp_path / "run")
    searched = pipeline.seen
    assert searched.fixed == {"a": 0.25}
    assert RunDirectory(tmp_path / "run").read_config()["versions"]["bench-cli"] == "1.2.3"


def test_what_has_passed_is_kept_with_the_run_until_its_key_changes(tmp_path):
    asked = []
    for key in ("1.2.3", "1.2.3", "1.2.4", "1.2.4", None):
        pipeline = Bench()
        pipeline.key = key
        tune(pipeline, tmp_path / "run", resume=True)
        asked.append(pipeline.seen is not None)
    assert asked == [True, False, True, False, True]
    assert (tmp_path / "run" / VERDICTS_NAME).read_text() == "1.2.3\n1.2.4\n"


def test_a_refusal_is_not_kept(tmp_path):
    for _ in range(2):
        pipeline = Bench(refuse=True)
        pipeline.key = "1.2.3"
        with pytest.raises(ConfigurationError, match="the lens is not mounted"):
            tune(pipeline, tmp_path / "run", resume=True)
    assert not (tmp_path / "run").exists()


def test_the_cells_of_a_benchmark_keep_it_together(tmp_path):
    cell = Cell("exposure", "random", "bench", "all", 1)
    config = parse_config({"objective": "exposure", "scenes": ["chart:64x48"]})
    job = Job(cell, config, tmp_path.joinpath(*cell.path.split("/")))
    assert job.benchmark == tmp_path
    # On another machine it is alone.
    assert replace(job, directory=tmp_path / "cell").benchmark == tmp_path / "cell"


@pytest.mark.parametrize("isolated", [False, True])
def test_a_time_out_of_its_own_is_a_time_out(isolated):
    pipeline = Bench()
    values = torch.tensor([[1.0, 0.5], [0.0, 0.5]], dtype=torch.float64)
    with Developing(pipeline, pipeline.space, Development(isolated=isolated)) as developing:
        found = {one.candidate: (one.status, one.reason) for one in developing.develop(values, [0])}
    assert found == {0: ("timed out", "the shutter hangs"), 1: ("done", "")}
