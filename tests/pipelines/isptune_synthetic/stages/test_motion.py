"""Blurs by a disk and by a line: the contract, true kernels, the reference code's outputs."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

import isptune
from isptune.errors import ConfigurationError
from isptune.testing import DistortionConformance
from isptune.testing.pictures import picture
from isptune_synthetic.kernels import disk_kernels, line_kernels
from isptune_synthetic.stages import LensBlur, MotionBlur, lens_blur, motion_blur

REFERENCE = Path(__file__).parents[3] / "data" / "arniqa_reference.npz"
LENGTHS = (1, 2, 4, 6, 10)


class Exact(DistortionConformance):
    batch_tolerance = 0.0


class TestLensBlur(Exact):
    name = "lens_blur"


class TestMotionBlur(Exact):
    name = "motion_blur"


class TestMotionBlurOfAGivenAngle(Exact):
    name = "motion_blur"
    options = {"angle": 20}  # noqa: RUF012


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as data:
        return {name: torch.from_numpy(data[name]) for name in data if name != "meta_json"}


def true_disk(radius, reach):
    """Pixel areas by another way: the chord of the disk within a pixel's rows, summed over fine columns."""
    fine = 4000
    x = (np.arange((2 * reach + 1) * fine) + 0.5) / fine - reach - 0.5
    half_chord = np.sqrt(np.clip(radius**2 - x**2, 0, None))
    rows = np.arange(-reach, reach + 1)[:, None]
    inside = np.clip(np.minimum(rows + 0.5, half_chord) - np.maximum(rows - 0.5, -half_chord), 0, None)
    return inside.reshape(2 * reach + 1, 2 * reach + 1, fine).mean(axis=2) / (math.pi * radius**2)


def matlab_line(length, degrees, reach):
    """The published formula of fspecial("motion"), pixel by pixel, with its jump."""
    half = max(0.0, (length - 1) / 2)
    angle = math.radians(degrees)
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    for row in range(2 * reach + 1):
        for column in range(2 * reach + 1):
            x, y = column - reach, reach - row
            distance = abs(y * math.cos(angle) - x * math.sin(angle))
            if math.hypot(x, y) >= half - 1e-12:
                along = abs(x * math.cos(angle) + y * math.sin(angle))
                distance = math.hypot(distance, half - along)
            kernel[row, column] = max(0.0, 1 - distance)
    return kernel / kernel.sum()


def filtered(image, kernel):
    reach = kernel.shape[0] // 2
    padded = functional.pad(image[None].double(), (reach,) * 4, mode="replicate")[0]
    return functional.conv2d(padded[:, None], torch.as_tensor(kernel)[None, None])[:, 0]


@pytest.mark.parametrize("radius", [0.3, 0.5, 0.7, 1.0, 1.2071, 2.0, 2.55, 4.0, 5.9, 8.0])
def test_the_disk_is_a_true_disk(radius):
    kernel = disk_kernels(torch.tensor([radius], dtype=torch.float64), 8)[0]
    np.testing.assert_allclose(kernel.numpy(), true_disk(radius, 8), rtol=0, atol=5e-6)
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-14)
    assert float(kernel.min()) >= 0


def test_a_disk_is_the_reference_codes_where_that_one_is_a_disk(reference):
    ours = disk_kernels(torch.tensor([1.0]), 1)[0]
    torch.testing.assert_close(ours, reference["kernel__lensblur__L1"], rtol=0, atol=1e-12)
    output = lens_blur(reference["input__astro"][None], torch.tensor([1.0]))[0]
    torch.testing.assert_close(output, reference["lensblur__L1__astro"], rtol=0, atol=2e-6)
    # From radius 2 on it has negative weights, so there is nothing to compare with but a true disk.
    assert all(float(reference[f"kernel__lensblur__L{number}"].min()) < 0 for number in (2, 3, 4, 5))


@pytest.mark.parametrize("recorded", [False, True], ids=["plain", "recorded"])
@pytest.mark.parametrize("radius", [1.6, 2.0, 4.0, 6.0, 8.0])
def test_lens_blur_is_the_filter_with_a_true_disk(reference, radius, recorded):
    image = reference["input__astro"]
    level = torch.tensor([radius], requires_grad=recorded)
    output = lens_blur(image[None], level).detach()[0]
    expected = filtered(image, true_disk(radius, 8)).float()
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-5)


