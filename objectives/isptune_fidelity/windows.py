"""The Gaussian window of SSIM, and the strips of rows that keep its temporaries in cache."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

WINDOW = 11
SIGMA = 1.5

# Strips of about this many pixels per channel measured fastest on two CPU cores, and they bound the
# temporaries whatever the size of the image.
_STRIP_PIXELS = 2**16


def gaussian_taps(size: int = WINDOW, sigma: float = SIGMA) -> tuple[float, ...]:
    """The taps of a sampled Gaussian, symmetric and of unit sum."""
    centre = (size - 1) / 2
    taps = [math.exp(-0.5 * ((i - centre) / sigma) ** 2) for i in range(size)]
    return tuple(tap / sum(taps) for tap in taps)


_TAPS = gaussian_taps()


class _WindowMean(torch.autograd.Function):
    """The Gaussian-weighted mean over every window that lies wholly inside the image.

    Autograd through the shifted additions below would pad every one of them to the full image again;
    the window is symmetric, so the gradient is the same filter on the padded gradient.
    """

    @staticmethod
    def forward(images: Tensor) -> Tensor:
        return _filter(_filter(images, -2), -1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        border = WINDOW - 1
        return window_mean(torch.nn.functional.pad(gradient, (border, border, border, border)))


def window_mean(images: Tensor) -> Tensor:
    """Means under an 11 x 11 Gaussian window of sigma 1.5 px.

    Args:
        images: (..., H, W), H and W at least 11.

    Returns:
        (..., H - 10, W - 10), differentiable any number of times.
    """
    return _WindowMean.apply(images)


def _filter(images: Tensor, dim: int) -> Tensor:
    """One pass along a dimension, as a sum of shifted images.

    On a CPU this is several times faster than a convolution with one channel, and unlike a convolution
    library it computes a sample in the same order whatever the batch.
    """
    length = images.shape[dim] - WINDOW + 1
    half = WINDOW // 2
    result = images.narrow(dim, half, length) * _TAPS[half]
    for i in range(half):
        result.add_(images.narrow(dim, i, length), alpha=_TAPS[i])
        result.add_(images.narrow(dim, WINDOW - 1 - i, length), alpha=_TAPS[i])
    return result


def strips(rows: int, width: int, whole: bool) -> Iterator[tuple[int, int]]:
    """(start, count) of the strips that cover the rows; one strip of all of them if ``whole``."""
    step = rows if whole else max(16, _STRIP_PIXELS // max(1, width))
    for start in range(0, rows, step):
        yield start, min(step, rows - start)


def in_one_piece(*tensors: Tensor) -> bool:
    """Whether an image is better not cut into strips.

    With gradients every strip would pad its gradient to the full image; a GPU is faster on large pieces.
    """
    return any(
        tensor.device.type != "cpu" or (torch.is_grad_enabled() and tensor.requires_grad)
        for tensor in tensors
    )
