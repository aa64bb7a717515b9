"""What shading and displaced planes leave behind, and what is made of it in the second version of severity."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor

import isptune
from isptune_severity.corrections import learn
from isptune_severity.data import SeverityData
from isptune_severity.families import FAMILIES
from isptune_severity.fingerprints import fingerprints
from isptune_severity.fixed_columns import fixed_columns
from isptune_severity.network import statistics
from isptune_severity.optics import distances, optics, optics_count, places
from isptune_severity.searches import searches
from isptune_severity.second_learner import SecondSeverity


def photograph(name: str = "coffee") -> Tensor:
    """(1, 3, 224, 224), never seen in training."""
    from skimage import data

    return torch.from_numpy(getattr(data, name)()).permute(2, 0, 1)[None, :, 100:324, 100:324].float() / 255


def spoilt(image: Tensor, name: str, shares: list[float]) -> Tensor:
    stage = isptune.create_stage(name)
    levels = torch.tensor(shares) * stage.level_range[1]
    images = image.repeat(len(shares), 1, 1, 1)
    if not stage.is_stochastic:
        return stage(images, levels)
    return stage(images, levels, stage.draw(*image.shape[-2:], torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("size", [(32, 32), (33, 97), (64, 80)])
def test_optics_have_a_column_each_and_gradients(size: tuple[int, int]) -> None:
    images = torch.rand(2, 3, *size, requires_grad=True)
    # What is kept from pictures that were scored without gradients serves those that need them.
    distances.cache_clear()
    places.cache_clear()
    with torch.inference_mode():
        optics(images.detach())
    found = optics(images)
    assert found.shape == (2, optics_count())
    (gradient,) = torch.autograd.grad(found.sum(), images)
    assert bool(gradient.isfinite().all())
    flat = torch.zeros(1, 3, *size, requires_grad=True)
    (gradient,) = torch.autograd.grad(optics(flat).sum(), flat)
    assert bool(gradient.isfinite().all())


@pytest.mark.parametrize("name", ["coffee", "astronaut", "rocket"])
def test_the_loss_of_light_in_the_corners_is_read_from_the_picture(name: str) -> None:
    """Fewest slopes are left when about as much light is given back as the stage took."""
    shares = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    found = optics(spoilt(photograph(name), "vignetting", shares))[:, 18]
    assert bool((found.diff() > 0).all())
    assert float((found[2:] - 0.9 * torch.tensor(shares[2:])).abs().max()) < 0.2


def test_a_green_plane_elsewhere_is_found_where_it_is() -> None:
    """What has left its place, times how far it went, rises with the way."""
    found = optics(spoilt(photograph(), "color_shift", [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]))
    assert bool((found[:, -1].diff() > 0).all())


def test_compiled_statistics_are_those_of_the_operators() -> None:
    for images in (photograph()[:, :, :97, :130], photograph("rocket")[:, :, :33, :]):
        expected = torch.cat([statistics(images), fingerprints(images), optics(images)], dim=1)
        found = fixed_columns(images, with_optics=True)
        torch.testing.assert_close(found, expected, rtol=0, atol=2e-3)
        own = optics_count()
        torch.testing.assert_close(found[:, -own:], expected[:, -own:], rtol=0, atol=1e-4)


def test_corrections_learn_what_the_heads_leave() -> None:
    network = SecondSeverity(widths=(4, 4, 4), hidden=8, corrections=8).eval().network
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(320, network.count + optics_count(), generator=generator)
    targets = torch.zeros(320, len(FAMILIES))
    column = FAMILIES.index("shading")
    targets[:, column] = features[:, -1].clamp(0, 1)
    before = network.judged(features)[0].detach()
    searched = torch.arange(320) >= 160
    learn(network, features, targets, torch.arange(320) // 4, searched, steps=250)
    after = network.judged(features)[0].detach()
    errors = [float((found - targets)[:, column].square().mean()) for found in (before, after)]
    assert errors[1] < 0.8 * errors[0]


def test_searches_go_where_the_score_is_low(tmp_path: Path) -> None:
    """On contents of their own, from the pristine picture, with the truth of every picture."""
    data = SeverityData(["chart:320x288"], tmp_path, variants=2, renderings=0, seed=1)

    def encode(images: Tensor) -> Tensor:
        return images.mean((2, 3))

    for columns, truth in islice(searches(data, lambda columns: columns.sum(1), encode, seed=3), 2):
        assert columns.shape == (36, 3)
        assert truth.shape == (36, len(FAMILIES))
        assert not truth[0].any()
        assert bool((truth[1:] >= 0).all())
        # What is looked at later is darker than what was drawn at random.
        totals = columns.sum(1)
        assert float(totals[28:].mean()) < float(totals[1:12].mean())
