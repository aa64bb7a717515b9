"""Batches without opinions: pristine contents, random distortions, labels from the known levels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from isptune.contracts.distortion import Distortion
from isptune.errors import ConfigurationError
from isptune.iqa.training.batch_source import Batch
from isptune.iqa.training.contents import pristine_contents
from isptune.plugins import registry
from isptune.plugins.option_types import Seed
from isptune.wording.naming import listed

TARGETS = ("families", "quality")
# What decides the batches beside the images and the labels.
_DESCRIBED = (
    *("chain", "others", "target", "crop", "contents", "variants"),
    *("mixed", "faint", "looks", "seed"),
)


class SyntheticSource:
    """Pictures spoilt by registered stages, several variants of each content in a batch.

    Some of the variants are faint: shares of the stages' highest levels over two decades, 0 for three of
    ten. The others have shares from the whole range, as random parameters of a tuning run have them. The
    first variant of a content is the pristine one.
    The contents have looks of their own (gamma, saturation, orientation), which are no distortion.

    Args:
        images: files, folders, globs or ``chart:WIDTHxHEIGHT``: the pristine pictures.
        chain: stages that are applied in this order.
        others: stages of which one to three join in, at any place, for ``mixed`` of the batches.
        labels: families of distortion, in the order of the targets' columns.
        target: ``"families"`` for (N, K) severities, the share of the highest level, joined within a family
            as 1 - (1 - a)(1 - b); ``"quality"`` for (N,) 1 - s ** 0.7, where s is the sum of all shares over
            the length of ``chain``, at most 1: 1 for pristine, and steepest there.
        crop: side of the pictures in pixels.
        contents, variants: a batch has contents x variants pictures.
        mixed: share of batches with other stages.
        faint: the share of faint variants.
        looks: how far contents differ in gamma and saturation beyond what the pictures themselves do; 1 for
            logarithms with the standard deviations 0.2 and 0.15, 0 for the pictures as they are.
        seed: of everything.

    Raises:
        ConfigurationError: an unknown target, or a stage whose family is none of ``labels``.
    """

    def __init__(
        self,
        images: Sequence[str | Path],
        chain: Annotated[Sequence[str], Field(min_length=1)],
        others: Sequence[str] = (),
        labels: Sequence[str] = (),
        target: Literal["families", "quality"] = "families",
        crop: Annotated[int, Field(ge=32, le=4096)] = 128,
        contents: Annotated[int, Field(ge=1, le=4096)] = 8,
        variants: Annotated[int, Field(ge=1, le=4096)] = 8,
        mixed: Annotated[float, Field(ge=0, le=1)] = 0.35,
        faint: Annotated[float, Field(ge=0, le=1)] = 0.5,
        looks: Annotated[float, Field(ge=0, le=10)] = 1.0,
        seed: Seed = 0,
    ) -> None:
        if target not in TARGETS:
            raise ConfigurationError(f"target of synthetic data is '{target}'; allowed: {listed(TARGETS)}")
        self.chain, self.others, self.labels = tuple(chain), tuple(others), tuple(labels)
        self.target, self.crop, self.mixed, self.seed = target, crop, mixed, seed
        self.faint, self.looks = faint, looks
        self.contents, self.variants = contents, variants
        self._stages: dict[str, Distortion] = {
            name: _distortion(name) for name in (*self.chain, *self.others)
        }
        for name, stage in self._stages.items():
            if target == "families" and stage.family not in self.labels:
                raise ConfigurationError(
                    f"the stage '{name}' is of the family '{stage.family}', which the learner does not "
                    f"predict; it predicts {listed(self.labels)}"
                )
        self._images = [str(image) for image in images]
        # Larger than the crop, so that a content is seen at many places.
        self._training, self._validation = pristine_contents(images, round(crop * 1.5), seed)
        self.steps_per_epoch = max(1, sum(map(len, self._training)) // contents)

    def batch(self, step: int) -> Batch:
        return self._make(self._training, self.seed * 1_000_003 + step)

    def validation(self) -> Iterator[Batch]:
        for index in range(min(16, max(4, sum(map(len, self._validation)) // self.contents))):
            yield self._make(self._validation, -1 - self.seed * 1_000_003 - index)

    def describe(self) -> dict[str, Any]:
        """Plain data that changes with anything that changes the batches."""
        return {"images": self._images, **{name: getattr(self, name) for name in _DESCRIBED}}

    def _make(self, pool: Sequence[Tensor], seed: int) -> Batch:
        generator = torch.Generator().manual_seed(seed % 2**63)
        images = self._contents(pool, generator)
        names = self._names(generator)
        shares = self._shares(len(names), generator).flatten(0, 1)
        images = images.repeat_interleave(self.variants, dim=0)
        severities = torch.zeros(len(images), len(self.labels))
        with torch.no_grad():
            for column, name in enumerate(names):
                stage, share = self._stages[name], shares[:, column]
                level = share * stage.level_range[1]
                if stage.is_stochastic:
                    noise = stage.draw(self.crop, self.crop, generator)
                    images = stage(images, level, noise).clamp(0, 1)
                else:
                    images = stage(images, level).clamp(0, 1)
                if self.labels:
                    family = self.labels.index(stage.family)
                    severities[:, family] = 1 - (1 - severities[:, family]) * (1 - share)
        quality = 1 - (shares.sum(1) / max(1, len(self.chain))).clamp(max=1) ** 0.7
        targets = severities if self.target == "families" else quality
        contents = torch.arange(self.contents).repeat_interleave(self.variants)
        return Batch({"images": images}, targets, contents)

    def _shares(self, stages: int, generator: torch.Generator) -> Tensor:
        """(contents, variants, stages) shares of the highest levels; the first variant has none."""
        shape = self.contents, self.variants, stages

        def draw(*size: int) -> Tensor:
            return torch.rand(size, generator=generator)

        faint = draw(*shape) * 10 ** (-2 * draw(*shape[:2], 1)) * (draw(*shape) > 0.3)
        strong = draw(*shape) ** 1.4 * (draw(*shape) > 0.1)
        shares = torch.where(draw(*shape[:2], 1) < self.faint, faint, strong)
        shares[:, 0] = 0
        return shares

    def _contents(self, pool: Sequence[Tensor], generator: torch.Generator) -> Tensor:
        """(contents, 3, crop, crop) in [0, 1], each turned, and with a tone and a saturation of its own."""

        def draw(count: int) -> int:
            return int(torch.randint(count, (), generator=generator))

        found = []
        for _ in range(self.contents):
            # Every file is as likely, however many crops it has.
            crops = pool[draw(len(pool))]
            image = crops[draw(len(crops))]
            room = image.shape[-1] - self.crop + 1
            top, left = draw(room), draw(room)
            image = image[:, top : top + self.crop, left : left + self.crop]
            image = torch.rot90(image, draw(4), (1, 2))
            found.append(image.flip(2) if draw(2) else image)
        images = torch.stack(found).float() / 255
        gamma, saturation = (
            torch.exp(self.looks * width * torch.randn(len(images), 1, 1, 1, generator=generator))
            for width in (0.2, 0.15)
        )
        images = images.clamp(min=1e-4) ** gamma
        grey = images.mean(1, keepdim=True)
        return (grey + (images - grey) * saturation).clamp(0, 1)

    def _names(self, generator: torch.Generator) -> list[str]:
        """The stages of a batch: the chain, or for some batches part of it with others at random places."""
        if not self.others or float(torch.rand((), generator=generator)) >= self.mixed:
            return list(self.chain)

        def some(names: Sequence[str], least: int, most: int) -> list[str]:
            count = least + int(torch.randint(min(most, len(names)) - least + 1, (), generator=generator))
            order = torch.randperm(len(names), generator=generator).tolist()
            return [names[index] for index in order[:count]]

        chosen = some(self.chain, 0, math.ceil(len(self.chain) / 2)) + some(self.others, 1, 3)
        return some(chosen, len(chosen), len(chosen))


def _distortion(name: str) -> Distortion:
    """A fresh stage of a name, whose level is known."""
    stage = registry.stages.create(name)
    if not isinstance(stage, Distortion):
        raise ConfigurationError(
            f"the stage '{name}' is no distortion: no level says how much worse it makes a picture"
        )
    return stage
