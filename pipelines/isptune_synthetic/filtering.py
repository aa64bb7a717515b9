"""Separable filters, one kernel per sample: Kornia's, and compiled loops for float32 pictures on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor

from isptune.compiled import can_compile
from isptune.stages.strips import given_back
from isptune_synthetic.definition import one_by_one

# Below this no tap beside the centre is left in float32 or float64, and 1 / sigma ** 2 stays finite.
_SMALLEST_SIGMA = 0.05


def gaussian_kernels(sigma: Tensor, radius: int) -> Tensor:
    """Sampled Gaussian kernels that sum to 1, one per sigma, on a fixed support.

    Not Kornia's ``get_gaussian_kernel1d``, whose taps end where its support does: on one that serves every
    sigma it has more taps than the reference code, and on the reference's own it jumps as that does.

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
    from kornia.filters import filter2d_separable

    # Autocast would run the products in half precision, which no picture survives.
    with torch.autocast(images.device.type, enabled=False):
        filtered = one_by_one(
            lambda image, taps: filter2d_separable(image, taps, taps, border_type="replicate"),
            images,
            kernels,
        )
    return given_back(filtered.clamp(0, 1) if clip else filtered, out)
