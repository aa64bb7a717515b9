"""CLIP-IQA as a host: its text encoder kept, and run for the prompts of every image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from isptune.errors import ConfigurationError
from isptune_clipiqa import CLIPIQA
from isptune_clipiqa.loading import Clip
from isptune_scorenet.hosts import ADDED, Host, made


class TextTower(nn.Module):
    """The text encoder of a model of open_clip's from the tokens' embeddings on, for fixed texts.

    A text of a causal encoder is cut after its end token, which sees nothing of what follows: "Good photo."
    then takes 5 places instead of 77.

    Attributes:
        embedded: (P, T, l), the embeddings of the texts' tokens.
        end: (P,), the places of the end tokens.
        places: the fewest tokens between begin and end of a text.
        width: l.
    """

    embedded: Tensor
    mask: Tensor | None
    end: Tensor

    def __init__(self, clip: Clip, texts: Sequence[str], name: str) -> None:
        super().__init__()
        text: Any = getattr(clip.model, "text", clip.model)
        pooling = getattr(text, "text_pool_type", getattr(text, "pool_type", None))
        known = hasattr(text, "token_embedding") and getattr(text, "cls_emb", None) is None
        # CLIP's own tokenizer puts one token before the words and one, the largest number, after them.
        if not (clip.has_clip_tokenizer and known and pooling in ("argmax", "eos", "last")):
            raise ConfigurationError(
                f"a context for '{name}' needs a model with CLIP's own tokenizer, such as RN50-quickgelu; "
                "choose another model or checkpoint"
            )
        tokens = clip.tokenizer(list(texts))
        self.longest = tokens.shape[1]
        self.cut = text.attn_mask is not None and pooling != "last"
        self.last = pooling == "last"
        ends = tokens.argmax(dim=-1)
        self.places = int(ends.min()) - 1
        with torch.no_grad():
            embedded = text.token_embedding(tokens[:, : int(ends.max()) + 1] if self.cut else tokens)
        self.register_buffer("embedded", embedded)
        self.register_buffer("end", ends)
        self.width = embedded.shape[-1]
        self.transformer, self.ln_final = text.transformer, text.ln_final
        self.positional_embedding, self.text_projection = text.positional_embedding, text.text_projection
        self.register_buffer("mask", text.attn_mask)
        self.requires_grad_(False).eval()

    def forward(self, context: Tensor, placement: str) -> Tensor:
        """(N, P, D) features, not of length 1, of every text in each of N contexts (N, k, l)."""
        context = context.to(self.embedded)
        count, rows, _ = context.shape
        texts = self.embedded.expand(count, -1, -1, -1)
        end = self.end
        if placement == ADDED:
            after = texts.shape[2] - 1 - rows
            embedded = texts + functional.pad(context, (0, 0, 1, after)).unsqueeze(1)
        else:
            tokens = context.unsqueeze(1).expand(-1, texts.shape[1], -1, -1)
            embedded = torch.cat([texts[:, :, :1], tokens, texts[:, :, 1:]], dim=2)[:, :, : self.longest]
            end = end + rows
        return self._encode(embedded.flatten(0, 1), end.repeat(count)).unflatten(0, (count, -1))

    def _encode(self, embedded: Tensor, end: Tensor) -> Tensor:
        """(B, D) of embeddings (B, T, l) whose end tokens are at ``end`` (B,)."""
        length = embedded.shape[1]
        mask = None if self.mask is None else self.mask[:length, :length]
        states = self.transformer(embedded + self.positional_embedding[:length], attn_mask=mask)
        states = self.ln_final(states)
        pooled = states[:, -1] if self.last else states[torch.arange(len(states), device=end.device), end]
        if isinstance(self.text_projection, nn.Linear):
            return self.text_projection(pooled)
        return pooled if self.text_projection is None else pooled @ self.text_projection


class PromptedCLIPIQA(CLIPIQA):
    """CLIP-IQA that keeps its text encoder; ``texts`` runs it."""

    texts: TextTower

    def _prepare(self, clip: Clip, texts: Tensor, *options: Any) -> None:
        super()._prepare(clip, texts, *options)
        self.texts = TextTower(clip, [text for pair in self.pairs for text in pair], self.name)
        self.embedding_width = texts.shape[-1]
        self.image_network: nn.Module = clip.model.visual

    def to(self, device: torch.device | str) -> PromptedCLIPIQA:
        self.texts.to(device)
        super().to(device)
        return self


class ClipHost(Host):
    """CLIP-IQA: every text of its pairs gets the image's context and goes through the text encoder.

    The options are those of the objective ``clipiqa``: model, pretrained, checkpoint, prompts and so on. Only
    models with CLIP's own tokenizer serve.
    """

    name = "clipiqa"
    objective: PromptedCLIPIQA

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self.objective = made(PromptedCLIPIQA, self.name, options)
        self.places, self.width = self.objective.texts.places, self.objective.texts.width
        self.embedding_width = self.objective.embedding_width

    def rows(self, wanted: int | None, placement: str, option: str, name: str) -> int:
        rows = super().rows(wanted, placement, option, name)
        texts = self.objective.texts
        room = texts.longest - 1 - int(texts.end.max())
        if placement != ADDED and rows > room:
            raise ConfigurationError(
                f"{option} of '{name}' is {rows}, but the prompts of '{self.name}' leave room for {room} of "
                f"the {texts.longest} tokens that the text encoder takes"
            )
        return rows

    def encode(self, images: Tensor) -> dict[str, Tensor]:
        return {"embedding": self.objective.features(images)}

    def score(self, features: Mapping[str, Tensor]) -> Tensor:
        return self.objective.compare(self._embedding(features)).mean(dim=1)

    def score_in_context(
        self, features: Mapping[str, Tensor], context: Tensor, placement: str = ADDED
    ) -> Tensor:
        embedding = self._embedding(features)
        with torch.autocast(self.device.type, enabled=False):
            texts = self.objective.texts(context, placement).unflatten(1, (-1, 2))
            texts = functional.normalize(texts.to(embedding.dtype), dim=-1)
        # One context for all is one set of texts for all, as in the host itself.
        return self.objective.compare(embedding, texts[0] if len(context) == 1 else texts).mean(dim=1)

    def networks(self) -> tuple[nn.Module, ...]:
        return self.objective.image_network, self.objective.texts

    def _embedding(self, features: Mapping[str, Tensor]) -> Tensor:
        return features["embedding"].to(self.device, self.dtype)
