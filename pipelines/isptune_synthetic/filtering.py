"""Separable filters, one kernel per sample: short ones in shifted copies, others with band matrices.

A row of pixels times a banded (Toeplitz) matrix is that row filtered. Cut into blocks of columns, each
with a halo of the kernel's radius, the product costs little more arithmetic than the filter itself and
runs at the speed of a matrix multiplication, on a CPU as on an accelerator. Replicated borders are folded
into the first and last blocks' matrices, so that nothing has to be padded.
"""

from __future__ import annotations

import torch
from torch import Tensor

from isptune_synthetic.rows import row_strips
from isptune_synthetic.strips import NUMBERS, each, given_back, is_plain

# Columns (or rows) that one band matrix produces; 32 to 128 are equally fast.
_BLOCK = 64

# Up to this many taps shifted copies are at least as fast as matrix products, without a library's threads.
_LONGEST_IN_TAPS = 25

# Below this no tap beside the centre is left in float32 or float64, and 1 / sigma ** 2 stays finite.
_SMALLEST_SIGMA = 0.05


def gaussian_kernels(sigma: Tensor, radius: int) -> Tensor:
    """Sampled Gaussian kernels that sum to 1, one per sigma, on a fixed support.

    The support of a sigma is ``|x| <= 2 sigma + 1`` with a soft end: taps fade in over one pixel of 2 sigma
    (a smoothstep), and at every multiple of 0.5 px they are those of the reference code, a Gaussian cut to
    ``2 ceil(2 sigma) + 1`` taps. That cut jumps between those multiples; this kernel has a continuous
    derivative in sigma. At sigma 0 it is exactly (..., 0, 1, 0, ...), with the derivative 0.

    Args:
        sigma: (N,) in pixels, 0 and above.
        radius: the support is ``2 radius + 1``; ``ceil(2 max sigma)`` loses no tap.

    Returns:
        (N, 2 radius + 1).
    """
    position = torch.arange(-radius, radius + 1, device=sigma.device, dtype=sigma.dtype)
    width = sigma.clamp_min(_SMALLEST_SIGMA)[:, None]
    window = (2 * sigma[:, None] + 1 - position.abs()).clamp(0, 1)
    taps = torch.exp(-0.5 * (position / width).square()) * (window.square() * (3 - 2 * window))
    return taps / taps.sum(dim=1, keepdim=True)


