"""Detail, blocks, halos, tone and colour: against numpy and scipy, and on photographs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage, stats

from isptune.testing.pictures import picture, spoilt
from isptune_statistics import structure, tones

NAMES = ("astronaut", "chelsea", "coffee")
TONES = ("mean_luma", "underexposed", "overexposed", "saturation", "colour_cast", "luma_entropy")
STRUCTURES = ("octave_sharpness", "blockiness", "overshoot")
FUNCTIONS = {name: getattr(tones, name) for name in TONES} | {
    name: getattr(structure, name) for name in STRUCTURES
}


def luma(image):
    return image.double().permute(1, 2, 0).numpy() @ np.array([0.299, 0.587, 0.114])


def saturation_by_numpy(image):
    array = image.double().numpy()
    return ((array.max(0) - array.min(0)) / np.maximum(array.max(0), 16 / 255)).mean()


def cast_by_numpy(image):
    means = image.double().numpy().mean(axis=(1, 2))
    return means.std() / max(means.mean(), 16 / 255)


def entropy_by_scipy(image):
    counts = np.bincount(np.round(luma(image) * 255).astype(int).ravel(), minlength=256)
    return stats.entropy(counts, base=2)


def blockiness_by_numpy(image):
    plane = luma(image)
    borders, inside = [], []
    for array in (plane, plane.T):
        steps = np.abs(np.diff(array, axis=1))
        grid = np.arange(steps.shape[1]) % 8 == 7
        borders.append(steps[:, grid].ravel())
        inside.append(steps[:, ~grid].ravel())
    b, i = (np.concatenate(values).mean() for values in (borders, inside))
    return (b - i) / (b + i + 0.5 / 255)


def overshoot_by_scipy(image):
    plane = luma(image)
    smooth = ndimage.gaussian_filter(plane, 2.0, mode="nearest", truncate=3.0)
    high = ndimage.maximum_filter(smooth, 7, mode="nearest")
    low = ndimage.minimum_filter(smooth, 7, mode="nearest")
    edges = high - low >= 0.1
    beyond = np.maximum(plane - high, low - plane) > 0.1 * (high - low)
    return (beyond & edges).sum() / max(1, edges.sum())


REFERENCES = {
    "mean_luma": lambda image: luma(image).mean(),
    "underexposed": lambda image: (luma(image) < 0.05).mean(),
    "overexposed": lambda image: (luma(image) > 0.95).mean(),
    "saturation": saturation_by_numpy,
    "colour_cast": cast_by_numpy,
    "luma_entropy": entropy_by_scipy,
    "blockiness": blockiness_by_numpy,
    "overshoot": overshoot_by_scipy,
}


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("size", [(32, 32), (97, 65), (120, 211)])
def test_agrees_with_an_independent_computation(photographs, name, size):
    good = picture(*size)
    crop = photographs.photograph("chelsea")[..., : size[0], : size[1]]
    images = torch.cat([good, spoilt(good), (good * 2 - 0.4).clamp(0, 1), crop])
    found = FUNCTIONS[name](images.double())
    assert found.shape == (4,)
    for image, value in zip(images, found, strict=True):
        assert float(value) == pytest.approx(REFERENCES[name](image), rel=1e-9, abs=1e-12)
    torch.testing.assert_close(FUNCTIONS[name](images).double(), found, rtol=1e-5, atol=1e-5)


def test_octaves_are_the_levels_of_a_laplacian_pyramid(photographs):
    image = photographs.photograph("coffee")[..., :96, :128]
    plane = luma(image[0])
    variance = plane.var() + (0.5 / 255) ** 2
    found = structure.octave_sharpness(image)[0]
    for value in found:
        size = (plane.shape[1] // 2, plane.shape[0] // 2)
        coarse = np.asarray(Image.fromarray(plane.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))
        back = torch.nn.functional.interpolate(
            torch.from_numpy(coarse.copy())[None, None], scale_factor=2, mode="bicubic"
        )
        expected = math.log10(((plane - back[0, 0].numpy()) ** 2).mean() / variance + 1e-6)
        assert float(value) == pytest.approx(expected, abs=1e-4)
        plane = coarse.astype(np.float64)


@pytest.mark.parametrize("octave", range(4))
def test_each_octave_sees_its_own_wavelength(octave):
    # Waves of 3, 6, 12 and 24 px.
    columns = torch.arange(192.0)
    wave = 0.5 + 0.3 * torch.sin(2 * math.pi * columns / (3 * 2**octave))
    found = structure.octave_sharpness(wave.expand(1, 3, 192, 192))[0]
    assert int(found.argmax()) == octave


@pytest.mark.parametrize("name", NAMES)
def test_blur_takes_the_finest_octave_first(photographs, name):
    image = photographs.photograph(name)
    own = structure.octave_sharpness(image)[0]
    previous = own
    for sigma in (0.7, 1.2, 2.0):
        found = structure.octave_sharpness(photographs.blur(image, sigma))[0]
        assert bool((found[:3] < previous[:3]).all())
        lost = own - found
        assert lost[0] > lost[1] > lost[2] > lost[3]
        previous = found
    noisy = structure.octave_sharpness(photographs.noise(image, 0.1))[0]
    assert noisy[0] - own[0] > 0.5 > noisy[1] - own[1] > 0


@pytest.mark.parametrize("name", NAMES)
def test_blockiness_sees_compression_and_little_else(photographs, name):
    image = photographs.photograph(name)
    own = float(structure.blockiness(image))
    assert abs(own) < 0.03
    found = [own, *(float(structure.blockiness(photographs.jpeg(image, q))) for q in (60, 30, 15, 7))]
    assert found == sorted(found)
    assert found[1] > 0.1
    assert found[-1] > 0.4
    for other in (photographs.blur(image, 2), photographs.noise(image, 0.1), photographs.sharpen(image, 2)):
        assert abs(float(structure.blockiness(other))) < 0.03
    # Off the grid there is nothing to see, as the docstring says.
    assert float(structure.blockiness(photographs.jpeg(image, 15)[..., 4:, 4:])) < 0.05


def test_blocks_alone_are_one_and_smooth_areas_nothing():
    blocks = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    blocks = blocks.repeat_interleave(8, -1).repeat_interleave(8, -2)
    assert float(structure.blockiness(blocks)) > 0.97
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    assert float(structure.blockiness(ramp)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_overshoot_grows_with_sharpening_and_falls_with_blur(photographs, name):
    image = photographs.photograph(name)
    found = [photographs.blur(image, 2.0), photographs.blur(image, 1.0), image]
    found += [photographs.sharpen(image, amount) for amount in (0.25, 0.5, 1, 2, 4)]
    values = [float(structure.overshoot(one)) for one in found]
    assert values == sorted(values)
    assert values[-1] > 2 * values[2]


def test_a_step_does_not_overshoot_and_a_sharpened_one_does(photographs):
    for angle in (0.0, 0.3, 0.7, 1.2):
        rows, columns = torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="ij")
        distance = (columns - 48) * math.cos(angle) + (rows - 48) * math.sin(angle)
        step = (0.5 + 0.3 * (distance / 0.7).tanh()).expand(1, 3, 96, 96)
        values = [
            float(structure.overshoot(photographs.sharpen(step, amount))) for amount in (0, 0.5, 1, 2, 4)
        ]
        assert values[0] == 0
        assert values == sorted(values)
        assert values[3] > 0.2
        assert values[4] > 0.3


@pytest.mark.parametrize("name", NAMES)
def test_tones_follow_their_own_distortion(photographs, name):
    image = photographs.photograph(name)
    grey = image.mean(dim=1, keepdim=True)
    levels = (0.0, 0.3, 0.6, 1.0)

    def values(function, change):
        return [float(function(change(level))) for level in levels]

    dark = values(tones.underexposed, lambda level: image * (1 - 0.9 * level))
    assert dark == sorted(dark)
    assert dark[-1] > dark[0] + 0.2
    bright = values(tones.overexposed, lambda level: (image * (1 + 5 * level)).clamp(max=1))
    assert bright == sorted(bright)
    falling = values(tones.mean_luma, lambda level: image * (1 - 0.9 * level))
    assert falling == sorted(falling, reverse=True)
    fading = values(tones.saturation, lambda level: torch.lerp(image, grey.expand_as(image), level))
    assert fading == sorted(fading, reverse=True)
    assert fading[-1] == pytest.approx(0, abs=1e-6)
    warm = torch.tensor([1.0, 0.0, -1.0]).reshape(1, 3, 1, 1)
    cast = values(tones.colour_cast, lambda level: (grey + 0.2 * level * warm).clamp(0, 1))
    assert cast == sorted(cast)
    entropy = values(tones.luma_entropy, lambda level: 0.5 + (image - 0.5) * (1 - 0.9 * level))
    assert entropy == sorted(entropy, reverse=True)


def test_known_values():
    red = torch.zeros(1, 3, 16, 16)
    red[:, 0] = 1
    assert float(tones.saturation(red)) == 1
    assert float(tones.colour_cast(red)) == pytest.approx(math.sqrt(2))
    assert float(tones.mean_luma(red)) == pytest.approx(0.299)
    levels = (torch.arange(256).reshape(1, 1, 16, 16) / 255).expand(1, 3, 16, 16)
    assert float(tones.luma_entropy(levels)) == pytest.approx(8)
    assert float(tones.underexposed(levels)) == 13 / 256
    assert float(tones.overexposed(levels)) == 13 / 256
    assert float(tones.underexposed(levels, threshold=0.5)) == 0.5


@pytest.mark.parametrize("name", FUNCTIONS)
def test_flat_small_half_and_empty_batches(name):
    function = FUNCTIONS[name]
    flat = torch.stack([torch.full((3, 32, 33), level) for level in (0.0, 0.3, 0.5, 1.0)])
    found = function(flat)
    assert bool(found.isfinite().all())
    if name in STRUCTURES or name == "luma_entropy":
        expected = -6.0 if name == "octave_sharpness" else 0.0
        torch.testing.assert_close(found, torch.full_like(found, expected), atol=1e-6, rtol=0)
    assert function(picture(32, 32).half()).dtype == torch.float32
    assert function(picture(32, 32).double()).dtype == torch.float64
    assert function(flat[:0]).shape[0] == 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_sample_meets_another(photographs, name):
    images = torch.cat([photographs.photograph(one)[..., :97, :131] for one in NAMES])
    function = FUNCTIONS[name]
    alone = torch.cat([function(image[None]) for image in images])
    torch.testing.assert_close(function(images), alone, rtol=1e-6, atol=1e-7)
    kept = images.clone()
    function(images)
    assert torch.equal(images, kept)


@pytest.mark.parametrize("size", [(13, 40), (64, 49)])
def test_compiled_overshoot_counts_the_same_pixels(size):
    generator = torch.Generator().manual_seed(1)
    images = torch.cat(
        [picture(*size), torch.rand(1, 3, *size, generator=generator), 0.3 * picture(*size) + 0.7]
    )
    for edge, excess in ((0.1, 0.1), (0.02, 0.01)):
        found = structure.overshoot(images, edge, excess, compiled=True)
        assert torch.equal(found, structure.overshoot(images, edge, excess))
