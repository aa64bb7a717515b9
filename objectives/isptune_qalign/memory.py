"""How much memory a picture takes on its way through mPLUG-Owl2."""

from __future__ import annotations

import torch

from isptune_qalign.network import OwlConfig


def working_bytes(config: OwlConfig, prompt: int, dtype: torch.dtype) -> tuple[float, float]:
    """Bytes of activations a picture, without and with gradients.

    Without gradients the widest block counts: its input, its sums, and its MLP before and after the
    activation. With gradients every block keeps what its backward pass reads.

    Args:
        config: the network's sizes.
        prompt: tokens of the prompt.
        dtype: of the computation.
    """
    size = dtype.itemsize
    vision, abstractor = config.vision, config.abstractor
    words = config.tokens_per_image + prompt
    blocks = (
        (vision.num_hidden_layers, vision.tokens, vision.hidden_size, vision.intermediate_size),
        (
            abstractor.num_hidden_layers,
            vision.tokens + abstractor.num_learnable_queries,
            abstractor.hidden_size,
            0,
        ),
        (config.num_hidden_layers, words, config.hidden_size, config.intermediate_size),
    )
    peak = max(tokens * (6 * width + 2 * inner) for _, tokens, width, inner in blocks)
    kept = sum(layers * tokens * (10 * width + 3 * inner) for layers, tokens, width, inner in blocks)
    pixels = 3 * vision.image_size**2 * 4 * 4
    return float(size * peak + pixels), float(size * (kept + peak) + pixels)
