"""Filters with kernels of any shape, against PyTorch's own convolution."""

import pytest
import torch
from torch.nn import functional

from isptune.testing.pictures import picture
from isptune_synthetic import convolution, rows
from isptune_synthetic.convolution import convolve


def random_kernels(count, height, width, taps=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    kernels = torch.rand(count, height, width, generator=generator, dtype=torch.float64) - 0.3
    if taps is not None:
        order = torch.rand(count, height * width, generator=generator).argsort(dim=1)
        kernels = torch.where((order < taps).reshape(kernels.shape), kernels, 0.0)
    return kernels


def expected(images, kernels):
    along, across = kernels.shape[1] // 2, kernels.shape[2] // 2
    padded = functional.pad(images, (across, across, along, along), mode="replicate")
    planes = [
        functional.conv2d(image[:, None], kernel[None, None])[:, 0]
        for image, kernel in zip(padded, kernels.expand(len(images), -1, -1), strict=True)
    ]
    return torch.stack(planes)


@pytest.mark.parametrize("recorded", [False, True], ids=["plain", "recorded"])
@pytest.mark.parametrize(
    ("height", "width", "taps"),
    [(3, 3, None), (1, 9, None), (7, 5, 9), (11, 11, None), (17, 3, None), (17, 17, 80)],
)
def test_it_is_the_direct_convolution(height, width, taps, recorded):
    images = torch.cat([picture(37, 53), picture(37, 53, seed=1)]).double()
    kernels = random_kernels(2, height, width, taps)
    leaf = kernels.clone().requires_grad_(recorded)
    torch.testing.assert_close(convolve(images, leaf).detach(), expected(images, kernels), rtol=0, atol=1e-12)
    single = convolve(images.float(), leaf.float()).detach().double()
    torch.testing.assert_close(single, expected(images, kernels), rtol=0, atol=2e-5)


def test_one_kernel_serves_all_samples():
    images = torch.cat([picture(20, 30), picture(20, 30, seed=1)]).double()
    kernels = random_kernels(1, 5, 3)
    torch.testing.assert_close(convolve(images, kernels), expected(images, kernels), rtol=0, atol=1e-12)


@pytest.mark.parametrize("taps", [9, 200])
def test_it_can_be_written_over_its_input(taps):
    images = picture(40, 30)
    kernels = random_kernels(1, 17, 17, taps).float()
    result = convolve(images, kernels)
    assert convolve(images, kernels, out=images) is images
    assert torch.equal(images, result)


def test_strips_are_seamless(monkeypatch):
    images, kernels = picture(61, 33), random_kernels(1, 7, 7).float()
    whole = convolve(images, kernels)
    monkeypatch.setattr(rows, "_PIXELS_PER_THREAD", 100)
    torch.testing.assert_close(convolve(images, kernels), whole, rtol=0, atol=1e-6)


def test_sums_and_spectra_agree(monkeypatch):
    images, kernels = picture(61, 33), random_kernels(1, 7, 7).float()
    sums = convolve(images, kernels)
    monkeypatch.setattr(convolution, "_MANY_TAPS", 0)
    spectra = convolve(images, kernels)
    assert not torch.equal(sums, spectra)
    torch.testing.assert_close(sums, spectra, rtol=0, atol=1e-5)


def test_gradcheck():
    images = picture(5, 6).double().requires_grad_(True)
    kernels = random_kernels(1, 5, 3).requires_grad_(True)
    assert torch.autograd.gradcheck(convolve, (images, kernels))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 100_000), (1000, 64), (2160, 3840)])
def test_strips_of_rows_cover_every_row_once(height, width):
    strips = rows.row_strips(height, width)
    assert strips[0][0] == 0
    assert strips[-1][1] == height
    assert all(first < last for first, last in strips)
    assert [last for _, last in strips[:-1]] == [first for first, _ in strips[1:]]
