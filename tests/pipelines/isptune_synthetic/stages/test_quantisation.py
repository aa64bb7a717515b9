"""Few tones and few bits: the contract, the reference code's outputs, gradients of three kinds."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from isptune.errors import ConfigurationError
from isptune.testing import DistortionConformance
from isptune.testing.pictures import picture
from isptune_synthetic.rounding import rounded
from isptune_synthetic.stages import Banding, Quantize, banding, quantize

REFERENCE = Path(__file__).parents[3] / "data" / "arniqa_reference.npz"


class Exact(DistortionConformance):
    batch_tolerance = 0.0


class Stretched(Exact):
    def picture(self, height, width):
        # From black to white: others gain or lose contrast with each bin that an end of theirs enters.
        image = super().picture(height, width)
        return (image - image.min()) / (image.max() - image.min())


class TestQuantize(Stretched):
    name = "quantize"


class TestQuantizeSoft(Stretched):
    name = "quantize"
    options = {"gradient": "soft"}  # noqa: RUF012


class TestBanding(Exact):
    name = "banding"
    # A value next to the edge of two codes may fall to either side of it: one code at the most, which is
    # largest in the dark and at the highest level, 1/15 of linear light.
    dtype_tolerance = 0.3
    damage_tolerance = 0.05


class TestBandingEncoded(Exact):
    name = "banding"
    options = {"domain": "encoded"}  # noqa: RUF012
    damage_tolerance = 0.05
    dtype_tolerance = 0.34


class TestBandingSoft(Exact):
    name = "banding"
    options = {"gradient": "soft"}  # noqa: RUF012
    damage_tolerance = 0.05
    # Codes of ten bits: the stairs' curvature is that many times the pictures'.
    difference_step = 1e-8


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as data:
        arrays = {name: torch.from_numpy(data[name]) for name in data if name != "meta_json"}
        return arrays, json.loads(data["meta_json"].tobytes())["levels"]["quantization"]


@pytest.mark.parametrize("gradient", ["none", "straight_through"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("number", [1, 3, 5])
def test_output_is_the_reference_codes(reference, number, dtype, gradient):
    arrays, levels = reference
    stage = Quantize(gradient=gradient)
    # A level in float32, as pipelines and users have it, must not move a value over the edge of its bin.
    level = torch.tensor([stage.level_from_reference(levels[number - 1])])
    for recorded in (False, True):
        images = arrays["input__astro"][None].to(dtype).requires_grad_(recorded)
        expected = arrays[f"quantization__L{number}__astro"].to(dtype)
        torch.testing.assert_close(stage(images, level).detach()[0], expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("bins", [7, 8, 10, 13, 16, 19, 20])
def test_bins_are_those_of_a_search_in_their_edges(bins):
    # Every 8-bit value, those on the edges of bins among them.
    values = torch.arange(3, 251, dtype=torch.float32) / 255
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)
    number = torch.bucketize(values.double() - 1e-7, edges).double()
    expected = (number - number.min()) / (number.max() - number.min())
    ramp = values.reshape(1, 1, 1, -1).expand(1, 3, 1, -1)
    output = quantize(ramp, torch.tensor([1 / bins]))[0, 0, 0]
    torch.testing.assert_close(output.double(), expected, rtol=0, atol=1e-6)


def test_quantization_leads_to_the_identity_although_the_reference_stretches():
    images = picture(48, 64).double() * 0.5 + 0.2
    width = torch.tensor([1e-9, 1e-4, 1e-3, 0.01, 0.03, 0.05], dtype=torch.float64)
    damage = (quantize(images.expand(6, -1, -1, -1), width) - images).abs().mean(dim=(1, 2, 3))
    assert float(damage[0]) < 1e-6
    # In proportion to the width from the first bins on: there is no jump on leaving level 0.
    assert bool((damage[1:4] < 1.2 * width[1:4]).all())
    assert bool((damage.diff() > 0).all())


def test_a_picture_of_one_tone_keeps_it():
    images = torch.tensor([0.0, 0.3, 1.0]).reshape(3, 1, 1, 1).expand(-1, 3, 8, 8)
    output = quantize(images, torch.full((3,), 0.1))
    torch.testing.assert_close(output, images, rtol=0, atol=1e-6)


@pytest.mark.parametrize("lost", [0.5, 1.0, 4.0, 8.0])
def test_banding_leaves_that_many_codes(lost):
    ramp = torch.linspace(0, 1, 65536, dtype=torch.float64).reshape(1, 1, 1, -1).expand(1, 3, 1, -1)
    level = torch.tensor([lost], dtype=torch.float64)
    for domain, bits in (("linear", 12), ("encoded", 10)):
        output = banding(ramp, level, domain=domain)
        if lost >= 1:
            assert output.unique().numel() == 2 ** (bits - lost)
            # Black and white stay, and the tones keep their order.
            assert float(output[..., 0].max()) < 1e-7
            assert float(output[..., -1].min()) > 1 - 1e-7
        assert bool((output[0, 0, 0].diff() >= -1e-12).all())


def test_banding_in_linear_light_hurts_the_dark_tones_most():
    ramp = torch.linspace(0, 1, 4096).reshape(1, 1, 1, -1).expand(1, 3, 1, -1)
    difference = (banding(ramp, torch.tensor([6.0])) - ramp).abs()[0, 0, 0]
    dark, bright = difference[:512].mean(), difference[-512:].mean()
    assert float(dark) > 5 * float(bright)
    encoded = (banding(ramp, torch.tensor([6.0]), domain="encoded") - ramp).abs()[0, 0, 0]
    assert float(encoded[:512].mean()) == pytest.approx(float(encoded[-512:].mean()), rel=0.2)


def test_banding_of_a_small_share_of_a_bit_is_a_small_change():
    images = picture(48, 64).double()
    level = torch.tensor([1e-6, 0.25, 0.5, 1.0], dtype=torch.float64)
    damage = (banding(images.expand(4, -1, -1, -1), level) - images).abs().mean(dim=(1, 2, 3))
    assert float(damage[0]) < 1e-8
    assert bool((damage.diff() > 0).all())
    # One bit of twelve: a quarter of a code, on average.
    assert float(damage[-1]) < 1 / 2047


@pytest.mark.parametrize("function", [quantize, banding])
def test_without_gradients_none_come(function):
    images, level = picture(16, 16).requires_grad_(True), torch.tensor([0.1], requires_grad=True)
    assert not function(images, level).requires_grad


@pytest.mark.parametrize(
    ("stage", "level"), [(Quantize, 0.11), (Quantize, 0.03), (Banding, 0.6), (Banding, 7.3)]
)
def test_straight_through_gives_the_same_picture_and_a_useful_gradient(stage, level):
    images = picture(32, 48).double()
    amount = torch.tensor([level], dtype=torch.float64, requires_grad=True)
    target = stage()(images, amount)
    leaf = images.clone().requires_grad_(True)
    output = stage(gradient="straight_through")(leaf, amount)
    torch.testing.assert_close(output.detach(), target, rtol=0, atol=1e-9)
    to_image, to_level = torch.autograd.grad((output - images).square().mean(), (leaf, amount))
    assert bool(to_image.isfinite().all())
    # More of it is worse, which the true gradient, zero or a jump, does not tell.
    assert float(to_level) > 0
    (through,) = torch.autograd.grad(stage(gradient="straight_through")(leaf, amount.detach()).sum(), leaf)
    # Each tone passes its gradient on: 1 for a value between the ends, more where it is stretched.
    assert 0.9 < float(through.median()) < 2.0


def test_straight_through_keeps_the_rounding_error_fixed():
    values = torch.tensor([0.2, 0.7, 1.5, -0.6], dtype=torch.float64, requires_grad=True)
    output = rounded(values, "straight_through")
    assert output.tolist() == [0.0, 1.0, 2.0, -1.0]
    assert torch.autograd.grad(output.sum(), values)[0].tolist() == [1.0, 1.0, 1.0, 1.0]


def test_soft_rounding_is_a_smooth_staircase_around_the_hard_one():
    values = torch.linspace(-2.5, 2.5, 5001, dtype=torch.float64)
    soft, hard = rounded(values, "soft"), rounded(values)
    assert bool((soft.diff() > 0).all())
    assert float((soft - hard).abs().max()) < 0.501
    # Nearer to the hard one than the values are, by far, and equal where those are whole or in between.
    assert float((soft - hard).square().mean()) < 0.5 * float((values - hard).square().mean())
    whole = torch.arange(-4, 5, dtype=torch.float64) / 2
    torch.testing.assert_close(rounded(whole, "soft"), whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("domain", ["linear", "encoded"])
def test_gradcheck_of_soft_banding(domain):
    images = (picture(6, 7).double() * 0.6 + 0.2).requires_grad_(True)
    lost = torch.tensor([6.4], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda images, lost: banding(images, lost, domain=domain, gradient="soft"),
        (images, lost),
        eps=1e-7,
        atol=1e-5,
    )


@pytest.mark.parametrize("width", [0.02, 0.09, 0.14])
def test_gradcheck_of_soft_quantization(width):
    images = (picture(6, 7).double() * 0.6 + 0.2).requires_grad_(True)
    level = torch.tensor([width], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda images, level: quantize(images, level, gradient="soft"), (images, level), eps=1e-7, atol=1e-5
    )


def test_is_differentiable_says_what_holds():
    for stage in (Quantize, Banding):
        assert not stage.is_differentiable
        assert not stage().is_differentiable
        assert stage(gradient="soft").is_differentiable
        assert stage(gradient="straight_through").is_differentiable


def test_wrong_options_are_refused():
    for make in (Quantize, lambda gradient: quantize(picture(8, 8), torch.zeros(1), gradient=gradient)):
        with pytest.raises(ConfigurationError) as refused:
            make(gradient="straight-through")
        assert str(refused.value) == (
            "the option gradient of the stage 'quantize' is 'straight-through'; "
            "allowed: none, straight_through, soft; did you mean 'straight_through'?"
        )
    with pytest.raises(ConfigurationError) as refused:
        Banding(domain=8)
    assert str(refused.value) == "the option domain of the stage 'banding' is 8; allowed: linear, encoded"
    with pytest.raises(ConfigurationError) as refused:
        Quantize().level_from_reference(6)
    assert str(refused.value) == "the reference parameter of the stage 'Quantize' is 6, outside [7, 20]"


@pytest.mark.parametrize("stage", [Quantize(), Banding()])
def test_result_can_be_written_over_its_input(stage):
    images = picture(33, 47).repeat(2, 1, 1, 1)
    level = torch.tensor([0.0, 0.7]) * stage.level_range[1]
    expected = stage(images, level)
    assert stage(images, level, out=images) is images
    assert torch.equal(images, expected)


def test_more_bins_are_better_at_every_step():
    image = picture(48, 64).double()
    image = (image - image.min()) / (image.max() - image.min())
    width = torch.cat((torch.linspace(0.001, 1 / 7, 120), 1 / torch.arange(7, 40))).double().sort().values
    damage = (quantize(image.expand(len(width), -1, -1, -1), width) - image).abs().mean(dim=(1, 2, 3))
    assert float((damage.cummax(0).values - damage).max()) <= 0.005 * float(damage.max())


def test_the_number_of_bins_is_whole():
    ramp = torch.linspace(0, 1, 4096).reshape(1, 1, 1, -1).expand(5, 3, 1, -1)
    output = quantize(ramp, torch.tensor([1 / 7, 1 / 7.4, 1 / 7.6, 1 / 8.4, 1 / 19.6]))
    # One bin more than their number, since exact black has its own.
    assert [one.unique().numel() for one in output] == [8, 8, 9, 9, 21]
