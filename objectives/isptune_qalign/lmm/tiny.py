"""Tiny checkpoints with random weights, in the format of the families that ``lmm`` runs.

They are for tests and for trying things without a download: ``python -m isptune_qalign.lmm.tiny FOLDER
--family qwen3_5``. Their scores mean nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from isptune.errors import ConfigurationError, IsptuneError, MissingPackageError
from isptune.wording.naming import listed
from isptune_qalign.lmm import tiny_tokenizers
from isptune_qalign.lmm.loading import quiet

_TEXT = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
}
_VISION = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}


def _ids(tokenizer: Any, **names: str) -> dict[str, Any]:
    return {key: tokenizer.convert_tokens_to_ids(token) for key, token in names.items()}


def _text(tokenizer: Any, **more: Any) -> dict[str, Any]:
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    return {**_TEXT, "vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, **ends, **more}


def _qwen3_5() -> tuple[Any, Any]:
    from transformers import Qwen2VLImageProcessor, Qwen3_5Config, Qwen3VLProcessor, Qwen3VLVideoProcessor

    tokenizer = tiny_tokenizers.qwen("Qwen3_5Tokenizer")
    config = Qwen3_5Config(
        text_config=_text(
            tokenizer,
            head_dim=32,
            # The family mixes linear and full attention.
            layer_types=["linear_attention", "full_attention"],
            linear_key_head_dim=8,
            linear_value_head_dim=16,
            linear_num_key_heads=2,
            linear_num_value_heads=4,
            rope_parameters={
                "rope_type": "default",
                "rope_theta": 10_000_000,
                "partial_rotary_factor": 0.5,
                "mrope_section": [4, 2, 2],
                "mrope_interleaved": True,
            },
        ),
        vision_config={
            "depth": 2,
            "hidden_size": 64,
            "intermediate_size": 64,
            "num_heads": 2,
            "patch_size": 16,
            "out_hidden_size": 64,
            "num_position_embeddings": 64,
        },
        **_qwen_ids(tokenizer),
    )
    pixels = {"shortest_edge": 32 * 32, "longest_edge": 256 * 256}
    images = Qwen2VLImageProcessor(
        size=pixels, patch_size=16, image_mean=[0.5, 0.5, 0.5], image_std=[0.5, 0.5, 0.5]
    )
    videos = Qwen3VLVideoProcessor(patch_size=16)
    return config, Qwen3VLProcessor(images, tokenizer, videos, chat_template=tiny_tokenizers.QWEN_TEMPLATE)


def _qwen_ids(tokenizer: Any) -> dict[str, Any]:
    return _ids(
        tokenizer,
        image_token_id="<|image_pad|>",
        video_token_id="<|video_pad|>",
        vision_start_token_id="<|vision_start|>",
        vision_end_token_id="<|vision_end|>",
    )


def _qwen2_5_vl() -> tuple[Any, Any]:
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )

    tokenizer = tiny_tokenizers.qwen()
    config = Qwen2_5_VLConfig(
        text_config=_text(
            tokenizer,
            rope_parameters={"rope_type": "default", "rope_theta": 1_000_000, "mrope_section": [4, 2, 2]},
        ),
        vision_config={
            "depth": 2,
            "hidden_size": 64,
            "intermediate_size": 64,
            "num_heads": 2,
            "out_hidden_size": 64,
            "fullatt_block_indexes": [1],
        },
        **_qwen_ids(tokenizer),
    )
    images = Qwen2VLImageProcessor(size={"shortest_edge": 28 * 28, "longest_edge": 196 * 196})
    processor = Qwen2_5_VLProcessor(
        images, tokenizer, Qwen2VLVideoProcessor(), chat_template=tiny_tokenizers.QWEN_TEMPLATE
    )
    return config, processor


def _llava() -> tuple[Any, Any]:
    from transformers import CLIPImageProcessor, LlavaConfig, LlavaProcessor

    tokenizer = tiny_tokenizers.llama()
    config = LlavaConfig(
        text_config={"model_type": "llama", **_text(tokenizer)},
        vision_config={"model_type": "clip_vision_model", "image_size": 56, "patch_size": 14, **_VISION},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=16,
    )
    images = CLIPImageProcessor(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56})
    processor = LlavaProcessor(
        images,
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=tiny_tokenizers.LLAVA_TEMPLATE,
    )
    return config, processor


def _smolvlm() -> tuple[Any, Any]:
    from transformers import SmolVLMConfig, SmolVLMImageProcessor, SmolVLMProcessor, SmolVLMVideoProcessor

    tokenizer = tiny_tokenizers.smolvlm()
    # Every configuration takes it, and this one does not declare it.
    padding: dict[str, Any] = {"pad_token_id": tokenizer.pad_token_id}
    config = SmolVLMConfig(
        text_config={"model_type": "llama", **_text(tokenizer)},
        vision_config={"image_size": 64, "patch_size": 16, **_VISION},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        **padding,
    )
    size = {"longest_edge": 128}
    images = SmolVLMImageProcessor(size=size, max_image_size={"longest_edge": 64})
    videos = SmolVLMVideoProcessor(size=size, max_image_size={"longest_edge": 64}, num_frames=1, fps=1)
    processor = SmolVLMProcessor(
        images, tokenizer, videos, image_seq_len=4, chat_template=tiny_tokenizers.SMOLVLM_TEMPLATE
    )
    return config, processor


def _internvl() -> tuple[Any, Any]:
    from transformers import (
        GotOcr2ImageProcessor,
        InternVLConfig,
        InternVLProcessor,
        InternVLVideoProcessor,
    )

    tokenizer = tiny_tokenizers.internvl()
    config = InternVLConfig(
        text_config={"model_type": "qwen2", **_text(tokenizer)},
        vision_config={"image_size": [56, 56], "patch_size": [14, 14], **_VISION},
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
        tie_word_embeddings=False,
    )
    size = {"height": 56, "width": 56}
    images = GotOcr2ImageProcessor(size=size, crop_to_patches=True, min_patches=1, max_patches=4)
    videos = InternVLVideoProcessor(size=size)
    processor = InternVLProcessor(
        images, tokenizer, videos, image_seq_length=4, chat_template=tiny_tokenizers.INTERNVL_TEMPLATE
    )
    return config, processor


def _gemma3() -> tuple[Any, Any]:
    from transformers import Gemma3Config, Gemma3ImageProcessor, Gemma3Processor

    tokenizer = tiny_tokenizers.gemma()
    config = Gemma3Config(
        text_config=_text(
            tokenizer,
            head_dim=16,
            query_pre_attn_scalar=16,
            sliding_window=16,
            layer_types=["sliding_attention", "full_attention"],
        ),
        vision_config={
            "model_type": "siglip_vision_model",
            "image_size": 64,
            "patch_size": 16,
            "vision_use_head": False,
            **_VISION,
        },
        mm_tokens_per_image=4,
        **_ids(
            tokenizer,
            boi_token_index="<start_of_image>",
            eoi_token_index="<end_of_image>",
            image_token_index="<image_soft_token>",
        ),
    )
    images = Gemma3ImageProcessor(size={"height": 64, "width": 64})
    return config, Gemma3Processor(
        images, tokenizer, image_seq_length=4, chat_template=tiny_tokenizers.GEMMA_TEMPLATE
    )


FAMILIES: dict[str, Callable[[], tuple[Any, Any]]] = {
    "qwen3_5": _qwen3_5,
    "qwen2_5_vl": _qwen2_5_vl,
    "llava": _llava,
    "smolvlm": _smolvlm,
    "internvl": _internvl,
    "gemma3": _gemma3,
}


def write_tiny(folder: str | Path, family: str, seed: int = 0) -> Path:
    """Write a checkpoint of below 1 MB with random float32 weights and return its folder.

    The same seed gives the same weights; the global random generators are left as they were found.

    Args:
        folder: made where it does not exist.
        family: one of ``FAMILIES``, such as ``"qwen3_5"``, which Q-ReAlign is of.
        seed: of the weights.

    Raises:
        ConfigurationError: there is no such family.
        MissingPackageError: transformers needs a package for it, as SmolVLM does num2words.
    """
    if family not in FAMILIES:
        raise ConfigurationError(f"there is no tiny checkpoint of '{family}'; allowed: {listed(FAMILIES)}")
    from transformers import AutoModelForImageTextToText

    where = Path(folder)
    where.mkdir(parents=True, exist_ok=True)
    with quiet(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        try:
            config, processor = FAMILIES[family]()
        except ImportError as error:
            raise MissingPackageError(
                f"a tiny checkpoint of '{family}' needs a package that is not installed: {error}"
            ) from error
        model = AutoModelForImageTextToText.from_config(config, dtype=torch.float32)
        _spread(model, seed)
        model.save_pretrained(where)
        processor.save_pretrained(where)
    return where


def _spread(model: torch.nn.Module, seed: int) -> None:
    """Weights large enough that every image has a score of its own, which those of a new model are not."""
    generator = torch.Generator().manual_seed(seed)
    tables = {id(module.weight) for module in model.modules() if isinstance(module, torch.nn.Embedding)}
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                spread = 0.3 if id(parameter) in tables else (parameter.numel() / len(parameter)) ** -0.5
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread)


def main() -> None:
    """``python -m isptune_qalign.lmm.tiny FOLDER --family NAME [--seed N]``."""
    parser = argparse.ArgumentParser(
        prog="python -m isptune_qalign.lmm.tiny", description="Write a tiny checkpoint with random weights."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--family", default="qwen3_5", choices=list(FAMILIES))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        print(write_tiny(arguments.folder, arguments.family, arguments.seed))
    except IsptuneError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
