"""Developing one candidate at a time: statuses, reasons, retries, the cache, and what is never made twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from isptune.contracts.development import Development
from isptune.contracts.pipeline import Pipeline, Scene
from isptune.errors import ConfigurationError
from isptune.parameters import Float, ParameterSpace
from isptune.tuning.developing import Developing

GREY = torch.full((3, 16, 20), 0.25)


class Camera(Pipeline):
    """Adds its gain to a grey picture, and notes each development in a file."""

    def __init__(self, notes: Path, scenes: int = 1, trouble: str = "") -> None:
        self.space = ParameterSpace({"gain": Float(0.0, 0.5)})
        self.scenes = [Scene.of_picture(f"scene {index}", GREY, index=index) for index in range(scenes)]
        self.notes = notes
        self.trouble = trouble

    def develop(self, values, scene):
        with self.notes.open("a") as file:
            file.write(f"{values['gain']:g} {scene.index}\n")
        if self.trouble == "dark" and values["gain"] < 0.1:
            raise ValueError("too dark")
        if self.trouble == "shy" and len(self.notes.read_text().splitlines()) < 3:
            raise OSError("the device is busy")
        if self.trouble == "bits":
            return np.full((16, 20, 3), 51, np.uint8)
        if self.trouble == "range":
            return np.full((16, 20, 3), 255.0)
        return scene.payload + values["gain"]

    def made(self) -> Counter[str]:
        return Counter(self.notes.read_text().splitlines() if self.notes.exists() else [])


def developed(pipeline, values, how=None, scenes=(0,)):
    how = how or Development(isolated=False)
    with Developing(pipeline, pipeline.space, how) as developing:
        found = list(developing.develop(torch.tensor(values, dtype=torch.float64)[:, None], list(scenes)))
    return sorted(found, key=lambda one: (one.candidate, one.scene))


def test_each_candidate_gets_its_picture(tmp_path):
    found = developed(Camera(tmp_path / "notes"), [0.125, 0.25])
    assert [(one.candidate, one.status) for one in found] == [(0, "done"), (1, "done")]
    assert torch.equal(torch.from_numpy(found[0].picture), GREY + 0.125)


def test_render_of_such_a_pipeline_gives_the_same(tmp_path):
    pipeline = Camera(tmp_path / "notes")
    assert pipeline.develops
    values = torch.tensor([[0.125], [0.25]], dtype=torch.float64)
    rendered = pipeline.render(values, 0)
    assert torch.equal(rendered, torch.stack([GREY + 0.125, GREY + 0.25]))


def test_a_failure_costs_its_candidate_alone_and_meets_no_more_scenes(tmp_path):
    pipeline = Camera(tmp_path / "notes", scenes=2, trouble="dark")
    found = developed(pipeline, [0.05, 0.25], scenes=(0, 1))
    assert [(one.candidate, one.scene, one.status, one.reason) for one in found] == [
        (0, 0, "failed", "ValueError: too dark"),
        (1, 0, "done", ""),
        (1, 1, "done", ""),
    ]
    assert pipeline.made() == {"0.05 0": 1, "0.25 0": 1, "0.25 1": 1}


def test_equal_candidates_are_developed_once(tmp_path):
    pipeline = Camera(tmp_path / "notes")
    how = Development(isolated=False)
    with Developing(pipeline, pipeline.space, how) as developing:
        values = torch.tensor([[0.25], [0.25], [0.375]], dtype=torch.float64)
        first = list(developing.develop(values, [0]))
        second = list(developing.develop(values, [0]))
    assert sorted(one.candidate for one in first) == sorted(one.candidate for one in second) == [0, 1, 2]
    assert pipeline.made() == {"0.25 0": 1, "0.375 0": 1}


def test_without_a_cache_pictures_are_made_anew(tmp_path):
    pipeline = Camera(tmp_path / "notes")
    with Developing(pipeline, pipeline.space, Development(isolated=False, cache_gb=0.0)) as developing:
        for _ in range(2):
            list(developing.develop(torch.tensor([[0.25]], dtype=torch.float64), [0]))
    assert pipeline.made() == {"0.25 0": 2}


def test_retries_are_made_and_said(tmp_path):
    pipeline = Camera(tmp_path / "notes", trouble="shy")
    (found,) = developed(pipeline, [0.25], Development(isolated=False, retries=2))
    assert found.status == "done"
    assert pipeline.made() == {"0.25 0": 3}
    always = Camera(tmp_path / "more", trouble="dark")
    (found,) = developed(always, [0.05], Development(isolated=False, retries=1))
    assert found.reason == "ValueError: too dark (2 attempts)"


def test_whole_numbers_are_scaled(tmp_path):
    (found,) = developed(Camera(tmp_path / "notes", trouble="bits"), [0.25])
    assert np.allclose(found.picture, 0.2)


def test_what_is_no_picture_is_a_reason(tmp_path):
    (found,) = developed(Camera(tmp_path / "notes", trouble="range"), [0.25])
    assert (found.status, found.reason) == (
        "failed",
        "ValueError: develop gave values from 255 to 255; needed: [0, 1]",
    )


def test_a_scene_that_is_not_the_pipeline_s_is_developed_itself(tmp_path):
    pipeline = Camera(tmp_path / "notes")
    large = Scene.of_picture("whole", torch.full((3, 24, 30), 0.5))
    values = torch.tensor([[0.125], [0.25]], dtype=torch.float64)
    with Developing(pipeline, pipeline.space, Development(isolated=False)) as developing:
        for scene in (large, pipeline.scenes[0], large):
            found = developing.pictures(values, scene)
            assert torch.equal(found, torch.stack([scene.payload + 0.125, scene.payload + 0.25]))


def test_worker_processes_give_the_same_pictures(tmp_path):
    pipeline = Camera(tmp_path / "notes", trouble="dark")
    here = developed(Camera(tmp_path / "here", trouble="dark"), [0.05, 0.125, 0.25])
    there = developed(pipeline, [0.05, 0.125, 0.25], Development(workers=2, timeout=60.0))
    assert [(one.candidate, one.status, one.reason) for one in here] == [
        (one.candidate, one.status, one.reason) for one in there
    ]
    assert all(
        np.array_equal(one.picture, other.picture) for one, other in zip(here[1:], there[1:], strict=True)
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"workers": 0},
        {"timeout": 0.0},
        {"retries": -1},
        {"cache_gb": -1.0},
    ],
    ids=str,
)
def test_settings_out_of_range(settings, snapshot):
    with pytest.raises(ConfigurationError) as caught:
        Development(**settings)
    assert str(caught.value) == snapshot
