"""The statistics against numpy and scipy, and what each is there to see."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, signal

import isptune
from isptune.errors import ConfigurationError
from isptune.testing.pictures import blurred, picture, spoilt
from isptune_statistics import functional

FUNCTIONS = ["sharpness", "noise_level", "contrast", "colourfulness", "exposure", "clipping"]


def as_numpy(image):
    return image.double().permute(1, 2, 0).numpy()


def luma(array):
    return array @ np.array([0.299, 0.587, 0.114])


def sharpness_by_scipy(image):
    plane = luma(image)
    x = np.arange(-3, 4)
    smooth = np.exp(-0.5 * x**2)
    slope = x * smooth / (x**2 * smooth).sum()
    smooth = smooth / smooth.sum()
    across = ndimage.correlate(plane, np.outer(smooth, slope))[3:-3, 3:-3]
    down = ndimage.correlate(plane, np.outer(slope, smooth))[3:-3, 3:-3]
    return np.sqrt((across**2 + down**2).mean())


def noise_by_scipy(image):
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    height, width = image.shape[:2]
    sums = [np.abs(signal.convolve2d(image[..., c], kernel, mode="valid")).sum() for c in range(3)]
    return math.sqrt(math.pi / 2) / (6 * (width - 2) * (height - 2)) * np.mean(sums)


def colourfulness_by_numpy(image):
    red, green, blue = np.moveaxis(image * 255, -1, 0)
    rg, yb = red - green, 0.5 * (red + green) - blue
    return np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())


def exposure_by_numpy(image):
    return np.exp(-((image - 0.5) ** 2) / (2 * 0.2**2)).prod(axis=-1).mean()


REFERENCES = {
    "sharpness": sharpness_by_scipy,
    "noise_level": noise_by_scipy,
    "contrast": lambda image: luma(image).std(),
    "colourfulness": colourfulness_by_numpy,
    "exposure": exposure_by_numpy,
    "clipping": lambda image: np.isin(np.round(image * 255), [0, 255]).mean(),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("size", [(32, 32), (97, 65), (211, 310)])
def test_agrees_with_an_independent_computation(name, size):
    good = picture(*size)
    images = torch.cat([good, spoilt(good), (good * 2 - 0.4).clamp(0, 1)])
    single = getattr(functional, name)(images)
    double = getattr(functional, name)(images.double())
    for image, rough, fine in zip(images, single, double, strict=True):
        expected = REFERENCES[name](as_numpy(image))
        assert float(rough) == pytest.approx(expected, rel=2e-6, abs=1e-7)
        assert float(fine) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "clipping"])
def test_gradients_in_double_precision(name):
    images = torch.rand(2, 3, 9, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    images = (images * 0.9 + 0.05).requires_grad_()
    assert torch.autograd.gradcheck(getattr(functional, name), (images,), fast_mode=True)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bounds_of_the_range_are_reached_or_respected(name):
    low, high = isptune.create_objective(name.replace("_", "-")).score_range
    pixels = torch.arange(24)
    black, white = torch.zeros(1, 3, 24, 24), torch.ones(1, 3, 24, 24)
    stripes = (pixels % 2).float().expand(1, 3, 24, 24).clone()
    checks = ((pixels + pixels.reshape(-1, 1)) % 2).float().expand(1, 3, 24, 24).clone()
    halves = (pixels >= 12).float().expand(1, 3, 24, 24).clone()
    red = torch.cat([white[:, :1], black[:, :2]], dim=1)
    noise = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0)).round()
    images = torch.cat([black, white, black + 0.5, stripes, checks, halves, red, noise])
    found = getattr(functional, name)(images)
    assert bool(((found >= low) & (found <= high + 1e-6)).all()), (found, low, high)
    reached = {
        "noise_level": float(found[4]),
        "contrast": float(found[5]),
        "exposure": float(found[2]),
        "clipping": float(found[7]),
    }
    if name in reached:
        assert reached[name] == pytest.approx(high, rel=1e-6)


@given(st.integers(5, 40))
@settings(max_examples=15, deadline=None)
def test_sharpness_of_a_ramp_is_its_slope(length):
    ramp = (torch.arange(24) / length).clamp(max=1).expand(1, 3, 24, 24) * 0.5
    slope = 0.5 / length
    if length >= 23:
        assert float(functional.sharpness(ramp)) == pytest.approx(slope, rel=1e-5)
    else:
        assert float(functional.sharpness(ramp)) < slope


def test_sharpness_falls_with_every_pass_of_blur_and_hardly_rises_with_noise():
    image = picture(128, 128)
    values = [float(functional.sharpness(image))]
    for _ in range(3):
        image = blurred(image)
        values.append(float(functional.sharpness(image)))
    assert values == sorted(values, reverse=True)
    # Noise of a standard deviation of 0.02 multiplies the variance of the Laplacian, the usual measure.
    image = picture(128, 128)
    noisy = image + 0.02 * torch.randn(image.shape, generator=torch.Generator().manual_seed(0))

    def laplacian(images):
        return ndimage.laplace(luma(as_numpy(images[0])))[1:-1, 1:-1].var()

    assert laplacian(noisy) > 2 * laplacian(image)
    assert float(functional.sharpness(noisy)) < 1.08 * values[0]


@given(st.floats(0.005, 0.2), st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_noise_level_recovers_the_noise_of_a_smooth_image(sigma, seed):
    columns = torch.linspace(0, 1, 128).expand(1, 3, 128, 128)
    noise = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(seed))
    assert float(functional.noise_level(columns + sigma * noise)) == pytest.approx(sigma, rel=0.05)


def test_noise_level_is_blind_to_ramps_and_axis_aligned_edges():
    rows = torch.linspace(0, 1, 40, dtype=torch.float64).reshape(-1, 1)
    edge = (torch.arange(50) >= 25).double().reshape(1, -1)
    image = (0.3 * rows + 0.5 * edge).expand(1, 3, 40, 50)
    assert float(functional.noise_level(image)) == pytest.approx(0, abs=1e-12)


def test_colourfulness_of_known_colours():
    image = torch.zeros(1, 3, 10, 10, dtype=torch.float64)
    image[:, 0] = 1.0
    # Pure red everywhere: no spread, means of 255 and 127.5.
    assert float(functional.colourfulness(image)) == pytest.approx(0.3 * math.hypot(255, 127.5))
    grey = picture(20, 20).mean(dim=1, keepdim=True).expand(1, 3, 20, 20)
    assert float(functional.colourfulness(grey)) == pytest.approx(0, abs=1e-4)


def test_exposure_of_a_known_grey():
    image = torch.full((1, 3, 5, 5), 0.7, dtype=torch.float64)
    assert float(functional.exposure(image)) == pytest.approx(math.exp(-1.5))
    assert float(functional.exposure(image, sigma=0.1)) == pytest.approx(math.exp(-6))


def test_clipping_counts_what_rounds_to_the_rails():
    values = torch.tensor([0.0, 0.0019, 0.0021, 0.5, 0.9979, 0.9982, 1.0, 0.25])
    image = values.reshape(1, 1, 1, 8).expand(1, 3, 2, 8)
    assert functional.clipping(image).tolist() == [0.5]
    assert functional.clipping(image, margin=0.0).tolist() == [0.25]
    assert functional.clipping(image, margin=0.3).tolist() == [0.875]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_half_precision_is_raised_and_empty_batches_are_empty(name):
    function = getattr(functional, name)
    image = picture(32, 32)
    assert function(image.half()).dtype == torch.float32
    assert function(image[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("exposure", {"sigma": 0}),
        ("exposure", {"sigma": math.inf}),
        ("exposure", {"sigma": "wide"}),
        ("clipping", {"margin": 0.5}),
        ("clipping", {"margin": math.nan}),
        ("clipping", {"margin": True}),
    ],
)
def test_wrong_options_are_refused(name, options, snapshot):
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective(name, **options)
    assert str(caught.value) == snapshot


@pytest.mark.parametrize(("name", "smallest"), [("sharpness", 7), ("noise-level", 3)])
def test_too_small_images_are_refused(name, smallest, snapshot):
    objective = isptune.create_objective(name)
    assert objective.score(picture(smallest, smallest)).shape == (1,)
    with pytest.raises(ConfigurationError) as caught:
        objective.score(picture(smallest, smallest)[..., :-1])
    assert str(caught.value) == snapshot


def test_compiled_sharpness_is_that_of_the_formula():
    images = torch.cat([picture(50, 41), picture(50, 41).flip(-1) * 0.5, torch.full((1, 3, 50, 41), 0.3)])
    exact = functional.sharpness(images.double())
    torch.testing.assert_close(functional.sharpness(images, compiled=True).double(), exact, atol=1e-7, rtol=0)
    objective = isptune.create_objective("sharpness")
    assert torch.equal(objective.score(images), functional.sharpness(images, compiled=True))
    for noted in (None, {}):
        objective.settle(noted)
        assert torch.equal(objective.score(images), functional.sharpness(images))
    objective.settle({"compiled": True})
    assert objective.settled() == {"compiled": True}
    tracked = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(objective.score(tracked).sum(), tracked)
    assert bool(gradient.isfinite().all())
