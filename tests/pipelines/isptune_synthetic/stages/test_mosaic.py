"""Pictures with fewer samples than pixels: the contract, the reference code's outputs, plain loops."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

import isptune
from isptune.errors import ConfigurationError
from isptune.testing import DistortionConformance
from isptune.testing.pictures import picture
from isptune_synthetic import rows
from isptune_synthetic.stages import DemosaicArtifacts, Pixelate, demosaic_artifacts, pixelate

REFERENCE = Path(__file__).parents[3] / "data" / "arniqa_reference.npz"


class Exact(DistortionConformance):
    batch_tolerance = 0.0


class TestPixelate(Exact):
    name = "pixelate"

    def damage(self, images, outputs):
        # The nearest pixel is half a pixel off at half the size and more before it, so that differences do
        # not grow with every size. What falls is the number of pixels that are left.
        changed = [1 - (plane.diff(dim=0).any(dim=1).sum() + 1) / len(plane) for plane in outputs[:, 0]]
        return torch.stack(changed)


class TestPixelateSoft(Exact):
    name = "pixelate"
    options = {"gradient": "soft"}  # noqa: RUF012
    # For the same reason; on the whole the damage grows.
    damage_tolerance = 0.3


class TestDemosaicArtifacts(Exact):
    name = "demosaic_artifacts"


class TestDemosaicArtifactsOfAnotherPattern(Exact):
    name = "demosaic_artifacts"
    options = {"pattern": "gbrg"}  # noqa: RUF012


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as data:
        arrays = {name: torch.from_numpy(data[name]) for name in data if name != "meta_json"}
        return arrays, json.loads(data["meta_json"].tobytes())["levels"]["pixelate"]


@pytest.mark.parametrize("gradient", ["none", "straight_through"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("number", [1, 3, 5])
def test_pixelate_is_the_reference_codes(reference, number, dtype, gradient):
    arrays, levels = reference
    stage = Pixelate(gradient=gradient)
    level = torch.tensor([stage.level_from_reference(levels[number - 1])])
    for recorded in (False, True):
        images = arrays["input__astro"][None].to(dtype).requires_grad_(recorded)
        expected = arrays[f"pixelate__L{number}__astro"].to(dtype)
        torch.testing.assert_close(stage(images, level).detach()[0], expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("strength", [0.01, 0.033, 0.05, 0.1, 0.2, 0.37, 0.5])
@pytest.mark.parametrize(("height", "width"), [(33, 47), (61, 1003), (128, 192)])
def test_pixelate_is_two_resizes_by_the_nearest_pixel(height, width, strength):
    images = picture(height, width)
    stage = Pixelate()
    scale = 0.95 - strength**0.6
    small = functional.interpolate(images, (int(height * scale), int(width * scale)), mode="nearest")
    expected = functional.interpolate(small, (height, width), mode="nearest")
    level = torch.tensor([stage.level_from_reference(strength)])
    assert torch.equal(stage(images, level), expected)


def test_a_share_in_float32_drops_whole_rows():
    rows_of_pixels = torch.arange(100.0).div(100)[:, None].expand(1, 3, 100, 100)
    for share, left in ((0.3, 70), (0.1, 90), (0.7, 30)):
        for dtype in (torch.float32, torch.float64):
            output = pixelate(rows_of_pixels, torch.tensor([share], dtype=dtype))
            assert output[0, 0, :, 0].unique().numel() == left


def test_soft_pixelation_is_the_hard_one_at_whole_sizes_and_continuous_between_them():
    images = picture(40, 40)
    shares = torch.tensor([0.25, 0.5, 0.7])
    expanded = images.expand(3, -1, -1, -1)
    torch.testing.assert_close(
        pixelate(expanded, shares, gradient="soft"), pixelate(expanded, shares), rtol=0, atol=1e-5
    )
    fine = torch.linspace(0, 0.71, 7101, dtype=torch.float64)[2000:2400]
    soft = pixelate(images[..., :6].double().expand(400, -1, -1, -1), fine, gradient="soft")
    hard = pixelate(images[..., :6].double().expand(400, -1, -1, -1), fine)
    assert float(soft.diff(dim=0).abs().max()) < 0.02
    assert float(hard.diff(dim=0).abs().max()) > 0.1


def test_straight_through_has_the_gradient_of_soft():
    gradients = {}
    weights = picture(30, 34, seed=1).double()
    for kind in ("none", "soft", "straight_through"):
        images = picture(30, 34).double().requires_grad_(True)
        level = torch.tensor([0.31], dtype=torch.float64, requires_grad=True)
        output = pixelate(images, level, gradient=kind)
        gradients[kind] = torch.autograd.grad((output * weights).sum(), (images, level), allow_unused=True)
    assert gradients["none"][1] is None
    assert float(gradients["soft"][1]) != 0
    for soft, through in zip(gradients["soft"], gradients["straight_through"], strict=True):
        torch.testing.assert_close(soft, through)


def test_pixelate_declares_its_gradients(snapshot):
    declared = {
        kind: Pixelate(gradient=kind).is_differentiable for kind in ("none", "soft", "straight_through")
    }
    assert declared == {"none": False, "soft": True, "straight_through": True}
    with pytest.raises(ConfigurationError) as refused:
        Pixelate(gradient="sft")
    assert str(refused.value) == snapshot


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 3), (1, 50)])
@pytest.mark.parametrize("gradient", ["none", "soft"])
def test_pixelation_leaves_one_pixel_at_least(height, width, gradient):
    images = picture(4, 50)[..., :height, :width]
    output = pixelate(images, torch.tensor([0.7]), gradient=gradient)
    assert output.shape == images.shape
    assert bool(output.isfinite().all())


def slow_demosaic(image, pattern):
    """Means of the nearest pixels that have a colour, mirrored at the border, in plain loops."""
    _, height, width = image.shape
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)), mode="reflect")
    result = np.zeros_like(image)
    for y in range(height):
        for x in range(width):
            for channel, colour in enumerate("rgb"):
                if pattern[2 * (y % 2) + x % 2] == colour:
                    result[channel, y, x] = image[channel, y, x]
                    continue
                near = [
                    (dy, dx)
                    for dy in (-1, 0, 1)
                    for dx in (-1, 0, 1)
                    if pattern[2 * ((y + dy) % 2) + (x + dx) % 2] == colour
                ]
                closest = min(abs(dy) + abs(dx) for dy, dx in near)
                values = [
                    padded[channel, 1 + y + dy, 1 + x + dx] for dy, dx in near if abs(dy) + abs(dx) == closest
                ]
                result[channel, y, x] = np.mean(values)
    return result


@pytest.mark.parametrize("recorded", [False, True], ids=["plain", "recorded"])
@pytest.mark.parametrize("pattern", ["rggb", "bggr", "grbg", "gbrg"])
@pytest.mark.parametrize(("height", "width"), [(12, 17), (2, 2), (7, 10)])
def test_demosaicing_is_bilinear(height, width, pattern, recorded):
    images = picture(height, width).double().requires_grad_(recorded)
    output = demosaic_artifacts(images, torch.tensor([1.0]).double(), pattern=pattern).detach()[0]
    expected = slow_demosaic(images.detach()[0].numpy(), pattern)
    np.testing.assert_allclose(output.numpy(), expected, rtol=0, atol=1e-14)


def test_the_level_blends():
    images = picture(20, 30)
    whole = demosaic_artifacts(images, torch.tensor([1.0]))
    part = demosaic_artifacts(images, torch.tensor([0.3]))
    torch.testing.assert_close(part, images + 0.3 * (whole - images), rtol=0, atol=1e-6)
    # The pixels that the mosaic keeps are kept to the last bit.
    assert torch.equal(whole[:, 0, ::2, ::2], images[:, 0, ::2, ::2])
    assert torch.equal(whole[:, 1, ::2, 1::2], images[:, 1, ::2, 1::2])
    assert torch.equal(whole[:, 2, 1::2, 1::2], images[:, 2, 1::2, 1::2])


def test_grey_stripes_turn_coloured():
    stripes = torch.zeros(1, 3, 16, 16)
    stripes[..., ::2] = 1.0
    output = demosaic_artifacts(stripes, torch.tensor([1.0]))
    # Red samples lie on white columns alone, blue ones on black columns.
    assert float(output[0, 0].min()) == 1.0
    assert float(output[0, 2].max()) == 0.0


def test_unknown_patterns_and_pictures_too_small_are_refused(snapshot):
    with pytest.raises(ConfigurationError) as refused:
        DemosaicArtifacts(pattern="rgbg")
    assert str(refused.value) == snapshot
    with pytest.raises(ConfigurationError) as refused:
        demosaic_artifacts(torch.zeros(1, 3, 1, 5), torch.tensor([0.5]))
    assert str(refused.value) == "a mosaic needs pictures of at least 2 x 2 px, got 5 x 1"


@pytest.mark.parametrize(
    ("function", "level"),
    [(demosaic_artifacts, 0.4), (lambda images, level: pixelate(images, level, gradient="soft"), 0.33)],
    ids=["demosaic_artifacts", "soft pixelate"],
)
def test_gradcheck_in_every_coordinate(function, level):
    images = (picture(5, 6).double() * 0.3 + 0.35).requires_grad_(True)
    level = torch.tensor([level], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (images, level), eps=1e-6, atol=1e-6)


@pytest.mark.parametrize("stage", [DemosaicArtifacts(), Pixelate(gradient="soft")])
def test_gradient_at_level_0_is_the_slope_from_above(stage):
    images = picture(16, 20).double() * 0.3 + 0.35
    weights = picture(16, 20, seed=1).double()
    level = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad((stage(images, level) * weights).sum(), level)
    moved = stage(images, torch.tensor([1e-6], dtype=torch.float64))
    assert float(gradient) == pytest.approx(float(((moved - images) * weights).sum()) / 1e-6, rel=1e-3)
    assert float(gradient) != 0


def test_reference_levels_under_the_alias(reference):
    stage = isptune.create_stage("pixelate")
    _, values = reference
    levels = [stage.level_from_reference(value) for value in values]
    assert levels == pytest.approx([1 - (0.95 - value**0.6) for value in values])
    assert max(levels) <= stage.level_range[1]


def test_strips_are_seamless(monkeypatch):
    images, level = picture(61, 33), torch.tensor([0.8])
    whole = demosaic_artifacts(images, level)
    monkeypatch.setattr(rows, "_PIXELS_PER_THREAD", 100)
    torch.testing.assert_close(demosaic_artifacts(images, level), whole, rtol=0, atol=1e-7)


@pytest.mark.parametrize("stage", [DemosaicArtifacts(), Pixelate(), Pixelate(gradient="soft")])
def test_result_can_be_written_over_its_input(stage):
    images = picture(33, 47).expand(3, -1, -1, -1).clone()
    level = torch.tensor([0.0, 0.3, 0.9]) * stage.level_range[1]
    expected = stage(images, level)
    assert stage(images, level, out=images) is images
    assert torch.equal(images, expected)
