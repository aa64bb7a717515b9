"""SSIM and multi-scale SSIM against scikit-image and scipy, and at their edges."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.metrics import structural_similarity
from torch import Tensor

import isptune
from isptune.errors import ConfigurationError
from isptune.testing.pictures import picture, spoilt
from isptune_fidelity.functional import ms_ssim, smallest_side, ssim
from isptune_fidelity.windows import gaussian_taps, window_mean


def as_numpy(image):
    return image.double().permute(1, 2, 0).numpy()


def luma(array):
    return array @ np.array([0.299, 0.587, 0.114])


def by_scikit_image(image, reference, channel_axis):
    return structural_similarity(
        reference,
        image,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=channel_axis,
    )


def batch(height, width):
    good = picture(height, width)
    return torch.cat([spoilt(good), good.flip(-1), (good * 1.7).clamp(0, 1), good.mean() + 0 * good]), good


@pytest.mark.parametrize("size", [(32, 32), (97, 65), (120, 1100)])
@pytest.mark.parametrize("channels", ["rgb", "luma"])
def test_ssim_agrees_with_scikit_image(size, channels):
    images, good = batch(*size)
    for dtype, tolerance in ((torch.float32, 5e-6), (torch.float64, 1e-12)):
        found = ssim(images.to(dtype), good.to(dtype), channels)
        for image, score in zip(images, found, strict=True):
            x, y = as_numpy(image), as_numpy(good[0])
            expected = (
                by_scikit_image(x, y, -1) if channels == "rgb" else by_scikit_image(luma(x), luma(y), None)
            )
            assert float(score) == pytest.approx(expected, abs=tolerance)


def by_scipy(image, reference, weights):
    """Multi-scale SSIM of single planes, written from the paper with scipy's filters."""
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(taps, taps) / taps.sum() ** 2

    def mean(plane):
        return ndimage.correlate(plane, window)[5:-5, 5:-5]

    def half(plane):
        # The mean of each pixel with its right, lower and diagonal neighbour; the last row and column are
        # repeated where there is none, which leaves the mean of the pixels there are.
        padded = np.pad(plane, ((0, 1), (0, 1)), mode="edge")
        return ((padded[:-1, :-1] + padded[1:, :-1] + padded[:-1, 1:] + padded[1:, 1:]) / 4)[::2, ::2]

    result = 1.0
    for scale, weight in enumerate(weights):
        mx, my = mean(image), mean(reference)
        vx, vy = mean(image**2) - mx**2, mean(reference**2) - my**2
        cov = mean(image * reference) - mx * my
        structure = (2 * cov + 0.03**2) / (vx + vy + 0.03**2)
        if scale == len(weights) - 1:
            structure = structure * (2 * mx * my + 0.01**2) / (mx**2 + my**2 + 0.01**2)
        result *= structure.mean() ** weight
        image, reference = half(image), half(reference)
    return result


WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


@pytest.mark.parametrize("size", [(161, 161), (176, 250), (203, 187)])
def test_ms_ssim_agrees_with_scipy(size):
    good = picture(*size)
    # Mild distortions: a negative mean has no power in the reference.
    images = torch.cat([spoilt(good), good.roll(1, -1), (good * 1.4).clamp(0, 1)]).double()
    found = ms_ssim(images, good.double())
    of_luma = ms_ssim(images, good.double(), channels="luma")
    for i, image in enumerate(images):
        x, y = as_numpy(image), as_numpy(good[0])
        expected = np.mean([by_scipy(x[..., c], y[..., c], WEIGHTS) for c in range(3)])
        assert float(found[i]) == pytest.approx(expected, abs=1e-9)
        assert float(of_luma[i]) == pytest.approx(by_scipy(luma(x), luma(y), WEIGHTS), abs=1e-9)


def test_fewer_scales_use_the_first_weights_over_their_sum():
    good = picture(90, 100).double()
    image = spoilt(good)
    weights = np.array(WEIGHTS[:3]) / sum(WEIGHTS[:3])
    x, y = as_numpy(image[0]), as_numpy(good[0])
    expected = by_scipy(luma(x), luma(y), weights)
    assert float(ms_ssim(image, good, scales=3, channels="luma")) == pytest.approx(expected, abs=1e-9)
    # With one scale nothing but SSIM is left.
    assert float(ms_ssim(image, good, scales=1)) == pytest.approx(float(ssim(image, good)), abs=1e-12)


def test_opposite_images_have_a_finite_score_and_gradient():
    # The structure of the negative is the opposite: every mean is below zero, where a power is not real.
    good = picture(161, 170)
    negative = (1 - good).requires_grad_()
    score = ms_ssim(negative, good)
    assert 0 <= float(score.detach()) < 0.1
    (gradient,) = torch.autograd.grad(score.sum(), negative)
    assert bool(gradient.isfinite().all())
    noise = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert -1 <= float(ssim(1 - noise, noise)) < -0.9


def test_luma_does_not_see_errors_of_colour_alone():
    good = picture(48, 48) * 0.5 + 0.25
    # Green down and red up so that luma stays.
    shift = torch.tensor([0.587, -0.299, 0.0]).reshape(1, 3, 1, 1) * 0.3
    assert float(ssim(good + shift, good, "luma")) == pytest.approx(1.0, abs=1e-5)
    assert float(ssim(good + shift, good, "rgb")) < 0.99


