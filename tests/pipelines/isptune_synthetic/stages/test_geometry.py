"""Displaced pixels and patches: the contract, SciPy and plain loops, the reference code's statistics."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

import isptune
from isptune.testing import DistortionConformance
from isptune.testing.pictures import picture
from isptune_synthetic.resampling import warp
from isptune_synthetic.stages import Jitter, PatchDisplacement, jitter, patch_displacement

REFERENCE = Path(__file__).parents[3] / "data" / "arniqa_reference.npz"


class Exact(DistortionConformance):
    batch_tolerance = 0.0


class TestJitter(Exact):
    name = "jitter"


class TestPatchDisplacement(Exact):
    name = "patch_displacement"
    # Between whole numbers of patches, at which the result has a bend.
    gradient_shares = (0.134, 0.378, 0.716)

    def gradient_picture(self):
        # With room for patches that go different ways.
        return picture(50, 52).double() * 0.4 + 0.3


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as data:
        return {name: torch.from_numpy(data[name]) for name in data if name != "meta_json"}


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_jitter_is_five_rounds_of_linear_interpolation():
    images = picture(30, 44).double()
    field = torch.randn(2, 30, 44, generator=seeded(0), dtype=torch.float64)
    expected = images[0].numpy()
    y, x = np.mgrid[:30, :44]
    for start in (0, 6, 12, 18, 24):
        right, down = field.roll(-start, dims=1).numpy() * 0.8
        expected = np.stack(
            [
                ndimage.map_coordinates(plane, (y + down, x + right), order=1, mode="nearest")
                for plane in expected
            ]
        )
    result = jitter(images, torch.tensor([0.8], dtype=torch.float64), field)[0]
    np.testing.assert_allclose(result.numpy(), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("number", [1, 3])
def test_jitter_has_the_statistics_of_the_reference_code(reference, number):
    stage, image = Jitter(), reference["input__astro"]
    level = torch.tensor([stage.level_from_reference((0.05, 0.2)[number // 2])])
    change = torch.cat([stage(image[None], level, stage.draw(64, 96, seeded(s))) for s in range(16)]) - image
    expected = reference[f"stats__jitter__L{number}__astro"].float()
    torch.testing.assert_close(change.std(dim=(0, 2, 3)), expected[1], rtol=0.05, atol=0)
    torch.testing.assert_close(change.abs().mean(dim=(0, 2, 3)), expected[2], rtol=0.05, atol=0)
    torch.testing.assert_close(change.mean(dim=(0, 2, 3)), expected[0], rtol=0, atol=1e-4)


def test_jitter_differs_from_the_reference_code_by_that_ones_fault_alone(reference):
    # At 1 px its pads for rows and columns often differ, and it crops each by the other's: the whole picture
    # moves. With that put back, a fresh field for every round and nothing else, its statistics come out.
    image, generator = reference["input__astro"], seeded(0)
    expected = reference["stats__jitter__L5__astro"].float()
    deviations = {}
    for faulty in (True, False):
        changes = []
        for _ in range(64):
            moved = image
            for _ in range(5):
                field = torch.randn(2, 64, 96, generator=generator)
                moved = warp(moved, field, torch.tensor(1.0), 0)
                if faulty:
                    right, down = field.amax(dim=(1, 2)).ceil().int().tolist()
                    rows = (torch.arange(64) + down - right).clamp(0, 63)
                    columns = (torch.arange(96) + right - down).clamp(0, 95)
                    moved = moved[:, rows][:, :, columns]
            changes.append(moved - image)
        deviations[faulty] = torch.stack(changes).std(dim=(0, 2, 3))
    torch.testing.assert_close(deviations[True], expected[1], rtol=0.05, atol=0)
    stage = Jitter()
    change = (
        torch.cat([stage(image[None], torch.ones(1), stage.draw(64, 96, seeded(s))) for s in range(16)])
        - image
    )
    torch.testing.assert_close(change.std(dim=(0, 2, 3)), deviations[False], rtol=0.02, atol=0)
    assert bool((change.std(dim=(0, 2, 3)) < expected[1]).all())


def test_the_rounds_of_jitter_are_independent():
    # Five independent displacements of 1 px spread a point by the square root of 5, equal ones by 5.
    ramp = (torch.arange(200.0) / 200).expand(1, 3, 60, 200)
    stage = Jitter()
    moved = stage(ramp, torch.ones(1), stage.draw(60, 200, seeded(3)))
    pixels = (moved - ramp)[0, 0, 20:40, 20:-20] * 200
    # Interpolation averages the later rounds' displacements over neighbours: between 1 and 5 in variance.
    assert 1.5 < float(pixels.var()) < 5


def test_jitter_brings_no_foreign_values_in():
    images = torch.full((1, 3, 40, 50), 0.7)
    images[..., 25:] = 0.2
    stage = Jitter()
    for seed in range(5):
        moved = stage(images, torch.ones(1), stage.draw(40, 50, seeded(seed)))
        assert float(moved[..., 38:].max()) == pytest.approx(0.2, abs=1e-6)
        assert float(moved[..., :12].min()) == pytest.approx(0.7, abs=1e-6)


def displaced(image, count, places):
    """Whole patches, copied one after the other on the picture itself."""
    result = image.clone()
    height, width = image.shape[-2:]
    for across, down, right, below in places[:count].double().tolist():
        x, y = 16 + round(across * (width - 48)), 16 + round(down * (height - 48))
        to_x, to_y = round(x + (right - 0.5) * 16), round(y + (below - 0.5) * 16)
        result[:, to_y : to_y + 16, to_x : to_x + 16] = result[:, y : y + 16, x : x + 16].clone()
    return result


@pytest.mark.parametrize("recorded", [False, True], ids=["plain", "recorded"])
def test_patches_are_copied_one_after_the_other(recorded):
    images = torch.cat([picture(70, 91, seed=seed) for seed in range(4)])
    places = PatchDisplacement().draw(70, 91, seeded(0))
    count = torch.tensor([0.0, 7.0, 60.0, 100.0], requires_grad=recorded)
    result = patch_displacement(images, count, places).detach()
    for image, number, got in zip(images, (0, 7, 60, 100), result, strict=True):
        assert torch.equal(got, displaced(image, number, places))


def test_a_part_of_a_patch_is_blended_in():
    images, places = picture(70, 91), PatchDisplacement().draw(70, 91, seeded(0))
    before, after = (displaced(images[0], number, places) for number in (11, 12))
    result = patch_displacement(images, torch.tensor([11.25]), places)[0]
    torch.testing.assert_close(result, 0.75 * before + 0.25 * after, rtol=0, atol=1e-6)


@pytest.mark.parametrize("number", [1, 3, 5])
def test_patches_have_the_statistics_of_the_reference_code(reference, number):
    stage, image = PatchDisplacement(), reference["input__astro"]
    level = torch.tensor([stage.level_from_reference((20, 60, 100)[number // 2])])
    change = torch.cat([stage(image[None], level, stage.draw(64, 96, seeded(s))) for s in range(60)]) - image
    expected = reference[f"stats__noneccpatch__L{number}__astro"].float()
    torch.testing.assert_close(change.std(dim=(0, 2, 3)), expected[1], rtol=0.05, atol=0)
    torch.testing.assert_close(change.abs().mean(dim=(0, 2, 3)), expected[2], rtol=0.05, atol=0)
    changed = (change != 0).float().mean(dim=(0, 2, 3))
    torch.testing.assert_close(changed, expected[3], rtol=0.05, atol=0)


@pytest.mark.parametrize(("height", "width"), [(48, 48), (47, 200), (16, 16), (9, 300), (1, 1)])
def test_patches_stay_inside_pictures_of_any_size(height, width):
    rows, columns = torch.arange(float(height))[:, None], torch.arange(float(width))
    # Every pixel holds its own place, so that each output tells where it comes from.
    images = torch.stack(
        [rows.expand(height, width) / 400, columns.expand(height, width) / 400, rows * columns * 0]
    )
    stage = PatchDisplacement()
    result = stage(images[None], torch.tensor([100.0]), stage.draw(height, width, seeded(0)))[0] * 400
    assert float((result[0] - rows).abs().max()) <= min(height - 1, 8 * 100)
    known = {(int(y), int(x)) for y in range(height) for x in range(width)}
    shown = {tuple(place) for place in result[:2].flatten(1).T.round().int().tolist()}
    assert shown <= known
    if min(height, width) > 20:
        assert len(shown) < len(known)


@pytest.mark.parametrize(
    ("function", "level", "draw"),
    [
        (jitter, 0.43, torch.randn(2, 8, 9, generator=seeded(0), dtype=torch.float64)),
        (patch_displacement, 31.4, torch.rand(100, 4, generator=seeded(0))),
    ],
)
def test_gradcheck_in_every_coordinate(function, level, draw):
    size = (8, 9) if function is jitter else (20, 18)
    images = (picture(*size).double() * 0.3 + 0.35)[:, :, :, :].requires_grad_(True)
    levels = torch.tensor([level], dtype=torch.float64, requires_grad=True)
    if function is jitter:
        assert torch.autograd.gradcheck(
            lambda i, a: function(i, a, draw), (images, levels), eps=1e-7, atol=1e-6
        )
    else:
        # A picture with room for patches has too many coordinates; the fast mode projects them.
        assert torch.autograd.gradcheck(
            lambda i, a: function(i, a, draw), (images, levels), eps=1e-6, atol=1e-6, fast_mode=True
        )


@pytest.mark.parametrize("level", [0.0, 100.0])
def test_the_number_of_patches_has_a_gradient_at_both_ends(level):
    images = picture(60, 64).double()
    places = PatchDisplacement().draw(60, 64, seeded(0))
    count = torch.tensor([level], dtype=torch.float64, requires_grad=True)
    weights = picture(60, 64, seed=1).double()
    (gradient,) = torch.autograd.grad((patch_displacement(images, count, places) * weights).sum(), count)
    step = 0.5 if level == 0 else -0.5
    moved = patch_displacement(images, count.detach() + step, places)
    still = patch_displacement(images, count.detach(), places)
    assert float(gradient) == pytest.approx(float(((moved - still) * weights).sum()) / step, abs=1e-9)
    assert float(gradient) != 0


def test_reference_levels_under_both_names():
    with np.load(REFERENCE) as data:
        levels = json.loads(data["meta_json"].tobytes())["levels"]
    for name, alias in (("jitter", "jitter"), ("patch_displacement", "noneccpatch")):
        for known in (name, alias):
            stage = isptune.create_stage(known)
            assert stage.name == name
            assert [stage.level_from_reference(value) for value in levels[alias]] == levels[alias]


@pytest.mark.parametrize("stage", [Jitter(), PatchDisplacement()])
def test_result_can_be_written_over_its_input(stage):
    images = picture(53, 67).expand(3, -1, -1, -1).clone()
    level = torch.tensor([0.0, 0.3, 0.9]) * stage.level_range[1]
    expected = stage(images, level)
    assert stage(images, level, out=images) is images
    assert torch.equal(images, expected)
