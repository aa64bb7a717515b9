"""``proposer`` as a learner: ``isptune train proposer`` makes it, ``isptune tune --proposer`` takes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from isptune.contracts.pipeline import Pipeline
from isptune.contracts.suggesting import Suggesting
from isptune.contracts.truthful import Truthful
from isptune.errors import ConfigurationError
from isptune.iqa.training import Features, Learner
from isptune.iqa.training.checkpoint import FILE
from isptune.parameters import ParameterSpace
from isptune.plugins import registry
from isptune.plugins.option_types import Seed, Size
from isptune.storage.writing import write_whole
from isptune.wording.naming import listed
from isptune_proposer.choosing import chosen
from isptune_proposer.design import probe_design
from isptune_proposer.network import Mixture, ProposerNetwork
from isptune_proposer.statistics import COUNT, SMALLEST, picture_statistics
from isptune_proposer.tasks import drawable

# What is read off a picture of a pipeline whose levels are not known.
_HIDDEN_LEVELS = 8
# Weights of the parts of the loss: levels, answers of pictures, answers of tasks without pictures.
_OF_LEVELS, _OF_PICTURES, _OF_OTHERS = 1.0, 0.3, 0.7
# The side of the squares that large pictures are read in, and how many of a picture.
_TILE, _TILES = 256, 9
# Factors of the deviations that calibration tries.
_FACTORS = torch.linspace(0.5, 2.0, 31)


class ProposerLearner(Suggesting, Learner):
    """A network that proposes a pipeline's parameters from pictures at its defaults and at a few probes.

    It reads levels of faults off each picture, knowing the others, and from these where the best parameters
    may lie: a mixture of normal distributions, from which the candidates are chosen. It never sees a truth
    or a reference, and no scores either.

    Args:
        pipeline: what is tuned, ``isptune.contracts.simulated.Simulated``; the default pipeline if None.
        options: of the pipeline.
        probes: how many settings are looked at beside the defaults.
        hidden: width of the layers.
        parts: of the mixture.
        seed: of the initial weights.

    Raises:
        ConfigurationError: no tasks can be drawn from the pipeline.
    """

    name = "proposer"
    caches_features = True
    higher_is_better = False
    losses = "mse=1"
    data: ClassVar[str] = "isptune_proposer.tasks:TaskSource"

    def __init__(
        self,
        pipeline: str | None = None,
        options: Mapping[str, Any] | None = None,
        probes: Annotated[int, Field(ge=1, le=256)] = 8,
        hidden: Size = 256,
        parts: Annotated[int, Field(ge=1, le=64)] = 6,
        seed: Seed = 0,
    ) -> None:
        super().__init__()
        self._pipeline = pipeline or registry.pipelines.default()
        self._options = dict(options or {})
        made = drawable(self._pipeline, self._options)
        self._space = made.space
        self.labels = tuple(parameter.name for parameter in made.space.free)
        self.probes = 1 + probes
        self._truthful = isinstance(made, Truthful)
        levels = len(made.truth_labels) if isinstance(made, Truthful) else _HIDDEN_LEVELS
        self.synthetic = {"pipeline": self._pipeline, "options": self._options, "probes": probes}  # type: ignore[misc]
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.network = ProposerNetwork(COUNT, 1 + probes, levels, len(self.labels), hidden, parts)
        self.design: Tensor
        self.register_buffer("design", probe_design(probes, len(self.labels)))
        # What the deviations of answers are multiplied by, as tasks that were held out ask.
        self.widening: Tensor
        self.register_buffer("widening", torch.ones(()))
        self._configuration = {
            "pipeline": self._pipeline,
            "options": self._options,
            "probes": probes,
            "hidden": hidden,
            "parts": parts,
            "seed": seed,
        }

    def configuration(self) -> dict[str, Any]:
        return dict(self._configuration)

    def encoding(self) -> dict[str, Any]:
        """Statistics are the same whatever the network makes of them."""
        kept = ("pipeline", "options", "probes")
        return {"learner": self.name, **{key: self._configuration[key] for key in kept}}

    def fit(self, features: Features) -> None:
        """Standardise the statistics."""
        found = features["statistics"].flatten(0, 1)
        self.network.mean.copy_(found.mean(0))
        self.network.deviation.copy_(found.std(0) + 1e-3)

    def forward(self, features: Features) -> Tensor:
        levels, spreads = self.network.read(features["statistics"])
        belief = self.network.solve(levels, spreads)
        if self.training:
            self._belief, self._read = belief, (levels, spreads)
            self._known = features
        return belief.middle()

    def own_loss(self, predictions: Tensor, targets: Tensor, contents: Tensor) -> Tensor:
        """The surprise at the answers, and errors of the levels where these are known."""
        loss = _OF_PICTURES * self._belief.surprise(targets)
        if not self._truthful:
            return loss / _OF_PICTURES
        levels, spreads = self._read
        known = self._known["levels"]
        errors = levels - known
        size = errors.abs().detach()
        of_levels = (
            3 * F.huber_loss(levels, known, delta=0.05) / 0.05
            + 2 * (levels.sqrt() - known.sqrt()).abs().mean()
            + 0.2 * (size * torch.exp(-spreads) + spreads).mean()
        )
        loss = loss + _OF_LEVELS * of_levels
        if "other_levels" in self._known:
            loss = loss + _OF_OTHERS * self._of_others(errors.detach(), spreads.detach())
        return loss

    def _of_others(self, errors: Tensor, spreads: Tensor) -> Tensor:
        """The surprise at answers of tasks without pictures, whose levels are read with errors of others.

        There are as many of them as one likes, where pictures take time.
        """
        levels, answers = self._known["other_levels"], self._known["other_answers"]
        tasks, beside = levels.shape[:2]
        others = levels.flatten(0, 1)
        off = errors.repeat_interleave(beside, 0)
        sign = torch.where(torch.arange(tasks * beside, device=off.device) % 2 > 0, 1.0, -1.0)
        seen = (others + sign[:, None, None] * off).clamp(1e-4, 1)
        return self.network.solve(seen, spreads.repeat_interleave(beside, 0)).surprise(answers.flatten(0, 1))

    def calibrate(self, batches: Iterator[tuple[Features, Tensor]]) -> None:
        """Widen or narrow what is believed so that it is right about tasks that were held out."""
        surprises = torch.zeros(len(_FACTORS))
        with torch.no_grad():
            for features, targets in batches:
                belief = self.network.solve(*self.network.read(features["statistics"]))
                surprises += torch.stack(
                    [_widened(belief, factor).surprise(targets.to(factor)).cpu() for factor in _FACTORS]
                )
        self.widening.copy_(_FACTORS[int(surprises.argmin())])

    def export(self, folder: Path) -> None:
        """Write proposer.safetensors, the checkpoint in half precision, as a pipeline brings it."""
        from safetensors import safe_open
        from safetensors.torch import save

        with safe_open(str(folder / FILE), framework="pt") as handle:
            # The network's weights alone: statistics and probes keep all their digits.
            tensors = {
                key: handle.get_tensor(key).half()
                if key.endswith(("weight", "bias"))
                else handle.get_tensor(key)
                for key in handle.keys()  # noqa: SIM118 (not a mapping)
            }
            write_whole(folder / "proposer.safetensors", save(tensors, metadata=handle.metadata()))

    def suggestions(self, pipeline: Pipeline, count: int) -> tuple[Tensor, Tensor]:
        """Candidates from pictures of the probes; see ``Suggesting``."""
        self._require_same(pipeline)
        space = pipeline.space
        unit = torch.cat([space.to_unit(space.start()), self.design.double().cpu()])
        belief = self.belief(pipeline, space.to_values(unit))
        return space.to_values(chosen(belief, count).round(decimals=4)), space.to_values(unit)

    @torch.no_grad()
    def belief(self, pipeline: Pipeline, probes: Tensor) -> Mixture:
        """Where the answer may lie, given what the pipeline makes of its probes (P, n) on all its scenes."""
        read = [
            self.network.read(torch.stack(sets, dim=1))
            for scene in pipeline.scenes
            for sets in [_statistics_of(pipeline, probes, scene)]
        ]
        levels, spreads = (torch.cat(parts) for parts in zip(*read, strict=True))
        # Surer readings count more; that they agree makes none of them surer, as their faults are alike.
        sureness = torch.exp(-2 * spreads)
        middle = (sureness * levels).sum(0, keepdim=True) / sureness.sum(0, keepdim=True)
        spread = -0.5 * torch.log(sureness.mean(0, keepdim=True))
        return _widened(self.network.solve(middle, spread), self.widening)

    def _require_same(self, pipeline: Pipeline) -> None:
        """Refuse a pipeline that this proposer was not trained for."""
        if not _are_alike(pipeline.space, self._space):
            named = listed(repr(name) for name in self.labels)
            raise ConfigurationError(
                f"the proposer is for the pipeline '{self._pipeline}' with the parameters {named}, and the "
                f"pipeline '{pipeline.name}' has others or other ranges; train one for it: "
                "isptune train proposer"
            )
        if not pipeline.scenes:
            raise ConfigurationError(
                f"the pipeline '{pipeline.name}' has no scenes that a proposer could see"
            )
        for scene in pipeline.scenes:
            if min(scene.height, scene.width) < SMALLEST:
                raise ConfigurationError(
                    f"the scene '{scene.name}' has {scene.width} x {scene.height} pixels; a proposer needs "
                    f"at least {SMALLEST} a side"
                )


def _are_alike(one: ParameterSpace, other: ParameterSpace) -> bool:
    return one == other


def _widened(belief: Mixture, factor: Tensor) -> Mixture:
    return Mixture(belief.weights, belief.means, belief.spreads + torch.log(factor))


def _statistics_of(pipeline: Pipeline, probes: Tensor, scene: Any) -> list[Tensor]:
    """For each probe (T, F) statistics of the squares of its picture of a scene."""
    found = []
    for row in probes.split(1):
        picture = pipeline.render(row, scene).float().cpu()
        found.append(picture_statistics(torch.cat(_squares(picture))))
    return found


def _squares(picture: Tensor) -> list[Tensor]:
    """Squares of a picture (1, 3, H, W), spread evenly over it; a small picture itself."""
    height, width = picture.shape[-2:]
    if max(height, width) < 2 * _TILE:
        return [picture]
    side = min(height, width, _TILE)
    across, down = (min(3, max(1, size // side)) for size in (width, height))
    assert across * down <= _TILES
    return [
        picture[..., top : top + side, left : left + side]
        for top in _places(height, side, down)
        for left in _places(width, side, across)
    ]


def _places(size: int, side: int, count: int) -> list[int]:
    room = size - side
    return [round(room * (index + 0.5) / count) for index in range(count)]
