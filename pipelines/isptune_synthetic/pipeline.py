"""The synthetic pipeline: a chain of stages whose levels a hidden map sets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isptune.api import create_stage
from isptune.errors import ConfigurationError, StageError
from isptune.naming import did_you_mean, listed
from isptune.parameters import ParameterSpace
from isptune.pipeline import Pipeline, Scene
from isptune.scenes import load_scenes
from isptune.stage import Stage
from isptune_synthetic.chain import STORAGE, Chain, run_chain
from isptune_synthetic.maps import HiddenMap, hidden_maps, seeded_generator
from isptune_synthetic.stages.base import SyntheticStage

DEFAULT_STAGES = ("gaussian_blur", "brighten", "desaturate", "white_noise", "high_sharpen")

# Noise fields of at most this many bytes are kept between calls; a 4K field in float32 takes 100 MB.
_NOISE_BYTES = 512 * 2**20


# Elsewhere than on a CPU our stages work on whole batches, not on strips of a picture.
_WHOLE_BATCH_IMAGES = 9.0


class SyntheticPipeline(Pipeline):
    """Degrades pristine pictures by a chain of stages; the hidden optimum leaves them as they are.

    Parameters X go through a seeded hidden map to the stages' levels D, and each candidate's levels drive
    the chain on the whole batch at once. At ``optimum()`` every level is 0 and the picture comes out equal
    to the scene to the last bit (the experiment of the ScoreNet supplement, section 3).

    Args:
        scenes: image files, folders, globs, ``"chart"`` or ``"chart:WxH"``, (3, H, W) tensors in [0, 1],
            or ``Scene`` objects; the generated chart if None.
        stages: names of registered stages in the order of the chain, or mappings ``{"name": ...,
            "options": {...}}``; the default five if None. A stage may occur more than once.
        maps: a family of hidden maps, ``identity``, ``power``, ``sigmoid``, ``ripple`` or ``coupled``, or a
            mapping with its name and options.
        seed: of the hidden map and of the noise; the scenes are the same for every seed.
        crop: how large scenes are cropped: ``"auto"``, a size in pixels, or None for whole scenes.
        storage: the number type in which a picture is kept between the stages: ``"float32"``, or
            ``"bfloat16"`` or ``"float16"`` for half the memory. Stages compute in float32 all the same;
            the result is of that type. It rounds by up to 0.002 (half a step of 8 bits) in bfloat16 and
            0.00025 in float16 after each stage, at level 0 too, and later stages can amplify that:
            ``benchmarks/throughput`` states the error of the default chain.
        compile: run the chain on an accelerator through ``torch.compile``; where that fails, the plain chain
            runs and a warning says why. No effect on a CPU, whose loops are compiled already.

    Raises:
        ConfigurationError: no stage, an unknown key, or options that a stage or a map refuses.
        UnknownNameError: an unknown stage or map.
        ImageError: a scene that cannot be read.

    Example:
        >>> import torch
        >>> pipeline = SyntheticPipeline(scenes=[torch.rand(3, 48, 64)], seed=3)
        >>> pipeline.render(pipeline.space.start(), 0).shape
        torch.Size([1, 3, 48, 64])
    """

    has_reference = True
    takes_scenes = True
    name = "synthetic"

    def __init__(
        self,
        scenes: Sequence[str | Path | Tensor | Scene] | None = None,
        stages: Sequence[str | Mapping[str, Any]] | None = None,
        maps: str | Mapping[str, Any] = "power",
        seed: int = 0,
        crop: str | int | None = "auto",
        storage: str = "float32",
        compile: bool = False,
    ) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ConfigurationError(f"the seed is {seed}; allowed: whole numbers of at least 0")
        if storage not in STORAGE:
            raise ConfigurationError(
                f"the storage is {storage!r}; allowed: {listed(STORAGE)}{did_you_mean(str(storage), STORAGE)}"
            )
        if not isinstance(compile, bool):
            raise ConfigurationError(f"compile is {compile!r}; allowed: true or false")
        self.seed = seed
        self.storage = storage
        self.compile = compile
        self._compiled: Chain | None = None
        self.stages = [_create(create_stage, "stage", item) for item in _listed_stages(stages)]
        self.stage_names = tuple(stage.name for stage in self.stages)
        self.stage_families = tuple(stage.family for stage in self.stages)
        labels = _numbered([stage.name for stage in self.stages])
        for label, stage in zip(labels, self.stages, strict=True):
            stage.name = label
        self.truth_labels = tuple(labels)
        self.truth_maxima = tuple(float(stage.level_range[1]) for stage in self.stages)
        self.truth_units = tuple(stage.level_unit for stage in self.stages)
        self._map: HiddenMap = _create(
            hidden_maps.create, "hidden map", maps, maxima=self.truth_maxima, seed=seed
        )
        names = _numbered([stage.parameter_name or stage.name for stage in self.stages])
        self.space = ParameterSpace(self._map.parameters(names, self.truth_units))
        self.is_differentiable = all(stage.is_differentiable for stage in self.stages)
        self.working_images, self.working_images_with_gradients = _working_images(self.stages)
        self.scenes = load_scenes(["chart"] if scenes is None else scenes, crop=crop)
        self._noise: OrderedDict[tuple[Any, ...], Tensor] = OrderedDict()

    def truth(self, values: Tensor) -> Tensor:
        """(P, K) distortion levels of the candidates, in the stages' units, all 0 at ``optimum()``."""
        return self._map.levels(self.space.check(values))

    def optimum(self) -> Tensor:
        """(1, n) the values at which every level is 0: for evaluation alone, as ``truth`` is."""
        return self._map.optimum().unsqueeze(0)

    def reference(self, scene: Scene | int) -> Tensor:
        """(1, 3, H, W), the pristine picture."""
        return self.scene(scene).image.unsqueeze(0)

    def render(self, values: Tensor, scene: Scene | int) -> Tensor:
        """Render candidates on one scene, all in one batch.

        Args:
            values: (P, n) parameter values within ``space``.
            scene: one of ``scenes``, or its index.

        Returns:
            (P, 3, H, W) RGB in [0, 1], in the scene's number type, or in a shorter ``storage``.

        Raises:
            ParameterError: values of the wrong shape or outside their bounds.
            StageError: a stage raised or gave images of the wrong shape; its name is in the message.
        """
        scene = self.scene(scene)
        levels = self.truth(values)
        images = scene.image.expand(levels.shape[0], -1, -1, -1)
        noises = [self._noise_for(position, stage, scene) for position, stage in enumerate(self.stages)]
        columns = list(levels.to(images.device).unbind(1))
        dtype = STORAGE[self.storage]
        if self.compile and images.device.type != "cpu":
            if self._compiled is None:
                self._compiled = Chain(self.stages)
            return self._compiled(images, columns, noises, dtype)
        return run_chain(self.stages, images, columns, noises, dtype)

    def to(self, device: torch.device | str) -> SyntheticPipeline:
        """Move scenes and stages to a device and return the pipeline itself."""
        for scene in self.scenes:
            scene.image = scene.image.to(device)
        for stage in self.stages:
            stage.to(device)
        if torch.device(device).type != "cpu":
            self.working_images = max(self.working_images, _WHOLE_BATCH_IMAGES)
        self._noise.clear()
        return self

    def _noise_for(self, position: int, stage: Stage, scene: Scene) -> Tensor | None:
        """The stage's random numbers for a scene: drawn on the CPU from (seed, scene, position) alone."""
        if not stage.is_stochastic:
            return None
        image = scene.image
        key = (scene.index, scene.height, scene.width, position, image.device, image.dtype)
        if key in self._noise:
            self._noise.move_to_end(key)
            return self._noise[key]
        generator = seeded_generator(self.seed, "noise", scene.index, position)
        drawn = stage.draw(scene.height, scene.width, generator)
        if drawn is None:
            raise StageError(stage.name, ConfigurationError("it is stochastic, but draw() gave None"))
        self._noise[key] = drawn.to(device=image.device, dtype=image.dtype)
        while len(self._noise) > 1 and sum(map(_bytes, self._noise.values())) > _NOISE_BYTES:
            self._noise.popitem(last=False)
        return self._noise[key]


