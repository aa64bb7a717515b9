"""Training data for learners of one score a picture: the bank of distortions, and ISPs on simulated raws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from isptune.errors import ConfigurationError
from isptune.iqa.training.batch_source import Batch
from isptune.plugins.option_types import Seed
from isptune_severity.data import CHAIN, SeverityData
from isptune_severity.families import FAMILIES, WEIGHTS

# Renderings are of 224 pixels.
_RENDERED = 224
_VALIDATION_BATCHES = 16
# From as many of the default stages at their highest levels on, a picture is as bad as it gets.
_WORST = len(CHAIN)


class QualityData:
    """The data of the second version of ``severity``, with one quality a picture in place of 15 severities.

    Each batch is of the bank alone or of ISPs' renderings alone, and is cut to a size of its own, so that a
    learner sees more than one scale. The first variant of every content is the pristine one.

    The quality is 1 - s ** 0.7: 1 where nothing is wrong, and steepest there; s is the weighted sum of the
    severities over that of the default chain at its highest levels, at most 1.

    Args:
        images: files, folders, globs or ``chart:WIDTHxHEIGHT``: the pristine pictures.
        folder: for crops and renderings, which are made once; those of ``severity-isp`` serve.
        crop: side of the bank's pictures in pixels; renderings have 224 at most.
        least: the least side that pictures are cut to; as large as ``crop``, they are left as they are.
        contents, variants: a batch has contents x variants pictures.
        rendered: share of batches that ISPs rendered.
        default, single: of the others, the share of contents that go through the default chain, and through
            one stage of the bank at several levels.
        renderings: how many contents are rendered; 0 leaves them out.
        looks: how far contents differ in gamma and saturation beyond what the pictures themselves do.
        seed: of everything.

    Raises:
        ConfigurationError: ``least`` is above ``crop``.
    """

    def __init__(
        self,
        images: Sequence[str | Path],
        folder: str | Path = "severity-data",
        crop: Annotated[int, Field(ge=64, le=256)] = 256,
        least: Annotated[int, Field(ge=64, le=256)] = 144,
        contents: Annotated[int, Field(ge=1, le=4096)] = 8,
        variants: Annotated[int, Field(ge=2, le=8)] = 4,
        rendered: Annotated[float, Field(ge=0, le=1)] = 0.35,
        default: Annotated[float, Field(ge=0, le=1)] = 0.5,
        single: Annotated[float, Field(ge=0, le=1)] = 0.2,
        renderings: Annotated[int, Field(ge=0, le=1_000_000)] = 400,
        looks: Annotated[float, Field(ge=0, le=10)] = 0.4,
        seed: Seed = 0,
    ) -> None:
        if least > crop:
            raise ConfigurationError(f"least of synthetic data is {least}; allowed: at most crop, {crop}")
        same: dict[str, Any] = {"contents": contents, "variants": variants, "looks": looks, "seed": seed}
        self._bank = SeverityData(
            images, folder, crop=crop, rendered=0, renderings=0, default=default, single=single, **same
        )
        self._isps: SeverityData | None = None
        if renderings and rendered:
            side = min(crop, _RENDERED)
            self._isps = SeverityData(images, folder, crop=side, rendered=1, renderings=renderings, **same)
        self.least, self.rendered, self.renderings, self.seed = least, rendered, renderings, seed
        self.steps_per_epoch = self._bank.steps_per_epoch
        self._weights = torch.tensor([WEIGHTS[family] for family in FAMILIES])

    def batch(self, step: int) -> Batch:
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + step) % 2**63)
        is_rendered = float(torch.rand((), generator=generator)) < self.rendered
        chosen = self._isps if is_rendered and self._isps is not None else self._bank
        return self._rated(chosen.batch(step), generator)

    def validation(self) -> Iterator[Batch]:
        """Batches of the bank, then of ISPs, by their share."""
        generator = torch.Generator().manual_seed(self.seed)
        of_isps = _VALIDATION_BATCHES - self.validation_of_bank
        for source, count in ((self._bank, self.validation_of_bank), (self._isps, of_isps)):
            if source is not None and count:
                for _, batch in zip(range(count), source.validation(), strict=False):
                    yield self._rated(batch, generator)

    @property
    def validation_of_bank(self) -> int:
        """How many of the validation's batches are of the bank: the first ones."""
        of_isps = round(_VALIDATION_BATCHES * self.rendered) if self._isps is not None else 0
        return _VALIDATION_BATCHES - of_isps

    def describe(self) -> dict[str, Any]:
        """Plain data that changes with anything that changes the batches."""
        own = {"least": self.least, "rendered": self.rendered, "renderings": self.renderings}
        return {**self._bank.describe(), **own, "target": "quality"}

    def _rated(self, batch: Batch, generator: torch.Generator) -> Batch:
        images: Tensor = batch.features["images"]
        places = []
        # Every third batch stays whole.
        is_cut = _draw(3, generator) > 0
        for side in images.shape[-2:]:
            kept = (
                self.least + _draw(side - self.least + 1, generator) if is_cut and side > self.least else side
            )
            first = _draw(side - kept + 1, generator)
            places.append(slice(first, first + kept))
        cut = images[:, :, places[0], places[1]].contiguous()
        share = (batch.targets @ self._weights / _WORST).clamp(max=1)
        return replace(batch, features={"images": cut}, targets=1 - share**0.7)


def _draw(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
