"""JPEG and JPEG 2000 as stages: the contract, the reference code's outputs, levels and gradients."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, features
from skimage import data

from isptune.errors import ConfigurationError, MissingPackageError
from isptune.testing import DistortionConformance
from isptune.testing.pictures import picture
from isptune_synthetic.stages import JPEG, JPEG2000, jpeg, jpeg2000

REFERENCE = Path(__file__).parents[3] / "data" / "arniqa_reference.npz"


class Exact(DistortionConformance):
    # Whole numbers throughout: nothing may move in one bit.
    batch_tolerance = 0.0
    mode_tolerance = 0.0
    # A byte over 255 is rounded to the type of the picture.
    dtype_tolerance = 1e-7


class TestJPEG(Exact):
    name = "jpeg"


class TestJPEGStraightThrough(Exact):
    name = "jpeg"
    options = {"gradient": "straight_through"}  # noqa: RUF012

    def test_gradients_are_true(self):
        pytest.skip("straight-through gradients are stand-ins")


class TestJPEGSoft(DistortionConformance):
    name = "jpeg"
    options = {"gradient": "soft"}  # noqa: RUF012
    batch_tolerance = 0.0


class TestJPEG2000(Exact):
    name = "jpeg2000"
    # In smaller files than these there is no room for more than the header.
    sizes = ((96, 112), (32, 32), (33, 65), (97, 41))


class TestJPEG2000StraightThrough(TestJPEG2000):
    options = {"gradient": "straight_through"}  # noqa: RUF012

    def test_gradients_are_true(self):
        pytest.skip("straight-through gradients are stand-ins")


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as arrays:
        found = {name: torch.from_numpy(arrays[name]) for name in arrays if name != "meta_json"}
        return found, json.loads(arrays["meta_json"].tobytes())["levels"]


@pytest.mark.parametrize("gradient", ["none", "straight_through"])
@pytest.mark.parametrize(
    ("stage", "alias", "content"), [(JPEG, "jpeg", "astro"), (JPEG2000, "jpeg2000", "astro128")]
)
def test_output_is_the_reference_codes(reference, stage, alias, content, gradient):
    arrays, levels = reference
    stage = stage(gradient=gradient)
    images = arrays[f"input__{content}"][None]
    for recorded in (False, True):
        for number in (1, 3, 5):
            level = torch.tensor([stage.level_from_reference(levels[alias][number - 1])])
            output = stage(images.clone().requires_grad_(recorded), level).detach()[0]
            assert torch.equal(output, arrays[f"{alias}__L{number}__{content}"]), f"level {number}"


def test_levels_for_the_references_parameters(reference):
    _, levels = reference
    assert [JPEG().level_from_reference(value) for value in levels["jpeg"]] == [57, 64, 76, 93, 96]
    assert [JPEG2000().level_from_reference(value) for value in levels["jpeg2000"]] == levels["jpeg2000"]
    for stage, value, shown in (
        (JPEG(), 3, "'JPEG' is 3, outside [4, 99]"),
        (JPEG(), 100, "'JPEG' is 100, outside [4, 99]"),
        (JPEG2000(), 0.5, "'JPEG2000' is 0.5, outside [1, 170]"),
    ):
        with pytest.raises(ConfigurationError) as refused:
            stage.level_from_reference(value)
        assert str(refused.value) == f"the reference parameter of the stage {shown}"


@pytest.mark.skipif(not features.check("libjpeg_turbo"), reason="Pillow has another libjpeg")
def test_jpeg_at_a_level_is_the_codec_at_a_quality():
    samples = np.ascontiguousarray(data.chelsea()[60:157, 90:231])
    images = torch.from_numpy(samples).permute(2, 0, 1)[None].float() / 255
    for quality in (95, 50, 4):
        file = io.BytesIO()
        Image.fromarray(samples).save(file, format="JPEG", quality=quality)
        expected = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).float() / 255
        assert torch.equal(jpeg(images, torch.tensor([100.0 - quality]))[0], expected)


@pytest.mark.parametrize("ratio", [16, 45, 100.5, 170])
def test_jpeg2000_reaches_its_ratio_and_is_the_codec(ratio):
    samples = np.ascontiguousarray(data.coffee()[100:356, 100:420])
    file = io.BytesIO()
    Image.fromarray(samples).save(
        file, format="JPEG2000", quality_mode="rates", quality_layers=[ratio], num_resolutions=8
    )
    assert samples.nbytes / file.tell() == pytest.approx(ratio, rel=0.02)
    expected = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).float() / 255
    images = torch.from_numpy(samples).permute(2, 0, 1)[None].float() / 255
    assert torch.equal(jpeg2000(images, torch.tensor([float(ratio)]))[0], expected)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 64), (31, 33), (127, 130)])
def test_jpeg2000_takes_pictures_of_any_size(size):
    # With eight resolutions, as in the reference code, the encoder fails below 128 px.
    images = picture(*size).expand(2, -1, -1, -1)
    output = jpeg2000(images, torch.tensor([1.0, 16.0]))
    assert output.shape == images.shape
    # A ratio of 1 loses the rounding to 8 bits alone.
    assert float((output[0] - images[0]).abs().max()) <= 0.5001 / 255


def test_a_small_level_loses_little():
    images = picture(64, 96)
    # JPEG halves the chroma at every quality; JPEG 2000 rounds to 8 bits and no more.
    for function, allowed in ((jpeg, 3 / 255), (jpeg2000, 0.3 / 255)):
        output = function(images, torch.tensor([1e-3]))
        assert 0 < float((output - images).abs().mean()) < allowed


@pytest.mark.parametrize("ratio", [8.0, 45.0, 120.0])
def test_straight_through_jpeg2000_passes_pictures_on_and_knows_its_slope(ratio):
    images = picture(128, 128).double().requires_grad_(True)
    level = torch.tensor([ratio], dtype=torch.float64, requires_grad=True)
    output = jpeg2000(images, level, gradient="straight_through")
    weights = picture(128, 128, seed=3).double()
    to_image, to_level = torch.autograd.grad((output * weights).sum(), (images, level), retain_graph=True)
    assert torch.equal(to_image, weights)
    above, below = (
        jpeg2000(images, torch.tensor([ratio * factor], dtype=torch.float64)) for factor in (1.1, 1 / 1.1)
    )
    slope = float(((above - below) * weights).sum()) / (ratio * (1.1 - 1 / 1.1))
    assert float(to_level) == pytest.approx(slope, rel=1e-9)
    (worse,) = torch.autograd.grad((output - images.detach()).square().mean(), level)
    assert float(worse) > 0


@pytest.mark.parametrize("function", [jpeg, jpeg2000])
def test_without_gradients_none_come(function):
    images, level = picture(32, 32).requires_grad_(True), torch.tensor([20.0], requires_grad=True)
    assert not function(images, level).requires_grad


def test_is_differentiable_says_what_holds():
    for stage in (JPEG, JPEG2000):
        assert not stage.is_differentiable
        assert not stage().is_differentiable
        assert stage(gradient="straight_through").is_differentiable
    assert JPEG(gradient="soft").is_differentiable


def test_wrong_options_are_refused(snapshot):
    with pytest.raises(ConfigurationError) as refused:
        JPEG(gradient="sofft")
    assert str(refused.value) == snapshot
    with pytest.raises(ConfigurationError) as refused:
        jpeg2000(picture(32, 32), torch.tensor([20.0]), gradient="soft")
    assert str(refused.value) == (
        "the option gradient of the stage 'jpeg2000' is 'soft'; allowed: none, straight_through"
    )
    stage = JPEG()
    stage.name = "jpeg"
    with pytest.raises(ConfigurationError) as refused:
        stage(picture(32, 32), torch.tensor([97.0]))
    assert str(refused.value) == "the level of image 0 for the stage 'jpeg' is 97, outside [0, 96]"


def test_a_pillow_without_openjpeg_is_named(monkeypatch, snapshot):
    monkeypatch.setattr(features, "check", lambda feature: False)
    with pytest.raises(MissingPackageError) as refused:
        jpeg2000(picture(32, 32), torch.tensor([20.0]))
    assert str(refused.value) == snapshot


@pytest.mark.parametrize("stage", [JPEG(), JPEG(gradient="soft"), JPEG2000()])
def test_result_can_be_written_over_its_input(stage):
    images = picture(33, 47).repeat(2, 1, 1, 1)
    level = torch.tensor([0.0, 0.7]) * stage.level_range[1]
    expected = stage(images, level)
    buffer = torch.full_like(images, 9.0)
    assert stage(images, level, out=buffer) is buffer
    assert torch.equal(buffer, expected)
    assert stage(images, level, out=images) is images
    assert torch.equal(images, expected)


@pytest.mark.parametrize("stage", [JPEG, JPEG2000])
def test_a_buffer_is_refused_where_gradients_are_recorded(stage):
    images = picture(32, 32)
    buffer = images.clone()
    with pytest.raises(ConfigurationError) as refused:
        stage(gradient="straight_through")(images.requires_grad_(True), torch.tensor([20.0]), out=buffer)
    assert str(refused.value) == "out= is for calls without gradients: leave it out or use torch.no_grad()"
    assert torch.equal(buffer, images.detach())
