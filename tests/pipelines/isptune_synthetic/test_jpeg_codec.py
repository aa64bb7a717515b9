"""The JPEG codec in tensors against libjpeg-turbo itself, bit for bit, and its gradients."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, features
from skimage import data

from isptune.testing.pictures import picture
from isptune_synthetic import jpeg_codec
from isptune_synthetic.jpeg_codec import compress, compress_into, quantisation_tables, to_samples

QUALITIES = (95, 75, 50, 30, 10, 4)

# (first row, first column, height, width): even, odd, a multiple of 16, and less than one unit.
CROPS = ((40, 200, 97, 141), (100, 120, 64, 96), (90, 60, 50, 83), (120, 130, 15, 31))

# Other libraries of that name enlarge the chroma or compute the transforms differently.
needs_turbo = pytest.mark.skipif(not features.check("libjpeg_turbo"), reason="Pillow has another libjpeg")


def through_pillow(samples, quality):
    """(H, W, 3) bytes encoded and decoded with Pillow's defaults."""
    file = io.BytesIO()
    Image.fromarray(samples).save(file, format="JPEG", quality=quality)
    return np.asarray(Image.open(file))


def batch(samples):
    return torch.from_numpy(np.array(samples.transpose(2, 0, 1)))[None].float() / 255


def assert_equals_pillow(samples, qualities, gradient="none"):
    images = batch(samples).expand(len(qualities), -1, -1, -1)
    if gradient != "none":
        images = images.clone().requires_grad_(True)
    outputs = compress(images, torch.tensor([float(quality) for quality in qualities]), gradient).detach()
    for quality, output in zip(qualities, outputs, strict=True):
        expected = batch(through_pillow(samples, quality))[0]
        difference = float((output - expected).abs().max()) * 255
        assert torch.equal(output, expected), f"quality {quality}: up to {difference:.1f} of 255"


@needs_turbo
@pytest.mark.parametrize("gradient", ["none", "straight_through"])
@pytest.mark.parametrize("crop", CROPS, ids=lambda crop: f"{crop[2]}x{crop[3]}")
@pytest.mark.parametrize("photograph", ["astronaut", "coffee", "chelsea"])
def test_photographs_are_what_libjpeg_makes_of_them(photograph, crop, gradient):
    top, left, height, width = crop
    samples = getattr(data, photograph)()[top : top + height, left : left + width]
    assert_equals_pillow(np.ascontiguousarray(samples), QUALITIES, gradient)


@needs_turbo
@pytest.mark.parametrize(
    "size", [(1, 1), (1, 9), (3, 4), (5, 3), (8, 5), (16, 16), (17, 16), (16, 33), (2, 40)]
)
def test_small_pictures_are_what_libjpeg_makes_of_them(size):
    samples = data.coffee()[200 : 200 + size[0], 200 : 200 + size[1]]
    assert_equals_pillow(np.ascontiguousarray(samples), (1, 4, 10, 49, 50, 51, 75, 98, 100))


@needs_turbo
@pytest.mark.parametrize("kind", ["noise", "black and white", "flat", "checkerboard"])
def test_extreme_pictures_are_what_libjpeg_makes_of_them(kind):
    generator = np.random.default_rng(5)
    samples = {
        "noise": generator.integers(0, 256, (70, 90, 3)),
        "black and white": generator.integers(0, 2, (70, 90, 3)) * 255,
        "flat": np.broadcast_to([255, 0, 3], (70, 90, 3)),
        "checkerboard": np.indices((70, 90)).sum(0)[..., None] % 2 * np.array([255, 255, 255]),
    }[kind]
    assert_equals_pillow(np.ascontiguousarray(samples.astype(np.uint8)), (1, 2, *QUALITIES, 100))


def test_tables_are_libjpegs_at_every_quality():
    tables = quantisation_tables(torch.arange(1.0, 101.0))
    for quality in range(1, 101):
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, format="JPEG", quality=quality)
        expected = Image.open(file).quantization
        for plane in (0, 1):
            assert tables[quality - 1, plane].flatten().tolist() == expected[plane], f"quality {quality}"


def test_steps_fall_as_the_quality_grows_between_whole_numbers_too():
    quality = torch.linspace(1, 100, 397)
    for gradient in ("none", "soft"):
        tables = quantisation_tables(quality, gradient)
        assert bool((tables.diff(dim=0) <= 0).all())
        assert float(tables.min()) == 1
        assert float(tables.max()) == 255
    assert len(quantisation_tables(torch.linspace(20, 21, 9)).flatten(1).unique(dim=0)) == 9


