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
from isptune_severity.chains import SHIFT, SIZES, levels_of_one, severities_of, shares_of_variants, textures
from isptune_severity.contents import kept_contents
from isptune_severity.families import STAGES

CHAIN = ("gaussian_blur", "brighten", "desaturate", "white_noise", "high_sharpen")

_DESCRIBED = ("crop", "contents", "variants", "default", "single", "rendered", "renderings", "looks", "seed")
_VALIDATION_BATCHES = 16
# Where all is trained, a batch has about as many pixels as so many pictures of this side.
_PICTURES, _SIDE = 32, 192
# Generated textures beside the photographs: so many times three for training, and three held out.
_TEXTURES = 20
# The share of contents whose variants are seen through windows of their own.
_MOVED = 0.3


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
        wide: batches for training all of the network: of several sizes, with textures of dead leaves, chains
            of up to six stages, variants that differ in one stage, and windows that lie a little apart;
            ``crop`` and ``contents`` do not count then.
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
        wide: bool = False,
        seed: Seed = 0,
    ) -> None:
        self.crop, self.contents, self.variants, self.seed = crop, contents, variants, seed
        self.default, self.single, self.rendered, self.looks = default, single, rendered, looks
        self.renderings, self.wide = renderings, wide
        self._images = [str(image) for image in images]
        folder = Path(folder)
        self._training, self._validation = kept_contents(images, 256, seed, folder)
        if wide:
            made = textures(3 * _TEXTURES + 3, 256, seed)
            parts = [torch.stack(made[first : first + 3]) for first in range(0, len(made), 3)]
            self._training, self._validation = [*self._training, *parts[:-1]], [*self._validation, parts[-1]]
        self._rendered: dict[bool, list[Path]] = {True: [], False: []}
        if renderings:
            self._render(folder / "renderings")
        self.stages: dict[str, Distortion] = {name: registry.stages.create(name) for name in STAGES}
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

    def content(self, size: tuple[int, int], generator: torch.Generator) -> Tensor:
        """(3, height, width) in [0, 1]: a crop of a training photograph."""
        return self._content(self._training, size, generator)

    def describe(self) -> dict[str, Any]:
        """Plain data that changes with anything that changes the batches."""
        facts = {"images": self._images, **{name: getattr(self, name) for name in _DESCRIBED}}
        if self.wide:
            facts["wide"] = True
        return {**facts, "chain": list(CHAIN), "others": [name for name in STAGES if name not in CHAIN]}

    def _make(self, training: bool, seed: int) -> Batch:
        generator = torch.Generator().manual_seed(seed % 2**63)
        images, targets = [], []
        size, count = (self.crop, self.crop), self.contents
        if self.wide:
            size = SIZES[_draw(len(SIZES), generator)]
            count = max(2, round(_PICTURES * _SIDE**2 / (size[0] * size[1] * self.variants)))
        for _ in range(count):
            kind = float(torch.rand((), generator=generator))
            # Renderings have 224 pixels a side.
            if kind < self.rendered and self._rendered[training] and max(size) <= 224:
                found, labels = self._rendering(training, size, generator)
            else:
                found, labels = self._distorted(training, kind - self.rendered, size, generator)
            images.append(found)
            targets.append(labels)
        contents = torch.arange(count).repeat_interleave(self.variants)
        return Batch({"images": torch.cat(images)}, torch.cat(targets), contents)

    # Renderings.

    def _rendering(
        self, training: bool, size: tuple[int, int], generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        files = self._rendered[training]
        with np.load(files[_draw(len(files), generator)]) as kept:
            order = torch.randperm(len(kept["labels"]) - 1, generator=generator)[: self.variants - 1] + 1
            chosen = [0, *order.tolist()]
            images = torch.from_numpy(kept["images"][chosen].astype(np.float32) / 65535)
            labels = torch.from_numpy(kept["labels"][chosen])
        images = _cut(images, size, generator)
        return (images.flip(3) if _draw(2, generator) else images).contiguous(), labels

    # The distortion bank.

    def _distorted(
        self, training: bool, kind: float, size: tuple[int, int], generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        pool = self._training if training else self._validation
        wanted = size
        if self.wide and max(size) + SHIFT <= 256 and float(torch.rand((), generator=generator)) < _MOVED:
            size = size[0] + SHIFT, size[1] + SHIFT
        images = self._content(pool, size, generator)[None].expand(self.variants, -1, -1, -1).contiguous()
        names, shares = self._faults(kind, generator)
        shares[0] = 0
        with torch.no_grad():
            for column, name in enumerate(names):
                images = self._spoilt(images, name, shares[:, column], generator)
        if size != wanted:
            images = torch.cat([_cut(image[None], wanted, generator) for image in images])
        return images, severities_of(names, shares)

    def _faults(self, kind: float, generator: torch.Generator) -> tuple[list[str], Tensor]:
        """The names of the stages, in their order, and (variants, stages) shares of their highest levels."""
        everything = list(STAGES)
        chain_shares = shares_of_variants if self.wide else _chain_shares
        if kind < self.default:
            return list(CHAIN), chain_shares(self.variants, len(CHAIN), generator)
        if kind < self.default + self.single:
            names = [everything[_draw(len(everything), generator)]]
            if self.wide:
                return names, levels_of_one(self.variants, generator)
            return names, torch.rand(self.variants, 1, generator=generator)
        order = torch.randperm(len(everything), generator=generator)
        names = [everything[index] for index in order[: 1 + _draw(6 if self.wide else 5, generator)].tolist()]
        return names, chain_shares(self.variants, len(names), generator)

    def _spoilt(self, images: Tensor, name: str, share: Tensor, generator: torch.Generator) -> Tensor:
        stage = self.stages[name]
        level = share * stage.level_range[1]
        if getattr(stage, "is_signed", False) and not _draw(4, generator):
            level = -level
        if not bool((level != 0).any()):
            return images
        if stage.is_stochastic:
            height, width = images.shape[-2:]
            noise = stage.draw(height, width, generator)
            return stage(images, level, noise).clamp(0, 1)
        return stage(images, level).clamp(0, 1)

    def _content(self, pool: Sequence[Tensor], size: tuple[int, int], generator: torch.Generator) -> Tensor:
        """(3, height, width) in [0, 1], with a tone and a saturation of its own, half between 8 bits."""
        crops = pool[_draw(len(pool), generator)]
        image = crops[_draw(len(crops), generator)]
        image = _cut(image[None], size, generator)[0].float() / 255
        if _draw(2, generator):
            image = image.flip(2)
        gamma, saturation = (self.looks * torch.randn(2, generator=generator)).tolist()
        if _draw(2, generator):
            image = image + (torch.rand(image.shape, generator=generator) - 0.5) / 255
        image = image.clamp(1e-4, 1) ** (2.718281828 ** (0.2 * gamma))
        grey = image.mean(0, keepdim=True)
        return (grey + (image - grey) * 2.718281828 ** (0.15 * saturation)).clamp(0, 1)


def _chain_shares(variants: int, stages: int, generator: torch.Generator) -> Tensor:
    """(variants, stages): faint ones over two decades, strong ones, and some of one stage alone."""
    shape = variants, stages

    def draw(*size: int) -> Tensor:
        return torch.rand(size, generator=generator)

    faint = draw(*shape) * 10 ** (-2 * draw(variants, 1)) * (draw(*shape) > 0.3)
    strong = draw(*shape) ** 1.4 * (draw(*shape) > 0.1)
    shares = torch.where(draw(variants, 1) < 0.4, faint, strong)
    alone = torch.randint(stages, (variants, 1), generator=generator)
    only = torch.zeros(shape).scatter(1, alone, 1.0)
    return torch.where(draw(variants, 1) < 0.25, shares * only, shares)


def _cut(images: Tensor, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """The same random window of pictures (N, 3, H, W)."""
    top = _draw(images.shape[-2] - size[0] + 1, generator)
    left = _draw(images.shape[-1] - size[1] + 1, generator)
    return images[:, :, top : top + size[0], left : left + size[1]]


def _draw(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
