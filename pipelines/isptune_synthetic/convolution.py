"""Filters whose kernels are not separable, one kernel per sample, borders replicated.

The definition is Kornia's ``fft_conv`` (see ``definition``); what follows is for float32 pictures on a CPU.

A kernel of few taps is a sum of shifted pictures, taken strip by strip so that the sum stays in the cache;
a larger one is a product of spectra, whose cost does not depend on the kernel. On a CPU both are several
times as fast as PyTorch's direct convolution of single planes, and its backward pass is slower still.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from isptune.stages.memory import room
from isptune.stages.strips import given_back, is_plain
from isptune_synthetic.definition import by_kornia
from isptune_synthetic.rows import row_strips

# Up to this many taps a sum of shifted pictures is faster than two transforms.
_MANY_TAPS = 64


def convolve(images: Tensor, kernels: Tensor, out: Tensor | None = None) -> Tensor:
    """Filter every plane of a sample with that sample's kernel (a correlation, as all such filters are).

    Args:
        images: (N, C, H, W).
        kernels: (N, 2 r + 1, 2 s + 1), one per sample, or (1, ...) for all.
        out: (N, C, H, W) that receives the result, for calls without gradients; it may be ``images``.

    Returns:
        (N, C, H, W), differentiable with respect to the images and the kernels.
    """
    if by_kornia(images):
        from kornia.filters import fft_conv

        with torch.autocast(images.device.type, enabled=False):
            return given_back(fft_conv(images, kernels, border_type="replicate"), out)
    if is_plain(images, kernels):
        if out is None:
            out = room(images.shape, images.dtype)
        for index in range(images.shape[0]):
            kernel = _without_zero_border(kernels[index if kernels.shape[0] > 1 else 0])
            _filter_planes(images[index], kernel, out[index])
        return out
    # One sample at a time, so that a sample's result cannot depend on the size of the batch.
    filtered = []
    for index, image in enumerate(images):
        kernel = kernels[index if kernels.shape[0] > 1 else 0]
        size = _transform_size(image, kernel)
        filtered.append(_filter_by_spectrum(image, kernel, torch.fft.rfft2(kernel, s=size).conj(), size))
    return given_back(torch.stack(filtered), out)


def _filter_planes(image: Tensor, kernel: Tensor, out: Tensor) -> None:
    """Filter (C, H, W) plane by plane into ``out``, which may be the image itself."""
    taps = [(row, column, float(kernel[row, column])) for row, column in kernel.nonzero().tolist()]
    if len(taps) <= _MANY_TAPS:
        for plane, target in zip(image, out, strict=True):
            _sum_of_shifts(_replicated(plane[None], kernel)[0], taps, target)
        return
    size = _transform_size(image, kernel)
    spectrum = torch.fft.rfft2(kernel, s=size).conj()
    for plane, target in zip(image, out, strict=True):
        target.copy_(_filter_by_spectrum(plane[None], kernel, spectrum, size)[0])


def _sum_of_shifts(padded: Tensor, taps: list[tuple[int, int, float]], out: Tensor) -> None:
    height, width = out.shape
    for first, last in row_strips(height, width):
        part = out[first:last]
        for number, (row, column, weight) in enumerate(taps):
            shifted = padded[first + row : last + row, column : column + width]
            if number == 0:
                torch.mul(shifted, weight, out=part)
            else:
                part.add_(shifted, alpha=weight)


def _filter_by_spectrum(image: Tensor, kernel: Tensor, spectrum: Tensor, size: list[int]) -> Tensor:
    """(C, H, W) filtered by way of its Fourier transform."""
    height, width = image.shape[-2:]
    # The sum wraps around only where the kernel reaches over the padded picture's end, which is cut off.
    product = torch.fft.rfft2(_replicated(image, kernel), s=size) * spectrum
    return torch.fft.irfft2(product, s=size)[..., :height, :width]


def _transform_size(image: Tensor, kernel: Tensor) -> list[int]:
    return [
        _fast_length(length + taps - 1) for length, taps in zip(image.shape[-2:], kernel.shape, strict=True)
    ]


def _replicated(image: Tensor, kernel: Tensor) -> Tensor:
    across, along = kernel.shape[1] // 2, kernel.shape[0] // 2
    return functional.pad(image, (across, across, along, along), mode="replicate")


def _without_zero_border(kernel: Tensor) -> Tensor:
    """The kernel without the outer rows and columns that hold zeros alone, its centre kept."""
    rows, columns = kernel.shape[0] // 2, kernel.shape[1] // 2
    used = kernel.nonzero()
    along = int((used[:, 0] - rows).abs().max())
    across = int((used[:, 1] - columns).abs().max())
    return kernel[rows - along : rows + along + 1, columns - across : columns + across + 1]


def _fast_length(length: int) -> int:
    """The next length that is a product of 2, 3 and 5: other lengths take twice as long or more."""
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1
