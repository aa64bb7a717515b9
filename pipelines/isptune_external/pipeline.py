"""Bases of pipelines that develop one candidate at a time outside of isptune."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from isptune import Development, ParameterSpace, Pipeline, Scene
from isptune.errors import ConfigurationError
from isptune.storage.paths import shown
from isptune_external.canary import check_canary
from isptune_external.scratch import sweep
from isptune_raw import RawImage, raw_scenes
from isptune_raw.scenes import raw_digest, raw_window, raw_work, whole_scene

RawSource = str | Path | RawImage | Scene
Reference = str | Path | Tensor


class ExternalPipeline(Pipeline):
    """A program, a library or a device that makes one picture at a time, with a canary before every run.

    Attributes:
        canary: whether ``before_run`` checks that every parameter does something, see ``check_canary``.
        tolerance: how much two pictures of the same values may differ, as a mean where white is 1.
        matter_in_some: names of parameters that are known to work, but do nothing in pictures without clipped
            highlights, say: there the canary warns instead of refusing.
    """

    development = Development(workers=None, timeout=120.0)
    # It follows from the scenes: `isptune list` shows a dash, every object its own fact.
    has_reference: bool = None  # type: ignore[assignment]

    canary: bool = True
    tolerance: float = 0.0
    matter_in_some: tuple[str, ...] = ()

    def before_run(self, space: ParameterSpace) -> None:
        """Refuse a parameter that does nothing, and pictures that do not repeat; see ``check_canary``."""
        if self.canary:
            check_canary(self, space, self.tolerance)

    def before_run_key(self, space: ParameterSpace) -> str | None:
        """Of the program, the options, what is searched and the scenes; None where one of them is unknown."""
        program, options = self.program_facts(), getattr(self, "options", None)
        digests = [self.digest(scene) for scene in self.scenes]
        if not self.canary or program is None or options is None or None in digests:
            return None
        held = [self.name, program, self.tolerance, space.to_dict(), digests]
        told = {name: value for name, value in options.items() if name not in ("scenes", "reference")}
        text = json.dumps([*held, told], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def program_facts(self) -> Any:
        """What tells one version of the program from another, for JSON; None where nothing does."""
        known = self.versions and "unknown" not in self.versions.values()
        return dict(self.versions) if known else None

    def warm_up(self) -> None:
        """Remove the temporary folders of workers that were killed."""
        sweep()

    def take_scenes(self, scenes: Sequence[Scene]) -> None:
        """Keep scenes, all of which have a reference or none.

        Raises:
            ConfigurationError: some have one and some have none.
        """
        without = [scene.name for scene in scenes if scene.reference is None]
        if 0 < len(without) < len(scenes):
            raise ConfigurationError(
                f"the scene '{shown(without[0])}' has no reference, and others have one; give one for each "
                "(x.reference.png beside x.dng, or the option reference), or none"
            )
        self.scenes = list(scenes)
        self.has_reference = not without
        sweep()


class RawPipeline(ExternalPipeline):
    """An external ISP that is fed with raw pictures; the payload of its scenes are ``RawView`` objects."""

    takes_scenes = True
    takes_raw: ClassVar[bool] = True

    def take_raw_scenes(
        self,
        scenes: RawSource | Sequence[RawSource] | None,
        reference: Reference | Sequence[Reference] | None,
        crop: str | int | None,
        seed: int,
    ) -> None:
        """Make the scenes as ``isptune_raw.raw_scenes`` does, and keep them."""
        self.take_scenes(raw_scenes(scenes, reference=reference, crop=crop, seed=seed))

    def digest(self, scene: Scene | int) -> str | None:
        """Of the raw numbers, all that decides how they are developed, and the reference."""
        return raw_digest(self.scene(scene))

    def whole(self, scene: Scene | int) -> Scene:
        """The whole raw picture that a scene is a crop of."""
        return whole_scene(self.scene(scene))

    def window(self, scene: Scene, place: tuple[int, int, int, int]) -> Scene | None:
        """A part of the mosaic, with a margin."""
        return raw_window(scene, place)

    def work(self, scene: Scene) -> float:
        """The pixels of the mosaic, margins included."""
        return raw_work(scene)
