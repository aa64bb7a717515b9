"""What stages know of the sensor whose picture they work on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from isptune.contracts.stage import Stage
from isptune_raw.views import RawView

# Where a file has no noise profile: a phone's at ISO 100.
_USUAL_NOISE = ((1.7e-4, 6.0e-7),) * 3


@dataclass(frozen=True, eq=False)
class Sensor:
    """Facts of one raw scene, in the phase RGGB.

    Attributes:
        gains: white balance as shot of red, green and blue; the smallest is 1.
        to_srgb: (3, 3) white-balanced camera RGB to linear sRGB, float64.
        noise: (3, 2) shot and read noise before white balance: the variance of x is ``shot * x + read``.
        origin: (x, y) of the mosaic's first pixel in the whole one.
        whole: (width, height) of the whole mosaic; None for the mosaic at hand.
    """

    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    to_srgb: Tensor = field(default_factory=lambda: torch.eye(3, dtype=torch.float64))
    noise: Tensor = field(default_factory=lambda: torch.tensor(_USUAL_NOISE, dtype=torch.float64))
    origin: tuple[int, int] = (0, 0)
    whole: tuple[int, int] | None = None

    @classmethod
    def of(cls, view: RawView, padded: tuple[int, int]) -> Sensor:
        """The facts of a raw scene; so many columns and rows were put before its mosaic."""
        raw = view.raw
        noise = np.array(_USUAL_NOISE) if raw.noise is None else raw.noise
        return cls(
            gains=raw.gains,
            to_srgb=torch.from_numpy(raw.camera_to_srgb()),
            noise=torch.from_numpy(np.asarray(noise, dtype=np.float64)),
            origin=(view.origin[0] - padded[0], view.origin[1] - padded[1]),
            whole=view.whole,
        )


class SensorStage(Stage):
    """A stage that knows facts of the sensor; the pipeline ``raw`` sets ``sensor`` before each scene.

    Used alone, as in ``torch.nn.Sequential``, it works for a sensor whose colours are those of sRGB.
    """

    sensor: Sensor = Sensor()