def separable(images: Tensor, kernels: Tensor, out: Tensor | None = None, *, clip: bool = False) -> Tensor:
    """Filter rows and columns with the same odd-sized kernel, the borders replicated.

    Args:
        images: (N, C, H, W).
        kernels: (N, 2 r + 1), one per sample, or (1, 2 r + 1) for all.
        out: (N, C, H, W) that receives the result, for calls without gradients; it may be ``images``.
        clip: clip the result to [0, 1], which even a weighted mean can leave by a rounding error.

    Returns:
        (N, C, H, W), differentiable with respect to the images and the kernels.
    """
    if is_plain(images, kernels):
        if out is None:
            out = torch.empty_like(images, memory_format=torch.contiguous_format)
        shortened = [_without_zero_ends(kernel) for kernel in kernels]
        shortened *= images.shape[0] // max(len(shortened), 1)
        tasks = [
            (images[index, channel], kernel, out[index, channel], clip)
            for index, kernel in enumerate(shortened)
            for channel in range(images.shape[1])
        ]
        each(_filter_plane, tasks, images.numel() // images.shape[1])
        return out
    kernels = kernels.expand(images.shape[0], -1)
    # Autocast would run the products in half precision, which no picture survives.
    with torch.autocast(images.device.type, enabled=False):
        rows = _filter_last(images, kernels)
        filtered = _filter_last(rows.transpose(-1, -2), kernels).transpose(-1, -2)
    return given_back(filtered.clamp(0, 1) if clip else filtered, out)


def _filter_plane(plane: Tensor, kernel: Tensor, out: Tensor, clip: bool) -> None:
    """Filter (H, W) into ``out``, which may be the plane itself."""
    if kernel.shape[0] > _LONGEST_IN_TAPS:
        _filter_by_blocks(plane, kernel, out)
    else:
        _filter_by_taps(plane, kernel.tolist(), out)
    if clip:
        for first, last in row_strips(*plane.shape, NUMBERS):
            out[first:last].clamp_(0, 1)


def _filter_by_taps(plane: Tensor, taps: list[float], out: Tensor) -> None:
    """The sum of shifted copies, in strips of rows: the quickest for short kernels."""
    height, width = plane.shape
    radius = len(taps) // 2
    strips = row_strips(height, width, NUMBERS)
    tall = plane.new_empty(height + 2 * radius, width)
    wide = plane.new_empty(strips[0][1], width + 2 * radius)
    for first, last in strips:
        padded = wide[: last - first]
        padded[:, radius : radius + width] = plane[first:last]
        padded[:, :radius] = plane[first:last, :1]
        padded[:, radius + width :] = plane[first:last, -1:]
        total = torch.mul(padded[:, :width], taps[0], out=tall[radius + first : radius + last])
        for shift, tap in enumerate(taps[1:], start=1):
            total.add_(padded[:, shift : shift + width], alpha=tap)
    tall[:radius] = tall[radius]
    tall[radius + height :] = tall[radius + height - 1]
    for first, last in strips:
        total = torch.mul(tall[first:last], taps[0], out=out[first:last])
        for shift, tap in enumerate(taps[1:], start=1):
            total.add_(tall[first + shift : last + shift], alpha=tap)


def _filter_by_blocks(plane: Tensor, kernel: Tensor, out: Tensor) -> None:
    """Products with band matrices: the quickest for long kernels."""
    height, width = plane.shape
    # Matrix products round differently on memory that is aligned differently, and a sample must not depend
    # on its place in the batch.
    source = plane if _is_aligned(plane) else plane.clone(memory_format=torch.contiguous_format)
    result = out if _is_aligned(out) else torch.empty_like(source)
    rows = torch.empty_like(source)
    for (first, last, low, high), matrix in _blocks(width, kernel):
        torch.mm(source[:, low:high], matrix, out=rows[:, first:last])
    for (first, last, low, high), matrix in _blocks(height, kernel):
        torch.mm(matrix.t().contiguous(), rows[low:high], out=result[first:last])
    if result is not out:
        out.copy_(result)


def _is_aligned(tensor: Tensor) -> bool:
    return tensor.is_contiguous() and tensor.data_ptr() % 64 == 0


def _without_zero_ends(kernel: Tensor) -> Tensor:
    used = int((kernel != 0).nonzero().sub_(kernel.shape[0] // 2).abs_().max())
    centre = kernel.shape[0] // 2
    return kernel[centre - used : centre + used + 1]


def _blocks(length: int, kernel: Tensor) -> list[tuple[tuple[int, int, int, int], Tensor]]:
    """((first, last, low, high), band matrix): outputs first..last come from inputs low..high."""
    radius = kernel.shape[0] // 2
    blocks = []
    interior: Tensor | None = None
    for first in range(0, length, _BLOCK):
        last = min(first + _BLOCK, length)
        low, high = max(first - radius, 0), min(last + radius, length)
        inside = first - radius >= 0 and last + radius <= length and last - first == _BLOCK
        if inside and interior is not None:
            matrix = interior
        else:
            matrix = _band_matrix(kernel[None], first - low, last - first, high - low)[0]
            interior = matrix if inside else interior
        blocks.append(((first, last, low, high), matrix))
    return blocks


def _band_matrix(kernels: Tensor, offset: int, outputs: int, inputs: int) -> Tensor:
    """(N, inputs, outputs): column j filters around input ``j + offset``; taps past an end count there."""
    taps = kernels.shape[1]
    output = torch.arange(outputs, device=kernels.device)
    tap = torch.arange(taps, device=kernels.device)
    source = (output[None, :] + offset + tap[:, None] - taps // 2).clamp_(0, inputs - 1)
    place = (source * outputs + output).reshape(-1)
    flat = kernels.new_zeros(kernels.shape[0], inputs * outputs)
    values = kernels[:, :, None].expand(-1, -1, outputs).reshape(kernels.shape[0], -1)
    return flat.index_add(1, place, values).reshape(-1, inputs, outputs)


def _filter_last(images: Tensor, kernels: Tensor) -> Tensor:
    """Filter along the last dimension, differentiably."""
    count, channels, height, width = images.shape
    radius = kernels.shape[1] // 2
    blocks = []
    for first in range(0, width, _BLOCK):
        last = min(first + _BLOCK, width)
        low, high = max(first - radius, 0), min(last + radius, width)
        matrix = _band_matrix(kernels, first - low, last - first, high - low)
        part = images[..., low:high].reshape(count, channels * height, high - low)
        blocks.append(torch.bmm(part, matrix).reshape(count, channels, height, last - first))
    return torch.cat(blocks, dim=-1)
