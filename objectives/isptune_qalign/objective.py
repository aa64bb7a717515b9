"""Q-Align and DeQA-Score as objectives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from isptune.contracts.coverage import Coverage, stage_names
from isptune.contracts.objective import Objective, check_images
from isptune.contracts.requirements import Download, Memory, Packaging
from isptune.errors import ConfigurationError
from isptune.plugins.checkpoints import find_checkpoint
from isptune.wording.naming import did_you_mean, listed
from isptune_qalign.levels import (
    SCALES,
    WORDS,
    check_levels,
    find_level_tokens,
    level_probabilities,
    level_score,
)
from isptune_qalign.loading import check_dtype, check_weights, load_model, missing_weights
from isptune_qalign.memory import working_bytes
from isptune_qalign.network import IMAGE_TOKEN, Owl, Prefix, read_config
from isptune_qalign.preprocessing import preprocess, preprocess_exactly, read_preprocessing
from isptune_qalign.tokenizer import PLACEHOLDER, missing_tokenizer, prompt_ids, read_tokenizer

PROMPT = (
    "USER: How would you rate the {task} of this {medium}?\n"
    f"{PLACEHOLDER}\n"
    "ASSISTANT: The {task} of the {medium} is"
)
"""The prompt that Q-Align was trained with; ``task`` is quality or aesthetics, ``medium`` image or video."""

REQUIRES = ("safetensors", "sentencepiece", "tokenizers")

PREPROCESSING = ("device", "exact")
QUANTIZATION = ("8bit", "4bit")


class QAlign(Objective):
    """Q-Align: a language model that sees rates the picture in five words.

    Wu et al., "Q-Align: Teaching LMMs for Visual Scoring via Discrete Text-Defined Levels", ICML 2024. The
    network (mPLUG-Owl2) is our own code on torch; no code of a hub is run.

    Pre-processing: pad to a square with the grey levels (122, 116, 104), antialiased bicubic to 448 x 448,
    CLIP's mean and standard deviation. So fine noise and blur below the resized resolution are hardly seen:
    prefer crops near that size to whole large pictures.

    The text before the picture goes through the network once for all pictures; the head computes the rows of
    the level words alone. Weights go to the device when the objective is moved there (or on first use).

    Args:
        checkpoint: a folder, or a repository of the Hugging Face hub, in the form of ``q-future/one-align``:
            config.json, weights (safetensors or .bin, in shards or not), tokenizer.model or tokenizer.json.
        task: what is asked for, ``"quality"`` or ``"aesthetics"``; the checkpoint was trained for these two,
            another noun is asked for as it is.
        prompt: a prompt of your own, with ``<|image|>`` once; the task is not used then.
        levels: words, the best first, or a mapping of word to weight.
        weights: the value of each level from 0 to 1; evenly spaced from 1 to 0 by default.
        scale: ``"0-1"``, or ``"1-5"`` for 4x + 1.
        dtype: ``"auto"`` (bfloat16 on a GPU, float32 elsewhere), float32, bfloat16, float16 or float64.
        preprocessing: ``"device"`` (differentiable) or ``"exact"`` (8 bits through PIL, as the original).
        quantization: ``"8bit"`` or ``"4bit"`` for the language layers, by bitsandbytes.

    Raises:
        ConfigurationError: an option or the checkpoint is wrong.
        IsptuneError: the checkpoint is not on this machine and cannot be fetched.

    Example::

        objective = isptune.create_objective("qalign", checkpoint="checkpoints/one-align", device="cuda")
        scores = objective.score(images)  # (N, 3, H, W) in [0, 1] to (N,)
    """

    higher_is_better = True
    is_differentiable = True
    score_range = (0.0, 1.0)
    packaging = Packaging(
        extra="lmm", requires=REQUIRES, downloads=(Download("q-future/one-align", 16.4, "MIT"),)
    )
    memory = Memory(images=6.0)

    def __init__(
        self,
        checkpoint: str | Path = "q-future/one-align",
        task: str = "quality",
        prompt: str | None = None,
        levels: Sequence[str] | Mapping[str, float] = WORDS,
        weights: Sequence[float] | None = None,
        scale: str = "0-1",
        dtype: str | torch.dtype = "auto",
        preprocessing: str = "device",
        quantization: str | None = None,
    ) -> None:
        self.name = self.name or "qalign"
        self.words, self.level_weights = check_levels(levels, weights, scale, self.name)
        self.scale, self.score_range = scale, SCALES[scale]
        self._check_choice("preprocessing", preprocessing, PREPROCESSING)
        if quantization is not None:
            self._check_choice("quantization", quantization, QUANTIZATION)
        self.is_differentiable = preprocessing == "device"
        self._exact, self._quantization = preprocessing == "exact", quantization
        self._dtype = None if dtype == "auto" else check_dtype(dtype, self.name)
        self.folder = find_checkpoint(
            checkpoint,
            name=self.name,
            missing=lambda folder: [
                *(["config.json"] if not (folder / "config.json").exists() else []),
                *missing_weights(folder),
                *missing_tokenizer(folder),
            ],
            patterns=("*.json", "*.model", "*.safetensors"),
            fallback=("*.bin",),
            downloads=self.packaging.downloads,
        )
        config = read_config(self.folder, self.name)
        check_weights(self.folder, self.name)
        self.settings = read_preprocessing(self.folder, config.vision.image_size, self.name)
        self._tokenizer = read_tokenizer(self.folder, self.name)
        self._begin = config.bos_token_id
        self._asked = {medium: self._row(task, medium, prompt) for medium in ("image", "video")}
        context = (prompt or PROMPT.format(task=task, medium="image")).rpartition(PLACEHOLDER)[2]
        tokens = find_level_tokens(self._tokenizer, context, self.words, name=self.name, strict=True)
        self._rows = torch.tensor(tokens.ids)
        if self._tokenizer.size > config.vocab_size:
            raise ConfigurationError(
                f"the tokenizer of '{checkpoint}' has {self._tokenizer.size} pieces, more than the "
                f"{config.vocab_size} words of its network"
            )
        fixed, with_gradients = working_bytes(config, len(self._asked["image"]), self._dtype or torch.float32)
        self.memory = replace(self.memory, bytes=fixed, bytes_with_gradients=with_gradients)
        self._device = torch.device("cpu")
        self._network: Owl | None = None
        self._prompts: dict[str, tuple[Prefix, Tensor]] = {}

    def to(self, device: torch.device | str) -> QAlign:
        """Load the weights onto a device, or move them there."""
        device = torch.device(device)
        if self._network is None:
            self._network = load_model(
                self.folder, self._dtype or _best_dtype(device), device, self._quantization, self.name
            )
        elif device != self._device:
            if self._quantization is not None:
                raise ConfigurationError(f"'{self.name}' in {self._quantization} stays on {self._device}")
            self._network.to(device)
        if device != self._device:
            self._prompts.clear()
        self._device = device
        return self

    @property
    def network(self) -> Owl:
        """The network, frozen; loaded on first use."""
        if self._network is None:
            self.to(self._device)
        assert self._network is not None
        return self._network

    @property
    def input_ids(self) -> Tensor:
        """(1, L) the prompt about an image, with -200 in the picture's place."""
        return torch.tensor([self._asked["image"]])

    @property
    def level_ids(self) -> Tensor:
        """(K,) the tokens of the levels."""
        return self._rows.clone()

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        logits = self.level_logits(images)
        scores = level_score(logits, self.level_weights, self.scale)
        return scores.to(images.device, torch.promote_types(images.dtype, torch.float32))

    def probabilities(self, images: Tensor) -> Tensor:
        """(N, L) probabilities of the levels, in the order of ``words``, of images (N, 3, H, W) in [0, 1]."""
        return level_probabilities(self.level_logits(images)).to(images.device)

    def level_logits(self, images: Tensor) -> Tensor:
        """(N, L) logits of the level words for images (N, 3, H, W) in [0, 1], on the network's device."""
        images = check_images(images, self.name)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.is_differentiable):
            return self._logits(self.pixel_values(images), "image")

    def score_video(self, frames: Tensor) -> Tensor:
        """(N,) scores of videos (N, F, 3, H, W) in [0, 1], by the prompt about a video.

        Raises:
            ConfigurationError: the shape is wrong.
        """
        if frames.ndim != 5:
            raise ConfigurationError(
                f"'{self.name}' needs videos of the shape (N, F, 3, H, W), got {tuple(frames.shape)}"
            )
        images = check_images(frames.flatten(0, 1), self.name)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.is_differentiable):
            logits = self._logits(self.pixel_values(images).unflatten(0, frames.shape[:2]), "video")
        return level_score(logits, self.level_weights, self.scale).to(frames.device)

    def pixel_values(self, images: Tensor) -> Tensor:
        """(N, 3, S, S) what the vision transformer takes, of images (N, 3, H, W) in [0, 1]."""
        wide = torch.promote_types(images.dtype, torch.float32)
        images = images.to(self._device, wide)
        return (preprocess_exactly if self._exact else preprocess)(images, self.settings)

    def _logits(self, pixel_values: Tensor, medium: str) -> Tensor:
        network = self.network
        # The network has its own dtype; autocast would cast its norms and sums a second time.
        with torch.autocast(self._device.type, enabled=False):
            prefix, after = self._prompt(medium)
            hidden = network.last_hidden(prefix, network.visual_words(pixel_values), after)
            return network.logits(hidden, self._rows)

    def _prompt(self, medium: str) -> tuple[Prefix, Tensor]:
        """The text around the picture: before it as keys and values, after it as embeddings."""
        if medium not in self._prompts:
            # Outside of inference mode, or the kept tensors could not take part in gradients later.
            with torch.inference_mode(False), torch.no_grad():
                before, after = self.network.split_prompt(torch.tensor([self._asked[medium]]))
                self._prompts[medium] = self.network.prefix(before), after
        return self._prompts[medium]

    def _row(self, task: str, medium: str, prompt: str | None) -> list[int]:
        if not isinstance(task, str) or not task.strip():
            raise ConfigurationError(
                f"task of '{self.name}' is {task!r}; allowed: quality, aesthetics, or a noun"
            )
        text = PROMPT.format(task=task, medium=medium) if prompt is None else prompt
        ids = prompt_ids(self._tokenizer, text, self._begin, self.name)
        assert ids.count(IMAGE_TOKEN) == 1
        return ids

    def _check_choice(self, option: str, value: str, allowed: tuple[str, ...]) -> None:
        if value not in allowed:
            raise ConfigurationError(
                f"{option} of '{self.name}' is {value!r}; allowed: {listed(allowed)}"
                + did_you_mean(str(value), allowed)
            )


