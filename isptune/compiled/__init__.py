"""Loops over pixels, compiled by numba, for plugins whose work PyTorch's operations would do in many passes.

``can_compile`` tells whether a call may take them; ``isptune.compiled.jit`` compiles them. numba takes a
second to import, so a module with loops is imported at their first use.
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
