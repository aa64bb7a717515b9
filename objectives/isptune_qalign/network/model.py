"""The whole network: pictures and a prompt to the logits of the next word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from isptune.errors import ConfigurationError
from isptune_qalign.network.abstractor import VisualAbstractor
from isptune_qalign.network.configuration import OwlConfig
from isptune_qalign.network.language import IMAGE, TEXT, LanguageLayer, Segments, rotary_angles
from isptune_qalign.network.layers import RMSNorm
from isptune_qalign.network.vision import VisionModel

IMAGE_TOKEN = -200
"""The place of the picture (or of all frames of a video) in a row of token ids."""


@dataclass(frozen=True)
class Prefix:
    """The text before the picture, as the keys and values of every layer: (1 or N, heads, P, width)."""

    keys_values: tuple[tuple[Tensor, Tensor], ...]

    @property
    def length(self) -> int:
        return self.keys_values[0][0].shape[2] if self.keys_values else 0


@dataclass(frozen=True)
class States:
    """Intermediate states of a whole pass, for comparisons and for learners.

    Attributes:
        vision: (N * frames, T, vision width), after the last norm.
        visual_words: (N, W, width): the abstractor's words and end tokens, frame after frame.
        embeddings: (N, L, width): what enters the language model.
        hidden: after 0, 1, ... layers, (N, L, width) each; the last one is normalised.
        modality: (L,), 1 where a place holds a visual word.
        logits: (N, L, vocabulary).
    """

    vision: Tensor
    visual_words: Tensor
    embeddings: Tensor
    hidden: tuple[Tensor, ...]
    modality: Tensor
    logits: Tensor


class LanguageModel(nn.Module):
    """The language model with its eyes; the names are those of published checkpoints."""

    def __init__(self, config: OwlConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(LanguageLayer(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.vision_model = VisionModel(config.vision)
        self.visual_abstractor = VisualAbstractor(config)


class Owl(nn.Module):
    """mPLUG-Owl2 (Ye et al., CVPR 2024) as Q-Align and DeQA-Score use it.

    Example::

        import isptune_qalign

        model = isptune_qalign.load_model("checkpoints/one-align", dtype=torch.bfloat16, device="cuda")
        logits = model(input_ids, pixel_values)  # (N, vocabulary)
    """

    def __init__(self, config: OwlConfig) -> None:
        super().__init__()
        self.config = config
        self.model = LanguageModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.model.embed_tokens.weight

    @property
    def dtype(self) -> torch.dtype:
        return self.model.norm.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.model.norm.weight.device

    def forward(
        self, input_ids: Tensor, pixel_values: Tensor | Sequence[Tensor], rows: Tensor | None = None
    ) -> Tensor:
        """Logits of the word that follows the prompt.

        Args:
            input_ids: (1, L) or (N, L) integers that hold ``IMAGE_TOKEN`` (-200) once in each row.
            pixel_values: normalised pictures (N, 3, S, S), videos (N, F, 3, S, S), or a list of videos
                (F_i, 3, S, S) of unlike lengths.
            rows: (K,) tokens of interest; all of the vocabulary without.

        Returns:
            (N, vocabulary) or (N, K).

        Raises:
            ConfigurationError: a shape is wrong, or a row does not hold the picture's place once.
        """
        if not isinstance(pixel_values, Tensor):
            videos = list(pixel_values)
            ids = self._check_ids(input_ids, len(videos)).expand(len(videos), -1)
            each = [self(ids[i : i + 1], video[None], rows) for i, video in enumerate(videos)]
            return torch.cat(each)
        words = self.visual_words(pixel_values)
        ids = self._check_ids(input_ids, len(words))
        if len(ids) == 1 or bool((ids == ids[:1]).all()):
            return self._after(ids[:1], words, rows)
        rest = [self._after(ids[i : i + 1], words[i : i + 1], rows) for i in range(len(ids))]
        return torch.cat(rest)

    def _after(self, ids: Tensor, words: Tensor, rows: Tensor | None) -> Tensor:
        """One prompt (1, L) after which all of the pictures are looked at."""
        before, after = self.split_prompt(ids)
        hidden = self.last_hidden(self.prefix(before), words, after)
        return self.logits(hidden, rows)

    def split_prompt(self, input_ids: Tensor) -> tuple[Tensor, Tensor]:
        """The embeddings (1, P, width) and (1, S, width) of the text before and after the picture."""
        ids = self._check_ids(input_ids, 1)
        place = int((ids[0] == IMAGE_TOKEN).nonzero()[0, 0])
        return self.model.embed_tokens(ids[:, :place]), self.model.embed_tokens(ids[:, place + 1 :])

    def visual_words(self, pixel_values: Tensor) -> Tensor:
        """(N, W, width) visual words of pictures (N, 3, S, S) or of videos (N, F, 3, S, S)."""
        size = self.config.vision.image_size
        shape = pixel_values.shape
        channels = self.config.vision.num_channels
        if pixel_values.ndim not in (4, 5) or tuple(shape[-3:]) != (channels, size, size) or 0 in shape:
            raise ConfigurationError(
                f"pixel_values has the shape {tuple(shape)}; this checkpoint takes "
                f"(N, {channels}, {size}, {size}), or (N, F, {channels}, {size}, {size}) for videos"
            )
        frames = pixel_values.to(self.device, self.dtype).flatten(0, -4)
        words = self.model.visual_abstractor(self.model.vision_model(frames))
        return words.unflatten(0, (shape[0], -1)).flatten(1, 2)

    def prefix(self, embeddings: Tensor) -> Prefix:
        """Keys and values of the text (1 or N, P, width) before the picture, to be used for many pictures."""
        length = embeddings.shape[1]
        if not length:
            return Prefix(())
        kept = self._run(embeddings, ((TEXT, length),), None, last=True)[1]
        return Prefix(tuple(kept))

    def last_hidden(self, prefix: Prefix, words: Tensor, after: Tensor) -> Tensor:
        """(N, width): the normalised state at the end of prefix, words (N, W, width) and text ``after``."""
        x = torch.cat([words, after.expand(len(words), -1, -1)], dim=1)
        segments = [(IMAGE, words.shape[1])] + ([(TEXT, after.shape[1])] if after.shape[1] else [])
        return self.model.norm(self._run(x, segments, prefix, last=True)[0][-1][:, -1])

    def logits(self, hidden: Tensor, rows: Tensor | None = None) -> Tensor:
        """(..., vocabulary) logits, or (..., K) of the tokens ``rows`` alone, by K rows of the head."""
        if rows is None:
            return self.lm_head(hidden)
        return nn.functional.linear(hidden, self.lm_head.weight[rows.to(self.device)])

    def states(self, input_ids: Tensor, pixel_values: Tensor) -> States:
        """Everything of a whole pass without shortcuts; the prompt (1, L) is the same for all pictures."""
        ids = self._check_ids(input_ids, 1)
        frames = pixel_values.to(self.device, self.dtype).flatten(0, -4)
        words = self.visual_words(pixel_values)
        before, after = self.split_prompt(ids)
        count = len(words)
        x = torch.cat([before.expand(count, -1, -1), words, after.expand(count, -1, -1)], dim=1)
        segments = [(TEXT, before.shape[1]), (IMAGE, words.shape[1]), (TEXT, after.shape[1])]
        segments = [part for part in segments if part[1]]
        hidden, _ = self._run(x, segments, None)
        hidden[-1] = self.model.norm(hidden[-1])
        modality = torch.cat([torch.full((length,), kind, device=x.device) for kind, length in segments])
        return States(
            self.model.vision_model(frames), words, x, tuple(hidden), modality, self.logits(hidden[-1])
        )

    def _run(
        self, x: Tensor, segments: Segments, prefix: Prefix | None, last: bool = False
    ) -> tuple[list[Tensor], list[tuple[Tensor, Tensor]]]:
        """States after 0, 1, ... layers (with ``last`` only the end of it all), and new keys and values."""
        config, past = self.config, 0 if prefix is None else prefix.length
        places = range(past, past + x.shape[1])
        cosine, sine = rotary_angles(
            places,
            config.width_of_head,
            config.rope_theta,
            config.rope_scaling,
            config.max_position_embeddings,
            x.device,
        )
        angles = cosine.to(x.dtype), sine.to(x.dtype)
        seen = torch.arange(places.stop, device=x.device)
        mask = seen <= seen[past:, None]
        hidden, kept = [x], []
        layers = self.model.layers
        for index, layer in enumerate(layers):
            before = prefix.keys_values[index] if prefix is not None and prefix.keys_values else None
            x, new = layer(x, segments, angles, mask, before, last and index == len(layers) - 1)
            kept.append(new)
            hidden = [x] if last else [*hidden, x]
        return hidden, kept

    def _check_ids(self, input_ids: Tensor, count: int) -> Tensor:
        if input_ids.ndim != 2 or input_ids.is_floating_point() or len(input_ids) not in (1, count):
            raise ConfigurationError(
                f"input_ids has the shape {tuple(input_ids.shape)} of "
                f"{str(input_ids.dtype).removeprefix('torch.')}; "
                f"allowed: integers (1, L) or ({count}, L)"
            )
        ids = input_ids.to(self.device)
        for row, times in enumerate((ids == IMAGE_TOKEN).sum(1).tolist()):
            if times != 1:
                raise ConfigurationError(
                    f"row {row} of input_ids holds {IMAGE_TOKEN}, the picture's place, {times} times "
                    "instead of once"
                )
        text = ids[ids != IMAGE_TOKEN]
        if text.numel() and (int(text.min()) < 0 or int(text.max()) >= self.config.vocab_size):
            raise ConfigurationError(
                f"input_ids holds a token outside of the vocabulary of {self.config.vocab_size} words"
            )
        return ids