class DeQAScore(QAlign):
    """DeQA-Score: Q-Align's network trained on distributions of opinions.

    You et al., "Teaching Large Language Models to Regress Accurate Image Quality Scores using Score
    Distribution", CVPR 2025. Prompt, levels and pre-processing are those of Q-Align; scores are on 1..5 by
    default, as its authors print them. The options are those of ``qalign``.
    """

    score_range = (1.0, 5.0)
    packaging = Packaging(
        extra="lmm", requires=REQUIRES, downloads=(Download("zhiyuanyou/DeQA-Score-Mix3", 16.4, "MIT"),)
    )

    def __init__(
        self,
        checkpoint: str | Path = "zhiyuanyou/DeQA-Score-Mix3",
        task: str = "quality",
        prompt: str | None = None,
        levels: Sequence[str] | Mapping[str, float] = WORDS,
        weights: Sequence[float] | None = None,
        scale: str = "1-5",
        dtype: str | torch.dtype = "auto",
        preprocessing: str = "device",
        quantization: str | None = None,
    ) -> None:
        self.name = "deqa-score"
        super().__init__(checkpoint, task, prompt, levels, weights, scale, dtype, preprocessing, quantization)


QALIGN_TINY = Path(__file__).with_name("qalign_tiny")
"""The checkpoint of ``qalign-tiny``, in the published form."""


