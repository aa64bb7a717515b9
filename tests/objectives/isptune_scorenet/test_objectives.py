"""Learned contexts as objectives: the conformance suite, checkpoints, refusals."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from syrupy.assertion import SnapshotAssertion
from torch import Tensor

import isptune
from isptune.errors import ConfigurationError
from isptune.iqa.training import Learner
from isptune.iqa.training.checkpoint import save_learned
from isptune.testing import ObjectiveConformance

Make = Callable[..., Learner]
ENDS = {"clipiqa": "clipiqa", "qalign": "align"}


class OnTiny(ObjectiveConformance):
    """A learner with random weights, saved and read; differences are taken in double precision."""

    learner: ClassVar[str] = "scorenet"
    host: ClassVar[str] = "clipiqa"
    settings: ClassVar[dict[str, Any]] = {}
    precision: ClassVar[str] = "float64"
    sizes = ((48, 80), (33, 65))

    @pytest.fixture(scope="class")
    @classmethod
    def saved(
        cls, make: Make, disturb: Callable, images: Tensor, tmp_path_factory: pytest.TempPathFactory
    ) -> tuple[Learner, Path]:
        learner = disturb(make(cls.learner, cls.host, {"dtype": cls.precision}, **cls.settings))
        learner.fit(learner.encode(images))
        file = tmp_path_factory.mktemp("learned") / "learned.safetensors"
        save_learned(file, learner)
        return learner, file

    @pytest.fixture(autouse=True)
    def _checkpoint(self, saved: tuple[Learner, Path]) -> None:
        self.made, file = saved
        self.name = f"{self.learner}-{ENDS[self.host]}"
        self.options = {"checkpoint": str(file)}

    def test_orientation_is_true(self) -> None:
        """Random weights prefer nothing: the score is the learner's, whose orientation is the host's."""
        objective, images = self.make(), self.good(48, 80)
        with torch.no_grad():
            expected = self.made(self.made.encode(images)).float()
        assert torch.equal(objective.score(images), expected)
        assert objective.higher_is_better
        assert self.made.higher_is_better


class TestScoreNetOnClip(OnTiny):
    precision = "float32"

    def test_the_gradient_is_partial_and_says_so(self) -> None:
        objective = self.make()
        assert not objective.is_differentiable
        images = self.good(48, 80).requires_grad_()
        (gradient,) = torch.autograd.grad(objective.score(images).sum(), images)
        assert bool((gradient != 0).any())


class TestScoreNetOnClipWithoutMetrics(OnTiny):
    settings: ClassVar[dict[str, Any]] = {"use_metrics": False}

    def test_it_is_differentiable(self) -> None:
        assert self.make().is_differentiable


class TestScoreNetOnQAlign(OnTiny):
    host = "qalign"
    precision = "float32"
    settings: ClassVar[dict[str, Any]] = {"metrics": ["sharpness", "noise-level", "exposure"]}


class TestScoreNetOnQAlignWithoutMetrics(OnTiny):
    host = "qalign"
    settings: ClassVar[dict[str, Any]] = {"use_metrics": False, "full": True}


class TestCoOpOnClip(OnTiny):
    learner = "coop"


class TestCoOpOnQAlign(OnTiny):
    learner = "coop"
    host = "qalign"


class TestCoCoOpOnClip(OnTiny):
    learner = "cocoop"


class TestCoCoOpOnQAlign(OnTiny):
    learner = "cocoop"
    host = "qalign"


@pytest.mark.parametrize("host", ["clipiqa", "qalign"])
def test_an_untrained_scorenet_scores_as_its_host(
    make: Make, folders: dict[str, Path], images: Tensor, tmp_path: Path, host: str
) -> None:
    save_learned(tmp_path / "untrained.safetensors", make("scorenet", host))
    objective = isptune.create_objective(
        f"scorenet-{ENDS[host]}", checkpoint=tmp_path / "untrained.safetensors"
    )
    expected = isptune.create_objective(host, checkpoint=folders[host]).score(images)
    assert torch.equal(objective.score(images), expected)


def test_the_host_may_lie_elsewhere(
    make: Make,
    disturb: Callable,
    folders: dict[str, Path],
    images: Tensor,
    tmp_path: Path,
    snapshot: SnapshotAssertion,
) -> None:
    shutil.copytree(folders["clipiqa"], tmp_path / "host")
    learner = disturb(make("cocoop", "clipiqa", {"checkpoint": tmp_path / "host"}))
    save_learned(tmp_path / "learned.safetensors", learner)
    expected = isptune.create_objective("cocoop-clipiqa", checkpoint=tmp_path / "learned.safetensors").score(
        images
    )
    (tmp_path / "host").rename(tmp_path / "moved")
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective("cocoop-clipiqa", checkpoint=tmp_path / "learned.safetensors")
    assert str(caught.value) == snapshot
    objective = isptune.create_objective(
        "cocoop-clipiqa", checkpoint=tmp_path / "learned.safetensors", host_checkpoint=tmp_path / "moved"
    )
    assert torch.equal(objective.score(images), expected)
    wide = isptune.create_objective(
        "cocoop-clipiqa",
        checkpoint=tmp_path / "learned.safetensors",
        host_checkpoint=tmp_path / "moved",
        host_options={"dtype": "float64"},
    )
    torch.testing.assert_close(wide.score(images), expected, rtol=1e-4, atol=1e-5)


def test_refusals(make: Make, images: Tensor, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    from safetensors.torch import load_file, save_file

    from isptune.plugins.recipes import Recipe, remember

    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective("scorenet-clipiqa")
    assert str(caught.value) == snapshot
    file = tmp_path / "coop.safetensors"
    save_learned(file, make("coop", "qalign"))
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective("scorenet-clipiqa", checkpoint=file)
    assert str(caught.value) == snapshot
    learner = make("scorenet")
    remember(learner, Recipe("other", {}))
    configuration = learner.configuration
    learner.configuration = dict
    save_learned(file, learner)
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective("scorenet-clipiqa", checkpoint=file)
    assert str(caught.value) == snapshot
    remember(learner, Recipe("scorenet", {}))
    learner.configuration = configuration
    save_learned(file, learner)
    from safetensors import safe_open

    with safe_open(str(file), framework="pt") as handle:
        metadata = handle.metadata()
    state = load_file(file)
    del state["contexts.image.last.weight"]
    save_file(state, file, metadata=metadata)
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective("scorenet-clipiqa", checkpoint=file)
    assert str(caught.value) == "the checkpoint of 'scorenet' lacks the tensor 'contexts.image.last.weight'"


def test_listed(make: Make) -> None:
    names = [f"{learner}-{end}" for learner in ("cocoop", "coop", "scorenet") for end in ("align", "clipiqa")]
    assert [name for name in isptune.list_objectives() if name in names] == names
