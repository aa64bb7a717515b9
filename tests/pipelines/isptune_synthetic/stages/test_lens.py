"""Vignetting: the contract and the law of natural vignetting."""

import math

import pytest
import torch

from isptune.errors import ConfigurationError
from isptune.testing import DistortionConformance
from isptune.testing.pictures import picture
from isptune_synthetic.stages import Vignetting, vignetting


class TestVignetting(DistortionConformance):
    name = "vignetting"
    batch_tolerance = 0.0


def decoded(encoded):
    return torch.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("recorded", [False, True], ids=["plain", "recorded"])
@pytest.mark.parametrize("loss", [0.01, 0.3, 0.75, 0.9])
def test_light_falls_with_the_fourth_power_of_the_cosine(loss, recorded):
    images = picture(45, 61).double().requires_grad_(recorded)
    output = vignetting(images, torch.tensor([loss]).double()).detach()[0]
    share = decoded(output) / decoded(images.detach()[0])
    y, x = torch.meshgrid(torch.arange(45).double() - 22, torch.arange(61).double() - 30, indexing="ij")
    # The angle at the corners is the one whose cosine to the fourth leaves the rest of the light.
    tangent = math.tan(math.acos((1 - torch.tensor(loss).double()) ** 0.25))
    angle = torch.atan(torch.hypot(y, x) / math.hypot(22, 30) * tangent)
    torch.testing.assert_close(share, (angle.cos() ** 4).expand(3, -1, -1), rtol=1e-5, atol=0)


def test_corners_lose_the_share_and_the_centre_nothing():
    for height, width in ((41, 63), (40, 62)):
        images = torch.full((1, 3, height, width), 0.6)
        output = vignetting(images, torch.tensor([0.5]))
        corners = decoded(output)[..., [0, 0, -1, -1], [0, -1, 0, -1]] / decoded(images)[0, 0, 0, 0]
        torch.testing.assert_close(corners, torch.full_like(corners, 0.5), rtol=1e-5, atol=0)
        assert float(output[..., height // 2, width // 2].min()) == pytest.approx(0.6, abs=3e-4)
        # A picture and its mirror images lose the same.
        torch.testing.assert_close(output.flip(-1), output, rtol=0, atol=1e-6)
        torch.testing.assert_close(output.flip(-2), output, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (2, 2)])
def test_pictures_of_any_size(height, width):
    output = vignetting(torch.full((1, 3, height, width), 0.5), torch.tensor([0.9]))
    assert bool(output.isfinite().all())
    expected = (
        0.5
        if (height, width) == (1, 1)
        else float(vignetting(torch.full((1, 3, 3, 3), 0.5), torch.tensor([0.9]))[0, 0, 0, 0])
    )
    assert float(output[0, 0, 0, 0]) == pytest.approx(expected, abs=1e-6)


def test_gradcheck_in_every_coordinate():
    images = (picture(6, 7).double() * 0.3 + 0.35).requires_grad_(True)
    level = torch.tensor([0.4], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(vignetting, (images, level), eps=1e-6, atol=1e-6)


def test_gradient_at_level_0_is_the_slope_from_above():
    images = picture(16, 20).double() * 0.3 + 0.35
    level = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(vignetting(images, level).sum(), level)
    moved = vignetting(images, torch.tensor([1e-6], dtype=torch.float64))
    assert float(gradient) == pytest.approx(float((moved - images).sum()) / 1e-6, rel=1e-3)


def test_it_has_no_counterpart_in_the_reference_code():
    stage = Vignetting()
    stage.name = "vignetting"
    with pytest.raises(ConfigurationError) as refused:
        stage.level_from_reference(0.5)
    assert str(refused.value) == "the stage 'vignetting' has no counterpart in the reference code"


def test_result_can_be_written_over_its_input():
    images = picture(33, 47).expand(3, -1, -1, -1).clone()
    level = torch.tensor([0.0, 0.3, 0.9])
    expected = vignetting(images, level)
    assert vignetting(images, level, out=images) is images
    assert torch.equal(images, expected)
