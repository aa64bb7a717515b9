"""The linear layers of the language model in 8 or 4 bits, by bitsandbytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from isptune.plugins import require_packages
from isptune_qalign.network import Owl


def quantized(
    network: Owl, how: str, device: torch.device, dtype: torch.dtype, name: str
) -> Callable[[nn.Module, str, Tensor], None]:
    """Replace the linear layers of the language model (on the meta device), and give what stores a weight.

    The head, the embeddings and everything visual stay as they are: they are small and sensitive.

    Args:
        network: without weights yet.
        how: ``"8bit"`` (LLM.int8) or ``"4bit"`` (NF4).
        device: where the weights go; they are quantized on arrival, one at a time.
        dtype: of the computation.
        name: the objective's name, for messages.

    Raises:
        MissingPackageError: bitsandbytes is not installed.
    """
    require_packages(f"'{name}' in {how}", ["bitsandbytes"], "'isptune[quantized]'")
    import bitsandbytes

    # Its own types contradict each other: a weight that moves to a device is no longer what it was.
    bnb: Any = bitsandbytes

    def small(layer: nn.Linear) -> nn.Module:
        sizes = layer.in_features, layer.out_features
        bias = layer.bias is not None
        if how == "8bit":
            return bnb.nn.Linear8bitLt(*sizes, bias=bias, has_fp16_weights=False, threshold=6.0)
        return bnb.nn.Linear4bit(*sizes, bias=bias, compute_dtype=dtype, quant_type="nf4")

    replaced: set[str] = set()
    for block_name, block in network.model.layers.named_modules():
        for child, layer in list(block.named_children()):
            if isinstance(layer, nn.Linear):
                with torch.device("meta"):
                    setattr(block, child, small(layer))
                replaced.add(".".join(part for part in ("model.layers", block_name, child, "weight") if part))
    network.requires_grad_(False)

    def store(module: nn.Module, key: str, tensor: Tensor) -> None:
        path, _, leaf = key.rpartition(".")
        owner = module.get_submodule(path)
        if leaf in owner._buffers:
            owner._buffers[leaf] = tensor
        elif key not in replaced:
            setattr(owner, leaf, nn.Parameter(tensor, requires_grad=False))
        elif how == "8bit":
            weight = bnb.nn.Int8Params(tensor.cpu(), requires_grad=False, has_fp16_weights=False)
            owner.weight = weight.to(device)
        else:
            weight = bnb.nn.Params4bit(tensor.cpu(), requires_grad=False, quant_type="nf4", module=owner)
            owner.weight = weight.to(device)

    return store
