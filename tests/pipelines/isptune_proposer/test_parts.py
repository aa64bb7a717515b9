"""The parts of a proposer: statistics, probes, tasks, what is believed and which candidates follow from it."""

from __future__ import annotations

import pytest
import torch

import isptune
from isptune.errors import ConfigurationError
from isptune.testing.pictures import picture
from isptune_proposer.choosing import chosen
from isptune_proposer.design import probe_design
from isptune_proposer.network import Mixture
from isptune_proposer.statistics import COUNT, SMALLEST, picture_statistics
from isptune_proposer.tasks import TaskSource, drawable


def test_statistics_of_a_picture_do_not_depend_on_the_others() -> None:
    images = torch.cat(
        [picture(SMALLEST, 80), torch.zeros(1, 3, SMALLEST, 80), torch.ones(1, 3, SMALLEST, 80)]
    )
    found = picture_statistics(images)
    assert found.shape == (3, COUNT)
    assert bool(found.isfinite().all())
    torch.testing.assert_close(found[:1], picture_statistics(images[:1]), rtol=1e-5, atol=1e-5)


def test_statistics_tell_noise_blur_and_colour() -> None:
    image = picture(96, 96)
    noisy = image + 0.05 * torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    grey = image.mean(1, keepdim=True).expand_as(image)
    own, with_noise, without_colour = picture_statistics(torch.cat([image, noisy, grey]))
    # The calmest squares of the finest scale of luma; the mean colourfulness.
    assert with_noise[1] > own[1] + 0.5
    assert without_colour[-9] < own[-9] - 1


def test_probes_are_a_latin_hypercube_and_always_the_same() -> None:
    found = probe_design(8, 5)
    assert found.dtype == torch.float64
    assert torch.equal(found, probe_design(8, 5))
    places = torch.linspace(0.04, 0.96, 8, dtype=torch.float64)
    torch.testing.assert_close(found.sort(dim=0).values, places[:, None].expand(8, 5))
    assert float(torch.pdist(found).min()) > 0.6
    assert probe_design(1, 3).tolist() == [[0.5, 0.5, 0.5]]


def test_candidates_spread_over_what_is_believed() -> None:
    belief = Mixture(
        torch.tensor([[0.7, 0.3]]).log(),
        torch.tensor([[[0.2, 0.2], [0.8, 0.7]]]),
        torch.full((1, 2, 2), -4.0),
    )
    found = chosen(belief, 6)
    assert found.shape == (6, 2)
    assert found.dtype == torch.float64
    assert len(found.unique(dim=0)) == 6
    near = torch.cdist(found, belief.means[0].double()).min(0).values
    assert float(near.max()) < 0.05
    assert float((found[0] - belief.means[0, 0]).abs().max()) < 0.05
    assert torch.equal(found, chosen(belief, 6))


def test_surprise_is_least_at_the_answer() -> None:
    means = torch.tensor([[[0.3, 0.6]]])
    belief = Mixture(torch.zeros(1, 1), means, torch.full((1, 1, 2), -2.0))
    assert belief.surprise(means[:, 0]) < belief.surprise(means[:, 0] + 0.1)
    assert float(belief.surprise(means[:, 0])) == pytest.approx(-4.0)
    torch.testing.assert_close(belief.middle(), means[:, 0])


def source(**options: object) -> TaskSource:
    given = {"probes": 2, "crop": 64, "contents": 3, "beside": 2, **options}
    return TaskSource(["chart:160x128"], "synthetic", **given)  # type: ignore[arg-type]


def test_tasks_are_drawn_by_their_step_alone() -> None:
    data = source()
    batch = data.batch(5)
    again = source().batch(5)
    assert {name: tuple(part.shape) for name, part in batch.features.items()} == {
        "statistics": (3, 3, COUNT),
        "levels": (3, 3, 5),
        "other_levels": (3, 2, 3, 5),
        "other_answers": (3, 2, 5),
    }
    for name, part in batch.features.items():
        assert torch.equal(part, again.features[name])
    assert torch.equal(batch.targets, again.targets)
    drawn = torch.cat([batch.targets, batch.features["other_answers"].flatten(0, 1), data.batch(6).targets])
    held_out = next(iter(data.validation())).targets
    assert len(torch.cat([drawn, held_out]).unique(dim=0)) == len(drawn) + len(held_out)
    assert bool(((drawn >= 0.2) & (drawn <= 0.8)).all())


def test_a_pipeline_without_known_answers_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="the pipeline 'libraw' gives no tasks with known answers"):
        drawable("libraw", {})


def test_the_synthetic_pipeline_draws_tasks_with_their_answers() -> None:
    pipeline = isptune.create_pipeline("synthetic", scenes=["chart:96x64"], seed=3)
    before = pipeline.truth(pipeline.space.start())
    image = picture(64, 80)[0]
    tasks = [pipeline.simulated([image], seed) for seed in range(4)]
    for task in tasks:
        assert float(task.truth(task.answer()).abs().max()) == 0
        torch.testing.assert_close(task.render(task.answer(), 0)[0], image)
    assert len({type(task._map) for task in tasks}) == 4
    assert len(torch.cat([task.answer() for task in tasks]).unique(dim=0)) == 4
    # The pipeline itself stays what it was.
    assert torch.equal(pipeline.truth(pipeline.space.start()), before)
    assert pipeline.simulated(None, 9).scenes is pipeline.scenes
