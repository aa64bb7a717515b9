"""What a pipeline may do before a run, what run.yaml notes of its programs, and time-outs of its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import isptune
from isptune import Development, Float, ParameterSpace, Pipeline, Scene
from isptune.errors import ConfigurationError
from isptune.runs.directory import RunDirectory
from isptune.tuning.developing import Developing


class Bench(Pipeline):
    name = "bench"
    development = Development(isolated=False)

    def __init__(self, refuse: bool = False) -> None:
        self.options = {}
        self.versions = {"bench-cli": "1.2.3"}
        self.space = ParameterSpace({"a": Float(0, 1), "b": Float(0, 1)})
        self.scenes = [Scene("bench", (8, 8))]
        self.refuse, self.seen = refuse, None

    def before_run(self, space):
        self.seen = space
        if self.refuse:
            raise ConfigurationError("the lens is not mounted")

    def develop(self, values, scene):
        if values["a"] > 0.5:
            raise TimeoutError("the shutter hangs")
        return np.full((8, 8, 3), values["b"], np.float32)


def tune(pipeline, out):
    return isptune.tune(
        pipeline,
        "exposure",
        optimizer="random",
        budget=4,
        population=4,
        out=out,
        parameters={"a": {"fix": 0.25}},
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


@pytest.mark.parametrize("isolated", [False, True])
def test_a_time_out_of_its_own_is_a_time_out(isolated):
    pipeline = Bench()
    values = torch.tensor([[1.0, 0.5], [0.0, 0.5]], dtype=torch.float64)
    with Developing(pipeline, pipeline.space, Development(isolated=isolated)) as developing:
        found = {one.candidate: (one.status, one.reason) for one in developing.develop(values, [0])}
    assert found == {0: ("timed out", "the shutter hangs"), 1: ("done", "")}
