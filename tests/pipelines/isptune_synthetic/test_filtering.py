"""Separable filters against a convolution and SciPy."""

import pytest
import torch
from scipy.ndimage import correlate1d
from torch.nn.functional import conv2d, pad

from isptune_synthetic.filtering import gaussian_kernels, separable


def by_convolution(images, kernels):
    radius = kernels.shape[1] // 2
    outputs = []
    for image, kernel in zip(images, kernels, strict=True):
        padded = pad(image[:, None], (radius,) * 4, mode="replicate")
        outputs.append(conv2d(conv2d(padded, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))[:, 0])
    return torch.stack(outputs)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (63, 65), (64, 128), (130, 200)])
@pytest.mark.parametrize("recorded", [False, True], ids=["plain", "recorded"])
def test_separable_is_a_convolution_with_replicated_borders(size, recorded):
    generator = torch.Generator().manual_seed(3)
    images = torch.rand(3, 2, *size, generator=generator, dtype=torch.float64, requires_grad=recorded)
    # Not symmetric, so that a mirrored kernel is found out.
    kernels = torch.rand(3, 13, generator=generator, dtype=torch.float64)
    expected = by_convolution(images.detach(), kernels)
    torch.testing.assert_close(separable(images, kernels).detach(), expected, rtol=0, atol=1e-12)


def test_one_kernel_serves_all_samples():
    generator = torch.Generator().manual_seed(3)
    images = torch.rand(2, 1, 20, 30, generator=generator, dtype=torch.float64)
    kernel = torch.rand(1, 5, generator=generator, dtype=torch.float64)
    expected = correlate1d(
        correlate1d(images.numpy(), kernel[0].numpy(), axis=-1, mode="nearest"),
        kernel[0].numpy(),
        axis=-2,
        mode="nearest",
    )
    torch.testing.assert_close(separable(images, kernel), torch.from_numpy(expected), rtol=0, atol=1e-12)


def test_kernels_sum_to_1_and_are_symmetric():
    sigma = torch.linspace(0, 5, 101, dtype=torch.float64)
    kernels = gaussian_kernels(sigma, 10)
    torch.testing.assert_close(kernels.sum(1), torch.ones(101, dtype=torch.float64))
    assert torch.equal(kernels, kernels.flip(1))
    assert kernels[0].tolist() == [0.0] * 10 + [1.0] + [0.0] * 10
    # Wider and wider: the centre never gains.
    assert bool((kernels[1:, 10] <= kernels[:-1, 10]).all())


def test_an_unaligned_sample_gives_the_same_bits():
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(1, 3, 65, 131, generator=generator)
    kernels = gaussian_kernels(torch.tensor([3.3]), 10)
    expected = separable(image, kernels)
    for shift in range(1, 16):
        memory = torch.empty(image.numel() + 16)
        moved = memory[shift : shift + image.numel()].view_as(image).copy_(image)
        assert torch.equal(separable(moved, kernels), expected)
