"""Tasks with known answers: simulated cameras that nobody has built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import isptune
from isptune.cli import run
from isptune.errors import ConfigurationError
from isptune.iqa.training.checkpoint import load_learner
from isptune.testing.pictures import picture
from isptune_proposer.tasks import TaskSource
from isptune_raw.tasks import Taking, begun_values


def pipeline(**options: Any) -> Any:
    return isptune.create_pipeline("raw", **{"scenes": ["chart:64x64"], **options})


def psnr(camera: Any, values: torch.Tensor) -> float:
    with torch.no_grad():
        error = camera.render(values, 0) - camera.reference(0)
    return float(-10 * torch.log10(error.square().mean()))


def test_another_seed_is_another_camera() -> None:
    own = pipeline()
    scenes, photograph = own.scenes, picture(65, 80)[0]
    tasks = [own.simulated([photograph], seed) for seed in (5, 5, 6)]
    raws = [task.scenes[0].payload.raw for task in tasks]
    assert (raws[0].mosaic == raws[1].mosaic).all()
    assert raws[0].iso != raws[2].iso
    assert {raw.mosaic.shape for raw in raws} == {(64, 80)}
    assert all(torch.equal(task.reference(0)[0], photograph[:, :64]) for task in tasks)
    assert own.scenes is scenes
    assert all(task.space is own.space for task in tasks)
    # Without pictures it is the scenes' own truth that another camera takes.
    assert torch.equal(own.simulated(None, 7).reference(0), own.reference(0))


def test_what_is_known_of_a_camera_is_undone() -> None:
    """Twelve cameras without noise and blur: where a search begins, the photograph is almost there."""
    own = pipeline(stages=["raw_black_level", "raw_shading", "raw_white_balance", *REST])
    photograph = 0.2 + 0.5 * picture(64, 64)[0]
    gains = []
    for seed in range(12):
        known = vars(Taking.drawn(seed)) | {"iso": 50.0, "blur": 0.0, "defects": 0.0}
        taking = Taking(**known)
        task = own.simulated([photograph], seed)
        task.scenes = isptune.create_pipeline(
            "raw", scenes=[taking.of(photograph, 0)], reference=[photograph], crop=None
        ).scenes
        undone = begun_values(task.space, task.stages, task.prefixes, taking)
        gains.append(psnr(task, undone) - psnr(task, task.space.start()))
    assert min(gains) > -0.3
    assert sorted(gains)[6] > 3


REST = ["raw_demosaic", "raw_colour", "raw_exposure", "raw_encoding"]


def test_an_answer_is_better_than_where_a_search_begins() -> None:
    task = pipeline().simulated([picture(64, 64)[0]], 1)
    answer = task.answer()
    assert answer.shape == (1, len(task.space))
    begun = begun_values(task.space, task.stages, task.prefixes, task._taking)
    assert psnr(task, answer) > psnr(task, begun) > psnr(task, task.space.start())
    # It is searched for once, and nobody can change it.
    answer += 1
    assert torch.equal(task.answer(), task.answer())
    assert not torch.equal(task.answer(), answer)
    # Gradients do not reach a choice.
    method = task.space.names.index("demosaic.method")
    assert task.answer()[0, method] == task.space.start()[0, method]


def test_what_has_no_answer_is_refused() -> None:
    own = pipeline()
    for scene in own.scenes:
        scene.reference = None
    with pytest.raises(ConfigurationError, match="no scene of the pipeline 'raw' has a reference from which"):
        own.simulated(None, 0)
    with pytest.raises(ConfigurationError, match="answers of the pipeline 'raw' are found by gradients"):
        own.answer()


def test_one_command_trains_a_proposer_that_a_search_begins_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isptune_raw.tasks._STEPS", 2)
    train = ["train", "proposer", "--option", "pipeline=raw", "--option", "probes=2", "--option", "hidden=16"]
    train += ["--data-option", "crop=64", "--data-option", "contents=2", "--data-option", "batches=2"]
    train += ["--data-option", "held_out=1", "--steps", "2", "--every", "2", "--images", "chart:160x128"]
    assert run([*train, "--out", str(tmp_path / "trained")]) == 0
    learner: Any = load_learner(tmp_path / "trained")
    assert learner.labels == tuple(pipeline().space.names)
    camera = pipeline(scenes=["chart:96x64"])
    candidates, probes = learner.suggestions(camera, 3)
    assert (candidates.shape, probes.shape) == ((3, 22), (3, 22))
    torch.testing.assert_close(probes[:1], camera.space.start())
    result = isptune.tune(
        camera, "psnr", optimizer="es", proposer=tmp_path / "trained", population=6, budget=6, progress=False
    )
    torch.testing.assert_close(torch.as_tensor(result.history.values[:3]), candidates)


def test_answers_of_other_tasks_are_not_searched_for_where_levels_are_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    kind = type(pipeline())

    def answer(self: Any) -> torch.Tensor:
        asked.append(1)
        start: torch.Tensor = self.space.start()
        return start

    monkeypatch.setattr(kind, "answer", answer)
    data = TaskSource(["chart:160x128"], "raw", probes=1, crop=64, contents=2)
    assert set(data.batch(0).features) == {"statistics", "levels"}
    assert len(asked) == 2
