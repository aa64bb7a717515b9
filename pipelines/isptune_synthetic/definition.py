"""Which formula runs: Kornia's operator, which is the definition, or a faster equal of it.

Wherever Kornia has the operator that a stage is, float64 pictures, pictures on an accelerator and those that
``torch.compile`` traces go through Kornia. For float32 pictures on a CPU some stages have loops or formulas
of their own, which are faster; the tests hold them to Kornia's. docs/stages.md says which they are, and how
far apart.

Importing Kornia takes most of a second, so each stage does it at its first use.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def by_kornia(*tensors: Tensor) -> bool:
    """True where Kornia's operators run: everywhere but for float32 pictures on a CPU."""
    if torch.compiler.is_compiling():
        return True
    return any(tensor.device.type != "cpu" or tensor.dtype == torch.float64 for tensor in tensors)


def one_by_one(function: Callable[..., Tensor], images: Tensor, *values: Tensor) -> Tensor:
    """``function(images, *values)``, on a CPU sample by sample.

    A convolution's or a power's rounding depends on the place in memory; a sample must not on its batch.

    Args:
        function: gives (N, ...) for N samples.
        images: (N, ...).
        values: (N, ...) or (1, ...) each.
    """
    if len(images) == 1 or images.device.type != "cpu" or torch.compiler.is_compiling():
        return function(images, *values)
    values = tuple(value.expand(len(images), *value.shape[1:]) for value in values)
    samples = zip(images.split(1), *(value.split(1) for value in values), strict=True)
    return torch.cat([function(*sample) for sample in samples])
