"""Q-Align as a host: the text before the picture runs through the LLaMA again, for every image's context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from isptune.contracts.objective import check_images
from isptune_qalign import QAlign
from isptune_qalign.levels import level_score
from isptune_qalign.network import IMAGE_TOKEN, Prefix, read_config
from isptune_scorenet.hosts import ADDED, Host, made


class QAlignHost(Host):
    """Q-Align: the words of the prompt before the picture get the context, then the picture is looked at.

    The picture's words (65 of the width 4096 in the published network) are the features, so the vision
    transformer sees a picture once; the embedding is their mean. The language model runs with its weights
    frozen, over the prompt and the words. In bfloat16 and float16 the context is rounded to that dtype where
    it is added; its own weights stay in float32.

    The options are those of the objective ``qalign``; scores are on 0..1 whatever its ``scale`` is.
    """

    name = "qalign"
    objective: QAlign

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self.objective = made(QAlign, self.name, options)
        # The begin of the sentence comes first and takes none.
        self.places = max(0, self.objective.input_ids[0].tolist().index(IMAGE_TOKEN) - 1)
        self.width = self.embedding_width = read_config(self.objective.folder, self.name).hidden_size

    def encode(self, images: Tensor) -> dict[str, Tensor]:
        objective = self.objective
        images = check_images(images, objective.name)
        wanted = torch.is_grad_enabled() and objective.is_differentiable
        with torch.set_grad_enabled(wanted), torch.autocast(self.device.type, enabled=False):
            words = objective.network.visual_words(objective.pixel_values(images))
            return {"words": words, "embedding": words.to(self.dtype).mean(dim=1)}

    def score(self, features: Mapping[str, Tensor]) -> Tensor:
        with torch.autocast(self.device.type, enabled=False):
            before, after = self._prompt()
            # As in the objective itself, what is the same for all pictures is computed without gradients.
            with torch.no_grad():
                prefix = self.objective.network.prefix(before)
            return self._score(prefix, features, after)

    def score_in_context(
        self, features: Mapping[str, Tensor], context: Tensor, placement: str = ADDED
    ) -> Tensor:
        with torch.autocast(self.device.type, enabled=False):
            before, after = self._prompt()
            context = context.to(before)
            rows = context.shape[1]
            if placement == ADDED:
                embedded = before + functional.pad(context, (0, 0, 1, before.shape[1] - 1 - rows))
            else:
                before = before.expand(len(context), -1, -1)
                embedded = torch.cat([before[:, :1], context, before[:, 1:]], dim=1)
            return self._score(self.objective.network.prefix(embedded), features, after)

    def networks(self) -> tuple[nn.Module, ...]:
        return (self.objective.network,)

    def _prompt(self) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            return self.objective.network.split_prompt(self.objective.input_ids)

    def _score(self, prefix: Prefix, features: Mapping[str, Tensor], after: Tensor) -> Tensor:
        network = self.objective.network
        hidden = network.last_hidden(prefix, features["words"].to(network.device, network.dtype), after)
        logits = network.logits(hidden, self.objective.level_ids)
        return level_score(logits, self.objective.level_weights)