class QAlignTiny(QAlign):
    """Q-Align at a tiny size, trained from scratch on synthetic distortions; no download.

    The classes, the prompt and the protocol of ``qalign`` with two million weights, a vocabulary of little
    more than the prompt and the five words, and pictures of 256 x 256 pixels. It is there for trying things
    and for comparisons in small; how it was trained and how well it does stands in MODEL_CARD.md beside its
    weights.

    Args:
        scale, dtype, preprocessing: as of ``qalign``; float32 by default, since bfloat16 hides faint noise.
    """

    packaging = Packaging(extra="lmm", requires=REQUIRES)
    # Measured by benchmarks/blind_spots.py.
    coverage = Coverage(
        trained_on=("gaussian_blur", "brighten", "desaturate", "white_noise", "high_sharpen"),
        validated_on=stage_names(
            "chroma_noise highlight_clipping impulse_noise mean_shift multiplicative_noise"
        ),
        blind_to=stage_names(
            "banding chromatic_aberration color_block color_diffusion color_shift darken "
            "demosaic_artifacts desaturate gamma_error gaussian_blur jitter jpeg jpeg2000 "
            "lens_blur linear_contrast motion_blur nonlinear_contrast oversaturate "
            "patch_displacement pixelate quantize vignetting white_balance_gain"
        ),
    )

    def __init__(
        self, scale: str = "0-1", dtype: str | torch.dtype = "float32", preprocessing: str = "device"
    ) -> None:
        self.name = "qalign-tiny"
        super().__init__(
            str(QALIGN_TINY),
            scale=scale,
            dtype=dtype,
            preprocessing=preprocessing,
        )


def _best_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where a GPU computes in it, float16 on older ones, float32 elsewhere."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float32
