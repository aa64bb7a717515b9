"""PSNR against scikit-image and the formula, and at its edges."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio

import isptune
from isptune.errors import ConfigurationError
from isptune.testing.pictures import picture, spoilt
from isptune_fidelity.functional import psnr


def as_numpy(image):
    return image.double().permute(1, 2, 0).numpy()


@pytest.mark.parametrize("size", [(32, 32), (97, 65), (300, 411)])
def test_agrees_with_scikit_image(size):
    good = picture(*size)
    images = torch.cat([spoilt(good), good.flip(-1), (good * 1.7).clamp(0, 1)])
    found = psnr(images, good)
    for image, score in zip(images, found, strict=True):
        expected = peak_signal_noise_ratio(as_numpy(good[0]), as_numpy(image), data_range=1.0)
        assert float(score) == pytest.approx(expected, abs=1e-4)
    exact = psnr(images.double(), good.double())
    for image, score in zip(images, exact, strict=True):
        expected = peak_signal_noise_ratio(as_numpy(good[0]), as_numpy(image), data_range=1.0)
        assert float(score) == pytest.approx(expected, abs=1e-10)


@given(st.floats(1e-4, 1.0))
@settings(max_examples=30, deadline=None)
def test_a_constant_error_has_the_score_of_the_formula(error):
    black = torch.zeros(1, 3, 8, 8, dtype=torch.float64)
    assert float(psnr(black + error, black)) == pytest.approx(-20 * math.log10(error), abs=1e-9)


def test_black_against_white_is_the_low_end_and_identical_the_high_end():
    black = torch.zeros(1, 3, 16, 16)
    assert psnr(black, black + 1).tolist() == [0.0]
    assert psnr(black, black).tolist() == [140.0]
    # Errors below the floor are not told apart, and are never infinite.
    assert psnr(black + 1e-8, black).tolist() == [140.0]


def test_rows_in_strips_and_in_one_piece_give_the_same_score():
    # Wide enough for several strips without gradients, where gradients make it one piece.
    good = picture(200, 2000)
    image = spoilt(good)
    with torch.no_grad():
        cut = psnr(image, good)
    whole = psnr(image.clone().requires_grad_(), good)
    torch.testing.assert_close(cut, whole.detach(), rtol=1e-7, atol=0)


def test_gradients_to_images_and_reference():
    generator = torch.Generator().manual_seed(0)
    images, reference = (
        torch.rand(count, 3, 7, 9, generator=generator, dtype=torch.float64).requires_grad_()
        for count in (2, 1)
    )
    assert torch.autograd.gradcheck(psnr, (images, reference))


def test_half_precision_images_are_scored_in_single_precision():
    good = picture(64, 64)
    image = spoilt(good)
    found = psnr(image.half(), good.half())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, psnr(image, good), rtol=1e-3, atol=0)


def test_an_empty_batch_has_no_scores():
    good = picture(16, 16)
    assert psnr(good[:0], good).shape == (0,)


@pytest.mark.parametrize(
    ("images", "reference"),
    [
        ((2, 3, 8, 8), (3, 8, 8)),
        ((2, 3, 8, 8), (1, 3, 8, 9)),
        ((4, 3, 8, 8), (3, 3, 8, 8)),
        ((1, 1, 8, 8), (1, 1, 8, 8)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(images, reference, snapshot):
    with pytest.raises(ConfigurationError) as caught:
        psnr(torch.zeros(images), torch.zeros(reference))
    assert str(caught.value) == snapshot


def test_the_objective_is_the_function():
    good = picture(48, 64)
    found = isptune.create_objective("psnr").score(spoilt(good), good)
    assert torch.equal(found, psnr(spoilt(good), good))
