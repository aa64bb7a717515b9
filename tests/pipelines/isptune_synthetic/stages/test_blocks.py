"""Blocks of random colours: the contract, the reference code's statistics, continuity, the places."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import isptune
from isptune.errors import ConfigurationError
from isptune.testing import DistortionConformance
from isptune.testing.pictures import picture
from isptune_synthetic.stages import ColorBlock, color_block

REFERENCE = Path(__file__).parents[3] / "data" / "arniqa_reference.npz"


class TestColorBlock(DistortionConformance):
    name = "color_block"
    batch_tolerance = 0.0

    def gradient_picture(self):
        # Larger than a block, so that something is left of it.
        return picture(40, 56).double() * 0.4 + 0.3

    def damage(self, images, outputs):
        # How much is covered: a block over another one may well have the better colour.
        return (outputs != images).double().mean(dim=(1, 2, 3))


def draw(seed=0):
    return ColorBlock().draw(64, 96, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("number", [1, 3, 5])
@pytest.mark.parametrize("content", ["grey", "astro"])
def test_blocks_have_the_statistics_of_the_reference_code(number, content):
    with np.load(REFERENCE) as arrays:
        image = torch.from_numpy(arrays["input__astro"])
        expected = torch.from_numpy(arrays[f"stats__colorblock__L{number}__{content}"])
        value = json.loads(arrays["meta_json"].tobytes())["levels"]["colorblock"][number - 1]
    if content == "grey":
        image = torch.full_like(image, 0.5)
    stage = ColorBlock()
    level = torch.tensor([stage.level_from_reference(value)])
    change = torch.cat([stage(image[None], level, draw(seed)) - image for seed in range(400)]).double()
    measures = torch.stack(
        (change.square().mean(dim=(2, 3)), change.abs().mean(dim=(2, 3)), (change != 0).double().mean((2, 3)))
    )
    # The reference's figures are means over 16 draws of a few blocks each, which is far from exact: 5%, and
    # two and a half standard errors of such a mean.
    error = measures.std(dim=1) / 4
    given = torch.stack((expected[1].square() + expected[0].square(), expected[2], expected[3]))
    assert bool(((measures.mean(dim=1) - given).abs() <= 0.05 * given + 2.5 * error).all())


def test_a_block_has_one_colour_and_32_pixels_to_a_side():
    images = torch.full((1, 3, 80, 100), 2.0)
    for seed in range(20):
        blocks = draw(seed)
        covered = (color_block(images, torch.tensor([1.0]), blocks)[0] != 2).all(dim=0)
        rows, columns = covered.any(dim=1).nonzero(), covered.any(dim=0).nonzero()
        assert int(covered.sum()) == 32 * 32
        assert int(rows.max() - rows.min()) == int(columns.max() - columns.min()) == 31
        colour = color_block(images, torch.tensor([1.0]), blocks)[0][:, covered]
        torch.testing.assert_close(colour, blocks[0, 2:, None].expand(-1, 32 * 32), rtol=0, atol=0)


def test_blocks_reach_all_of_the_picture():
    images = torch.full((1, 3, 64, 96), 2.0)
    ends = torch.tensor([[0.0, 0.0, 1, 1, 1], [0.99999994, 0.99999994, 1, 1, 1]]).repeat(5, 1)
    covered = color_block(images, torch.tensor([2.0]), ends)[0, 0] != 2
    assert bool(covered[0, 0])
    assert bool(covered[-1, -1])
    assert int(covered.sum()) == 2 * 32 * 32


@pytest.mark.parametrize("size", [(1, 1), (20, 24), (32, 32), (31, 200), (200, 8)])
def test_small_pictures_are_covered_as_far_as_they_go(size):
    output = color_block(torch.full((1, 3, *size), 2.0), torch.tensor([10.0]), draw())
    assert bool((output <= 1).any())
    if max(size) <= 32:
        assert bool((output <= 1).all())


def test_the_last_block_fades_in():
    images = picture(64, 96).double()
    blocks = draw(3)
    counts = torch.tensor([2.0, 2.25, 2.75, 3.0, 3.0001, 10.0], dtype=torch.float64)
    two, quarter, most, three, more, _ = color_block(images.expand(6, -1, -1, -1), counts, blocks)
    torch.testing.assert_close(quarter, two + (three - two) / 4, rtol=0, atol=1e-12)
    torch.testing.assert_close(most, two + (three - two) * 3 / 4, rtol=0, atol=1e-12)
    assert float((more - three).abs().max()) < 1e-3
    assert float((three - two).abs().max()) > 0.05


def test_gradcheck_in_every_coordinate():
    images = (picture(34, 36).double()).requires_grad_(True)
    for count in (0.4, 1.7):
        level = torch.tensor([count], dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(
            lambda images, level: color_block(images, level, draw(2).double()),
            (images, level),
            fast_mode=True,
        )


def test_gradient_at_whole_counts_is_the_slope_from_above():
    images = picture(64, 96).double()
    for count in (0.0, 3.0):
        level = torch.tensor([count], dtype=torch.float64, requires_grad=True)
        weights = picture(64, 96, seed=2).double()
        (gradient,) = torch.autograd.grad((color_block(images, level, draw()) * weights).sum(), level)
        moved = color_block(images, level.detach() + 1e-6, draw())
        slope = float(((moved - color_block(images, level.detach(), draw())) * weights).sum()) / 1e-6
        assert float(gradient) == pytest.approx(slope, rel=1e-5)


def test_result_can_be_written_over_its_input():
    stage = ColorBlock()
    images = picture(40, 50).repeat(2, 1, 1, 1)
    level = torch.tensor([0.0, 4.5])
    expected = stage(images, level)
    buffer = torch.full_like(images, 9.0)
    assert stage(images, level, out=buffer) is buffer
    assert torch.equal(buffer, expected)
    assert stage(images, level, out=images) is images
    assert torch.equal(images, expected)


def test_a_buffer_is_refused_where_gradients_are_recorded():
    images = picture(40, 50)
    buffer = images.clone()
    with pytest.raises(ConfigurationError) as refused:
        ColorBlock()(images.requires_grad_(True), torch.tensor([2.0]), out=buffer)
    assert str(refused.value) == "out= is for calls without gradients: leave it out or use torch.no_grad()"
    assert torch.equal(buffer, images.detach())


def test_levels_for_the_references_parameters():
    assert isptune.create_stage("colorblock").level_from_reference(6) == 6
    with pytest.raises(ConfigurationError) as refused:
        ColorBlock().level_from_reference(11)
    assert str(refused.value) == "the reference parameter of the stage 'ColorBlock' is 11, outside [0, 10]"