@pytest.mark.parametrize("size", [(97, 141), (64, 96), (33, 65), (1, 1), (5, 3), (17, 2)])
def test_strips_give_the_same_bits_as_the_whole(size, monkeypatch):
    images = picture(*size)
    quality = torch.tensor([31.0])
    whole = compress(images, quality)
    for pixels, dtypes in ((1, (torch.float32, torch.float64)), (10**6, (torch.float32,))):
        monkeypatch.setattr(jpeg_codec, "_PIXELS_PER_THREAD", pixels)
        for dtype in dtypes:
            out = torch.full_like(images, 9.0, dtype=dtype)
            compress_into(images.to(dtype), quality, out)
            assert torch.equal(out, compress(images.to(dtype), quality))
        torch.testing.assert_close(out.float(), whole, rtol=0, atol=0)
        own = images.clone()
        compress_into(own, quality, own)
        assert torch.equal(own, whole)


def test_pictures_are_rounded_to_8_bits_first_not_cut_off():
    image = picture(40, 56)
    samples = np.round(image[0].permute(1, 2, 0).double().numpy() * 255).astype(np.uint8)
    assert float((image * 255 - torch.from_numpy(samples).permute(2, 0, 1)).abs().max()) > 0.45
    quality = torch.tensor([60.0])
    assert torch.equal(compress(image, quality), compress(batch(samples), quality))
    assert to_samples(torch.tensor([0.0, 0.49 / 255, 0.51 / 255, 1.0])).tolist() == [0.0, 0.0, 1.0, 255.0]


def test_a_sample_does_not_depend_on_the_batch_in_one_bit():
    images = torch.cat([picture(50, 70, seed=seed) for seed in range(3)])
    quality = torch.tensor([80.0, 15.5, 43.0])
    together = compress(images, quality)
    for index in range(3):
        one = slice(index, index + 1)
        assert torch.equal(compress(images[one], quality[one])[0], together[index])


@pytest.mark.parametrize("quality", [88.0, 43.0, 24.0, 7.0])
def test_straight_through_gradients_point_to_better_qualities_and_pass_pictures_on(quality):
    images = picture(48, 64).double().requires_grad_(True)
    level = torch.tensor([quality], dtype=torch.float64, requires_grad=True)
    output = compress(images, level, "straight_through")
    error = (output - images.detach()).square().mean()
    to_image, to_quality = torch.autograd.grad(error, (images, level))
    assert bool(to_image.isfinite().all())
    assert float(to_quality) < 0
    # Where rounding is the identity, the codec passes luma as it is and the chroma's low frequencies.
    (through,) = torch.autograd.grad(compress(images, level.detach(), "straight_through").sum(), images)
    assert float(through.mean()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("quality", [90.3, 50.5, 24.2, 5.3])
def test_soft_gradients_are_true(quality):
    images = (picture(9, 18).double() * 0.3 + 0.3).requires_grad_(True)
    level = torch.tensor([quality], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda images, level: compress(images, level, "soft"),
        (images, level),
        eps=1e-6,
        atol=1e-5,
        fast_mode=True,
    )


@pytest.mark.parametrize("quality", [90.0, 43.0, 24.0, 10.0])
def test_soft_pictures_are_near_the_hard_ones(quality):
    images = batch(data.astronaut()[:128, 160:288])
    level = torch.tensor([quality])
    hard, soft = compress(images, level), compress(images, level, "soft")
    damage = (hard - images).square().mean().sqrt()
    assert float((soft - hard).square().mean().sqrt()) < 0.6 * float(damage)


def test_soft_gradients_are_alive_at_every_quality():
    # Also around 24, where other differentiable codecs have next to none.
    images = batch(data.coffee()[200:264, 200:296]).double()
    for quality in (90.0, 60.0, 36.0, 24.0, 12.0, 7.0):
        level = torch.tensor([quality], dtype=torch.float64, requires_grad=True)
        error = (compress(images, level, "soft") - images).square().mean()
        (slope,) = torch.autograd.grad(error, level)
        assert float(slope) < -1e-3 * float(error.detach()) / quality


@pytest.mark.parametrize("gradient", ["none", "straight_through", "soft"])
def test_half_precision_autocast_does_not_reach_the_codec(gradient):
    images, quality = picture(33, 50), torch.tensor([40.0], requires_grad=True)
    expected = compress(images, quality, gradient)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(compress(images, quality, gradient), expected)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("gradient", ["none", "straight_through"])
def test_a_gpu_gives_the_same_bits(gradient):
    images = torch.cat([picture(97, 141, seed=seed) for seed in range(3)])
    quality = torch.tensor([80.0, 15.5, 43.0])
    on_gpu = compress(images.cuda(), quality.cuda(), gradient)
    assert torch.equal(on_gpu.cpu(), compress(images, quality, gradient))