def test_gradients_in_double_precision():
    generator = torch.Generator().manual_seed(0)
    images, reference = (
        torch.rand(count, 3, 23, 21, generator=generator, dtype=torch.float64).requires_grad_()
        for count in (2, 1)
    )
    assert torch.autograd.gradcheck(ssim, (images, reference), fast_mode=True)
    assert torch.autograd.gradcheck(lambda x, y: ms_ssim(x, y, scales=2), (images, reference), fast_mode=True)
    planes = images.detach()[:1, :1].requires_grad_()
    assert torch.autograd.gradcheck(window_mean, (planes,))
    assert torch.autograd.gradgradcheck(window_mean, (planes,), fast_mode=True)


def test_window_mean_is_a_correlation_with_the_gaussian():
    image = picture(30, 40)[0].double()
    taps = np.array(gaussian_taps())
    assert taps.sum() == pytest.approx(1.0, abs=1e-15)
    window = np.outer(taps, taps)
    for plane, found in zip(image, window_mean(image), strict=True):
        np.testing.assert_allclose(
            found.numpy(), ndimage.correlate(plane.numpy(), window)[5:-5, 5:-5], atol=1e-14
        )


def test_strips_and_one_piece_give_the_same_score():
    good = picture(161, 1500)
    image = spoilt(good)
    for function in (ssim, ms_ssim):
        with torch.no_grad():
            cut = function(image, good)
        whole = function(image.clone().requires_grad_(), good).detach()
        torch.testing.assert_close(cut, whole, rtol=1e-6, atol=0)


@pytest.mark.parametrize(("scales", "smallest"), [(5, 161), (4, 81), (3, 41), (2, 21), (1, 11)])
def test_the_smallest_side_is_exact(scales, smallest):
    assert smallest_side(scales) == smallest
    good = picture(smallest, smallest)
    assert ms_ssim(good, good, scales).tolist() == [1.0]
    with pytest.raises(ConfigurationError, match="needs images of at least"):
        ms_ssim(good[..., :-1], good[..., :-1], scales)


def test_too_small_images_are_refused_with_the_size_that_would_do(snapshot):
    small = picture(48, 80)
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective("ms-ssim").score(small, small)
    assert str(caught.value) == snapshot
    tiny = picture(32, 32)[..., :10]
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective("ms-ssim").score(tiny, tiny)
    assert str(caught.value) == (
        "ms-ssim with 5 scales needs images of at least 161 px on each side, got 10x32"
    )
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective("ssim").score(tiny, tiny)
    assert str(caught.value) == "ssim needs images of at least 11 px on each side, got 10x32"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ssim", {"channels": "lumma"}),
        ("ms-ssim", {"channels": 3}),
        ("ms-ssim", {"scales": 0}),
        ("ms-ssim", {"scales": 6}),
        ("ms-ssim", {"scales": 2.0}),
        ("ms-ssim", {"scales": True}),
    ],
    ids=str,
)
def test_wrong_options_are_refused(name, options, snapshot):
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective(name, **options)
    assert str(caught.value) == snapshot


def test_the_objectives_pass_their_options_on():
    good = picture(96, 90)
    image = spoilt(good)
    assert torch.equal(
        isptune.create_objective("ssim", channels="luma").score(image, good), ssim(image, good, "luma", True)
    )
    assert torch.equal(
        isptune.create_objective("ms-ssim", scales=4, channels="luma").score(image, good),
        ms_ssim(image, good, 4, "luma", True),
    )


def pictures(count: int, height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(height)
    images = torch.rand(count, 3, height, width, generator=generator)
    images[1:2] = 0.25
    return images


@pytest.mark.parametrize("size", [(11, 11), (12, 40), (170, 163)])
@pytest.mark.parametrize("channels", ["rgb", "luma"])
def test_compiled_loops_give_what_the_formulas_give(size: tuple[int, int], channels: str) -> None:
    images = pictures(4, *size)
    for reference in (images[:1], images.flip(0)):
        exact = ssim(images.double(), reference.double(), channels)
        found = ssim(images, reference, channels, compiled=True)
        torch.testing.assert_close(found.double(), exact, atol=1e-6, rtol=0)
        # No sample meets another.
        again = ssim(
            images[2:3], reference[-2:-1] if len(reference) > 1 else reference, channels, compiled=True
        )
        assert torch.equal(again, found[2:3])
    if min(size) >= 161:
        exact = ms_ssim(images.double(), images[:1].double(), channels=channels)
        found = ms_ssim(images, images[:1], channels=channels, compiled=True)
        torch.testing.assert_close(found.double(), exact, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["ssim", "ms-ssim"])
def test_a_run_of_an_earlier_version_goes_on_by_the_formulas(name: str) -> None:
    images = pictures(3, 170, 163)
    function = {"ssim": ssim, "ms-ssim": ms_ssim}[name]
    objective = isptune.create_objective(name)
    assert objective.settled() == {"compiled": True}
    torch.testing.assert_close(
        objective.score(images, images[:1]), function(images, images[:1], compiled=True)
    )
    for noted in (None, {}):
        objective.settle(noted)
        assert torch.equal(objective.score(images, images[:1]), function(images, images[:1]))
        assert objective.settled() == {"compiled": False}
    objective.settle({"compiled": True})
    assert objective.settled() == {"compiled": True}
    tracked = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(objective.score(tracked, images.flip(0)).sum(), tracked)
    assert bool(gradient.isfinite().all())
