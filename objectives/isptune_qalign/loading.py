"""Weights of mPLUG-Owl2 from a folder: safetensors or .bin, in one file or in shards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from isptune.errors import ConfigurationError
from isptune.wording.naming import did_you_mean, listed
from isptune.wording.showing import one_line
from isptune_qalign.network import Owl, read_config

DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float64": torch.float64,
}
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)

# Older LLaMA checkpoints hold the frequencies of the rotary embedding, which follow from the configuration.
_COMPUTED = "rotary_emb.inv_freq"


def load_model(
    folder: str | Path,
    dtype: torch.dtype | str = torch.float32,
    device: torch.device | str = "cpu",
    quantization: str | None = None,
    name: str = "qalign",
) -> Owl:
    """The network of a checkpoint folder, frozen, in evaluation mode.

    Every tensor goes from its file to the device by itself, so main memory holds one tensor at a time beside
    what the device holds: 2 bytes a weight in bfloat16 and float16 (16.4 GB for the published Q-Align of
    8.2 billion weights), 4 in float32 (32.8 GB), and for the language layers 1 in 8 bits and about 0.57 in
    4 bits (9.2 GB and 6.2 GB with what stays in 16 bits).

    Args:
        folder: with config.json and model.safetensors, pytorch_model.bin, or shards of either with their
            index. No tokenizer is needed.
        dtype: of the weights and of the computation.
        device: where to.
        quantization: ``"8bit"`` or ``"4bit"`` for the linear layers of the language model (bitsandbytes).
        name: the objective's name, for messages.

    Raises:
        ConfigurationError: one sentence on what is wrong with the folder.
        MissingPackageError: a quantization is asked for and bitsandbytes is not installed.
    """
    # Weights that are made in inference mode could never take part in gradients.
    with torch.inference_mode(False), torch.no_grad():
        return _load(Path(folder), check_dtype(dtype, name), torch.device(device), quantization, name)


def _load(folder: Path, dtype: torch.dtype, device: torch.device, quantization: str | None, name: str) -> Owl:
    config = read_config(folder, name)
    # Without memory: every parameter is replaced by what the files hold.
    with torch.device("meta"):
        network = Owl(config)
    network.eval().requires_grad_(False)
    if quantization is not None:
        from isptune_qalign.quantization import quantized

        store = quantized(network, quantization, device, dtype, name)
    else:
        store = _plain
    wanted = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    missing = set(wanted)
    for key, tensor, file in _tensors(folder, device, name):
        if key.endswith(_COMPUTED):
            continue
        if key not in wanted:
            if key == "lm_head.weight" and config.tie_word_embeddings:
                continue
            raise ConfigurationError(
                f"the checkpoint '{folder}' of '{name}' holds the tensor '{key}', which mPLUG-Owl2 has not"
                + did_you_mean(key, wanted)
            )
        if tensor.shape != wanted[key].shape:
            raise ConfigurationError(
                f"the tensor '{key}' in '{file}' has the shape {tuple(tensor.shape)}, "
                f"but config.json asks for {tuple(wanted[key].shape)}"
            )
        if not tensor.is_floating_point():
            raise ConfigurationError(
                f"the tensor '{key}' in '{file}' is of {str(tensor.dtype).removeprefix('torch.')}; "
                f"'{name}' reads checkpoints in floating point (and quantizes them itself on request)"
            )
        store(network, key, tensor.to(device=device, dtype=dtype))
        missing.discard(key)
    if missing:
        raise ConfigurationError(
            f"the checkpoint '{folder}' of '{name}' lacks {len(missing)} "
            f"{'tensor' if len(missing) == 1 else 'tensors'}: {listed(sorted(missing), 3)}"
        )
    if config.tie_word_embeddings:
        network.lm_head.weight = network.model.embed_tokens.weight
    return network


def _plain(network: nn.Module, key: str, tensor: Tensor) -> None:
    """Put a tensor in the place of the parameter or buffer of that name."""
    path, _, leaf = key.rpartition(".")
    module = network.get_submodule(path)
    if leaf in module._buffers:
        module._buffers[leaf] = tensor
    else:
        setattr(module, leaf, nn.Parameter(tensor, requires_grad=False))


def check_dtype(dtype: torch.dtype | str, name: str) -> torch.dtype:
    """A dtype from its name, refused with a ConfigurationError where it cannot hold weights."""
    found = DTYPES.get(str(dtype).removeprefix("torch."))
    if found is None:
        raise ConfigurationError(
            f"dtype of '{name}' is '{dtype}'; allowed: {listed(DTYPES)}{did_you_mean(str(dtype), DTYPES)}"
        )
    return found


def missing_weights(folder: Path) -> list[str]:
    """The weight files that a folder lacks, the shards of an index among them."""
    for file in WEIGHT_FILES:
        if not (folder / file).exists():
            continue
        if not file.endswith(".index.json"):
            return []
        return [shard for shard in _shards(folder / file) if not (folder / shard).exists()]
    return [f"{WEIGHT_FILES[0]} (or {WEIGHT_FILES[1]} with its shards)"]


def check_weights(folder: Path, name: str) -> None:
    """Read the headers of safetensors files, which tells of a truncated one without reading it.

    Raises:
        ConfigurationError: a file is cut off or is something else.
    """
    for file in _files(folder, name):
        if file.suffix == ".safetensors":
            _open(file, "cpu")


def _files(folder: Path, name: str) -> list[Path]:
    lacking = missing_weights(folder)
    if lacking:
        raise ConfigurationError(f"the checkpoint '{folder}' of '{name}' lacks {listed(lacking, 4)}")
    present = next(file for file in WEIGHT_FILES if (folder / file).exists())
    if present.endswith(".index.json"):
        return [folder / shard for shard in _shards(folder / present)]
    return [folder / present]


def _shards(index: Path) -> list[str]:
    """The files that an index names, in order; a ConfigurationError where it cannot be read."""
    try:
        table = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        return sorted(set(table.values()))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        raise ConfigurationError(f"'{index}' is not an index of shards: it holds no weight_map") from None


def _tensors(folder: Path, device: torch.device, name: str) -> Iterator[tuple[str, Tensor, Path]]:
    """Every tensor of a checkpoint with its name and its file, read one at a time."""
    for file in _files(folder, name):
        if file.suffix == ".safetensors":
            handle = _open(file, str(device))
            for key in handle.keys():  # noqa: SIM118 (not a mapping)
                yield key, handle.get_tensor(key), file
            continue
        try:
            state = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        except Exception as error:
            raise ConfigurationError(
                f"'{file}' cannot be read as plain weights (weights_only): {one_line(error)}"
            ) from error
        yield from ((key, state[key], file) for key in list(state))


def _open(file: Path, device: str) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        return safe_open(str(file), framework="pt", device=device)
    except (SafetensorError, OSError) as error:
        size = file.stat().st_size if file.exists() else 0
        raise ConfigurationError(
            f"'{file}' ({size / 1e6:.1f} MB) is cut off or is no safetensors file ({one_line(error)}); "
            "fetch it again"
        ) from error
