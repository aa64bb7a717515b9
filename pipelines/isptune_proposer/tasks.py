"""Training data of a proposer: tuning tasks with known answers, seen through probes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from isptune.contracts.pipeline import Pipeline
from isptune.contracts.simulated import Simulated
from isptune.contracts.truthful import Truthful
from isptune.errors import ConfigurationError
from isptune.iqa.training.batch_source import Batch
from isptune.iqa.training.contents import pristine_contents
from isptune.plugins import registry
from isptune.plugins.option_types import Seed
from isptune_proposer.design import probe_design
from isptune_proposer.statistics import SMALLEST, picture_statistics

# Seeds of tasks begin here, far from those that people give to their own.
_FIRST_SEED = 1 << 32
# Contents are cut larger than the pictures, so that one is seen at many places.
_ROOM = 1.3


def drawable(name: str, options: Mapping[str, Any]) -> Pipeline:
    """The pipeline that tasks are drawn from; its own scenes are of no use.

    Raises:
        ConfigurationError: no tasks can be drawn from it.
    """
    factory = registry.pipelines.get(name)
    if not (isinstance(factory, type) and issubclass(factory, Simulated)):
        raise ConfigurationError(
            f"the pipeline '{name}' gives no tasks with known answers to train a proposer on; allowed: one "
            "that is isptune.contracts.simulated.Simulated"
        )
    given = dict(options)
    if registry.pipelines.fact(name, "takes_scenes", False):
        given.setdefault("scenes", [f"chart:{SMALLEST}x{SMALLEST}"])
    made: Pipeline = registry.pipelines.create(name, **given)
    return made


class TaskSource:
    """Tuning tasks: each a picture, hidden settings of the pipeline, its probes' statistics, and the answer.

    Args:
        images: files, folders, globs or ``chart:WIDTHxHEIGHT``: the pristine pictures.
        pipeline, options: what is probed, see ``ProposerLearner``.
        probes: their number, beside the pipeline's defaults.
        crop: side of the pictures in pixels.
        contents: tasks of a batch.
        beside: further tasks for each of them, of which levels and answers are made, but no pictures; none
            where the pipeline does not know its levels.
        held_out: batches that training is judged by.
        looks: how far pictures differ in gamma and saturation beyond what they do themselves.
        seed: of everything.

    Raises:
        ConfigurationError: no tasks can be drawn from the pipeline.
    """

    def __init__(
        self,
        images: Sequence[str | Path],
        pipeline: str,
        options: Mapping[str, Any] | None = None,
        probes: Annotated[int, Field(ge=1, le=256)] = 8,
        crop: Annotated[int, Field(ge=64, le=4096)] = 192,
        contents: Annotated[int, Field(ge=1, le=4096)] = 32,
        beside: Annotated[int, Field(ge=0, le=1024)] = 8,
        looks: Annotated[float, Field(ge=0, le=10)] = 0.7,
        held_out: Annotated[int, Field(ge=1, le=256)] = 8,
        seed: Seed = 0,
    ) -> None:
        self._drawable = drawable(pipeline, options or {})
        self._facts = {
            "images": [str(image) for image in images],
            "pipeline": pipeline,
            "options": dict(options or {}),
            "probes": probes,
            "crop": crop,
            "contents": contents,
            "beside": beside,
            "looks": looks,
            "seed": seed,
        }
        self.crop, self.contents, self.beside, self.looks, self.seed = crop, contents, beside, looks, seed
        self.held_out, self._knows_levels = held_out, isinstance(self._drawable, Truthful)
        space = self._drawable.space
        unit = torch.cat([space.to_unit(space.start()), probe_design(probes, len(space.free))])
        self._probes = space.to_values(unit)
        self._training, self._validation = pristine_contents(images, round(crop * _ROOM), seed)
        self.steps_per_epoch = max(1, sum(map(len, self._training)) // contents)

    def batch(self, step: int) -> Batch:
        return self._made(self._training, 2 * step)

    def validation(self) -> Iterator[Batch]:
        for index in range(self.held_out):
            yield self._made(self._validation, 2 * index + 1)

    def describe(self) -> dict[str, Any]:
        """Plain data that changes with anything that changes the batches."""
        return dict(self._facts)

    def _made(self, pool: Sequence[Tensor], number: int) -> Batch:
        """A batch; even numbers are for training and odd ones for validation, so that no task is of both."""
        first = _FIRST_SEED + (self.seed * 1_000_003 + number) * self.contents * (1 + self.beside)
        rows = [self._task(pool, first + index * (1 + self.beside)) for index in range(self.contents)]
        features = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
        answers = features.pop("answers")
        return Batch(features, answers, torch.arange(self.contents))

    def _task(self, pool: Sequence[Tensor], seed: int) -> dict[str, Tensor]:
        picture = self._picture(pool, random.Random(seed))
        task = self._simulated([picture], seed)
        with torch.no_grad():
            found = {"statistics": picture_statistics(task.render(self._probes, 0))}
        found["levels"], found["answers"] = self._known(task)
        beside = self.beside if self._knows_levels else 0
        others = [self._known(self._simulated(None, seed + 1 + index)) for index in range(beside)]
        if others:
            found["other_levels"] = torch.stack([levels for levels, _ in others])
            found["other_answers"] = torch.stack([answer for _, answer in others])
        return found

    def _simulated(self, pictures: Sequence[Tensor] | None, seed: int) -> Pipeline:
        assert isinstance(self._drawable, Simulated)
        return self._drawable.simulated(pictures, seed)

    def _known(self, task: Pipeline) -> tuple[Tensor, Tensor]:
        """(P, K) levels of the probes as shares of the highest, K = 0 where unknown, and the answer (n,)."""
        assert isinstance(task, Simulated)
        levels = torch.zeros(len(self._probes), 0)
        if isinstance(task, Truthful):
            levels = task.truth(self._probes) / torch.tensor(task.truth_maxima, dtype=torch.float64)
        return levels.float(), task.space.to_unit(task.answer())[0].float()

    def _picture(self, pool: Sequence[Tensor], generator: random.Random) -> Tensor:
        """(3, crop, crop) in [0, 1], turned, and with a tone and a saturation of its own."""
        crops = pool[generator.randrange(len(pool))]
        image = crops[generator.randrange(len(crops))]
        room = image.shape[-1] - self.crop + 1
        top, left = generator.randrange(room), generator.randrange(room)
        image = image[:, top : top + self.crop, left : left + self.crop].float() / 255
        image = torch.rot90(image, generator.randrange(4), (1, 2))
        image = image.flip(2) if generator.randrange(2) else image
        gamma, saturation = (2 ** (self.looks * width * generator.gauss(0, 1)) for width in (0.3, 0.25))
        image = image.clamp(min=1e-4) ** gamma
        grey = image.mean(0, keepdim=True)
        return (grey + (image - grey) * saturation).clamp(0, 1).contiguous()
