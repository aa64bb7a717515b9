"""The network's convolutions over the strips of a picture, each row computed once.

A strip goes through all layers before the next one is begun, so what lies between two layers stays in the
cache and does not grow with the picture's height. A layer of 3 x 3 keeps the last two rows of its input for
the next strip, and so runs one row behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isptune_severity.network import Residual

# A strip of about the size that most strips have; the weights' layout is chosen for it.
_ROWS, _COLUMNS = 64, 96


def _operator(name: str, overload: str) -> Any:
    """A fused operator of PyTorch's that its compiler uses; None where this PyTorch does not have it."""
    if not torch.backends.mkldnn.is_available():
        return None
    return getattr(getattr(torch.ops.mkldnn, name, None), overload, None)


_FUSED = _operator("_convolution_pointwise", "default")
_ADDED = _operator("_convolution_pointwise_", "binary")
_LAID_OUT = getattr(torch._C._nn, "mkldnn_reorder_conv2d_weight", None)


class Convolution:
    """A convolution and what is above 0 of it.

    Args:
        weight, bias: they are copied.
        stride: of both directions.
        dtype: of its inputs, float32 or bfloat16.

    Attributes:
        channels: that it gives.
        multiplications: for one position.
    """

    def __init__(self, weight: Tensor, bias: Tensor, stride: int, dtype: torch.dtype) -> None:
        self._plain = weight.detach().to(dtype, memory_format=torch.channels_last, copy=True)
        self._bias, self._stride = bias.detach().to(dtype, copy=True), stride
        self.channels, self.multiplications = len(weight), weight.numel()
        self._lay_out()

    def _lay_out(self) -> None:
        """Have the weights as the processor likes them, which the operator would do at every call."""
        self._strides, self._weight = [self._stride] * 2, self._plain
        if _FUSED is not None and _ADDED is not None and _LAID_OUT is not None:
            border = [int(self._stride == 1 and self._plain.shape[2] == 3)] * 2
            size = [1, self._plain.shape[1], _ROWS, _COLUMNS]
            self._weight = _LAID_OUT(self._plain.to_mkldnn(), border, self._strides, [1, 1], 1, size)

    def __getstate__(self) -> dict[str, Any]:
        # What is laid out can neither be copied nor sent to another process.
        return {name: value for name, value in vars(self).items() if name != "_weight"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lay_out()

    def __call__(self, x: Tensor, padding: tuple[int, int] = (0, 0)) -> Tensor:
        """Of (1, C, rows, columns), channels last, with a border of so many rows and columns of zeros."""
        if _FUSED is None:
            return F.conv2d(x, self._weight, self._bias, self._stride, padding).relu_()
        found: Tensor = _FUSED(
            *(x, self._weight, self._bias, padding, self._strides, [1, 1], 1, "relu", [], "")
        )
        return found

    def added(self, straight: Tensor, x: Tensor, padding: tuple[int, int]) -> Tensor:
        """``relu(straight + convolution)``, written over ``straight``."""
        if _ADDED is None:
            return straight.add_(F.conv2d(x, self._weight, self._bias, self._stride, padding)).relu_()
        found: Tensor = _ADDED(
            *(straight, x, self._weight, self._bias, padding, self._strides, [1, 1], 1, "add", 1.0),
            *("relu", [], ""),
        )
        return found


def _below(*parts: Tensor) -> Tensor:
    """Rows below rows, channels last."""
    return torch.cat([part.permute(0, 2, 3, 1) for part in parts], dim=1).permute(0, 3, 1, 2)


class _Window:
    """What a convolution of 3 x 3 with a border of zeros sees of its input, strip by strip."""

    def __init__(self) -> None:
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


@dataclass(frozen=True)
class ResidualLayer:
    first: Convolution
    second: Convolution

    @property
    def multiplications(self) -> int:
        return self.first.multiplications + self.second.multiplications

    def strips(self) -> ResidualStrips:
        return ResidualStrips(self)


@dataclass(frozen=True)
class HalvingLayer:
    convolution: Convolution

    @property
    def multiplications(self) -> int:
        return self.convolution.multiplications

    def strips(self) -> HalvingStrips:
        return HalvingStrips(self.convolution)


class ResidualStrips:
    """A residual block on the strips of one picture."""

    def __init__(self, layer: ResidualLayer) -> None:
        self._layer = layer
        self._first, self._second = _Window(), _Window()
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
        return self._layer.second.added(straight[:, :, :count], rows, padding)

    def _convolved(self, x: Tensor, last: bool) -> Tensor:
        window = self._first.window(x, last)
        if window is None or not window[0].shape[2]:
            return x[:, :, :0]
        return self._layer.first(*window)


class HalvingStrips:
    """2 x 2 in steps of 2, on the strips of one picture; a last odd row is not used."""

    def __init__(self, convolution: Convolution) -> None:
        self._convolution = convolution
        self._kept: Tensor | None = None

    def __call__(self, x: Tensor, last: bool) -> Tensor:
        if self._kept is not None:
            x = _below(self._kept, x)
        whole = x.shape[2] // 2 * 2
        self._kept = x[:, :, whole:]
        if not whole:
            return x.new_zeros(1, self._convolution.channels, 0, x.shape[3] // 2)
        return self._convolution(x[:, :, :whole])


def layers_of(level: Sequence[nn.Module] | nn.Sequential, dtype: torch.dtype) -> list[Any]:
    """The layers of one level of the network, of which each picture takes ``strips()``."""
    made: list[Any] = []
    for module in level:
        if isinstance(module, Residual):
            made.append(ResidualLayer(*(_of(one, dtype) for one in (module.first, module.second))))
        elif isinstance(module, nn.Conv2d):
            made.append(HalvingLayer(_of(module, dtype)))
        else:
            assert isinstance(module, nn.ReLU)  # part of the convolution before it
    return made


def _of(module: nn.Conv2d, dtype: torch.dtype) -> Convolution:
    assert module.bias is not None
    return Convolution(module.weight, module.bias, module.stride[0], dtype)
