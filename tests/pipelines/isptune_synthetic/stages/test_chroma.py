"""Running colours and too much colour: the contract, the reference code's outputs, the way to the identity."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from isptune.errors import ConfigurationError
from isptune.testing import DistortionConformance
from isptune.testing.pictures import picture
from isptune_synthetic.stages import ColorDiffusion, Oversaturate, color_diffusion, oversaturate

REFERENCE = Path(__file__).parents[3] / "data" / "arniqa_reference.npz"

FAMILY = {"colordiff": ColorDiffusion, "colorsat2": Oversaturate}


class Exact(DistortionConformance):
    batch_tolerance = 0.0

    def gradient_picture(self):
        # Weak colours, which even the highest gain does not carry out of the range of sRGB.
        image = picture(20, 24).double()
        return (image - image.mean(dim=1, keepdim=True)) * 0.03 + image.mean(dim=1, keepdim=True) * 0.3 + 0.35


class TestColorDiffusion(Exact):
    name = "color_diffusion"
    sizes = ((48, 80), (32, 32), (33, 65), (97, 141))


class TestColorDiffusionRGB(Exact):
    name = "color_diffusion"
    options = {"lab": "rgb"}  # noqa: RUF012


class TestColorDiffusionTruncated(Exact):
    name = "color_diffusion"
    options = {"truncate": True}  # noqa: RUF012
    # A value next to an 8-bit step may fall to either side of it.
    dtype_tolerance = 1.01 / 255


class TestOversaturate(Exact):
    name = "oversaturate"


class TestOversaturateRGB(Exact):
    name = "oversaturate"
    options = {"lab": "rgb"}  # noqa: RUF012


class TestOversaturateTruncated(Exact):
    name = "oversaturate"
    options = {"truncate": True}  # noqa: RUF012
    dtype_tolerance = 1.01 / 255


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as data:
        arrays = {name: torch.from_numpy(data[name]) for name in data if name != "meta_json"}
        return arrays, json.loads(data["meta_json"].tobytes())["levels"]


def outputs(reference, stage, name, number, recorded=False):
    arrays, levels = reference
    level = torch.tensor([stage.level_from_reference(levels[name][number - 1])], requires_grad=recorded)
    output = stage(arrays["input__astro"][None], level).detach()[0]
    return output, arrays[f"{name}__L{number}__astro"].clamp(0, 1)


@pytest.mark.parametrize("recorded", [False, True], ids=["plain", "recorded"])
@pytest.mark.parametrize("number", [1, 3, 5])
@pytest.mark.parametrize("name", FAMILY)
def test_output_is_the_reference_codes_before_it_truncates(reference, name, number, recorded):
    output, expected = outputs(reference, FAMILY[name](), name, number, recorded)
    # The reference's 8-bit value is the whole number below ours: never above, never a step or more below.
    steps = (output - expected) * 255
    assert float(steps.min()) > -0.005
    assert float(steps.max()) < 1.005
    # A truncation takes half a step on average, and nothing from the values that are clipped.
    inside = (output > 0) & (output < 1)
    if (name, number) != ("colorsat2", 1):
        assert float(steps[inside].mean()) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("name", "number"),
    [("colordiff", 1), ("colordiff", 3), ("colordiff", 5), ("colorsat2", 3), ("colorsat2", 5)],
)
def test_output_with_truncation_is_the_reference_codes(reference, name, number):
    output, expected = outputs(reference, FAMILY[name](truncate=True), name, number)
    difference = (output - expected).abs()
    assert float(difference.max()) < 1.001 / 255
    assert float(difference.mean()) < 1e-5


def test_lab_of_rgb_is_another_picture_than_the_reference_codes(reference):
    for name in FAMILY:
        output, expected = outputs(reference, FAMILY[name](lab="rgb"), name, 3)
        assert float((output - expected).abs().max()) > 0.1


@pytest.mark.parametrize("lab", ["bgr", "rgb"])
@pytest.mark.parametrize("function", [color_diffusion, oversaturate])
def test_lab_is_that_of_another_library(function, lab):
    colour = pytest.importorskip("skimage.color")
    images = picture(40, 56).double() * 0.5 + 0.25
    # A diffusion of 1 has the gain 1, which leaves flat areas alone.
    gain = 1.7 if function is oversaturate else 1.0
    level = torch.tensor([gain - 1 if function is oversaturate else gain], dtype=torch.float64)
    output = function(images, level, lab=lab)[0].permute(1, 2, 0).numpy()
    given = images[0].permute(1, 2, 0).numpy()
    if lab == "bgr":
        output, given = output[..., ::-1], given[..., ::-1]
    before, after = colour.rgb2lab(given), colour.rgb2lab(output)
    clipped = ((output <= 0) | (output >= 1)).any(axis=-1)
    assert clipped.mean() < 0.2
    np.testing.assert_allclose(after[~clipped][:, 0], before[~clipped][:, 0], atol=0.02)
    if function is oversaturate:
        np.testing.assert_allclose(after[~clipped][:, 1:], gain * before[~clipped][:, 1:], atol=0.05)


def test_diffusion_is_the_formula_at_values_that_the_file_does_not_have():
    ndimage = pytest.importorskip("scipy.ndimage")
    colour = pytest.importorskip("skimage.color")
    images = picture(70, 90).double() * 0.2 + 0.4
    # Between multiples of half a pixel the reference's support jumps, and ours does not.
    for sigma, tolerance in ((3.5, 2e-4), (4.5, 2e-4), (6.2, 5e-3), (8.0, 5e-4)):
        amount = (sigma - 2) / 1.5
        output = color_diffusion(images, torch.tensor([amount], dtype=torch.float64), lab="rgb")[0]
        lab = colour.rgb2lab(images[0].permute(1, 2, 0).numpy())
        for channel in (1, 2):
            lab[..., channel] = amount * ndimage.gaussian_filter(
                lab[..., channel], sigma, mode="nearest", radius=int(np.ceil(2 * sigma))
            )
        expected = torch.from_numpy(colour.lab2rgb(lab)).permute(2, 0, 1)
        assert float((output - expected).abs().max()) < tolerance


def test_diffusion_leads_to_the_identity_and_worsens_on_the_way():
    images = picture(64, 96).double()
    level = torch.cat((torch.linspace(0, 1, 21), torch.linspace(1.25, 12, 44))).double()
    damage = (
        (color_diffusion(images.expand(len(level), -1, -1, -1), level) - images).abs().mean(dim=(1, 2, 3))
    )
    assert float(damage[0]) == 0
    assert bool((damage.diff() > -1e-12).all()), damage.tolist()
    # No jump at either end of the part below 1.
    near = color_diffusion(images.expand(3, -1, -1, -1), torch.tensor([1e-4, 1 - 1e-6, 1 + 1e-6]).double())
    assert float((near[0] - images).abs().max()) < 1e-9
    assert float((near[1] - near[2]).abs().max()) < 1e-5


def test_grey_stays_grey():
    images = picture(32, 40).mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    for function, level in ((color_diffusion, 3.0), (oversaturate, 1.0)):
        assert float((function(images, torch.tensor([level])) - images).abs().max()) < 2e-3


def test_truncation_gives_8_bit_values_below_the_others():
    images = picture(32, 40)
    for function, level in ((color_diffusion, 2.0), (oversaturate, 1.5)):
        full = function(images, torch.tensor([level]))
        truncated = function(images, torch.tensor([level]), truncate=True) * 255
        assert float((truncated - truncated.round()).abs().max()) < 1e-3
        assert torch.equal(truncated.round(), (full * 255 + 1e-3).floor())


def test_is_differentiable_says_what_holds():
    for stage in FAMILY.values():
        assert stage().is_differentiable
        truncated = stage(truncate=True)
        assert not truncated.is_differentiable
        assert not truncated(picture(8, 8), torch.ones(1, requires_grad=True)).requires_grad


@pytest.mark.parametrize("stage", FAMILY.values())
def test_wrong_options_are_refused(stage):
    name = stage.registered_name
    with pytest.raises(ConfigurationError) as refused:
        stage(lab="BGR")
    assert str(refused.value) == (
        f"the option lab of the stage '{name}' is 'BGR'; allowed: bgr, rgb; did you mean 'bgr'?"
    )
    with pytest.raises(ConfigurationError) as refused:
        stage(truncate="yes")
    assert str(refused.value) == (
        f"the option truncate of the stage '{name}' is 'yes'; allowed: true or false"
    )


def test_values_outside_the_references_are_refused():
    with pytest.raises(ConfigurationError) as refused:
        ColorDiffusion().level_from_reference(0.5)
    assert str(refused.value) == (
        "the reference parameter of the stage 'ColorDiffusion' is 0.5, outside [1, 12]"
    )


@pytest.mark.parametrize("lab", ["bgr", "rgb"])
@pytest.mark.parametrize(
    ("function", "level"), [(color_diffusion, 0.6), (color_diffusion, 2.7), (oversaturate, 1.3)]
)
def test_gradcheck_in_every_coordinate(function, level, lab):
    image = picture(4, 5).double()
    images = ((image - 0.5) * 0.1 + 0.5).requires_grad_(True)
    amount = torch.tensor([level], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda images, amount: function(images, amount, lab=lab), (images, amount), eps=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("stage", FAMILY.values())
def test_result_can_be_written_over_its_input(stage):
    images = picture(33, 47).repeat(2, 1, 1, 1)
    level = torch.tensor([0.0, 0.4]) * stage.level_range[1]
    expected = stage()(images, level)
    assert stage()(images, level, out=images) is images
    assert torch.equal(images, expected)
