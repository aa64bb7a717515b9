"""How the network of ``severity`` is computed: by which operators, and in which type of numbers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from isptune.compiled import can_compile
from isptune.errors import ConfigurationError
from isptune.stages.strips import is_plain

_DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16}

# What multiplies bfloat16 faster than float32, by the names of torch.cpu.get_capabilities.
_MULTIPLIES_BFLOAT16 = ("avx512_bf16", "amx_bf16", "arm_bf16", "bf16")


class Computing:
    """A learner's network on pictures: in compiled loops where it can be, else by PyTorch's operators.

    Args:
        learner: has the ``network``; it is copied.
        dtype: ``auto``, or float32, float64 or bfloat16, of the convolutions where they are compiled, of the
            whole network elsewhere.
        compiled: use compiled loops, without gradients, in float32 or bfloat16, on a CPU.
        name: of the objective, for messages.

    Attributes:
        learner: its copy on the device, in the type of PyTorch's operators.
    """

    def __init__(self, learner: Any, dtype: str, compiled: bool, name: str) -> None:
        self._name = name
        self._exact = learner.requires_grad_(False).eval()
        self._wanted, self._compiled = self._checked(dtype), compiled and dtype != "float64"
        self.to("cpu")

    def to(self, device: torch.device | str) -> None:
        """Move to a device."""
        self._device = torch.device(device)
        # Beside the compiled loops, PyTorch's operators are for gradients, which bfloat16 spoils.
        beside = self._wanted == "auto" or (self._compiled and self._device.type == "cpu")
        self._dtype = torch.float32 if beside else _DTYPES[self._wanted]
        self.learner = copy.deepcopy(self._exact).to(self._device, self._dtype)
        self._features: Any = None

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._device

    def settled(self) -> dict[str, Any]:
        """See ``Objective.settled``."""
        dtype = self._wanted
        if dtype == "auto":
            dtype = "bfloat16" if self._device.type == "cpu" and self._in_bfloat16() else "float32"
        return {"dtype": dtype, "compiled": self._compiled}

    def settle(self, noted: Mapping[str, Any] | None) -> None:
        """See ``Objective.settle``: runs that noted nothing computed by PyTorch's operators, in float32."""
        if noted is None:
            noted = {"dtype": "float32" if self._wanted == "auto" else self._wanted, "compiled": False}
        self._wanted, self._compiled = self._checked(noted.get("dtype")), bool(noted.get("compiled"))
        self.to(self._device)

    def judged(self, images: Tensor, head: Callable[[Tensor], Tensor]) -> Tensor:
        """``head(features)`` of pictures (N, 3, H, W), which gives (N, K)."""
        there = images.to(self._device, self._dtype)
        with torch.autocast(self._device.type, enabled=False):
            if self._compiled and len(images) and is_plain(there) and can_compile(there):
                return self._by_loops(there, head)
            found = self.learner.network.features(there.contiguous(memory_format=torch.channels_last))
            return head(found)

    def _by_loops(self, images: Tensor, head: Callable[[Tensor], Tensor]) -> Tensor:
        # numba takes a second to import.
        from isptune_severity.compiled.features import Features, row_by_row

        if self._features is None:
            dtype = torch.bfloat16 if self._in_bfloat16() else torch.float32
            self._features = Features(self.learner.network, dtype)
        return row_by_row(head, self._features.of(images))

    def _in_bfloat16(self) -> bool:
        if self._wanted != "auto":
            return self._wanted == "bfloat16"
        found = torch.cpu.get_capabilities()
        return self._compiled and any(found.get(name) for name in _MULTIPLIES_BFLOAT16)

    def _checked(self, dtype: Any) -> str:
        if dtype not in ("auto", *_DTYPES):
            raise ConfigurationError(
                f"dtype of '{self._name}' is '{dtype}'; allowed: auto, {', '.join(_DTYPES)}"
            )
        return str(dtype)