def _working_images(stages: Sequence[Stage]) -> tuple[float, float]:
    """Image-sized tensors that a candidate needs at the peak, without and with gradients."""
    highest = max(stage.working_images for stage in stages)
    # Our own stages write over the picture they are given; others hold their input beside their output.
    in_place = all(isinstance(stage, SyntheticStage) for stage in stages)
    recorded = sum(
        stage.recorded_images if isinstance(stage, SyntheticStage) else 4 * stage.working_images
        for stage in stages
    )
    return (highest if in_place else 1.0 + highest), 1.0 + recorded


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _listed_stages(stages: Sequence[str | Mapping[str, Any]] | None) -> list[str | Mapping[str, Any]]:
    if stages is None:
        return list(DEFAULT_STAGES)
    if isinstance(stages, (str, Mapping)) or not isinstance(stages, Sequence):
        raise ConfigurationError(
            f"stages is {stages!r}; it must be a list of stage names or of mappings with a name and options"
        )
    if not stages:
        raise ConfigurationError("the pipeline 'synthetic' needs at least one stage, got an empty list")
    return list(stages)


def _create(create: Any, kind: str, item: Any, **more: Any) -> Any:
    """What a name, or a mapping with a name and options, stands for."""
    if isinstance(item, str):
        return create(item, **more)
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        raise ConfigurationError(
            f"a {kind} is written as its name or as a mapping with name and options, got {item!r}"
        )
    for key in item:
        if key not in ("name", "options"):
            raise ConfigurationError(
                f"the {kind} '{item['name']}' has the unknown key '{key}'"
                + did_you_mean(str(key), ("name", "options"))
                + f"; allowed: {listed(('name', 'options'))}"
            )
    options = item.get("options") or {}
    if not isinstance(options, Mapping):
        raise ConfigurationError(
            f"the options of the {kind} '{item['name']}' must be a mapping, got {options!r}"
        )
    for key in options:
        if key in more:
            raise ConfigurationError(
                f"the option '{key}' of the {kind} '{item['name']}' is set by the pipeline itself"
            )
    return create(item["name"], **options, **more)


def _numbered(names: Sequence[str]) -> list[str]:
    """The names, with _2, _3, ... after those that occurred before."""
    numbered: list[str] = []
    for name in names:
        count, candidate = 1, name
        while candidate in numbered:
            count += 1
            candidate = f"{name}_{count}"
        numbered.append(candidate)
    return numbered
