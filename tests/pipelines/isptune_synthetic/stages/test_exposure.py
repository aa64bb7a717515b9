"""Clipped highlights and wrong white-balance gains: the contract, and what they do to light."""

import pytest
import torch

from isptune.errors import ConfigurationError
from isptune.testing import DistortionConformance
from isptune.testing.pictures import picture
from isptune_synthetic.stages import (
    HighlightClipping,
    WhiteBalanceGain,
    highlight_clipping,
    white_balance_gain,
)


class Exact(DistortionConformance):
    batch_tolerance = 0.0


class TestHighlightClipping(Exact):
    name = "highlight_clipping"


class TestHighlightClippingRestored(Exact):
    name = "highlight_clipping"
    options = {"restore": True}  # noqa: RUF012


class TestWhiteBalanceGain(Exact):
    name = "white_balance_gain"


class TestWhiteBalanceGainCool(Exact):
    name = "white_balance_gain"
    options = {"direction": "cool"}  # noqa: RUF012


def decoded(encoded):
    """Linear light, written as IEC 61966-2-1 writes it."""
    return torch.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def encoded(linear):
    return torch.where(
        linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(1e-9) ** (1 / 2.4) - 0.055
    )


@pytest.fixture
def images():
    image = picture(40, 48).double()
    return (image - 0.04) / 0.92


@pytest.mark.parametrize("stops", [0.3, 1.0, 2.5])
def test_exposure_multiplies_the_light_and_clips_it(images, stops):
    level = torch.tensor([stops], dtype=torch.float64)
    expected = encoded((decoded(images) * 2**stops).clamp(max=1))
    torch.testing.assert_close(highlight_clipping(images, level), expected, rtol=0, atol=1e-6)
    restored = encoded((decoded(images) * 2**stops).clamp(max=1) / 2**stops)
    output = highlight_clipping(images, level, restore=True)
    torch.testing.assert_close(output, restored, rtol=0, atol=1e-6)


def test_clipping_changes_the_hue_of_bright_colours_alone():
    orange = torch.tensor([0.9, 0.6, 0.2], dtype=torch.float64).reshape(1, 3, 1, 1)
    dark = orange / 4
    level = torch.tensor([1.5], dtype=torch.float64)
    bright, dim = (decoded(highlight_clipping(colour, level)).flatten() for colour in (orange, dark))
    before = decoded(orange).flatten(), decoded(dark).flatten()
    # Green catches up with red where red is clipped, which turns orange to yellow.
    assert float(bright[1] / bright[0]) > 2 * float(before[0][1] / before[0][0])
    torch.testing.assert_close(dim / dim[0], before[1] / before[1][0], rtol=1e-5, atol=0)


def test_restored_exposure_leaves_everything_below_the_clipping_alone(images):
    output = highlight_clipping(images, torch.tensor([1.0], dtype=torch.float64), restore=True)
    clipped = decoded(images) >= 0.5
    assert 0.02 < float(clipped.double().mean()) < 0.98
    assert torch.equal(output[~clipped], images[~clipped])
    torch.testing.assert_close(
        decoded(output)[clipped], torch.tensor(0.5).double().expand(int(clipped.sum()))
    )


@pytest.mark.parametrize("stops", [-0.7, 0.2, 1.0])
def test_white_balance_multiplies_red_and_divides_blue(images, stops):
    level = torch.tensor([stops], dtype=torch.float64)
    gains = torch.tensor([2**stops, 1.0, 2**-stops], dtype=torch.float64).reshape(1, 3, 1, 1)
    expected = encoded((decoded(images) * gains).clamp(max=1))
    output = white_balance_gain(images, level)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-6)
    assert torch.equal(output[:, 1], images[:, 1])
    cool = white_balance_gain(images, level, direction="cool")
    torch.testing.assert_close(cool, white_balance_gain(images, -level), rtol=0, atol=1e-12)
    torch.testing.assert_close(white_balance_gain(images.flip(1), level).flip(1), cool, rtol=0, atol=1e-12)


def test_levels_of_another_sign():
    assert WhiteBalanceGain.is_signed
    assert not HighlightClipping.is_signed
    with pytest.raises(ConfigurationError) as refused:
        HighlightClipping()(picture(8, 8), torch.tensor([-0.5]))
    assert str(refused.value) == (
        "the level of image 0 for the stage 'HighlightClipping' is -0.5, outside [0, 3] stops"
    )


def test_wrong_options_are_refused():
    message = (
        "the option direction of the stage 'white_balance_gain' is 'warmer'; allowed: warm, cool; "
        "did you mean 'warm'?"
    )
    with pytest.raises(ConfigurationError) as refused:
        WhiteBalanceGain(direction="warmer")
    assert str(refused.value) == message
    with pytest.raises(ConfigurationError) as refused:
        white_balance_gain(picture(8, 8), torch.ones(1), direction="warmer")
    assert str(refused.value) == message
    with pytest.raises(ConfigurationError) as refused:
        HighlightClipping(restore=1)
    assert str(refused.value) == (
        "the option restore of the stage 'highlight_clipping' is 1; allowed: true or false"
    )


@pytest.mark.parametrize(
    ("function", "options", "level"),
    [
        (highlight_clipping, {}, 0.4),
        (highlight_clipping, {}, 2.1),
        (highlight_clipping, {"restore": True}, 1.6),
        (white_balance_gain, {}, 0.7),
        (white_balance_gain, {}, -0.7),
        (white_balance_gain, {"direction": "cool"}, 0.3),
    ],
)
def test_gradcheck_in_every_coordinate(function, options, level):
    images = (picture(6, 7).double() * 0.4 + 0.2).requires_grad_(True)
    stops = torch.tensor([level], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda images, stops: function(images, stops, **options), (images, stops), eps=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("stage", [HighlightClipping(), WhiteBalanceGain()])
def test_gradient_at_level_0_is_the_slope_from_above(stage):
    images = picture(16, 20).double() * 0.3 + 0.35
    weights = picture(16, 20, seed=1).double()
    level = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad((stage(images, level) * weights).sum(), level)
    step = 1e-5
    # The round trip through the curves is exact to 1e-8 alone: from one small level to the next.
    near, far = (stage(images, torch.tensor([level]).double()) for level in (step, 2 * step))
    assert float(gradient) == pytest.approx(float(((far - near) * weights).sum()) / step, rel=1e-3)


@pytest.mark.parametrize("stage", [HighlightClipping(), HighlightClipping(restore=True), WhiteBalanceGain()])
def test_result_can_be_written_over_its_input(stage):
    images = picture(33, 47).repeat(2, 1, 1, 1)
    level = torch.tensor([0.0, 0.7]) * stage.level_range[1]
    expected = stage(images, level)
    assert stage(images, level, out=images) is images
    assert torch.equal(images, expected)
