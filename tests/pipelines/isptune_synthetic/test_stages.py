"""The five stages against the reference code's own outputs, and what their arguments refuse."""

from pathlib import Path

import numpy as np
import pytest
import torch

from isptune.errors import ConfigurationError
from isptune.stages import strips
from isptune.testing.pictures import picture
from isptune_synthetic.stages import (
    Brighten,
    Desaturate,
    GaussianBlur,
    HighSharpen,
    WhiteNoise,
    brighten,
    desaturate,
    gaussian_blur,
    high_sharpen,
    white_noise,
)

REFERENCE = Path(__file__).parents[2] / "data" / "arniqa_reference.npz"

# The reference's name, our function, and our levels for its levels 1, 3 and 5.
CASES = {
    "gaublur": (gaussian_blur, (0.1, 1.0, 5.0)),
    "brighten": (brighten, (0.1, 0.4, 1.1)),
    "colorsat1": (desaturate, (0.6, 0.9, 1.4)),
    "highsharpen": (high_sharpen, (1.0, 3.0, 12.0)),
}


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as data:
        return {name: torch.from_numpy(data[name]) for name in data if name != "meta_json"}


def level_of(stage, share, count=1):
    return torch.full((count,), share * stage.level_range[1])


@pytest.mark.parametrize("recorded", [False, True], ids=["plain", "recorded"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_output_is_the_reference_codes(reference, name, dtype, recorded):
    function, levels = CASES[name]
    images = reference["input__astro"].to(dtype).expand(3, -1, -1, -1)
    level = torch.tensor(levels, dtype=dtype, requires_grad=recorded)
    outputs = function(images, level).detach()
    for output, number in zip(outputs, (1, 3, 5), strict=True):
        difference = (output - reference[f"{name}__L{number}__astro"].clamp(0, 1)).abs()
        # Far below the 1/255 and 1e-3 that the parity has to keep.
        assert float(difference.max()) < 1e-5
        assert float(difference.mean()) < 1e-6


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_blur_kernel_is_the_reference_codes(reference, number):
    sigma = (0.1, 0.5, 1.0, 2.0, 5.0)[number - 1]
    impulse = torch.zeros(1, 3, 41, 41, dtype=torch.float64)
    impulse[..., 20, 20] = 1
    response = gaussian_blur(impulse, torch.tensor([sigma], dtype=torch.float64))[0, 0]
    kernel = reference[f"kernel__gaublur__L{number}"]
    padding = (41 - kernel.shape[0]) // 2
    expected = torch.nn.functional.pad(kernel, (padding,) * 4)
    torch.testing.assert_close(response, expected, rtol=0, atol=1e-12)


def test_blur_grows_smoothly_where_the_reference_jumps():
    # Around 1.5 px the reference's support goes from 7 to 9 taps; its picture jumps there, ours does not.
    images = picture(32, 40).double()
    below, at, above = (gaussian_blur(images, torch.tensor([s]).double()) for s in (1.4999, 1.5, 1.5001))
    assert float((above - below).abs().max()) < 1e-4
    slopes = [float((at - below).norm()), float((above - at).norm())]
    assert slopes[0] == pytest.approx(slopes[1], rel=0.02)


def test_blur_spreads_further_with_every_step_of_sigma():
    impulse = torch.zeros(1, 3, 41, 41, dtype=torch.float64)
    impulse[..., 20, 20] = 1
    sigma = torch.linspace(0.2, 5, 97, dtype=torch.float64)
    spread = gaussian_blur(impulse.expand(97, -1, -1, -1), sigma)[:, 0].sum(1)
    variance = (spread * (torch.arange(41) - 20) ** 2).sum(1)
    assert bool((variance.diff() > 0).all())
    # A Gaussian cut at two sigma keeps 0.774 of its variance.
    assert float(variance[-1]) == pytest.approx(0.774 * 25, rel=0.05)


@pytest.mark.parametrize("number", [1, 3, 5])
def test_noise_has_the_statistics_of_the_reference_code(reference, number):
    deviation = (0.001, 0.003, 0.01)[(number - 1) // 2] ** 0.5
    stage = WhiteNoise()
    for content in ("grey", "astro"):
        image = torch.full((3, 64, 96), 0.5) if content == "grey" else reference["input__astro"]
        draws = torch.stack([stage.draw(64, 96, torch.Generator().manual_seed(seed)) for seed in range(16)])
        outputs = torch.cat([stage(image[None], torch.tensor([deviation]), draw) for draw in draws])
        expected = reference[f"stats__whitenoise__L{number}__{content}"]
        change = outputs - image
        std = change.std(dim=(0, 2, 3)).double()
        torch.testing.assert_close(std, expected[1], rtol=0.05, atol=0)
        torch.testing.assert_close(change.abs().mean(dim=(0, 2, 3)).double(), expected[2], rtol=0.05, atol=0)
        torch.testing.assert_close(change.mean(dim=(0, 2, 3)).double(), expected[0], rtol=0, atol=2e-3)


def test_desaturation_1_leaves_the_value_alone_in_every_channel():
    images = picture(32, 40)
    grey = desaturate(images, torch.tensor([1.0]))
    assert float((grey - images.amax(dim=1, keepdim=True)).abs().max()) < 1e-6


def test_sharpening_grey_gives_grey():
    images = picture(32, 40).mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    sharp = high_sharpen(images, torch.tensor([2.0]))
    assert float((sharp.amax(dim=1) - sharp.amin(dim=1)).max()) < 1e-4


@pytest.mark.parametrize("stage", [GaussianBlur(), Brighten(), Desaturate(), WhiteNoise(), HighSharpen()])
def test_result_is_the_same_in_strips_and_whole(stage, monkeypatch):
    images, level = picture(61, 97), level_of(stage, 0.4)
    whole = stage(images, level)
    monkeypatch.setattr(strips, "NUMBERS", 100)
    # Rounding differs at the ends of strips alone, in the last place of a logarithm.
    torch.testing.assert_close(stage(images, level), whole, rtol=0, atol=5e-6)


@pytest.mark.parametrize("stage", [GaussianBlur(), Brighten(), Desaturate(), WhiteNoise(), HighSharpen()])
def test_result_can_be_written_over_a_buffer(stage):
    images, level = picture(33, 47).expand(2, -1, -1, -1).clone(), torch.tensor([0.0, 0.7])
    level = level * stage.level_range[1]
    expected = stage(images, level)
    buffer = torch.full_like(images, 9.0)
    assert stage(images, level, out=buffer) is buffer
    assert torch.equal(buffer, expected)
    assert stage(images, level, out=images) is images
    assert torch.equal(images, expected)


@pytest.mark.parametrize("stage", [GaussianBlur(), Brighten(), Desaturate(), WhiteNoise(), HighSharpen()])
def test_a_buffer_is_refused_where_gradients_are_recorded(stage):
    images = picture(32, 32)
    with pytest.raises(ConfigurationError) as refused:
        stage(images.clone().requires_grad_(True), level_of(stage, 0.5), out=images)
    assert str(refused.value) == "out= is for calls without gradients: leave it out or use torch.no_grad()"


@pytest.mark.parametrize(
    ("level", "shown"),
    [(5.1, "5.1"), (-0.01, "-0.01"), (float("nan"), "nan"), (float("inf"), "inf")],
)
def test_a_level_outside_the_range_is_refused(level, shown):
    stage = GaussianBlur()
    stage.name = "gaussian_blur"
    with pytest.raises(ConfigurationError) as refused:
        stage(picture(32, 32).expand(2, -1, -1, -1), torch.tensor([1.0, level]))
    assert str(refused.value) == (
        f"the level of image 1 for the stage 'gaussian_blur' is {shown}, outside [0, 5] px"
    )


def test_wrong_shapes_are_refused(snapshot):
    stage = Brighten()
    stage.name = "brighten"
    with pytest.raises(ConfigurationError) as refused:
        stage(picture(32, 32), torch.tensor([0.1, 0.2]))
    assert str(refused.value) == (
        "the stage 'brighten' needs one level per image, of the shape (1,), got (2,)"
    )
    with pytest.raises(ConfigurationError) as refused:
        stage(torch.zeros(1, 1, 32, 32, dtype=torch.uint8), torch.tensor([0.1]))
    assert str(refused.value) == snapshot


@pytest.mark.parametrize(
    ("function", "highest"),
    [(gaussian_blur, 5.0), (brighten, 1.1), (desaturate, 1.4), (high_sharpen, 12.0)],
)
def test_gradcheck_in_every_coordinate(function, highest):
    images = (picture(8, 9).double() * 0.3 + 0.35).requires_grad_(True)
    level = torch.tensor([0.27 * highest], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (images, level), eps=1e-6, atol=1e-6)


def test_gradcheck_of_noise():
    noise = torch.randn(3, 8, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    images = (picture(8, 9).double() * 0.2 + 0.4).requires_grad_(True)
    level = torch.tensor([0.03], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda i, d: white_noise(i, d, noise), (images, level), eps=1e-6)


@pytest.mark.parametrize(
    ("function", "highest"),
    [(gaussian_blur, 5.0), (brighten, 1.1), (desaturate, 1.4), (high_sharpen, 12.0)],
)
def test_gradient_at_level_0_is_the_slope_from_above(function, highest):
    images = picture(16, 20).double() * 0.3 + 0.35
    weights = picture(16, 20, seed=1).double()
    level = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad((function(images, level) * weights).sum(), level)
    step = 1e-7 * highest
    moved = function(images, torch.tensor([step], dtype=torch.float64))
    slope = float(((moved - images) * weights).sum()) / step
    assert float(gradient) == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_half_precision_autocast_does_not_reach_the_stages():
    images, level = picture(48, 64), torch.tensor([2.0], requires_grad=True)
    expected = gaussian_blur(images, level).detach()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(gaussian_blur(images, level), expected)
