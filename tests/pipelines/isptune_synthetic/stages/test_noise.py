"""Noise in the chroma, in proportion, and of single entries: contract, the reference's statistics, facts."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import isptune
from isptune.errors import ConfigurationError
from isptune.testing import DistortionConformance
from isptune.testing.pictures import picture
from isptune_synthetic.stages import (
    ChromaNoise,
    ImpulseNoise,
    MultiplicativeNoise,
    chroma_noise,
    impulse_noise,
    multiplicative_noise,
)
from isptune_synthetic.stages.noise import impulse_thresholds, rgb_of_chroma_noise

REFERENCE = Path(__file__).parents[3] / "data" / "arniqa_reference.npz"


class Exact(DistortionConformance):
    batch_tolerance = 0.0


class Unclipped(Exact):
    def gradient_picture(self):
        return picture(20, 24).double() * 0.1 + 0.45


class TestChromaNoise(Unclipped):
    name = "chroma_noise"


class TestMultiplicativeNoise(Unclipped):
    name = "multiplicative_noise"
    # At the highest level noise of three deviations takes a value from 0.5 to 0.84.


class TestImpulseNoise(Exact):
    name = "impulse_noise"


class TestImpulseNoiseStraightThrough(Exact):
    name = "impulse_noise"
    options = {"gradient": "straight_through"}  # noqa: RUF012

    def test_gradients_are_true(self):
        pytest.skip("straight-through gradients are stand-ins")


class TestImpulseNoiseSoft(Exact):
    name = "impulse_noise"
    options = {"gradient": "soft"}  # noqa: RUF012


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as arrays:
        found = {name: torch.from_numpy(arrays[name]) for name in arrays if name != "meta_json"}
        return found, json.loads(arrays["meta_json"].tobytes())["levels"]


def changes(stage, image, level, draws=16):
    """(draws, 3, H, W) what the stage adds to an image, draw by draw."""
    height, width = image.shape[-2:]
    noise = [stage.draw(height, width, torch.Generator().manual_seed(seed)) for seed in range(draws)]
    return torch.cat([stage(image[None], torch.tensor([level]), one) - image for one in noise]).double()


@pytest.mark.parametrize("number", [1, 3, 5])
@pytest.mark.parametrize("content", ["grey", "astro"])
@pytest.mark.parametrize(
    ("stage", "alias"),
    [(ChromaNoise(), "whitenoiseCC"), (MultiplicativeNoise(), "multnoise"), (ImpulseNoise(), "impulsenoise")],
)
def test_noise_has_the_statistics_of_the_reference_code(reference, stage, alias, content, number):
    arrays, levels = reference
    image = torch.full((3, 64, 96), 0.5) if content == "grey" else arrays["input__astro"]
    change = changes(stage, image, stage.level_from_reference(levels[alias][number - 1]))
    expected = arrays[f"stats__{alias}__L{number}__{content}"]
    square = change.square().mean(dim=(0, 2, 3))
    size = change.abs().mean(dim=(0, 2, 3))
    share = (change != 0).double().mean(dim=(0, 2, 3))
    given = expected[1].square() + expected[0].square(), expected[2], expected[3]
    measured = square, size, share
    if alias == "impulsenoise":
        # A draw has 18 impulses at the lowest level, which fall to the channels by chance: all together.
        given, measured = (tuple(value.mean() for value in values) for values in (given, measured))
    if alias == "impulsenoise" and content == "astro":
        # How much an impulse changes depends on where it falls; 16 draws leave that error (3 of them).
        tolerance = 0.05 + 3 * 0.5 / math.sqrt(2 * 16 * 3 * 64 * 96 * levels[alias][number - 1])
    else:
        tolerance = 0.05
    torch.testing.assert_close(measured[0].sqrt(), given[0].sqrt(), rtol=tolerance, atol=0)
    torch.testing.assert_close(measured[1], given[1], rtol=tolerance, atol=0)
    torch.testing.assert_close(measured[2], given[2], rtol=0.05, atol=0)
    assert float((change.mean(dim=(0, 2, 3)) - expected[0]).abs().max()) < 3e-3


def test_chroma_noise_is_white_in_ycbcr():
    # The other way round, with the forward matrix of BT.601 as ITU-R prints it.
    forward = torch.tensor(
        [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], dtype=torch.float64
    )
    grey = torch.full((3, 200, 300), 0.5)
    change = changes(ChromaNoise(), grey, 0.03, draws=2)
    planes = torch.einsum("ck,nkhw->cnhw", forward, change).flatten(1)
    torch.testing.assert_close(planes.std(dim=1), torch.full((3,), 0.03).double(), rtol=0.01, atol=0)
    correlation = torch.corrcoef(planes)
    assert float((correlation - torch.eye(3)).abs().max()) < 0.01


def test_chroma_noise_is_that_of_a_round_trip_through_ycbcr():
    kornia = pytest.importorskip("kornia")
    noise = torch.randn(3, 40, 50, generator=torch.Generator().manual_seed(2))
    images = picture(40, 50) * 0.5 + 0.25
    expected = kornia.color.ycbcr_to_rgb(kornia.color.rgb_to_ycbcr(images) + 0.03 * noise)
    output = chroma_noise(images, torch.tensor([0.03]), rgb_of_chroma_noise(noise))
    # Kornia's coefficients have three digits.
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-3)


def test_multiplicative_noise_leaves_black_and_grows_with_the_value():
    values = torch.tensor([0.0, 0.1, 0.2, 0.4])
    images = values.reshape(1, 1, 1, 4).expand(1, 3, 20000, 4)
    noise = torch.randn(3, 20000, 4, generator=torch.Generator().manual_seed(4))
    output = multiplicative_noise(images, torch.tensor([0.1]), noise)
    assert bool((output[..., 0] == 0).all())
    deviation = (output - images).std(dim=(0, 1, 2))
    torch.testing.assert_close(deviation[1:], 0.1 * values[1:], rtol=0.02, atol=0)


@pytest.mark.parametrize("size", [(4, 5), (33, 65), (64, 96), (200, 301)])
def test_impulses_are_as_many_as_promised_half_of_each_kind(size):
    thresholds = impulse_thresholds(*size, torch.Generator().manual_seed(3))
    entries = 3 * size[0] * size[1]
    grey = torch.full((1, 3, *size), 0.5)
    for fraction in (0.001, 0.005, 0.0123, 0.02, 0.03):
        output = impulse_noise(grey, torch.tensor([fraction]), thresholds)
        black, white = int((output == 0).sum()), int((output == 1).sum())
        assert abs(black + white - fraction * entries) <= 0.5001
        assert 0 <= white - black <= 1
        assert int((output == 0.5).sum()) == entries - black - white


def test_impulses_fall_everywhere():
    thresholds = torch.stack(
        [impulse_thresholds(24, 40, torch.Generator().manual_seed(s)) for s in range(900)]
    )
    hit = (thresholds.abs() < 0.03).double()
    # Every entry is hit 27 times on average, each channel and half of the picture as often.
    assert float(hit.mean()) == pytest.approx(0.03, abs=2e-4)
    assert float((hit.mean(dim=(0, 2, 3)) - 0.03).abs().max()) < 8e-4
    assert float((hit.sum(dim=0) - 27).square().mean()) == pytest.approx(27 * 0.97, rel=0.1)


def test_an_entry_hit_at_one_level_is_hit_at_every_higher_one():
    images = picture(48, 64)
    thresholds = impulse_thresholds(48, 64, torch.Generator().manual_seed(1))
    levels = torch.linspace(0, 0.03, 13)
    changed = impulse_noise(images.expand(13, -1, -1, -1), levels, thresholds) != images
    assert bool((changed[1:] >= changed[:-1]).all())
    assert bool((changed.sum(dim=(1, 2, 3)).diff() > 0).all())


def test_soft_impulses_are_as_many_on_average_and_grow_without_jumps():
    grey = torch.full((1, 3, 100, 120), 0.5, dtype=torch.float64)
    thresholds = impulse_thresholds(100, 120, torch.Generator().manual_seed(1)).double()
    levels = torch.linspace(0, 0.03, 301, dtype=torch.float64)
    soft = impulse_noise(grey.expand(301, -1, -1, -1), levels, thresholds, gradient="soft")
    strength = (soft - 0.5).abs().mean(dim=(1, 2, 3)) / 0.5
    torch.testing.assert_close(strength[20:], levels[20:], rtol=0.01, atol=0)
    assert bool((strength.diff() > 0).all())
    # The picture moves in small steps where that with hard impulses jumps from grey to black or white.
    assert float(soft[100:].diff(dim=0).abs().max()) < 0.05


def test_straight_through_impulses_are_hard_and_their_gradient_is_soft():
    images = picture(32, 48).double()
    noise = impulse_thresholds(32, 48, torch.Generator().manual_seed(1)).double()
    leaf = images.clone().requires_grad_(True)
    level = torch.tensor([0.02], dtype=torch.float64, requires_grad=True)
    hard = impulse_noise(leaf, level, noise, gradient="straight_through")
    soft = impulse_noise(leaf, level, noise, gradient="soft")
    assert torch.equal(hard.detach(), impulse_noise(images, level.detach(), noise))
    weights = picture(32, 48, seed=1).double()
    for got, expected in zip(
        torch.autograd.grad((hard * weights).sum(), (leaf, level)),
        torch.autograd.grad((soft * weights).sum(), (leaf, level)),
        strict=True,
    ):
        assert torch.equal(got, expected)
    again = impulse_noise(leaf, level, noise, gradient="straight_through")
    (worse,) = torch.autograd.grad((again - images).square().mean(), level)
    assert float(worse) > 0


@pytest.mark.parametrize(
    ("function", "level"),
    [(multiplicative_noise, 0.05), (chroma_noise, 0.02)],
)
def test_gradcheck_in_every_coordinate(function, level):
    noise = torch.randn(3, 6, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    images = (picture(6, 7).double() * 0.2 + 0.4).requires_grad_(True)
    level = torch.tensor([level], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda i, d: function(i, d, noise), (images, level), eps=1e-6)


def test_gradcheck_of_soft_impulses():
    noise = impulse_thresholds(12, 14, torch.Generator().manual_seed(0)).double()
    images = (picture(12, 14).double() * 0.2 + 0.4).requires_grad_(True)
    for fraction in (0.007, 0.021):
        level = torch.tensor([fraction], dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(
            lambda i, d: impulse_noise(i, d, noise, gradient="soft"), (images, level), eps=1e-7, atol=1e-4
        )


def test_without_gradients_none_come():
    images, level = picture(16, 16).requires_grad_(True), torch.tensor([0.02], requires_grad=True)
    noise = impulse_thresholds(16, 16, torch.Generator().manual_seed(0))
    assert not impulse_noise(images, level, noise).requires_grad
    assert not ImpulseNoise().is_differentiable
    assert ImpulseNoise(gradient="soft").is_differentiable
    assert ImpulseNoise(gradient="straight_through").is_differentiable
    with pytest.raises(ConfigurationError) as refused:
        ImpulseNoise(gradient="hard")
    assert str(refused.value).startswith(
        "the option gradient of the stage 'impulse_noise' is 'hard'; allowed: none, straight_through, soft"
    )


@pytest.mark.parametrize(
    "stage", [ChromaNoise(), MultiplicativeNoise(), ImpulseNoise(), ImpulseNoise(gradient="soft")]
)
def test_result_can_be_written_over_its_input(stage):
    images = picture(33, 47).repeat(2, 1, 1, 1)
    level = torch.tensor([0.0, 0.7]) * stage.level_range[1]
    expected = stage(images, level)
    assert stage(images, level, out=images) is images
    assert torch.equal(images, expected)


def test_levels_for_the_references_parameters(reference):
    _, levels = reference
    for stage, alias in ((ChromaNoise(), "whitenoiseCC"), (MultiplicativeNoise(), "multnoise")):
        found = [stage.level_from_reference(value) for value in levels[alias]]
        assert found == pytest.approx([math.sqrt(value) for value in levels[alias]], rel=1e-12)
        assert found[-1] == stage.level_range[1]
        assert type(isptune.create_stage(alias)) is type(stage)
    assert type(isptune.create_stage("impulsenoise")) is ImpulseNoise
    found = [ImpulseNoise().level_from_reference(value) for value in levels["impulsenoise"]]
    assert found == levels["impulsenoise"]
