"""The prompt and the images as a model's inputs, by the checkpoint's own processor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from isptune.errors import ConfigurationError

# The inputs that have one entry per token; everything else that a processor gives belongs to the images.
_TOKEN_KEYS = ("input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids")
_LANCZOS = 1  # of PIL.Image.Resampling
_SIZES_KEPT = 256


@dataclass(frozen=True)
class _Tokens:
    """The tokens of one image size.

    Attributes:
        row: (1, L) tensors by key, the same for every image of the size.
        shapes: what one image's part of each image input looks like: rows per image, and the other axes.
        options: with which the image processor alone gives what the whole processor does.
    """

    row: dict[str, Tensor]
    shapes: dict[str, tuple[float, tuple[int, ...]]]
    options: dict[str, Any]


class Prompt:
    """Turns pictures into the inputs of a model that is about to say the level.

    The chat template is rendered once. Where an image size was met before, and the image processor alone was
    found to give the same pixels as the whole processor, only the pixels are made anew.

    Args:
        processor: of the checkpoint.
        question: the user's text.
        answer: the beginning of the model's answer, appended to the rendered template; after a template that
            ends in a colon (``ASSISTANT:``) a space comes first, as in those models' training data.
        options: of the chat template.
        name: the objective's name, for messages.

    Raises:
        ConfigurationError: there is no chat template, or it refuses the messages.
    """

    def __init__(
        self, processor: Any, question: str, answer: str, options: Mapping[str, Any], name: str
    ) -> None:
        self.processor = processor
        self.name = name
        self.text = _rendered(processor, question, options, name)
        self.text += f" {answer}" if self.text.endswith(":") else answer
        self.shared: tuple[int, ...] = ()
        tokenizer = processor.tokenizer
        # A template that begins with the token of the beginning would get a second one.
        beginning = tokenizer.bos_token
        self._special = not (beginning and self.text.startswith(beginning))
        # Nor may one of the end stand where the level is to come.
        if self._special and tokenizer.eos_token_id is not None:
            self._special = list(tokenizer("x")["input_ids"])[-1:] != [tokenizer.eos_token_id]
        images = processor.image_processor
        self._takes_tensors = getattr(images, "backend", None) == "torchvision" or bool(
            getattr(images, "is_fast", False)
        )
        # torchvision has no Lanczos on other devices and would take another filter there.
        resample = getattr(images, "resample", None)
        self._on_cpu = resample is not None and int(getattr(resample, "value", resample)) == _LANCZOS
        self._known: dict[tuple[int, int], _Tokens | None] = {}

    def inputs(self, images: Tensor) -> dict[str, Tensor] | None:
        """The model's inputs for (N, 3, H, W) uint8 images, or None where their prompts differ in length."""
        pictures = self._pictures(images)
        size = (int(images.shape[-2]), int(images.shape[-1]))
        tokens = self._known.get(size)
        if tokens is not None:
            pixels = self._pixels(pictures, tokens)
            if pixels is not None:
                count = len(pictures)
                return {**{key: row.expand(count, -1) for key, row in tokens.row.items()}, **pixels}
        whole = self._whole(pictures)
        if whole is None:
            return None
        if size not in self._known:
            if len(self._known) >= _SIZES_KEPT:
                self._known.clear()
            self._known[size] = self._learnt(pictures, whole)
        return whole

    def _pictures(self, images: Tensor) -> list[list[Any]]:
        """One list per sample: some processors take a flat list for one sample of several images."""
        if self._takes_tensors:
            return [[image] for image in (images.cpu() if self._on_cpu else images)]
        from PIL import Image

        arrays = images.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return [[Image.fromarray(array)] for array in arrays]

    def _whole(self, pictures: Sequence[Any]) -> dict[str, Tensor] | None:
        """What the whole processor gives, with the tokens that all levels begin with appended."""
        batch = self.processor(
            images=list(pictures),
            text=[self.text] * len(pictures),
            return_tensors="pt",
            padding=True,
            add_special_tokens=self._special,
        )
        found = {key: value for key, value in batch.items() if isinstance(value, Tensor)}
        mask = found.get("attention_mask")
        if mask is not None and not bool(mask.all()):
            return None
        if self.shared:
            self._append(found)
        return found

    def _append(self, found: dict[str, Tensor]) -> None:
        for key in _TOKEN_KEYS:
            if key in found:
                new = {"input_ids": self.shared, "attention_mask": [1] * len(self.shared)}
                tail = found[key].new_tensor(new.get(key, [0] * len(self.shared)))
                found[key] = torch.cat([found[key], tail.expand(len(found[key]), -1)], dim=1)

    def _learnt(self, pictures: Sequence[Any], whole: Mapping[str, Tensor]) -> _Tokens | None:
        """The tokens of this size, where every image has the same and the pixels can be made alone."""
        row = {key: whole[key][:1] for key in _TOKEN_KEYS if key in whole}
        if any(not torch.equal(whole[key], first.expand_as(whole[key])) for key, first in row.items()):
            return None
        own = getattr(self.processor, "images_kwargs", None)
        pixels = {key: value for key, value in whole.items() if key not in _TOKEN_KEYS}
        tokens = _Tokens(
            row,
            {key: _shape(value, len(pictures)) for key, value in pixels.items()},
            dict(own) if isinstance(own, Mapping) else {},
        )
        alone = self._pixels(pictures, tokens)
        if alone is None or any(not torch.equal(alone[key], value) for key, value in pixels.items()):
            return None
        return tokens

    def _pixels(self, pictures: Sequence[Any], tokens: _Tokens) -> dict[str, Tensor] | None:
        """What the image processor alone gives, or None where it is not of the shapes that are known."""
        try:
            found = self.processor.image_processor(
                images=list(pictures), return_tensors="pt", **tokens.options
            )
        except (TypeError, ValueError):
            return None
        for key, shape in tokens.shapes.items():
            value = found.get(key)
            if not isinstance(value, Tensor) or _shape(value, len(pictures)) != shape:
                return None
        return {key: found[key] for key in tokens.shapes}


def _shape(value: Tensor, count: int) -> tuple[float, tuple[int, ...]]:
    return (value.shape[0] / count if value.ndim else 0.0, tuple(value.shape[1:]))


def _rendered(processor: Any, question: str, options: Mapping[str, Any], name: str) -> str:
    """The chat template with one image, the question, and the beginning of the model's turn."""
    template = getattr(processor, "chat_template", None) or getattr(
        processor.tokenizer, "chat_template", None
    )
    if not template:
        raise ConfigurationError(
            f"the checkpoint of '{name}' has no chat template (chat_template.jinja); "
            "choose one that was trained to answer questions"
        )
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]
    chosen = {} if getattr(processor, "chat_template", None) else {"chat_template": template}
    try:
        text = processor.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=False, **chosen, **options
        )
    except Exception as error:
        written = " ".join(str(error).split())[:200]
        raise ConfigurationError(
            f"the chat template of the checkpoint of '{name}' refuses one image and a question: "
            f"{type(error).__name__}: {written}"
        ) from error
    return str(text)
