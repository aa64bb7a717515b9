"""MSCN coefficients, fits and the 36 features against numpy and scipy, known samples, and pyiqa."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage, optimize, special, stats

import isptune
from isptune.testing.pictures import picture
from isptune_statistics import natural_scenes
from isptune_statistics.bank import MetricBank
from isptune_statistics.natural_scenes import (
    FEATURES,
    coefficients_of,
    natural_scene_features,
    plane_features,
)
from isptune_statistics.niqe import niqe_distance


def luma_by_numpy(image):
    return image.double().permute(1, 2, 0).numpy() @ np.array([0.299, 0.587, 0.114]) * 255


def mscn_by_scipy(luma):
    offsets = np.arange(-3, 4)
    window = np.exp(-0.5 * (offsets[:, None] ** 2 + offsets**2) / (7 / 6) ** 2)
    window /= window.sum()
    mean = ndimage.correlate(luma, window, mode="nearest")
    variance = ndimage.correlate(luma**2, window, mode="nearest") - mean**2
    return (luma - mean) / (np.sqrt(np.maximum(variance, 0)) + 1)


def ratio_of(shape):
    return special.gamma(2 / shape) ** 2 / (special.gamma(1 / shape) * special.gamma(3 / shape))


def shape_by_root(ratio):
    return optimize.brentq(lambda shape: ratio_of(shape) - ratio, 0.2, 10)


def asymmetric_by_numpy(samples):
    left = np.sqrt((samples[samples < 0] ** 2).mean())
    right = np.sqrt((samples[samples > 0] ** 2).mean())
    gamma = left / right
    ratio = np.abs(samples).mean() ** 2 / (samples**2).mean()
    shape = shape_by_root(ratio * (gamma**3 + 1) * (gamma + 1) / (gamma**2 + 1) ** 2)
    scale = np.sqrt(special.gamma(1 / shape) / special.gamma(3 / shape))
    mean = (right - left) * scale * special.gamma(2 / shape) / special.gamma(1 / shape)
    return [shape, mean, left**2, right**2]


def features_by_numpy(plane):
    found = [shape_by_root(np.abs(plane).mean() ** 2 / (plane**2).mean()), (plane**2).mean()]
    for one, other in (
        (plane[:, :-1], plane[:, 1:]),
        (plane[:-1], plane[1:]),
        (plane[:-1, :-1], plane[1:, 1:]),
        (plane[:-1, 1:], plane[1:, :-1]),
    ):
        found += asymmetric_by_numpy(one * other)
    return np.array(found)


@pytest.mark.parametrize("size", [(64, 96), (97, 131)])
def test_features_agree_with_an_independent_computation(photographs, size):
    image = photographs.photograph("chelsea")[..., : size[0], : size[1]]
    luma = luma_by_numpy(image[0])[: size[0] // 2 * 2, : size[1] // 2 * 2]
    coefficients, _ = natural_scenes.mscn(torch.from_numpy(luma)[None, None])
    np.testing.assert_allclose(coefficients[0, 0].numpy(), mscn_by_scipy(luma), atol=1e-9)
    half = natural_scenes.half_size(torch.from_numpy(luma)[None, None])[0, 0].numpy()
    assert half.shape == (size[0] // 2, size[1] // 2)
    expected = np.concatenate([features_by_numpy(mscn_by_scipy(plane)) for plane in (luma, half)])
    found = natural_scene_features(image)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found[0].numpy(), expected, rtol=1e-5, atol=1e-7)


def test_half_size_is_pillows_antialiased_bicubic():
    from PIL import Image

    luma = np.random.default_rng(0).random((48, 70), dtype=np.float32)
    expected = np.asarray(Image.fromarray(luma).resize((35, 24), Image.Resampling.BICUBIC))
    found = natural_scenes.half_size(torch.from_numpy(luma).double()[None, None])[0, 0]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("shape", [0.4, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0])
def test_fit_recovers_a_generalised_gaussian(shape):
    samples = stats.gennorm(shape, scale=0.7).rvs((3, 300, 400), random_state=1)
    found, variance = natural_scenes.fit_generalised_gaussian(torch.from_numpy(samples))
    assert found.shape == (3,)
    np.testing.assert_allclose(found, shape, rtol=0.04)
    np.testing.assert_allclose(variance, stats.gennorm(shape, scale=0.7).var(), rtol=0.05)


@pytest.mark.parametrize("shape", [0.5, 0.8, 1.2, 2.0])
@pytest.mark.parametrize(("left", "right"), [(1.0, 1.0), (0.6, 1.4), (1.5, 0.5)])
def test_fit_recovers_an_asymmetric_gaussian(shape, left, right):
    """Each side occurs in proportion to its scale, as in the density of Lasmar et al."""
    generator = np.random.default_rng(2)
    sides = generator.random((400, 500)) < left / (left + right)
    sizes = np.abs(stats.gennorm(shape).rvs((400, 500), random_state=generator))
    samples = np.where(sides, -left * sizes, right * sizes)
    found = natural_scenes.fit_asymmetric_gaussian(torch.from_numpy(samples))
    unit = special.gamma(3 / shape) / special.gamma(1 / shape)
    mean = (right - left) * special.gamma(2 / shape) / special.gamma(1 / shape)
    np.testing.assert_allclose(found[0], shape, rtol=0.04)
    np.testing.assert_allclose(found[1], mean, rtol=0.04, atol=0.02 * np.sqrt(unit))
    np.testing.assert_allclose(found[2:], [left**2 * unit, right**2 * unit], rtol=0.05)


def test_features_are_close_to_pyiqas(photographs):
    """Theirs: borders padded with zeros, neighbours across opposite borders, rounded table, own luma."""
    brisque = pytest.importorskip("pyiqa.archs.brisque_arch")
    images = torch.cat([photographs.photograph(name) for name in photographs.NAMES])
    luma = natural_scenes.luma_255(images)
    theirs = torch.cat(
        [
            brisque.natural_scene_statistics(plane).reshape(len(images), -1)
            for plane in (luma, brisque.imresize(luma, scale=0.5, antialiasing=True))
        ],
        dim=-1,
    )
    ours = natural_scene_features(images)
    assert float((ours - theirs).abs().max()) < 0.1
    for one, other in zip(ours, theirs, strict=True):
        assert np.corrcoef(one, other)[0, 1] > 0.999


def test_names_and_finite_values_for_any_image():
    assert len(FEATURES) == 36
    assert FEATURES[:6] == (
        "shape-1",
        "variance-1",
        "horizontal-shape-1",
        "horizontal-mean-1",
        "horizontal-left-variance-1",
        "horizontal-right-variance-1",
    )
    columns = (torch.arange(64) >= 32).float().expand(3, 48, 64)
    dot = torch.zeros(3, 48, 64)
    dot[:, 20, 20] = 1
    flat = [torch.full((3, 48, 64), level) for level in (0.0, 1e-30, 0.3, 0.5, 1.0)]
    faint = 0.5 + 1e-7 * torch.rand(3, 48, 64, generator=torch.Generator().manual_seed(0))
    ramp = torch.linspace(0, 1, 64).expand(3, 48, 64)
    found = natural_scene_features(torch.stack([*flat, columns, dot, faint, ramp]))
    assert bool(found.isfinite().all())
    for row in found[:5]:
        assert float(row[0]) == pytest.approx(2.0, abs=1e-3)
        assert float(row[1]) == 0
    assert natural_scene_features(picture(32, 33)).isfinite().all()
    assert natural_scene_features(picture(32, 32)[:0]).shape == (0, 36)


def test_features_do_not_depend_on_the_batch_nor_on_the_images_type(photographs):
    images = torch.cat([photographs.photograph(name) for name in photographs.NAMES])
    together = natural_scene_features(images)
    alone = torch.cat([natural_scene_features(one[None]) for one in images])
    torch.testing.assert_close(together, alone, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(natural_scene_features(images.double()), together, rtol=1e-9, atol=1e-12)
    mirrored = natural_scene_features(images.flip(-1)[..., :300, :])
    torch.testing.assert_close(mirrored[:, :2], together[:, :2], rtol=1e-9, atol=1e-12)


def test_compiled_loops_give_what_the_formulas_give():
    flat = torch.rand(3, 48, 70, generator=torch.Generator().manual_seed(0))
    # Rounding errors in flat parts count by their signs.
    flat[:, :, 20:] = 0.7
    for image in (picture(33, 41)[0], flat, torch.full((3, 40, 40), 0.3)):
        for scale, compiled in zip(
            coefficients_of(image[None]), coefficients_of(image[None], True), strict=True
        ):
            torch.testing.assert_close(compiled, scale, rtol=1e-9, atol=1e-8)
            expected, found = plane_features(scale[0]), plane_features(compiled[0], True)
            torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    damaged = picture(48, 48)
    damaged[0, 1, 20, 20] = torch.nan
    assert bool(plane_features(next(iter(coefficients_of(damaged, True)))[0], True)[:, :2].isnan().all())


@pytest.mark.parametrize("name", ["niqe-distance", "statistics"])
def test_a_run_of_an_earlier_version_goes_on_by_the_formulas(name):
    images = torch.cat([picture(64, 80), picture(64, 80).flip(-1) * 0.8])
    objective = isptune.create_objective(name)
    assert objective.settled() == {"compiled": True}
    compiled = objective.score(images)
    expected = torch.cat([niqe_distance(one[None]) for one in images]).float()
    torch.testing.assert_close(compiled, expected, rtol=1e-6, atol=0)
    for noted in (None, {}):
        objective.settle(noted)
        assert torch.equal(objective.score(images), expected)
    if objective.labels:
        assert torch.equal(objective.scores(images), MetricBank()(images))
    objective.settle({"compiled": True})
    assert torch.equal(objective.score(images), compiled)


def test_features_follow_the_distortion(photographs):
    """White noise makes the coefficients more normal, blur makes them faint."""
    for name in photographs.NAMES:
        image = photographs.photograph(name)
        shapes = [float(natural_scene_features(photographs.noise(image, s))[0, 0]) for s in (0, 0.03, 0.1)]
        assert shapes == sorted(shapes)
        variances = [float(natural_scene_features(photographs.blur(image, s))[0, 1]) for s in (1, 2, 4)]
        assert variances == sorted(variances, reverse=True)
