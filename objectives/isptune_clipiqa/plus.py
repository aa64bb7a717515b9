"""The objective ``clipiqa+``: CLIP-IQA with a learned context around the class words."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isptune.errors import ConfigurationError
from isptune.storage.paths import user_path
from isptune.wording.showing import one_line
from isptune_clipiqa.loading import Clip, load_clip
from isptune_clipiqa.objective import DTYPES, ClipObjective

TOKENS = 16
# Every context token is held open by an "X"; the learned ones take their places around the class words.
_CLASSES = ("Good photo..", "Bad photo..")
_CLASS_TOKENS = 3


class CLIPIQAPlus(ClipObjective):
    """CLIP-IQA+: CLIP-IQA with 16 learned tokens around "Good photo." and "Bad photo.".

    Wang, Chan and Loy, AAAI 2023, after CoOp: [start] the first 8 learned tokens, the 3 tokens of "Good
    photo.." or "Bad photo..", the other 8, [end]. The learned tokens were trained with the mean squared error
    on MOS / 100 of KonIQ-10k. Pre-processing, the image tower and the score are those of ``clipiqa``.

    LICENCE: the published context is under the NTU S-Lab licence 1.0: noncommercial use only.

    Args:
        context: the file with the learned tokens: a tensor (2, 16, width), one context for either class, or
            (16, width) for both; bare in a .pth file, under a key that ends in ``ctx`` of a state dict, or
            as such a tensor of a safetensors file. The published file is
            ``CLIP-IQA+_learned_prompts-603f3273.pth`` for RN50, of the width 512.
        model, pretrained, checkpoint, dtype, resize, positional_embedding: as for ``clipiqa``. The context
            belongs to one text encoder, and only models with CLIP's own tokenizer serve.

    Raises:
        ConfigurationError: there is no context, or it does not fit; and all that ``clipiqa`` refuses.
        IsptuneError: the weights are not on this machine and cannot be fetched.
    """

    name = "clipiqa+"
    aliases = ("clipiqa-plus",)
    packaging = replace(
        ClipObjective.packaging,
        weights="of CLIP RN50 (about 410 MB); the learned prompts as the option context",
    )

    def __init__(
        self,
        context: str | Path | None = None,
        model: str = "RN50-quickgelu",
        pretrained: str = "openai",
        checkpoint: str | Path | None = None,
        dtype: str = "float32",
        resize: str = "none",
        positional_embedding: bool = False,
    ) -> None:
        self._checked_options(dtype, resize, positional_embedding)
        learned = read_context(context, self.name)
        clip = load_clip(self.name, model, pretrained, checkpoint, self.packaging.downloads)
        texts = encoded_with_context(clip, learned, self.name, DTYPES[dtype])
        self._prepare(clip, texts, dtype, resize, positional_embedding)


def read_context(file: str | Path | None, name: str) -> Tensor:
    """(2, 16, width) float32 learned tokens from a file.

    Raises:
        ConfigurationError: there is no file, it cannot be read, or it holds something else.
    """
    if file is None:
        raise ConfigurationError(
            f"'{name}' needs the option context, the file of learned prompts: "
            "'CLIP-IQA+_learned_prompts-603f3273.pth', which the authors (github.com/IceClear/CLIP-IQA) and "
            "pyiqa (huggingface.co/chaofengc/IQA-PyTorch-Weights) publish"
        )
    path = user_path(file)
    if not path.is_file():
        raise ConfigurationError(f"there is no file '{file}' for the context of '{name}'")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ConfigurationError(
            f"the context '{file}' of '{name}' is refused: it is no plain file of tensors, or damaged"
        ) from error
    except Exception as error:
        raise ConfigurationError(
            f"the context '{file}' of '{name}' cannot be read ({one_line(error)})"
        ) from error
    for key in ("params", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if isinstance(content, dict):
        keys = [key for key in content if str(key).split(".")[-1] == "ctx"]
        if len(keys) != 1:
            raise ConfigurationError(
                f"the context '{file}' of '{name}' has {len(keys)} entries named ctx; it needs one"
            )
        content = content[keys[0]]
    if not isinstance(content, Tensor) or not content.is_floating_point():
        raise ConfigurationError(f"the context '{file}' of '{name}' holds no tensor of learned tokens")
    if content.shape[-2:-1] != (TOKENS,) or content.shape[:-2] not in ((), (2,)):
        raise ConfigurationError(
            f"the context '{file}' of '{name}' has the shape {tuple(content.shape)}; "
            f"allowed: (2, {TOKENS}, width), ({TOKENS}, width)"
        )
    return content.detach().float().expand(2, TOKENS, content.shape[-1])


def encoded_with_context(clip: Clip, context: Tensor, name: str, dtype: torch.dtype) -> Tensor:
    """(1, 2, D) features of the two prompts, with the context (2, 16, width) around the class words.

    Raises:
        ConfigurationError: the text encoder has another width, or another tokenizer than CLIP's.
    """
    network = clip.model.double() if dtype == torch.float64 else clip.model
    encoder = getattr(network, "text", network)
    embedding = getattr(encoder, "token_embedding", None)
    if not clip.has_clip_tokenizer or embedding is None:
        raise ConfigurationError(
            f"'{name}' needs a model with CLIP's own tokenizer, such as RN50-quickgelu; "
            "choose another model or checkpoint"
        )
    width = embedding.weight.shape[1]
    if context.shape[-1] != width:
        raise ConfigurationError(
            f"the context of '{name}' has tokens of the width {context.shape[-1]}, the text encoder of the "
            f"model {width}; choose the model that the context was trained with"
        )
    held_open = " ".join(["X"] * TOKENS)
    tokens = clip.tokenizer([f"{held_open} {words}" for words in _CLASSES])
    half, after = TOKENS // 2, 1 + TOKENS
    learned = context.to(embedding.weight)

    def around_the_class(module: torch.nn.Module, inputs: Any, embedded: Tensor) -> Tensor:
        start, words = embedded[:, :1], embedded[:, after : after + _CLASS_TOKENS]
        rest = embedded[:, after + _CLASS_TOKENS :]
        return torch.cat([start, learned[:, :half], words, learned[:, half:], rest], dim=1)

    # The encoder finds the end by the token numbers, whose place the exchange leaves as it is.
    handle = embedding.register_forward_hook(around_the_class)
    try:
        with torch.no_grad():
            features = network.encode_text(tokens)
    finally:
        handle.remove()
    return features.unsqueeze(0)
