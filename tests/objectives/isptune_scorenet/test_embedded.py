"""The embedded scorenet-align-tiny: its host is qalign-tiny, and what is learned stands beside it."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from scipy.stats import spearmanr
from skimage import data

import isptune
from isptune.testing import ObjectiveConformance


class TestConformance(ObjectiveConformance):
    name = "scorenet-align-tiny"
    options: ClassVar[dict[str, Any]] = {}
    sizes = ((96, 128), (256, 256))

    def good(self, height: int, width: int) -> torch.Tensor:
        picture = torch.from_numpy(data.coffee()[:height, 100 : 100 + width]).permute(2, 0, 1)[None]
        return picture.float() / 255

    def distorted(self, images: torch.Tensor) -> torch.Tensor:
        level = torch.ones(len(images))
        brighter = isptune.create_stage("brighten")(images, 0.8 * level)
        return isptune.create_stage("high_sharpen")(brighter, 4 * level)


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_it_ranks_versions_of_photographs_that_it_never_saw(name: str) -> None:
    image = torch.from_numpy(getattr(data, name)()[:256, :256]).permute(2, 0, 1).float() / 255
    pipeline = isptune.create_pipeline("synthetic", scenes=[image], seed=17)
    values = pipeline.space.to_values(torch.rand(40, 5, generator=torch.Generator().manual_seed(3)))
    highest = torch.tensor([stage.level_range[1] for stage in pipeline.stages])
    truth = (pipeline.truth(values) / highest).mean(1)
    objective = isptune.create_objective("scorenet-align-tiny")
    with torch.no_grad():
        scores = objective.score(pipeline.render(values, pipeline.scenes[0]))
    assert -spearmanr(scores.numpy(), truth.numpy()).statistic > 0.6


def test_its_host_is_the_embedded_qalign() -> None:
    objective: Any = isptune.create_objective("scorenet-align-tiny")
    host: Any = isptune.create_objective("qalign-tiny")
    images = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    learner = objective.learner
    with torch.no_grad():
        assert torch.equal(learner.host.score(learner.encode(images)), host.score(images))
        assert not torch.equal(objective.score(images), host.score(images))
