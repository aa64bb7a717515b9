"""Separable filters, one kernel per sample: compiled loops on a CPU, band matrices everywhere else.

A row of pixels times a banded (Toeplitz) matrix is that row filtered. Cut into blocks of columns, each
with a halo of the kernel's radius, the product costs little more arithmetic than the filter itself and
runs at the speed of a matrix multiplication, on a CPU as on an accelerator. Replicated borders are folded
into the first and last blocks' matrices, so that nothing has to be padded.
"""

from __future__ import annotations

import torch
from torch import Tensor

from isptune.stages.strips import given_back
from isptune_synthetic.compiled import can_compile

# Columns (or rows) that one band matrix produces; 32 to 128 are equally fast.
_BLOCK = 64

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
    if can_compile(images, kernels):
        from isptune_synthetic.compiled.separable import separable as compiled

        return compiled(images, kernels, out, clip)
    kernels = kernels.expand(images.shape[0], -1)
    if images.device.type == "cpu" and images.shape[0] > 1:
        # A product's rounding depends on the batch that it is in, and a sample must not.
        pairs = zip(images.split(1), kernels.split(1), strict=True)
        return given_back(torch.cat([separable(*pair, clip=clip) for pair in pairs]), out)
    # Autocast would run the products in half precision, which no picture survives.
    with torch.autocast(images.device.type, enabled=False):
        rows = _filter_last(images, kernels)
        filtered = _filter_last(rows.transpose(-1, -2), kernels).transpose(-1, -2).contiguous()
    return given_back(filtered.clamp(0, 1) if clip else filtered, out)


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
        if part.device.type == "cpu" and not torch.compiler.is_compiling() and part.data_ptr() % 64:
            # It depends on the memory's alignment as well.
            part = part.clone()
        blocks.append(torch.bmm(part, matrix).reshape(count, channels, height, last - first))
    return torch.cat(blocks, dim=-1)
