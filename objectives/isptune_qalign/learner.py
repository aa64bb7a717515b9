"""Q-Align as a learner: a small mPLUG-Owl2 trained from scratch by Q-Align's recipe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from isptune.iqa.training import Features, Learner
from isptune.plugins.option_types import Seed, Size
from isptune_qalign.levels import WORDS, default_weights, find_level_tokens
from isptune_qalign.network import Owl
from isptune_qalign.network.configuration import parse_config
from isptune_qalign.objective import PROMPT
from isptune_qalign.preprocessing import Preprocessing, preprocess
from isptune_qalign.tiny import random_weights, tiny_config, tiny_tokenizer, write_settings, write_weights
from isptune_qalign.tokenizer import PLACEHOLDER, prompt_ids, tokenizer_from_bytes

CHECKPOINT = "checkpoint"
"""The folder in a training's directory that the objective ``qalign`` takes."""


class QAlignLearner(Learner):
    """A small Q-Align, trained from scratch: all weights, five level words, soft labels.

    Wu et al., "Q-Align", ICML 2024: opinions become levels, the model learns to say the level's word after
    the prompt, and the score is the weighted mean of the words' probabilities. Here labels are soft, as in
    DeQA-Score, and the vocabulary holds little more than the prompt and the words.

    Args:
        image_size: side of the square that the vision transformer sees, in pixels.
        patch_size: of its patches.
        width: of all three parts.
        vision_layers, abstractor_layers, language_layers: their depths.
        queries: visual words a picture.
        heads: of every attention.
        seed: of the initial weights.
    """

    caches_features = False
    losses = "soft-levels=1,plcc=0.5,ranking=1"
    synthetic: ClassVar[Mapping[str, Any]] = {
        "chain": ("gaussian_blur", "brighten", "desaturate", "white_noise", "high_sharpen"),
        "target": "quality",
        "crop": 256,
        "contents": 8,
        "variants": 4,
    }

    def __init__(
        self,
        image_size: Size = 256,
        patch_size: Size = 16,
        width: Size = 128,
        vision_layers: Size = 4,
        abstractor_layers: Size = 2,
        language_layers: Size = 2,
        queries: Size = 8,
        heads: Size = 4,
        seed: Seed = 0,
    ) -> None:
        super().__init__()
        self._configuration = {
            "image_size": image_size,
            "patch_size": patch_size,
            "width": width,
            "vision_layers": vision_layers,
            "abstractor_layers": abstractor_layers,
            "language_layers": language_layers,
            "queries": queries,
            "heads": heads,
            "seed": seed,
        }
        self._tokenizer_bytes = tiny_tokenizer()
        tokenizer = tokenizer_from_bytes(self._tokenizer_bytes)
        self._data = tiny_config(
            vocab_size=tokenizer.size,
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=language_layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            visual_config={
                "visual_model": {
                    "hidden_size": width,
                    "intermediate_size": 4 * width,
                    "num_hidden_layers": vision_layers,
                    "num_attention_heads": heads,
                    "image_size": image_size,
                    "patch_size": patch_size,
                    "hidden_act": "quick_gelu",
                    "layer_norm_eps": 1e-6,
                },
                "visual_abstractor": {
                    "hidden_size": width,
                    "encoder_hidden_size": width,
                    "intermediate_size": 2 * width,
                    "num_hidden_layers": abstractor_layers,
                    "num_attention_heads": heads,
                    "num_learnable_queries": queries,
                    "layer_norm_eps": 1e-6,
                },
            },
        )
        with torch.device("meta"):
            network = Owl(parse_config(self._data))
        state = random_weights(self._data, seed, trainable=True)
        network.load_state_dict(state, assign=True)
        self.network = network.requires_grad_(True)
        prompt = PROMPT.format(task="quality", medium="image")
        context = prompt.rpartition(PLACEHOLDER)[2]
        levels = find_level_tokens(tokenizer, context, WORDS, name="qalign", strict=True)
        self._ids = torch.tensor([prompt_ids(tokenizer, prompt, 1)])
        self._rows = torch.tensor(levels.ids)
        self._settings = Preprocessing(image_size)

    def outputs(self, features: Features) -> tuple[Tensor, Tensor | None]:
        pixels = preprocess(features["images"], self._settings)
        logits = self.network(self._ids, pixels, rows=self._rows)
        probabilities = logits.float().softmax(-1)
        weights = probabilities.new_tensor(default_weights(len(WORDS)))
        return probabilities @ weights, logits.float().log_softmax(-1)

    def forward(self, features: Features) -> Tensor:
        return self.outputs(features)[0]

    def configuration(self) -> dict[str, Any]:
        return dict(self._configuration)

    def export(self, folder: Path) -> None:
        """Write the checkpoint in the published form, in half precision: what ``qalign`` takes."""
        target = folder / CHECKPOINT
        target.mkdir(parents=True, exist_ok=True)
        (target / "config.json").write_text(json.dumps(self._data, indent=2), encoding="utf-8")
        write_settings(target, self._settings.size)
        (target / "tokenizer.model").write_bytes(self._tokenizer_bytes)
        state = {name: tensor.detach().cpu().half() for name, tensor in self.network.state_dict().items()}
        write_weights(target, state)
