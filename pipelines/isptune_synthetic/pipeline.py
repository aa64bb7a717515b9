"""The synthetic pipeline: a chain of stages whose levels a hidden map sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isptune.contracts.distortion import Distortion
from isptune.contracts.pipeline import Pipeline, Scene
from isptune.contracts.simulated import Simulated
from isptune.contracts.stage import Stage
from isptune.contracts.truthful import Truthful
from isptune.contracts.variants import Variants
from isptune.errors import ConfigurationError
from isptune.parameters import ParameterSpace
from isptune.scenes import load_scenes
from isptune.scenes.scene_pictures import picture_of, picture_window, whole_picture
from isptune.stages.chain import Chain, check_domains
from isptune.stages.from_names import create_named, make_stages, numbered
from isptune.wording.integers import whole_number
from isptune_synthetic.maps import HiddenMap, hidden_maps

# The families that are drawn from: each hides its optimum.
_DRAWN = ("power", "sigmoid", "ripple", "coupled")
DEFAULT_STAGES = ("gaussian_blur", "brighten", "desaturate", "white_noise", "high_sharpen")


class SyntheticPipeline(Simulated, Truthful, Pipeline):
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
    variants = Variants(option="seed", name="map")
    # Without a hidden map parameters are the levels themselves.
    render_options = {"maps": "identity"}  # noqa: RUF012
    # Of the default chain; an object knows it of its own.
    is_differentiable = True
    # Of the default chain, trained by one command: see PROPOSER.md.
    proposer = "proposer.safetensors"
    name = "synthetic"

    def __init__(
        self,
        scenes: str | Path | Tensor | Scene | Sequence[str | Path | Tensor | Scene] | None = None,
        stages: Sequence[str | Mapping[str, Any]] | None = None,
        maps: str | Mapping[str, Any] = "power",
        seed: int = 0,
        crop: str | int | None = "auto",
        storage: str = "float32",
        compile: bool = False,
    ) -> None:
        seed = whole_number("the seed", seed, 0)
        self.seed = seed
        self.stages = [
            _distortion(stage)
            for stage, _ in make_stages(
                list(DEFAULT_STAGES) if stages is None else stages, f"the pipeline '{self.name}'"
            )
        ]
        self.stage_names = tuple(stage.name for stage in self.stages)
        self.stage_families = tuple(stage.family for stage in self.stages)
        labels = numbered([stage.name for stage in self.stages])
        for label, stage in zip(labels, self.stages, strict=True):
            stage.name = label
        self._drawing = storage, compile
        self._chain = self._seeded_chain(seed)
        check_domains(self.stages, before="encoded", after="encoded")
        self.truth_labels = tuple(labels)
        self.truth_maxima = tuple(float(stage.level_range[1]) for stage in self.stages)
        self.truth_units = tuple(stage.level_unit for stage in self.stages)
        self._map: HiddenMap = create_named(
            hidden_maps.create, "hidden map", maps, maxima=self.truth_maxima, seed=seed
        )
        names = numbered([stage.parameter_name or stage.name for stage in self.stages])
        self.space = ParameterSpace(self._map.parameters(names, self.truth_units))
        self.is_differentiable = self._chain.is_differentiable
        # The latest candidates, which were checked against this space, and their levels.
        self._latest: tuple[ParameterSpace, Tensor, Tensor] | None = None
        self._take_memory_facts()
        self.scenes = load_scenes(["chart"] if scenes is None else scenes, crop=crop)

    def truth(self, values: Tensor) -> Tensor:
        """(P, K) distortion levels of the candidates, in the stages' units, all 0 at ``optimum()``."""
        if values.requires_grad:
            return self._map.levels(self.space.check(values))
        # Each scene of a generation asks for the levels of the same candidates, and so does the log.
        latest = self._latest
        if latest is None or latest[0] is not self.space or not _are_same(values, latest[1]):
            latest = self.space, values.clone(), self._map.levels(self.space.check(values))
            self._latest = latest
        return latest[2].clone()

    def optimum(self) -> Tensor:
        """(1, n) the values at which every level is 0: for evaluation alone, as ``truth`` is."""
        return self._map.optimum().unsqueeze(0)

    def answer(self) -> Tensor:
        return self.optimum()

    def simulated(self, pictures: Sequence[Tensor] | None, seed: int) -> SyntheticPipeline:
        """The same chain behind a map of another family, with an optimum and noise of its own.

        The four families whose optimum lies inside take turns.
        """
        made = copy(self)
        made.seed, made._latest = seed, None
        family = _DRAWN[seed % len(_DRAWN)]
        made._map = hidden_maps.create(family, maxima=self.truth_maxima, seed=seed)
        names = [parameter.name for parameter in self.space.parameters]
        made.space = ParameterSpace(made._map.parameters(names, self.truth_units))
        if pictures is not None:
            made._chain = made._seeded_chain(seed)
            made.scenes = load_scenes(list(pictures), crop=None)
        return made

    def _seeded_chain(self, seed: int) -> Chain:
        storage, compile = self._drawing
        return Chain(self.stages, seed=seed, storage=storage, compile=compile)

    def whole(self, scene: Scene | int) -> Scene:
        """The whole picture that a scene is a crop of."""
        return whole_picture(self.scene(scene))

    def window(self, scene: Scene, place: tuple[int, int, int, int]) -> Scene | None:
        """A part of the picture, which the stages take for all of it."""
        return picture_window(scene, place)

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
        images = picture_of(scene).expand(levels.shape[0], -1, -1, -1)
        columns = levels.to(images.device).unbind(1)
        return self._chain(images, [{"level": column} for column in columns], scene.index)

    def to(self, device: torch.device | str) -> SyntheticPipeline:
        """Move scenes and stages to a device and return the pipeline itself."""
        super().to(device)
        self._chain.to(device)
        self._take_memory_facts()
        return self

    def _take_memory_facts(self) -> None:
        self.memory = self._chain.memory


def _are_same(values: Tensor, others: Tensor) -> bool:
    if (values.dtype, values.device) != (others.dtype, others.device):
        return False
    return torch.equal(values, others)


def _distortion(stage: Stage) -> Distortion:
    """The stage, which a hidden map can drive."""
    if not isinstance(stage, Distortion):
        raise ConfigurationError(
            f"the stage '{stage.name}' is no distortion: it has {len(stage.declared)} parameters of its own, "
            "where a hidden map drives one level; tune it in the pipeline 'chain'"
        )
    return stage
