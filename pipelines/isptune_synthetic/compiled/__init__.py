"""Compiled loops for the default stages: float32 pictures on a CPU, several times the speed of PyTorch's.

A stage written with PyTorch's operations runs some thirty passes over its picture, and a power costs
ten times what a sum does. Here numba compiles each stage's formula to one loop over the pixels, for the
value and for the gradient: a picture is read once and written once, and powers are polynomials
(``arithmetic``). Kornia's operators stay the definition (see ``definition``): they serve every other number
type and device, and the tests hold these loops to them.

numba takes a second to import, so each of these modules is imported at a stage's first use.
"""

from __future__ import annotations

import torch
from torch import Tensor

_PLAIN = (Tensor, torch.nn.Parameter)


def can_compile(images: Tensor, *others: Tensor) -> bool:
    """True for float32 pictures on a CPU, outside of PyTorch's own tracing and vectorising.

    Args:
        images: (N, C, H, W).
        others: levels, kernels, noise; of these kernels and noise have to be float32 as well.
    """
    if images.dtype != torch.float32 or torch.compiler.is_compiling():
        return False
    for tensor in (images, *others):
        if tensor.device.type != "cpu" or type(tensor) not in _PLAIN:
            return False
        if tensor.ndim > 1 and tensor.dtype != torch.float32:
            return False
    return torch._C._functorch.peek_interpreter_stack() is None