def test_a_disk_within_a_pixel_changes_nothing():
    images = picture(20, 24).expand(3, -1, -1, -1)
    radius = torch.tensor([0.1, 0.4, 0.5])
    assert torch.equal(lens_blur(images, radius), images)
    # And from there on the blur sets in without a jump.
    assert 0 < float((lens_blur(images, radius + 0.02) - images).abs()[2].max()) < 0.02


@pytest.mark.parametrize("angle", range(0, 180, 15))
def test_line_kernels_are_the_reference_codes(reference, angle):
    stage = MotionBlur(angle=angle)
    impulse = torch.zeros(1, 3, 21, 21, dtype=torch.float64)
    impulse[..., 10, 10] = 1
    for number, length in enumerate(LENGTHS, start=1):
        level = torch.tensor([stage.level_from_reference(length)], dtype=torch.float64)
        kernel = reference[f"kernel__motionblur_a{angle}__L{number}"]
        rows, columns = (21 - kernel.shape[0]) // 2, (21 - kernel.shape[1]) // 2
        expected = functional.pad(kernel, (columns, columns, rows, rows))
        torch.testing.assert_close(stage(impulse, level)[0, 0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("length", range(1, 11))
@pytest.mark.parametrize("degrees", [0.0, 7.3, 33.0, 45.0, 88.8, 90.0, 101.0, 135.0, 179.0])
def test_line_kernels_are_the_published_formula_at_every_whole_length(length, degrees):
    kernel = line_kernels(torch.tensor([float(length)]), torch.tensor([degrees], dtype=torch.float64), 5)[0]
    np.testing.assert_allclose(kernel.numpy(), matlab_line(length, degrees, 5), rtol=0, atol=1e-12)


def test_line_kernels_are_the_published_formula_between_its_jumps():
    lengths = np.linspace(1, 10, 61)
    radii = np.hypot(*np.mgrid[-5:6, -5:6]).ravel()
    # Just above a pixel's distance from the centre the half length is where the formula jumps.
    ahead = (lengths[:, None] - 1) / 2 - radii
    away = [
        length for length, gaps in zip(lengths, ahead, strict=True) if not ((gaps > 0) & (gaps < 0.03)).any()
    ]
    assert len(away) > 30
    for length in away:
        kernel = line_kernels(torch.tensor([length]), torch.tensor([25.0]), 5)[0]
        np.testing.assert_allclose(kernel.numpy(), matlab_line(length, 25.0, 5), rtol=0, atol=1e-9)


def test_line_kernels_go_smoothly_over_the_jump_of_the_published_formula():
    angle = torch.tensor([25.0])
    before, after = (
        line_kernels(torch.tensor([3 + step]).double(), angle, 5)[0].numpy() for step in (0, 1e-6)
    )
    assert np.abs(after - before).max() < 1e-5
    assert np.abs(matlab_line(3 + 1e-6, 25.0, 5) - matlab_line(3, 25.0, 5)).max() > 0.005
    kernels = line_kernels(torch.linspace(1, 10, 9001, dtype=torch.float64), angle, 5)
    assert float(kernels.diff(dim=0).abs().max()) < 2e-3


@pytest.mark.parametrize("recorded", [False, True], ids=["plain", "recorded"])
@pytest.mark.parametrize("number", [3, 5])
@pytest.mark.parametrize("angle", [30, 120])
def test_motion_blur_is_the_reference_codes(reference, angle, number, recorded):
    stage = MotionBlur(angle=angle)
    level = torch.tensor([stage.level_from_reference(LENGTHS[number - 1])], requires_grad=recorded)
    output = stage(reference["input__astro"][None], level).detach()[0]
    expected = reference[f"motionblur_a{angle}__L{number}__astro"]
    torch.testing.assert_close(output, expected, rtol=0, atol=5e-6)


@pytest.mark.parametrize("number", [1, 3, 5])
def test_motion_blur_has_the_statistics_of_the_reference_code(reference, number):
    stage, image = MotionBlur(), reference["input__astro"]
    level = torch.tensor([stage.level_from_reference(LENGTHS[number - 1])])
    draws = [stage.draw(64, 96, torch.Generator().manual_seed(seed)) for seed in range(32)]
    assert all(draw.shape == (1,) and 0 <= float(draw) < 1 for draw in draws)
    change = torch.cat([stage(image[None], level, draw) for draw in draws]).double() - image
    expected = reference[f"stats__motionblur__L{number}__astro"]
    torch.testing.assert_close(change.std(dim=(0, 2, 3)), expected[1], rtol=0.05, atol=1e-8)
    torch.testing.assert_close(change.abs().mean(dim=(0, 2, 3)), expected[2], rtol=0.05, atol=1e-8)


def test_the_angle_goes_counter_clockwise_from_the_horizontal():
    stripes = torch.zeros(1, 3, 24, 24)
    stripes[..., ::4] = 1.0
    level = torch.tensor([6.0])
    assert torch.allclose(MotionBlur(angle=90)(stripes, level), stripes, atol=1e-6)
    assert float(MotionBlur(angle=0)(stripes, level).std()) < 0.2
    rising = line_kernels(torch.tensor([9.0]), torch.tensor([45.0]), 5)[0]
    assert float(rising[1:5, 6:10].sum()) > 0.3
    assert float(rising[6:10, 6:10].sum()) < 0.05


def test_a_given_angle_draws_nothing_and_is_what_the_draw_would_give():
    fixed, drawn = MotionBlur(angle=45.0), MotionBlur()
    assert (fixed.is_stochastic, drawn.is_stochastic) == (False, True)
    assert fixed.draw(32, 32, torch.Generator()) is None
    images, level = picture(32, 40), torch.tensor([5.0])
    assert torch.equal(fixed(images, level), drawn(images, level, torch.tensor([0.25])))


@pytest.mark.parametrize(("angle", "shown"), [("steep", "'steep'"), (float("nan"), "nan"), (True, "True")])
def test_an_angle_that_is_none_is_refused(angle, shown, snapshot):
    with pytest.raises(ConfigurationError) as refused:
        MotionBlur(angle=angle)
    assert str(refused.value) == snapshot


@pytest.mark.parametrize(
    ("function", "level"),
    [
        (lens_blur, 0.81),
        (lens_blur, 3.3),
        (lambda images, level: motion_blur(images, level, torch.tensor([64.0])), 0.6),
        (lambda images, level: motion_blur(images, level, torch.tensor([64.0])), 5.45),
    ],
    ids=["small disk", "disk", "short line", "line"],
)
def test_gradcheck_in_every_coordinate(function, level):
    images = (picture(5, 6).double() * 0.3 + 0.35).requires_grad_(True)
    level = torch.tensor([level], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (images, level), eps=1e-6, atol=1e-6)


@pytest.mark.parametrize("degrees", [0.0, 30.0, 90.0, 135.0])
def test_gradient_of_the_movement_at_0_is_the_slope_from_above(degrees):
    images = picture(16, 20).double() * 0.3 + 0.35
    weights = picture(16, 20, seed=1).double()
    level = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    angle = torch.tensor([degrees])
    (gradient,) = torch.autograd.grad((motion_blur(images, level, angle) * weights).sum(), level)
    moved = motion_blur(images, torch.tensor([1e-6], dtype=torch.float64), angle)
    assert float(gradient) == pytest.approx(
        float(((moved - images) * weights).sum()) / 1e-6, rel=1e-4, abs=1e-6
    )
    assert float(gradient) != 0


def test_the_gradient_of_a_disk_is_finite_at_its_poles():
    # At these radii the circle touches the edges of pixels, where terms of the area have no slope.
    radius = torch.tensor([0.0, 0.25, 0.5, 0.5**0.5, 1.5, 2.5, 7.5], dtype=torch.float64, requires_grad=True)
    weights = torch.rand(7, 17, 17, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    (gradient,) = torch.autograd.grad((disk_kernels(radius, 8) * weights).sum(), radius)
    assert bool(gradient.isfinite().all())
    assert gradient[:2].tolist() == [0.0, 0.0]


def test_reference_levels_under_both_names():
    with np.load(REFERENCE) as data:
        levels = json.loads(data["meta_json"].tobytes())["levels"]
    for name, alias, shift in (("lens_blur", "lensblur", 0.0), ("motion_blur", "motionblur", 1.0)):
        for known in (name, alias):
            stage = isptune.create_stage(known)
            assert stage.name == name
            assert [stage.level_from_reference(value) + shift for value in levels[alias]] == levels[alias]
    with pytest.raises(ConfigurationError) as refused:
        isptune.create_stage("motion_blur").level_from_reference(0.5)
    assert str(refused.value) == "the reference parameter of the stage 'motion_blur' is 0.5, outside [1, 10]"


@pytest.mark.parametrize("stage", [LensBlur(), MotionBlur()])
def test_result_can_be_written_over_its_input(stage):
    images = picture(33, 47).expand(3, -1, -1, -1).clone()
    level = torch.tensor([0.0, 0.3, 0.9]) * stage.level_range[1]
    expected = stage(images, level)
    assert stage(images, level, out=images) is images
    assert torch.equal(images, expected)
