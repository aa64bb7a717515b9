"""Any registered stages in a row, tuned by their own parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from isptune.contracts.distortion import Distortion
from isptune.contracts.pipeline import Pipeline, Scene
from isptune.contracts.stage import Stage
from isptune.errors import ConfigurationError
from isptune.parameters import ParameterSpace
from isptune.scenes import load_scenes
from isptune.scenes.scene_pictures import picture_of, picture_window, whole_picture
from isptune.stages.chain import Chain, check_domains
from isptune.stages.from_names import make_stages, numbered
from isptune.stages.values import values_of

_KEYS = ("name", "prefix", "options")

Picture = str | Path | Tensor | Scene


class ChainPipeline(Pipeline):
    """Any registered stages in a row, tuned by their own parameters.

    The search space has each as ``PREFIX.PARAMETER``.

    Args:
        stages: names of registered stages in the order of the chain, or mappings ``{"name": ...,
            "prefix": ..., "options": {...}}``. A stage may occur more than once. The prefix is the stage's
            name if none is given, of ``kornia:NAME`` without the family, with _2, _3, ... where it is taken.
        scenes: image files, folders, globs, ``"chart"`` or ``"chart:WxH"``, (3, H, W) tensors in [0, 1],
            or ``Scene`` objects; the generated chart if None.
        target: what results are compared with, given like the scenes: one picture for each, of the same
            size; the scenes themselves if None.
        seed: of the noise that stages draw.
        crop: how large scenes are cropped: ``"auto"``, a size in pixels, or None for whole scenes.
        storage: the number type in which a picture is kept between the stages: ``"float32"``, or
            ``"bfloat16"`` or ``"float16"`` for half the memory.
        compile: run the chain on an accelerator through ``torch.compile``.

    Raises:
        ConfigurationError: no stage, an unknown key, two stages of one prefix, stages that do not fit one
            behind the other, no parameter at all, or options that a stage refuses.
        UnknownNameError: an unknown stage.
        ImageError: a picture that cannot be read, or targets of other sizes.

    Example:
        >>> pipeline = ChainPipeline(
        ...     [{"name": "gaussian_blur", "prefix": "lens"}, "brighten"], scenes=["chart:64x48"]
        ... )
        >>> pipeline.space.names
        ['lens.level', 'brighten.level']
        >>> pipeline.render(pipeline.space.start(), 0).shape
        torch.Size([1, 3, 48, 64])
    """

    has_reference = True
    takes_scenes = True
    name = "chain"
    scene_domain: ClassVar[str] = "encoded"
    # It follows from the stages: `isptune list` shows a dash, every object its own fact.
    is_differentiable: bool = None  # type: ignore[assignment]

    def __init__(
        self,
        stages: Sequence[str | Mapping[str, Any]],
        scenes: Sequence[Picture] | None = None,
        target: Picture | Sequence[Picture] | None = None,
        seed: int = 0,
        crop: str | int | None = "auto",
        storage: str = "float32",
        compile: bool = False,
    ) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ConfigurationError(f"the seed is {seed}; allowed: whole numbers of at least 0")
        self.seed = seed
        made = make_stages(stages, f"the pipeline '{self.name}'", _KEYS)
        self.stages = [stage for stage, _ in made]
        self.stage_names = tuple(stage.name for stage in self.stages)
        self.stage_families = tuple(
            stage.family if isinstance(stage, Distortion) else "" for stage in self.stages
        )
        self.prefixes = _prefixes(made)
        # Before they are called by their prefixes: a wrong order is a matter of the stages themselves.
        check_domains(self.stages, before=self.scene_domain, after="encoded")
        for prefix, stage in zip(self.prefixes, self.stages, strict=True):
            stage.name = prefix
        self._chain = Chain(self.stages, seed=seed, storage=storage, compile=compile)
        declared = {
            f"{prefix}.{name}": kind
            for prefix, stage in zip(self.prefixes, self.stages, strict=True)
            for name, kind in stage.declared.items()
        }
        if not declared:
            raise ConfigurationError(
                f"no stage of the pipeline '{self.name}' has a parameter, so there is nothing to tune"
            )
        self.space = ParameterSpace(declared)
        self.is_differentiable = self._chain.is_differentiable
        self._take_memory_facts()
        self.scenes = self.load(["chart"] if scenes is None else scenes, target, crop)

    def load(
        self, scenes: Sequence[Picture], target: Picture | Sequence[Picture] | None, crop: str | int | None
    ) -> list[Scene]:
        """Make the scenes; a pipeline on other pictures than encoded ones overrides it."""
        return load_scenes(scenes, crop=crop, references=target)

    def begun(self, scene: Scene) -> Tensor:
        """(C, H, W), what the first stage gets of a scene; a subclass may override it."""
        return picture_of(scene)

    def ended(self, images: Tensor, scene: Scene) -> Tensor:
        """(P, 3, H, W), the result, of what the last stage gave; a subclass may override it."""
        return images

    def render(self, values: Tensor, scene: Scene | int) -> Tensor:
        """Render candidates on one scene, all in one batch.

        Args:
            values: (P, n) parameter values within ``space``.
            scene: one of ``scenes``, or its index.

        Returns:
            (P, 3, H, W) RGB in [0, 1], in the scene's number type, or in a shorter ``storage``.

        Raises:
            ParameterError: values of the wrong shape or outside their bounds.
            StageError: a stage raised or gave images of the wrong shape; its prefix is in the message.
        """
        scene = self.scene(scene)
        image = self.begun(scene)
        values = self.space.check(values).to(image.device)
        by_stage = []
        first = 0
        for stage in self.stages:
            last = first + len(stage.declared)
            by_stage.append(values_of(stage.declared, values[:, first:last]))
            first = last
        images = self._chain(image.expand(len(values), -1, -1, -1), by_stage, scene.index)
        return self.ended(images, scene)

    def whole(self, scene: Scene | int) -> Scene:
        """The whole picture that a scene is a crop of."""
        return whole_picture(self.scene(scene))

    def window(self, scene: Scene, place: tuple[int, int, int, int]) -> Scene | None:
        """A part of the picture, which the stages take for all of it."""
        return picture_window(scene, place)

    def to(self, device: torch.device | str) -> ChainPipeline:
        """Move scenes and stages to a device and return the pipeline itself."""
        super().to(device)
        self._chain.to(device)
        self._take_memory_facts()
        return self

    def _take_memory_facts(self) -> None:
        self.memory = self._chain.memory


def _prefixes(made: Sequence[tuple[Stage, Mapping[str, Any]]]) -> list[str]:
    """What the names of each stage's parameters begin with."""
    given: dict[str, str] = {}
    for stage, item in made:
        prefix = item.get("prefix")
        if prefix is None:
            continue
        if not isinstance(prefix, str) or re.search(r"[\s=:,*?\[\]]", prefix) or not all(prefix.split(".")):
            raise ConfigurationError(
                f"the prefix of the stage '{stage.name}' is {prefix!r}; allowed: a text without spaces, "
                "none of = : , * ? [ ], and no empty part between dots"
            )
        if prefix in given:
            raise ConfigurationError(
                f"two stages of the chain have the prefix '{prefix}', '{given[prefix]}' and '{stage.name}'; "
                "give one of them another"
            )
        given[prefix] = stage.name
    # A parameter's name holds no colon: of `kornia:box_blur` it begins with `box_blur`.
    names = [stage.name.rpartition(":")[2] for stage, item in made if item.get("prefix") is None]
    free = iter(numbered(names, taken=list(given)))
    return [next(free) if item.get("prefix") is None else str(item["prefix"]) for _, item in made]
