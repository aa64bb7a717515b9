"""Colour planes that no longer lie upon each other: the contract, the reference code, known displacements."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

import isptune
from isptune.testing import DistortionConformance
from isptune.testing.pictures import picture
from isptune_synthetic.stages import ChromaticAberration, ColorShift, chromatic_aberration, color_shift
from isptune_synthetic.stages.shift import _edges

REFERENCE = Path(__file__).parents[3] / "data" / "arniqa_reference.npz"
AMOUNTS = {1: 1, 3: 6, 5: 12}


class Exact(DistortionConformance):
    batch_tolerance = 0.0


class TestColorShift(Exact):
    name = "color_shift"
    # Between whole amounts, at which the result has a bend.
    gradient_shares = (0.135, 0.378, 0.716)


class TestChromaticAberration(Exact):
    name = "chromatic_aberration"


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as data:
        return {name: torch.from_numpy(data[name]) for name in data if name != "meta_json"}


def slow_edges(image):
    """The edge map by another way, without its limits at the percentiles."""
    from scipy import ndimage

    grey = np.tensordot([0.299, 0.587, 0.114], image.double().numpy(), axes=1)
    slope = [ndimage.correlate1d(grey, [-0.5, 0, 0.5], axis=axis, mode="nearest") for axis in (0, 1)]
    blurred = ndimage.gaussian_filter(np.hypot(*slope), 4.0, mode="nearest", radius=8)
    return torch.from_numpy((blurred - blurred.min()) / (blurred.max() - blurred.min()))


def faulty_color_shift(image, down, right):
    """What the reference code does instead: indices for values, and the far side let in."""
    edges = slow_edges(image).float()
    above, below = edges.sort(dim=1)[1], 1 - (1 - edges).sort(dim=1)[1]
    edges = torch.maximum(torch.minimum(edges, above), below)
    green = functional.pad(image[1][None, None], (down, down, right, right), mode="replicate")[0, 0]
    green = green.roll((down, right), dims=(0, 1))
    height, width = image.shape[1:]
    shifted = green[right : right + height, down : down + width]
    return shifted * edges + image[1] * (1 - edges)


def rounded_shift(seed, amount):
    direction = np.random.default_rng(seed).random(2)
    down, right = np.round(direction / np.hypot(*direction) * amount).astype(int)
    return torch.from_numpy(direction), int(down), int(right)


@pytest.mark.parametrize("number", [1, 3, 5])
def test_color_shift_differs_from_the_reference_code_by_that_ones_faults_alone(reference, number):
    image = reference["input__astro"]
    expected = reference[f"stats__colorshift__L{number}__astro"].float()
    amount = AMOUNTS[number]
    ours, theirs = [], []
    for seed in range(32):
        direction, down, right = rounded_shift(seed, amount)
        ours.append(color_shift(image[None], torch.tensor([float(amount)]), direction)[0, 1])
        theirs.append(faulty_color_shift(image, down, right))
        # Apart from the border and from where the edge map is limited it is the same picture.
        inner = (ours[-1] - theirs[-1]).abs()[12:, 12:]
        assert float((inner < 1e-5).float().mean()) > 0.94
    ours, theirs = torch.stack(ours) - image[1], torch.stack(theirs) - image[1]
    # With its faults the statistics are the reference's; without them they are a little lower.
    assert float(theirs.std()) == pytest.approx(float(expected[1, 1]), rel=0.05)
    assert float(theirs.abs().mean()) == pytest.approx(float(expected[2, 1]), rel=0.05)
    assert float((theirs != 0).float().mean()) == pytest.approx(float(expected[3, 1]), rel=0.05)
    assert float(ours.std()) == pytest.approx(float(expected[1, 1]), rel=0.1)
    assert float(ours.abs().mean()) == pytest.approx(float(expected[2, 1]), rel=0.1)
    assert float((ours != 0).float().mean()) == pytest.approx(float(expected[3, 1]), rel=0.05)


def test_the_edge_map_is_limited_at_its_percentiles():
    image = picture(60, 70)[0].double()
    edges, unlimited = _edges(image), slow_edges(image)
    low, high = np.percentile(unlimited.numpy(), [1, 99])
    torch.testing.assert_close(edges, unlimited.clamp(float(low), float(high)), rtol=0, atol=2e-3)
    assert float(edges.max()) == pytest.approx(high, abs=2e-3)
    # All the others are as they were.
    share = ((edges - unlimited).abs() < 1e-12).double().mean()
    assert float(share) == pytest.approx(0.98, abs=2 / 4200)


@pytest.mark.parametrize("recorded", [False, True], ids=["plain", "recorded"])
def test_green_alone_moves_by_whole_pixels_and_is_replicated(recorded):
    image = picture(40, 52)
    level = torch.tensor([5.0], requires_grad=recorded)
    shifted = color_shift(image, level, torch.tensor([0.8, 0.6])).detach()[0]
    assert torch.equal(shifted[[0, 2]], image[0, [0, 2]])
    rows, columns = (torch.arange(40) - 4).clamp_min(0), (torch.arange(52) - 3).clamp_min(0)
    moved = image[0, 1][rows][:, columns]
    expected = image[0, 1] + _edges(image[0]) * (moved - image[0, 1])
    torch.testing.assert_close(shifted[1], expected, rtol=0, atol=1e-6)


def test_between_whole_amounts_two_pictures_are_blended():
    image, direction = picture(40, 52), torch.tensor([0.3, 0.9])
    level = torch.tensor([4.0, 5.0, 4.4])
    below, above, between = color_shift(image.expand(3, -1, -1, -1), level, direction)
    torch.testing.assert_close(between, 0.6 * below + 0.4 * above, rtol=0, atol=1e-6)


def test_a_picture_without_edges_is_left_alone():
    images = torch.full((2, 3, 20, 24), 0.4)
    level = torch.tensor([3.0, 11.5], requires_grad=True)
    shifted = color_shift(images, level, torch.tensor([1.0, 1.0]))
    torch.testing.assert_close(shifted.detach(), images)
    (gradient,) = torch.autograd.grad(shifted.sum(), level)
    assert gradient.tolist() == pytest.approx([0.0, 0.0], abs=1e-5)


def test_draws_are_directions_down_and_to_the_right():
    draws = torch.stack([ColorShift().draw(9, 9, torch.Generator().manual_seed(seed)) for seed in range(50)])
    assert draws.shape == (50, 2)
    assert float(draws.min()) >= 0
    assert float(draws.std()) > 0.2


def test_red_is_magnified_and_blue_shrunk_about_the_centre():
    height, width, amount = 61, 83, 2.6
    y, x = torch.meshgrid(
        torch.arange(height).double() - 30, torch.arange(width).double() - 41, indexing="ij"
    )

    def surface(y, x):
        return 0.5 + 0.2 * torch.sin(y / 9) * torch.cos(x / 11) + 0.1 * torch.sin(x / 7)

    corner = (30.0**2 + 41.0**2) ** 0.5
    image = surface(y, x).expand(1, 3, -1, -1)
    result = chromatic_aberration(image, torch.tensor([amount]).double())[0]
    red, blue = 1 - amount / corner, 1 + amount / corner
    inner = (slice(4, -4), slice(4, -4))
    torch.testing.assert_close(result[0], surface(y * red, x * red), rtol=0, atol=2e-4)
    torch.testing.assert_close(result[2][inner], surface(y * blue, x * blue)[inner], rtol=0, atol=2e-4)
    assert torch.equal(result[1], image[0, 1])
    # The centre's pixel stays where it is.
    torch.testing.assert_close(result[:, 30, 41], image[0, :, 30, 41], rtol=0, atol=1e-15)


def test_a_corner_moves_by_the_amount():
    # A ramp towards the corner tells how far its pixels have moved.
    y, x = torch.meshgrid(torch.arange(41).double(), torch.arange(41).double(), indexing="ij")
    ramp = ((y + x) / 2**0.5 / 100).expand(1, 3, -1, -1)
    result = chromatic_aberration(ramp, torch.tensor([4.0]).double())[0]
    assert float(ramp[0, 0, -1, -1] - result[0, -1, -1]) * 100 == pytest.approx(4.0, abs=1e-9)
    assert float(result[2, -8, -8] - ramp[0, 2, -8, -8]) * 100 == pytest.approx(4.0 * 13 / 20, abs=1e-9)
    # Farther out than the last pixel there is that pixel.
    assert float(result[2, -1, -1]) == pytest.approx(float(ramp[0, 2, -1, -1]), abs=1e-9)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (2, 3), (65, 129)])
def test_aberration_of_pictures_of_any_size(height, width):
    images = picture(max(height, 2), max(width, 2))[..., :height, :width]
    output = chromatic_aberration(images.expand(2, -1, -1, -1), torch.tensor([0.0, 5.0]))
    assert torch.equal(output[0], images[0])
    assert float(output.min()) >= 0
    assert float(output.max()) <= 1


@pytest.mark.parametrize(
    ("function", "level"),
    [
        (lambda images, level: color_shift(images, level, torch.tensor([0.4, 0.7])), 2.3),
        (chromatic_aberration, 1.7),
    ],
    ids=["color_shift", "chromatic_aberration"],
)
def test_gradcheck_in_every_coordinate(function, level):
    images = (picture(5, 6).double() * 0.3 + 0.35).requires_grad_(True)
    level = torch.tensor([level], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (images, level), eps=1e-6, atol=1e-6)


@pytest.mark.parametrize("stage", [ColorShift(), ChromaticAberration()])
def test_gradient_at_level_0_is_the_slope_from_above(stage):
    images = picture(16, 20).double() * 0.3 + 0.35
    weights = picture(16, 20, seed=1).double()
    level = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad((stage(images, level) * weights).sum(), level)
    moved = stage(images, torch.tensor([1e-6], dtype=torch.float64))
    assert float(gradient) == pytest.approx(float(((moved - images) * weights).sum()) / 1e-6, rel=1e-3)
    assert float(gradient) != 0


def test_reference_levels_under_both_names():
    with np.load(REFERENCE) as data:
        levels = json.loads(data["meta_json"].tobytes())["levels"]["colorshift"]
    for known in ("color_shift", "colorshift"):
        stage = isptune.create_stage(known)
        assert stage.name == "color_shift"
        assert [stage.level_from_reference(value) for value in levels] == levels


@pytest.mark.parametrize("stage", [ColorShift(), ChromaticAberration()])
def test_result_can_be_written_over_its_input(stage):
    images = picture(33, 47).expand(3, -1, -1, -1).clone()
    level = torch.tensor([0.0, 0.3, 0.9]) * stage.level_range[1]
    expected = stage(images, level)
    assert stage(images, level, out=images) is images
    assert torch.equal(images, expected)
