"""The network's convolutions over the strips of a picture, each row computed once.

A strip goes through all layers before the next one is begun, so what lies between two layers stays in the
cache and does not grow with the picture's height. A layer of 3 x 3 keeps the last two rows of its input for
the next strip, and so runs one row behind.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isptune_severity.network import Residual


def convolution(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: tuple[int, int]) -> Tensor:
    """A convolution and what is above 0 of it; ``padding`` of rows and of columns."""
    if _FUSED is not None and x.shape[2] and x.dtype != torch.float64:
        found: Tensor = _FUSED(x, weight, bias, list(padding), [stride, stride], [1, 1], 1, "relu", [], "")
        return found
    return F.conv2d(x, weight, bias, stride=stride, padding=padding).relu_()


def added(straight: Tensor, x: Tensor, weight: Tensor, bias: Tensor, padding: tuple[int, int]) -> Tensor:
    """``relu(straight + convolution)``, written over ``straight``."""
    if _ADDED is not None:
        found: Tensor = _ADDED(
            *(straight, x, weight, bias, list(padding), [1, 1], [1, 1], 1, "add", 1.0, "relu", [], "")
        )
        return found
    return straight.add_(F.conv2d(x, weight, bias, padding=padding)).relu_()


def _operator(name: str, overload: str) -> Any:
    """A fused operator of PyTorch's that its compiler uses; None where this PyTorch does not have it."""
    if not torch.backends.mkldnn.is_available():
        return None
    return getattr(getattr(torch.ops.mkldnn, name, None), overload, None)


_FUSED = _operator("_convolution_pointwise", "default")
_ADDED = _operator("_convolution_pointwise_", "binary")


def _below(*parts: Tensor) -> Tensor:
    """Rows below rows, channels last."""
    return torch.cat([part.permute(0, 2, 3, 1) for part in parts], dim=1).permute(0, 3, 1, 2)


class _Layer:
    """3 x 3 with a border of zeros, strip by strip."""

    def __init__(self, module: nn.Conv2d) -> None:
        assert module.bias is not None
        self.weight, self.bias = module.weight, module.bias
        self._kept: Tensor | None = None

    def window(self, x: Tensor, last: bool) -> tuple[Tensor, tuple[int, int]] | None:
        """The rows to be convolved, and the border to be added; None where there are too few yet."""
        if self._kept is None and last:
            return x, (1, 1)
        border = x.new_zeros(1, x.shape[1], 1, x.shape[3])
        above = border if self._kept is None else self._kept
        x = _below(above, x, border) if last else _below(above, x)
        self._kept = x[:, :, -2:]
        return (x, (0, 1)) if x.shape[2] > 2 else None


class _ResidualStrips:
    def __init__(self, module: Residual) -> None:
        self._first, self._second = _Layer(module.first), _Layer(module.second)
        self._straight: Tensor | None = None

    def __call__(self, x: Tensor, last: bool) -> Tensor:
        straight = x if self._straight is None else _below(self._straight, x)
        inner = self._convolved(x, last)
        window = self._second.window(inner, last)
        if window is None:
            self._straight = straight
            return x[:, :, :0]
        rows, padding = window
        count = rows.shape[2] - 2 + 2 * padding[0]
        self._straight = straight[:, :, count:]
        return added(straight[:, :, :count], rows, self._second.weight, self._second.bias, padding)

    def _convolved(self, x: Tensor, last: bool) -> Tensor:
        window = self._first.window(x, last)
        if window is None:
            return x[:, :, :0]
        return convolution(window[0], self._first.weight, self._first.bias, 1, window[1])


class _HalvingStrips:
    """2 x 2 in steps of 2; a last odd row is not used."""

    def __init__(self, module: nn.Conv2d) -> None:
        assert module.bias is not None
        self._weight, self._bias = module.weight, module.bias
        self._kept: Tensor | None = None

    def __call__(self, x: Tensor, last: bool) -> Tensor:
        if self._kept is not None:
            x = _below(self._kept, x)
        whole = x.shape[2] // 2 * 2
        self._kept = x[:, :, whole:]
        if not whole:
            return x.new_zeros(1, len(self._weight), 0, x.shape[3] // 2)
        return convolution(x[:, :, :whole], self._weight, self._bias, 2, (0, 0))


def strips_of(level: nn.Sequential) -> list[Any]:
    """The layers of one level of the network, each to be called as ``layer(x, last)``."""
    made: list[Any] = []
    for module in level:
        if isinstance(module, Residual):
            made.append(_ResidualStrips(module))
        elif isinstance(module, nn.Conv2d):
            made.append(_HalvingStrips(module))
        else:
            assert isinstance(module, nn.ReLU)  # part of the convolution before it
    return made
