"""The Q-Align protocol on any image-text-to-text model of transformers."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isptune.contracts.objective import Objective, check_images
from isptune.contracts.requirements import Memory, Packaging
from isptune.errors import ConfigurationError
from isptune.plugins.checkpoints import find_checkpoint
from isptune.wording.naming import listed
from isptune_qalign.levels import SCALES, WORDS, check_levels, find_level_tokens, level_score
from isptune_qalign.lmm.files import PATTERNS, check_files, missing
from isptune_qalign.lmm.loading import (
    DTYPES,
    check_quantization,
    load_model,
    load_processor,
    quiet,
)
from isptune_qalign.lmm.presets import ANSWER, CHOICES, LITE, MINI, PRESETS, PRO, QUESTION, TASKS, find_preset
from isptune_qalign.lmm.prompt import Prompt

logger = logging.getLogger("isptune")

REQUIRES = ("transformers", "torchvision", "safetensors", "huggingface_hub")


class LMM(Objective):
    """The Q-Align protocol on any image-text-to-text model, zero-shot or trained for it.

    The model sees the image and the question and has begun its answer (``The quality of the image is``). The
    score is the weighted mean of the levels under the softmax over their tokens alone, at that position. With
    a checkpoint that was trained for it (``preset``) this is its published use; with any other one of
    Qwen-VL, LLaVA, SmolVLM, InternVL, Gemma 3 or a class like them it is zero-shot scoring.

    Pre-processing is the checkpoint's own: the images, clamped to [0, 1] and rounded to 8 bits, go to its
    processor, which resizes them as it does for everyone. Therefore it is not differentiable. A processor
    that works on tensors (torchvision's) does so on the device, except for one that resizes with Lanczos
    windows, which torchvision has on the CPU alone; others get PIL images.

    A batch is run at once. In float32 a score does not depend on the other images (1e-5, relatively); in
    bfloat16 the device's kernels for other batch sizes may move it by about 1e-2, which ``batched=False``
    avoids. The weights are read from safetensors when the objective is first moved or used, and code of a
    repository is never run.

    Source: Wu et al., "Q-Align: Teaching LMMs for Visual Scoring via Discrete Text-Defined Levels", ICML
    2024; https://huggingface.co/q-future/Q-ReAlign-Lite-4B.

    Example::

        objective = isptune.create_objective("lmm", checkpoint="Qwen/Qwen2.5-VL-3B-Instruct").to("cuda")
        scores = objective.score(images)

    Args:
        checkpoint: a folder, or ``owner/name`` of the Hugging Face hub; needed unless a preset names one.
        preset: a published checkpoint with its words: ``"q-realign-mini"``, ``"q-realign"`` or
            ``"q-realign-pro"``.
        task: ``"quality"`` or ``"aesthetics"``, the word in the question and the answer.
        prompt: the question; by default "How would you rate the quality of this image?".
        answer: the beginning of the model's answer; by default "The quality of the image is".
        levels: words, the best first, or a mapping of word to weight.
        weights: the value of each level on 0..1; evenly spaced by default.
        scale: ``"0-1"``, or ``"1-5"`` for 4x + 1.
        dtype: of the weights: ``"auto"`` (the checkpoint's), ``"float32"``, ``"bfloat16"`` or ``"float16"``.
        processor_options: settings of the image processor, such as ``{"max_pixels": 1000000}``, or
            ``{"backend": "pil"}`` for PIL's resizing, from which torchvision's is a grey level or two away.
        chat_template_options: variables of the chat template, such as ``{"enable_thinking": False}``.
        quantization: ``"8bit"`` or ``"4bit"`` by bitsandbytes.
        batched: run whole batches at once (the default), or one image at a time.

    Raises:
        ConfigurationError: an option is not allowed, or the checkpoint's files cannot serve.
        IsptuneError: the checkpoint is not on this machine and cannot be fetched.
    """

    name = "lmm"
    packaging = Packaging(extra="lmm", requires=REQUIRES, weights="of the checkpoint", downloads=CHOICES)
    # For a model that takes images at their own size (Qwen3.5-4B in bfloat16, by its widths): 5 for the 8-bit
    # and the normalised pixels, and 20 for the widest language layer without the fast linear attention.
    memory = Memory(images=30.0)

    def __init__(
        self,
        checkpoint: str | Path | None = None,
        preset: str | None = None,
        task: str = "quality",
        prompt: str | None = None,
        answer: str | None = None,
        levels: Sequence[str] | Mapping[str, float] = WORDS,
        weights: Sequence[float] | None = None,
        scale: str = "0-1",
        dtype: str = "auto",
        processor_options: Mapping[str, Any] | None = None,
        chat_template_options: Mapping[str, Any] | None = None,
        quantization: str | None = None,
        batched: bool | None = None,
    ) -> None:
        name = self.name
        chosen = find_preset(preset, name)
        if not checkpoint and chosen is None:
            raise ConfigurationError(
                f"the objective '{name}' needs the option 'checkpoint' (a folder, or the name of a "
                f"repository of the Hugging Face hub) or 'preset' ({listed(PRESETS)})"
            )
        _among(task, TASKS, "task", name)
        _among(dtype, DTYPES, "dtype", name)
        if not (batched is None or isinstance(batched, bool)):
            raise ConfigurationError(f"batched of '{name}' is {batched!r}; allowed: true, false")
        self.words, self.level_weights = check_levels(levels, weights, scale, name)
        check_quantization(quantization, name)
        question = _words(prompt, (chosen.question if chosen else QUESTION), task, "prompt", name)
        beginning = _words(answer, (chosen.answer if chosen else ANSWER), task, "answer", name)
        if beginning != beginning.rstrip():
            raise ConfigurationError(
                f"answer of '{name}' is {beginning!r}, which ends in a space; the levels bring their own"
            )
        for_processor = _mapping(processor_options, "processor_options", name)
        for_template = _mapping(chat_template_options, "chat_template_options", name)

        self.source = str(checkpoint or (chosen.download.repository if chosen else ""))
        self._folder = find_checkpoint(
            self.source, name=name, missing=missing, patterns=PATTERNS, downloads=self.packaging.downloads
        )
        self._config = check_files(self._folder, self.source, name)
        processor = load_processor(self._folder, for_processor, self.source, name)
        self.prompt = Prompt(processor, question, beginning, for_template, name)
        tokens = find_level_tokens(processor.tokenizer, beginning, self.words, name=name)
        self.level_ids = tokens.ids
        self.prompt.shared = tokens.shared
        self.scale = scale
        self.score_range = SCALES[scale]
        self.batched = batched is not False
        self._dtype = dtype
        self._quantization = quantization
        self._device = torch.device("cpu")
        self._model: Any = None

    def to(self, device: torch.device | str) -> LMM:
        moved = torch.device(device)
        if self._model is not None and moved != self._device:
            # Quantized weights are laid out for the device that they were loaded on.
            self._model = None if self._quantization else self._model.to(moved)
        self._device = moved
        self._loaded()
        return self

    def _loaded(self) -> Any:
        """The model, which is loaded straight onto the device on the first use."""
        if self._model is None:
            self._model = load_model(
                self._folder,
                self._config,
                device=self._device,
                dtype=self._dtype,
                quantization=self._quantization,
                source=self.source,
                name=self.name,
            )
            self._keeps_last = "logits_to_keep" in inspect.signature(self._model.forward).parameters
        return self._model

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        images = check_images(images, self.name)
        scores = level_score(self.level_logits(images), self.level_weights, self.scale)
        return scores.to(images.device, torch.promote_types(images.dtype, torch.float32))

    @torch.no_grad()
    def level_logits(self, images: Tensor) -> Tensor:
        """(N, L) logits of the levels for (N, 3, H, W) images, in the order of ``levels``, in float32."""
        self._loaded()
        pixels = images.to(self._device, torch.float32).clamp(0, 1).mul(255).round_().to(torch.uint8)
        if not len(pixels):
            return pixels.new_zeros((0, len(self.words)), dtype=torch.float32)
        parts = [pixels] if self.batched else list(pixels.split(1))
        return torch.cat([self._run(part) for part in parts])

    def _run(self, pixels: Tensor) -> Tensor:
        with quiet():
            inputs = self.prompt.inputs(pixels)
        if inputs is None:
            # Prompts of several lengths: one at a time no padding arises, which every model treats alike.
            return torch.cat([self._run(one) for one in pixels.split(1)])
        given: dict[str, Any] = {
            key: value.to(self._device, self._model.dtype if value.is_floating_point() else value.dtype)
            for key, value in inputs.items()
        }
        if self._keeps_last:
            given["logits_to_keep"] = 1
        with quiet():
            logits = self._model(**given, use_cache=False, return_dict=True).logits[:, -1]
        return logits[:, list(self.level_ids)].to(torch.float32)


class QReAlign(LMM):
    """Q-ReAlign Lite (4B), the Q-Align protocol on Qwen3.5-VL: quality or aesthetics, no reference.

    The prompt, the levels and their weights are the published ones; ``lmm`` with a preset changes them. All
    else is as in ``lmm``.

    Source: https://huggingface.co/q-future/Q-ReAlign-Lite-4B; transformers 5.2 or later.

    Args:
        checkpoint: a folder or a repository in the place of the published one.
        task: ``"quality"`` or ``"aesthetics"``.
        scale: ``"0-1"``, or ``"1-5"`` for 4x + 1.
        dtype: as in ``lmm``.
        processor_options: as in ``lmm``.
        quantization: as in ``lmm``.
        batched: as in ``lmm``.
    """

    name = "q-realign"
    packaging = Packaging(extra="lmm", requires=REQUIRES, downloads=(LITE,))

    def __init__(
        self,
        checkpoint: str | Path | None = None,
        task: str = "quality",
        scale: str = "0-1",
        dtype: str = "auto",
        processor_options: Mapping[str, Any] | None = None,
        quantization: str | None = None,
        batched: bool | None = None,
    ) -> None:
        super().__init__(
            checkpoint,
            preset=type(self).name,
            task=task,
            scale=scale,
            dtype=dtype,
            processor_options=processor_options,
            quantization=quantization,
            batched=batched,
        )


class QReAlignMini(QReAlign):
    """Q-ReAlign Mini (0.8B), the smallest of the three; as ``q-realign``."""

    name = "q-realign-mini"
    packaging = Packaging(extra="lmm", requires=REQUIRES, downloads=(MINI,))


class QReAlignPro(QReAlign):
    """Q-ReAlign Pro (9B), the largest of the three; as ``q-realign``."""

    name = "q-realign-pro"
    packaging = Packaging(extra="lmm", requires=REQUIRES, downloads=(PRO,))


def _among(value: Any, allowed: Sequence[str] | Mapping[str, Any], option: str, name: str) -> None:
    if value not in list(allowed):
        raise ConfigurationError(f"{option} of '{name}' is {value!r}; allowed: {listed(allowed)}")


def _words(given: Any, default: str, task: str, option: str, name: str) -> str:
    if given is None:
        return default.format(task=task)
    if not isinstance(given, str) or not given.strip():
        raise ConfigurationError(f"{option} of '{name}' is {given!r}; allowed: a text")
    return given


def _mapping(given: Any, option: str, name: str) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise ConfigurationError(f"{option} of '{name}' is {given!r}; allowed: a mapping of names to values")
    return dict(given)
