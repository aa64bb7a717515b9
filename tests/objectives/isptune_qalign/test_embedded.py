"""The embedded qalign-tiny: a real Q-Align of small size, which rates pictures by what is known of them."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from scipy.stats import spearmanr
from skimage import data

import isptune
from isptune.iqa.training.synthetic import SyntheticSource
from isptune.plugins.registry import learners
from isptune.testing import ObjectiveConformance


class TestConformance(ObjectiveConformance):
    name = "qalign-tiny"
    options: ClassVar[dict[str, Any]] = {"dtype": "float64"}
    sizes = ((96, 128), (256, 256))

    def good(self, height: int, width: int) -> torch.Tensor:
        picture = torch.from_numpy(data.coffee()[:height, 100 : 100 + width]).permute(2, 0, 1)[None]
        return picture.float() / 255

    def distorted(self, images: torch.Tensor) -> torch.Tensor:
        """What it was trained to see: brightened and sharpened."""
        level = torch.ones(len(images))
        brighter = isptune.create_stage("brighten")(images, 0.8 * level)
        return isptune.create_stage("high_sharpen")(brighter, 4 * level)


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_it_ranks_versions_of_photographs_that_it_never_saw(name: str) -> None:
    objective = isptune.create_objective("qalign-tiny")
    image = torch.from_numpy(getattr(data, name)()[:256, :256]).permute(2, 0, 1).float() / 255
    pipeline = isptune.create_pipeline("synthetic", scenes=[image], seed=17)
    values = pipeline.space.to_values(torch.rand(40, 5, generator=torch.Generator().manual_seed(3)))
    highest = torch.tensor([stage.level_range[1] for stage in pipeline.stages])
    truth = (pipeline.truth(values) / highest).mean(1)
    with torch.no_grad():
        scores = objective.score(pipeline.render(values, pipeline.scenes[0]))
    assert -spearmanr(scores.numpy(), truth.numpy()).statistic > 0.5


def test_the_learner_exports_what_the_objective_reads(tmp_path: Any) -> None:
    learner = learners.create("qalign", width=32, heads=2, image_size=64, patch_size=16, vision_layers=1)
    learner.export(tmp_path)
    objective = isptune.create_objective("qalign", checkpoint=str(tmp_path / "checkpoint"), dtype="float32")
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(objective.score(images), learner({"images": images}), rtol=0, atol=2e-3)


def test_a_few_steps_lower_the_loss() -> None:
    from isptune.iqa.training.losses import parse_losses, total_loss

    learner = learners.create("qalign", width=32, heads=2, image_size=64, patch_size=16, vision_layers=1)
    source = SyntheticSource(
        ["chart:256x192"], ["white_noise", "high_sharpen"], target="quality", crop=64, contents=2, variants=8
    )
    batch = source.batch(0)
    optimizer = torch.optim.Adam(learner.parameters(), lr=3e-3)
    losses = []
    for _ in range(15):
        scores, levels = learner.outputs(batch.features)
        weights = parse_losses(learner.losses)
        loss, _ = total_loss(weights, scores, batch.targets, batch.contents, levels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
