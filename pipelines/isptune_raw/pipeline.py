"""From raw pictures to RGB by a chain of stages with gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from isptune.contracts.pipeline import Scene
from isptune.contracts.requirements import Packaging
from isptune.contracts.simulated import Simulated
from isptune.errors import ConfigurationError
from isptune_chain.pipeline import ChainPipeline
from isptune_raw.mosaic import RawImage
from isptune_raw.scenes import raw_digest, raw_scenes, raw_window, raw_work, view_of, whole_scene
from isptune_raw.sensor import Sensor, SensorStage
from isptune_raw.tasks import Taking, begun_values, best_values
from isptune_raw.views import RawView

STAGES = (
    {"name": "raw_black_level", "prefix": "black"},
    {"name": "raw_shading", "prefix": "shading"},
    {"name": "raw_defects", "prefix": "defects"},
    {"name": "raw_white_balance", "prefix": "balance"},
    {"name": "raw_denoise", "prefix": "raw"},
    {"name": "raw_demosaic", "prefix": "demosaic"},
    {"name": "raw_colour", "prefix": "colour"},
    {"name": "raw_exposure", "prefix": "exposure"},
    {"name": "raw_encoding", "prefix": "encoding"},
    {"name": "raw_tone_curve", "prefix": "tone"},
    {"name": "raw_local_tone", "prefix": "local"},
    {"name": "raw_guided_denoise", "prefix": "denoise"},
    {"name": "raw_sharpen", "prefix": "sharpen"},
)
"""The stages of a raw pipeline where none are named."""

# Columns and rows that are put before the mosaic so that it begins with a red pixel.
_BEFORE_RED = {"RGGB": (0, 0), "GRBG": (1, 0), "GBRG": (0, 1), "BGGR": (1, 1)}

Picture = str | Path | RawImage | Scene


class RawPipeline(Simulated, ChainPipeline):
    """Develop raw pictures: any registered stages from the mosaic to encoded RGB, with gradients.

    A scene's mosaic comes with black at 0 and white at 1, continued so that it begins with a red pixel. At
    its defaults the chain is a plain development: white balance as shot, edge-directed demosaicing, the
    camera's colour matrix and the curve of sRGB.

    Args:
        stages: names of stages, or mappings ``{"name": ..., "prefix": ..., "options": {...}}``, in their
            order; ``STAGES`` if None. The first takes a mosaic, the last gives encoded RGB.
        scenes: raw files, folders or globs of such, ``"chart"`` and ``"chart:WxH"`` as a simulated phone
            takes them at ISO 1600, or ``RawImage`` objects; the chart if None. See ``raw_scenes``.
        reference: what results are compared with, one upright picture for each; if None
            ``x.reference.png`` beside ``x.dng`` where it is there.
        seed: of the chart's noise, and of the noise that stages draw.
        crop: how large raw pictures are cropped: ``"auto"``, a size in pixels, or None for whole pictures.
        storage: the number type in which a picture is kept between the stages, see ``ChainPipeline``.
        compile: run the chain on an accelerator through ``torch.compile``.

    Raises:
        ConfigurationError: stages that do not fit one behind the other, or options that one refuses.
        ImageError: a raw file that cannot be read, or a reference of another size.

    Example:
        >>> pipeline = RawPipeline(scenes=["chart:96x64"])
        >>> pipeline.render(pipeline.space.start(), 0).shape
        torch.Size([1, 3, 64, 96])
    """

    name = "raw"
    takes_raw: ClassVar[bool] = True
    scene_domain: ClassVar[str] = "mosaic"
    packaging = Packaging(extra="raw", requires=("rawpy",))

    def __init__(
        self,
        stages: Sequence[str | Mapping[str, Any]] | None = None,
        scenes: Sequence[Picture] | None = None,
        reference: str | Path | Tensor | Sequence[str | Path | Tensor] | None = None,
        seed: int = 0,
        crop: str | int | None = "auto",
        storage: str = "float32",
        compile: bool = False,
    ) -> None:
        self._mosaics: dict[RawView, Tensor] = {}
        self._reference = reference
        self._taking: Taking | None = None
        self._answer: Tensor | None = None
        given: Any = scenes
        super().__init__(
            STAGES if stages is None else stages, given, None, seed, crop, storage=storage, compile=compile
        )
        self.has_reference = all(scene.reference is not None for scene in self.scenes)

    def load(self, scenes: Any, target: Any, crop: str | int | None) -> list[Scene]:
        """Make the raw scenes."""
        return raw_scenes(scenes, reference=self._reference, crop=crop, seed=self.seed)

    def begun(self, scene: Scene) -> Tensor:
        """(1, H, W), the mosaic with black at 0 and white at 1, which begins with a red pixel."""
        view = view_of(scene)
        columns, rows = _BEFORE_RED[view.raw.pattern]
        sensor = Sensor.of(view, (columns, rows))
        for stage in self.stages:
            if isinstance(stage, SensorStage):
                stage.sensor = sensor
        mosaic = self._mosaics.get(view)
        if mosaic is None or mosaic.device != self.device:
            plane = torch.from_numpy(view.raw.normalised())[None, None]
            mosaic = functional.pad(plane, (columns, columns, rows, rows), mode="reflect")[0].to(self.device)
            # A whole picture is developed once: only what a search develops again is kept.
            if any(scene is own for own in self.scenes):
                self._mosaics[view] = mosaic
        return mosaic

    def ended(self, images: Tensor, scene: Scene) -> Tensor:
        """(P, 3, H, W) without what was put around the mosaic, upright."""
        view = view_of(scene)
        columns, rows = _BEFORE_RED[view.raw.pattern]
        height, width = view.raw.mosaic.shape
        return view.finished(images[..., rows : rows + height, columns : columns + width])

    def digest(self, scene: Scene | int) -> str | None:
        """A digest of the raw picture and of what it is compared with."""
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

    def simulated(self, pictures: Sequence[Tensor] | None, seed: int) -> RawPipeline:
        """The same stages on raw pictures that a camera which the seed draws has taken.

        Its noise, its colours, its lens and its exposure are drawn, and how wrong the black level and the
        white balance in the file are.

        Args:
            pictures: (3, H, W) in [0, 1], photographs; None for the references of the scenes.
            seed: of all that is drawn.

        Raises:
            ConfigurationError: no pictures, and scenes without a reference.
        """
        if pictures is None:
            pictures = [scene.reference for scene in self.scenes if scene.reference is not None]
        if not pictures:
            raise ConfigurationError(
                f"no scene of the pipeline '{self.name}' has a reference from which a raw picture could be "
                "simulated; give pictures"
            )
        made = copy(self)
        made._mosaics, made._answer = {}, None
        made._taking = taking = Taking.drawn(seed)
        pictures = [
            picture[:, : picture.shape[1] // 2 * 2, : picture.shape[2] // 2 * 2] for picture in pictures
        ]
        raws = [taking.of(picture, seed + index) for index, picture in enumerate(pictures)]
        made.scenes = raw_scenes(raws, reference=pictures, crop=None)
        made.has_reference = True
        return made

    def answer(self) -> Tensor:
        """(1, n) values of the highest psnr, by a short search along gradients, which is made once.

        It begins where all is undone that is known of a simulated camera.

        Raises:
            ConfigurationError: a stage has no gradients, or a scene no reference.
        """
        if self._answer is None:
            start = self.space.start()
            if self._taking is not None:
                start = begun_values(self.space, self.stages, self.prefixes, self._taking)
            self._answer = best_values(self, start)
        return self._answer.clone()
