"""Training data of the second version: chains of the distortion bank, and renderings of simulated raws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from isptune.contracts.distortion import Distortion
from isptune.iqa.training.batch_source import Batch
from isptune.plugins import registry
from isptune.plugins.option_types import Seed
from isptune_severity.contents import kept_contents
from isptune_severity.families import FAMILIES, STAGES

CHAIN = ("gaussian_blur", "brighten", "desaturate", "white_noise", "high_sharpen")

_DESCRIBED = ("crop", "contents", "variants", "default", "single", "rendered", "renderings", "looks", "seed")
# More than this is as bad as it gets.
_HIGHEST = 1.5
_VALIDATION_BATCHES = 16


class SeverityData:
    """Several variants of each content: of the default chain, of random chains, of one stage, or of an ISP.

    Crops of the photographs and the renderings are made once and kept in ``folder``.

    Args:
        images: files, folders, globs or ``chart:WIDTHxHEIGHT``: the pristine pictures.
        folder: for what is kept; a folder of its own for every set of pictures.
        crop: side of the pictures in pixels.
        contents, variants: a batch has contents x variants pictures; the first variant is pristine.
        default: share of contents that go through the default chain.
        single: share that go through one stage of the bank at several levels.
        rendered: share of simulated raws that ISPs rendered; the others go through random chains of one to
            five stages of the bank.
        renderings: how many contents are rendered; 0 leaves them out.
        looks: how far contents differ in gamma and saturation beyond what the pictures themselves do.
        seed: of everything.
    """

    def __init__(
        self,
        images: Sequence[str | Path],
        folder: str | Path = "severity-data",
        crop: Annotated[int, Field(ge=64, le=224)] = 192,
        contents: Annotated[int, Field(ge=1, le=4096)] = 8,
        variants: Annotated[int, Field(ge=2, le=8)] = 4,
        default: Annotated[float, Field(ge=0, le=1)] = 0.4,
        single: Annotated[float, Field(ge=0, le=1)] = 0.15,
        rendered: Annotated[float, Field(ge=0, le=1)] = 0.2,
        renderings: Annotated[int, Field(ge=0, le=1_000_000)] = 600,
        looks: Annotated[float, Field(ge=0, le=10)] = 0.4,
        seed: Seed = 0,
    ) -> None:
        self.crop, self.contents, self.variants, self.seed = crop, contents, variants, seed
        self.default, self.single, self.rendered, self.looks = default, single, rendered, looks
        self.renderings = renderings
        self._images = [str(image) for image in images]
        folder = Path(folder)
        self._training, self._validation = kept_contents(images, 256, seed, folder)
        self._rendered: dict[bool, list[Path]] = {True: [], False: []}
        if renderings:
            self._render(folder / "renderings")
        self._stages: dict[str, Distortion] = {name: registry.stages.create(name) for name in STAGES}
        self.steps_per_epoch = max(1, sum(map(len, self._training)) // contents)

    def _render(self, folder: Path) -> None:
        from isptune_severity.renderings import make_renderings

        held_out = max(1, self.renderings // 15)
        for name, pool, count in (
            ("validation", self._validation, held_out),
            ("training", self._training, self.renderings - held_out),
        ):
            crops = [part[:, :, 16:240, 16:240] for part in pool]
            make_renderings(crops, folder / name, count, seed=self.seed + (name == "validation"))
            files = sorted((folder / name).glob("[0-9]*[0-9].npz"))[:count]
            self._rendered[name == "training"] = files

    def batch(self, step: int) -> Batch:
        return self._make(True, self.seed * 1_000_003 + step)

    def validation(self) -> Iterator[Batch]:
        for index in range(_VALIDATION_BATCHES):
            yield self._make(False, -1 - self.seed * 1_000_003 - index)

    def describe(self) -> dict[str, Any]:
        """Plain data that changes with anything that changes the batches."""
        facts = {"images": self._images, **{name: getattr(self, name) for name in _DESCRIBED}}
        return {**facts, "chain": list(CHAIN), "others": [name for name in STAGES if name not in CHAIN]}

    def _make(self, training: bool, seed: int) -> Batch:
        generator = torch.Generator().manual_seed(seed % 2**63)
        images, targets = [], []
        for _ in range(self.contents):
            kind = float(torch.rand((), generator=generator))
            if kind < self.rendered and self._rendered[training]:
                found, labels = self._rendering(training, generator)
            else:
                found, labels = self._distorted(training, kind - self.rendered, generator)
            images.append(found)
            targets.append(labels)
        contents = torch.arange(self.contents).repeat_interleave(self.variants)
        return Batch({"images": torch.cat(images)}, torch.cat(targets), contents)

    # Renderings.

    def _rendering(self, training: bool, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        files = self._rendered[training]
        with np.load(files[_draw(len(files), generator)]) as kept:
            order = torch.randperm(len(kept["labels"]) - 1, generator=generator)[: self.variants - 1] + 1
            chosen = [0, *order.tolist()]
            images = torch.from_numpy(kept["images"][chosen].astype(np.float32) / 65535)
            labels = torch.from_numpy(kept["labels"][chosen])
        room = images.shape[-1] - self.crop + 1
        top, left = _draw(room, generator), _draw(room, generator)
        images = images[:, :, top : top + self.crop, left : left + self.crop]
        return (images.flip(3) if _draw(2, generator) else images).contiguous(), labels

    # The distortion bank.

    def _distorted(self, training: bool, kind: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        pool = self._training if training else self._validation
        images = self._content(pool, generator)[None].expand(self.variants, -1, -1, -1).contiguous()
        everything = list(STAGES)
        if kind < self.default:
            names = list(CHAIN)
            shares = self._chain_shares(len(names), generator)
        elif kind < self.default + self.single:
            names = [everything[_draw(len(everything), generator)]]
            shares = torch.rand(self.variants, 1, generator=generator)
        else:
            order = torch.randperm(len(everything), generator=generator)
            names = [everything[index] for index in order[: 1 + _draw(5, generator)].tolist()]
            shares = self._chain_shares(len(names), generator)
        shares[0] = 0
        labels = torch.zeros(self.variants, len(FAMILIES))
        with torch.no_grad():
            for column, name in enumerate(names):
                images = self._spoilt(images, name, shares[:, column], generator)
                for family, weight in STAGES[name].items():
                    labels[:, FAMILIES.index(family)] += weight * shares[:, column]
        return images, labels.clamp(max=_HIGHEST)

    def _spoilt(self, images: Tensor, name: str, share: Tensor, generator: torch.Generator) -> Tensor:
        stage = self._stages[name]
        level = share * stage.level_range[1]
        if getattr(stage, "is_signed", False) and not _draw(4, generator):
            level = -level
        if not bool((level != 0).any()):
            return images
        if stage.is_stochastic:
            noise = stage.draw(self.crop, self.crop, generator)
            return stage(images, level, noise).clamp(0, 1)
        return stage(images, level).clamp(0, 1)

    def _chain_shares(self, stages: int, generator: torch.Generator) -> Tensor:
        """(variants, stages): faint ones over two decades, strong ones, and some of one stage alone."""
        shape = self.variants, stages

        def draw(*size: int) -> Tensor:
            return torch.rand(size, generator=generator)

        faint = draw(*shape) * 10 ** (-2 * draw(self.variants, 1)) * (draw(*shape) > 0.3)
        strong = draw(*shape) ** 1.4 * (draw(*shape) > 0.1)
        shares = torch.where(draw(self.variants, 1) < 0.4, faint, strong)
        alone = torch.randint(stages, (self.variants, 1), generator=generator)
        only = torch.zeros(shape).scatter(1, alone, 1.0)
        return torch.where(draw(self.variants, 1) < 0.25, shares * only, shares)

    def _content(self, pool: Sequence[Tensor], generator: torch.Generator) -> Tensor:
        """(3, crop, crop) in [0, 1], with a tone and a saturation of its own, half of them between 8 bits."""
        crops = pool[_draw(len(pool), generator)]
        image = crops[_draw(len(crops), generator)]
        room = image.shape[-1] - self.crop + 1
        top, left = _draw(room, generator), _draw(room, generator)
        image = image[:, top : top + self.crop, left : left + self.crop].float() / 255
        if _draw(2, generator):
            image = image.flip(2)
        gamma, saturation = (self.looks * torch.randn(2, generator=generator)).tolist()
        if _draw(2, generator):
            image = image + (torch.rand(image.shape, generator=generator) - 0.5) / 255
        image = image.clamp(1e-4, 1) ** (2.718281828 ** (0.2 * gamma))
        grey = image.mean(0, keepdim=True)
        return (grey + (image - grey) * 2.718281828 ** (0.15 * saturation)).clamp(0, 1)


def _draw(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
