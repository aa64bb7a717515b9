"""The objective ``clipiqa``, and what it shares with ``clipiqa+``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from isptune.contracts.objective import Objective, check_images
from isptune.contracts.requirements import Download, Packaging
from isptune.errors import ConfigurationError
from isptune.wording.naming import did_you_mean, listed
from isptune_clipiqa.loading import Clip, load_clip
from isptune_clipiqa.preprocessing import Preprocessing
from isptune_clipiqa.prompts import QUALITY, Pair, attribute_pairs, prompt_pairs
from isptune_clipiqa.towers import image_tower

DTYPES: Mapping[str, torch.dtype] = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
RESIZES = ("none", "native")


# A text is looked at over so many times the room that the encoder has for it.
_LONGEST = 8

# Bytes of a layer that stay near the processor.
_CACHED = 16e6


class ClipObjective(Objective):
    """An image against pairs of texts whose features are computed once, when the objective is created.

    A subclass calls ``_prepare`` with the loaded model and (P, 2, D) features of the texts.
    """

    higher_is_better = True
    is_differentiable = True
    score_range = (0.0, 1.0)
    packaging = Packaging(
        extra="clip",
        requires=("open_clip",),
        weights="of CLIP RN50 (about 410 MB)",
        downloads=(
            Download("timm/resnet50_clip.openai", 0.41, "MIT"),
            Download("timm/ViT-B-16-SigLIP2", 1.5, "Apache-2.0", option="checkpoint=timm/ViT-B-16-SigLIP2"),
        ),
    )

    def _checked_options(self, dtype: str, resize: str, positional_embedding: bool) -> None:
        for option, value, allowed in (("dtype", dtype, DTYPES), ("resize", resize, RESIZES)):
            if value not in allowed:
                raise ConfigurationError(
                    f"{option} of '{self.name}' is {value!r}"
                    + (did_you_mean(str(value), allowed) or f"; allowed: {listed(allowed)}")
                )
        if not isinstance(positional_embedding, bool):
            raise ConfigurationError(
                f"positional_embedding of '{self.name}' is {positional_embedding!r}; allowed: true, false"
            )

    def _prepare(
        self, clip: Clip, texts: Tensor, dtype: str, resize: str, positional_embedding: bool
    ) -> None:
        """Keep what scoring needs: the image tower, the texts' features and the scale of the logits."""
        self._dtype = DTYPES[dtype]
        self._device = torch.device("cpu")
        self._tower = image_tower(clip.model.visual, self.name, resize, positional_embedding)
        self._preprocess = Preprocessing(
            mean=clip.mean,
            std=clip.std,
            size=self._tower.training_size if resize == "native" else None,
            multiple=self._tower.multiple,
            minimum=self._tower.minimum,
            name=self.name,
        )
        self._tower.to(self._dtype).requires_grad_(False).eval()
        self.memory = self._tower.memory
        # Products of features are taken in at least single precision: a scale of 100 follows them.
        exact = torch.promote_types(self._dtype, torch.float32)
        self._texts = functional.normalize(texts.detach().to(exact), dim=-1)
        self._scale = clip.model.logit_scale.detach().to(exact).exp().reshape(())

    def to(self, device: torch.device | str) -> ClipObjective:
        self._device = torch.device(device)
        self._tower.to(self._device)
        self._texts, self._scale = self._texts.to(self._device), self._scale.to(self._device)
        return self

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return self._probabilities(images).mean(dim=1)

    def scores(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        if not self.labels:
            return super().scores(images, reference)
        return self._probabilities(images)

    def _at_once(self, inputs: Tensor) -> int:
        """How many images go through the tower together: all of them but on a CPU without gradients.

        There a layer's output above some 16 MB leaves the caches and is taken from fresh pages every time,
        so a batch in parts is two to three times as fast as a whole one.
        """
        if self._device.type != "cpu" or torch.is_grad_enabled() or not len(inputs):
            return max(1, len(inputs))
        # The largest layer is about a quarter of all that is held at the peak.
        layer = inputs[0].numel() * inputs.element_size() * self.memory.images / 4
        return max(1, int(_CACHED / layer))

    def _probabilities(self, images: Tensor) -> Tensor:
        """(N, P): how far each image is the first text of each pair rather than the second."""
        found = self.compare(self.features(images))
        return found.to(images.device, torch.promote_types(images.dtype, torch.float32))

    def features(self, images: Tensor) -> Tensor:
        """(N, D) features of images (N, 3, H, W) in [0, 1], of length 1, on the model's device."""
        images = check_images(images, self.name)
        exact = self._texts.dtype
        inputs = self._preprocess(images.to(self._device, exact)).to(self._dtype)
        features = torch.cat([self._tower(part) for part in inputs.split(self._at_once(inputs))])
        with torch.autocast(self._device.type, enabled=False):
            return functional.normalize(features.to(exact), dim=-1)

    def compare(self, features: Tensor, texts: Tensor | None = None) -> Tensor:
        """(N, P) shares of the first texts, of features of images (N, D).

        Args:
            features: as ``features`` gives them.
            texts: other texts' features of length 1 than those of the prompts: (P, 2, D), or (N, P, 2, D)
                for texts of each image's own.
        """
        texts = self._texts if texts is None else texts
        with torch.autocast(self._device.type, enabled=False):
            cosines = torch.einsum("nd,pcd->npc" if texts.ndim == 3 else "nd,npcd->npc", features, texts)
            # SigLIP's bias is added to both logits of a pair, so the softmax is the same without it.
            return (self._scale * cosines).softmax(dim=-1)[..., 0]


class CLIPIQA(ClipObjective):
    """CLIP-IQA: how far a picture is a good photo rather than a bad one in CLIP's eyes.

    Wang, Chan and Loy, "Exploring CLIP for Assessing the Look and Feel of Images", AAAI 2023
    (https://arxiv.org/abs/2207.12396): the cosines of the image's features with those of two antonym texts,
    times the model's scale, through a softmax over the two; the score is the first text's share, in (0, 1),
    higher being better. The default is the paper's setting: CLIP's ResNet-50 without the positional
    embedding of its attention pool, images of any size as they are, "Good photo." against "Bad photo.".

    Pre-processing, all of it: RGB in [0, 1], optionally resized (``resize``), normalised with the mean and
    deviation of the model's own configuration (SigLIP's are 0.5). A vision transformer sees the centre of the
    image in whole patches, less than one patch being cut off in each direction, with its positions
    interpolated to that grid (bicubic, antialiased). Nothing is clipped. A ResNet takes images from 32x32
    pixels, a transformer from one patch.

    Gradients reach the images; the weights are frozen. Texts are encoded once, when the objective is created,
    and their encoder is dropped then. Weights are read as plain tensors from safetensors or with
    ``weights_only``; code of a repository is never run.

    Args:
        model, pretrained: open_clip's names of an architecture and of its weights, which are looked for in
            the local cache of the Hugging Face hub and downloaded where they are not. The activation
            (QuickGELU or GELU) is that of the weights.
        checkpoint: instead of these two, a folder in open_clip's own form (open_clip_config.json with
            open_clip_model.safetensors or open_clip_pytorch_model.bin, and the tokenizer's files where it is
            not CLIP's), or such a repository of the hub: ``timm/ViT-B-16-SigLIP2``, ``laion/...``.
        prompts: a pair of texts, the better one first, or a list of pairs whose scores are averaged.
        attributes: named scores in place of ``prompts``: ``"all"`` or names of sharpness, noise, brightness,
            colour and contrast with the paper's texts, or a mapping of names to pairs of texts. ``labels``
            are the names, ``scores`` gives (N, K) and ``score`` their mean. A high score of noise is a clean
            picture.
        dtype: float32, float64, bfloat16 or float16, in which the image tower computes. The texts and the
            softmax are computed in float32, or float64 where that is chosen.
        resize: ``"none"``, or ``"native"`` for the model's training size: antialiased bicubic, without
            keeping the aspect ratio.
        positional_embedding: add the ResNet's positions in the attention pool, interpolated to the image's
            grid. Transformers always have theirs.

    Raises:
        ConfigurationError: an option is not allowed, a prompt is longer than the text encoder takes or is the
            same to it as its opposite, the checkpoint is incomplete, damaged or of another
            architecture, or images are too small.
        IsptuneError: the weights are not on this machine and cannot be fetched.

    Example::

        objective = isptune.create_objective("clipiqa", attributes=["sharpness", "noise"])
        objective.scores(torch.rand(4, 3, 480, 640))  # (4, 2)
    """

    name = "clipiqa"

    def __init__(
        self,
        model: str = "RN50-quickgelu",
        pretrained: str = "openai",
        checkpoint: str | Path | None = None,
        prompts: Sequence[str | Sequence[str]] = QUALITY,
        attributes: str | Sequence[str] | Mapping[str, Any] | None = None,
        dtype: str = "float32",
        resize: str = "none",
        positional_embedding: bool = False,
    ) -> None:
        self._checked_options(dtype, resize, positional_embedding)
        pairs = prompt_pairs(prompts, self.name)
        if attributes is not None:
            if pairs != (QUALITY,):
                raise ConfigurationError(f"'{self.name}' takes prompts or attributes, not both")
            chosen = attribute_pairs(attributes, self.name)
            self.labels = tuple(chosen)
            pairs = tuple(chosen.values())
        self.pairs = pairs
        clip = load_clip(self.name, model, pretrained, checkpoint, self.packaging.downloads)
        self._prepare(
            clip, encoded(clip, pairs, DTYPES[dtype], self.name), dtype, resize, positional_embedding
        )


def encoded(clip: Clip, pairs: Sequence[Pair], dtype: torch.dtype, name: str) -> Tensor:
    """(P, 2, D) features of the texts, computed in float32, or in float64 where that is the dtype.

    Raises:
        ConfigurationError: a text is longer than the text encoder takes, or the two of a pair are the same
            to it.
    """
    texts = clip.model.double() if dtype == torch.float64 else clip.model
    tokens = clip.tokenizer([text for pair in pairs for text in pair])
    _check_tokens(clip, pairs, tokens, name)
    with torch.no_grad():
        features = texts.encode_text(tokens)
    return features.reshape(len(pairs), 2, -1)


def _check_tokens(clip: Clip, pairs: Sequence[Pair], tokens: Tensor, name: str) -> None:
    """Refuse what a tokenizer does silently: it cuts long texts, and takes unlike spellings for one text."""
    room = tokens.shape[1]
    whole = clip.tokenizer([text for pair in pairs for text in pair], context_length=_LONGEST * room)
    for index, text in enumerate(text for pair in pairs for text in pair):
        row = whole[index]
        # What fills a row up is one number, repeated; the begin and the end are among the others.
        count = int((row != row[-1]).nonzero().max()) + 1 if bool((row != row[-1]).any()) else 0
        if count > room:
            shown = text if len(text) <= 60 else f"{text[:57]}..."
            more = " or more" if count >= len(row) - 1 else ""
            raise ConfigurationError(
                f"the prompt '{shown}' of '{name}' is {count}{more} tokens long, and the text encoder takes "
                f"{room}, begin and end among them; give a shorter text"
            )
    for (first, second), (one, other) in zip(pairs, whole.unflatten(0, (-1, 2)), strict=True):
        if torch.equal(one, other):
            raise ConfigurationError(
                f"the prompts '{first}' and '{second}' of '{name}' are the same to the text encoder, so that "
                "every image would score 0.5; give two texts of opposite meaning"
            )
