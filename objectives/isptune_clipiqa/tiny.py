"""Tiny checkpoints with random weights, in the form in which the real ones are published.

They stand in for real ones wherever only the machinery matters: tests, trials of a configuration,
measurements of what surrounds the network. Their scores mean nothing::

    python -m isptune_clipiqa.tiny FOLDER --kind vit
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from isptune.errors import ConfigurationError
from isptune.wording.naming import did_you_mean, listed
from isptune_clipiqa.loading import CONFIGURATION, WEIGHTS, build, undisturbed

TEXT_WIDTH = 32

_CLIP_PREPROCESSING = {
    "mean": [0.48145466, 0.4578275, 0.40821073],
    "std": [0.26862954, 0.26130258, 0.27577711],
}
# The tokenizer's 49408 entries are nearly all of the weights.
_TEXT = {"context_length": 77, "vocab_size": 49408, "width": TEXT_WIDTH, "heads": 2, "layers": 2}

KINDS: Mapping[str, dict[str, Any]] = {
    "rn50": {
        "model_cfg": {
            "embed_dim": 32,
            "quick_gelu": True,
            "vision_cfg": {"image_size": 96, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None},
            "text_cfg": _TEXT,
        },
        "preprocess_cfg": _CLIP_PREPROCESSING,
    },
    "vit": {
        "model_cfg": {
            "embed_dim": 32,
            "vision_cfg": {"image_size": 48, "layers": 2, "width": 48, "head_width": 16, "patch_size": 8},
            "text_cfg": _TEXT,
        },
        "preprocess_cfg": _CLIP_PREPROCESSING,
    },
    # A tower of timm's with pooling by attention, as SigLIP's. Its text part has CLIP's tokenizer, which
    # needs no file.
    "siglip": {
        "model_cfg": {
            "embed_dim": 96,
            "init_logit_bias": -10,
            "custom_text": True,
            "vision_cfg": {
                "image_size": 160,
                "timm_model_name": "test_vit3",
                "timm_model_pretrained": False,
                "timm_pool": "map",
                "timm_proj": "none",
            },
            "text_cfg": {**_TEXT, "no_causal_mask": True, "proj_bias": True},
        },
        "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    },
}


def write_tiny(folder: str | Path, kind: str = "rn50", seed: int = 0) -> Path:
    """Write a checkpoint of random weights: open_clip_config.json and open_clip_model.safetensors, 4 MB.

    Args:
        folder: where to; made where it does not exist.
        kind: ``"rn50"``, ``"vit"`` or ``"siglip"``.
        seed: the same seed, the same bytes. Global generators are neither used nor changed.

    Returns:
        The folder.

    Raises:
        ConfigurationError: there is no such kind.
    """
    if kind not in KINDS:
        raise ConfigurationError(
            f"there is no tiny checkpoint of the kind '{kind}'"
            + (did_you_mean(kind, KINDS) or f"; known: {listed(KINDS)}")
        )
    return write_random(folder, KINDS[kind], seed)


def write_published(folder: str | Path, model: str, seed: int = 0) -> Path:
    """The same at the real size of a model of open_clip, such as ``RN50-quickgelu``, for measurements."""
    import open_clip

    configuration = {"model_cfg": open_clip.get_model_config(model), "preprocess_cfg": _CLIP_PREPROCESSING}
    return write_random(folder, configuration, seed)


def write_random(folder: str | Path, configuration: Mapping[str, Any], seed: int) -> Path:
    """A checkpoint of random weights for a configuration as open_clip_config.json holds it."""
    from safetensors.torch import save

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIGURATION).write_text(json.dumps(configuration, indent=2) + "\n", encoding="utf-8")
    with undisturbed():
        network = build(folder)
        randomise(network, seed)
    # Half precision, as the first CLIP was published; it is read into float32.
    weights = {
        key: value.half() if value.is_floating_point() else value
        for key, value in network.state_dict().items()
    }
    (folder / WEIGHTS[0]).write_bytes(save({key: value.contiguous() for key, value in weights.items()}))
    return folder


def write_tiny_context(file: str | Path, width: int = TEXT_WIDTH, seed: int = 0) -> Path:
    """Write random learned tokens (2, 16, width) for CLIP-IQA+, a bare tensor as the published one."""
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(torch.randn((2, 16, width), generator=torch.Generator().manual_seed(seed)), file)
    return file


def randomise(network: nn.Module, seed: int) -> None:
    """Random weights under which every part of the network acts on the result.

    open_clip's own initial weights leave residual branches of its ResNets and scales of layers at zero.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(value: Tensor) -> Tensor:
        return torch.randn(value.shape, generator=generator)

    with torch.no_grad():
        for key, value in network.state_dict().items():
            if not value.is_floating_point():
                continue
            if key.endswith("logit_scale"):
                # A fifth of the scale of trained models: random texts are less alike than "Good" and "Bad".
                value.fill_(math.log(20.0))
            elif key.endswith("logit_bias"):
                value.fill_(-10.0)
            elif key.endswith("running_var"):
                value.copy_(0.5 + normal(value).abs())
            elif value.ndim <= 1:
                is_scale = key.endswith((".weight", ".gamma"))
                value.copy_(float(is_scale) + 0.1 * normal(value))
            elif "embed" in key and value.ndim <= 3:
                value.copy_(0.3 * normal(value))
            else:
                # A projection that is stored as (inputs, outputs) has about as many of either.
                value.copy_(normal(value) * value[0].numel() ** -0.5)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m isptune_clipiqa.tiny",
        description="Write a tiny checkpoint with random weights for the objective clipiqa.",
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", choices=list(KINDS), default="rn50")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(write_tiny(given.folder, given.kind, given.seed))


if __name__ == "__main__":
    main()
