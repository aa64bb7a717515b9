"""Tuning tasks with known answers: what cameras that nobody has built would have made of photographs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from isptune.contracts.pipeline import Pipeline
from isptune.contracts.stage import Stage
from isptune.errors import ConfigurationError
from isptune.parameters import Float, ParameterSpace
from isptune_raw.cameras import CAMERAS, Camera
from isptune_raw.mosaic import PATTERNS, RawImage
from isptune_raw.simulation import simulate
from isptune_raw.stages import (
    BlackLevel,
    DefectCorrection,
    Denoise,
    Exposure,
    RawDenoise,
    ShadingCorrection,
    Sharpen,
    WhiteBalance,
)

# Steps of a search by gradients, and how far the first and the last of them go, as shares of a range.
_STEPS, _FIRST_STEP, _LAST_STEP = 12, 0.06, 0.015
# What it costs to leave the place where the search begins, in dB for a whole range: parameters that do not
# matter in a task stay there, so that alike tasks have alike answers.
_TIE = 0.5


@dataclass(frozen=True)
class Taking:
    """How the pictures of a task were taken, and what the file says wrongly of it.

    Attributes:
        camera: that took them.
        iso: the sensitivity.
        pattern: of the mosaic.
        exposure: in EV.
        blur: standard deviation of the lens's blur in pixels.
        shaded: whether the lens darkens the corners.
        defects: share of pixels that are dead or hot.
        black: how far above the true one the black level in the file is, as a share of white.
        red, blue: what the white balance in the file has to be multiplied with to be right.
    """

    camera: Camera
    iso: float
    pattern: str
    exposure: float
    blur: float
    shaded: bool
    defects: float
    black: float
    red: float
    blue: float

    @classmethod
    def drawn(cls, seed: int) -> Taking:
        """One by a seed: between and a little beyond the known cameras."""
        generator = np.random.default_rng([seed, 1])

        def between(low: float, high: float) -> float:
            return float(np.exp(generator.uniform(math.log(low), math.log(high))))

        def about(middle: float, deviation: float, most: float) -> float:
            return float(np.clip(generator.normal(middle, deviation), middle - most, middle + most))

        shares = generator.dirichlet(np.ones(len(CAMERAS)))
        matrix = np.sum([share * one.matrix for share, one in zip(shares, CAMERAS, strict=True)], axis=0)
        shot = between(6e-6, 2.5e-4)
        camera = Camera(
            name="drawn",
            bits=int(generator.integers(10, 15)),
            black=64,
            shot=shot,
            read=shot * between(2e-5, 1e-3),
            floor=shot * between(2e-3, 2e-2),
            matrix=matrix,
            vignetting=float(generator.uniform(0.0, 0.5)),
        )
        return cls(
            camera=camera,
            iso=between(100, 12_800),
            pattern=PATTERNS[int(generator.integers(len(PATTERNS)))],
            exposure=about(0.0, 0.5, 1.5) * float(generator.random() < 0.7),
            blur=float(generator.uniform(0.0, 0.9)),
            shaded=bool(generator.random() < 0.5),
            defects=between(1e-4, 1e-2) * float(generator.random() < 0.4),
            black=about(0.0, 0.002, 0.006) * float(generator.random() < 0.5),
            red=math.exp(about(0.0, 0.08, 0.2)) if generator.random() < 0.5 else 1.0,
            blue=math.exp(about(0.0, 0.08, 0.2)) if generator.random() < 0.5 else 1.0,
        )

    def of(self, picture: Tensor, seed: int) -> RawImage:
        """The raw picture of a photograph (3, H, W); the seed is of noise and defects."""
        raw = simulate(
            picture,
            camera=self.camera,
            iso=self.iso,
            pattern=self.pattern,
            exposure=self.exposure,
            blur=self.blur,
            shading=self.shaded,
            defects=self.defects,
            seed=seed,
        )
        neutral = np.array(raw.neutral) * (self.red, 1.0, self.blue)
        red, green, blue = neutral / neutral.max()
        level = max(raw.black[0] + self.black * (raw.white - raw.black[0]), 0.0)
        return replace(raw, neutral=(float(red), float(green), float(blue)), black=(level,) * 4)

    def undone(self, stage: Stage) -> Mapping[str, float]:
        """What parameters of a stage undo of it, and about where they are best in most pictures."""
        if isinstance(stage, BlackLevel):
            return {"offset": -self.black / (1 - self.black)}
        if isinstance(stage, ShadingCorrection):
            darker = self.camera.vignetting if self.shaded else 0.0
            return {"corners": darker / (1 - darker / 2)}
        if isinstance(stage, DefectCorrection):
            return {"threshold": 0.03 if self.defects else 0.2}
        if isinstance(stage, WhiteBalance):
            return {"red": self.red, "blue": self.blue}
        if isinstance(stage, Exposure):
            return {"ev": -self.exposure}
        if isinstance(stage, RawDenoise):
            return {"luma": 1.3, "chroma": 1.5}
        if isinstance(stage, Denoise):
            return {"luma": 5e-4, "chroma": 4e-4}
        if isinstance(stage, Sharpen):
            return {"radius": 1.0, "amount": 0.1 + 0.6 * self.blur, "threshold": 0.01, "halo": 0.1}
        return {}


def begun_values(
    space: ParameterSpace, stages: Sequence[Stage], prefixes: Sequence[str], taking: Taking
) -> Tensor:
    """(1, n) values at which all is undone that is known of a task."""
    (values,) = space.to_dicts(space.start())
    for stage, prefix in zip(stages, prefixes, strict=True):
        for name, value in taking.undone(stage).items():
            kind = stage.declared[name]
            assert isinstance(kind, Float)
            values[f"{prefix}.{name}"] = min(max(value, kind.low), kind.high)
    return space.from_dicts([values])


def best_values(pipeline: Pipeline, start: Tensor) -> Tensor:
    """(1, n) values near a start (1, n) with the highest mean psnr of the pipeline's scenes, by gradients.

    Raises:
        ConfigurationError: there are no gradients, or scenes without a reference.
    """
    scenes = pipeline.scenes
    if not pipeline.is_differentiable or any(scene.reference is None for scene in scenes):
        raise ConfigurationError(
            f"answers of the pipeline '{pipeline.name}' are found by gradients through all of its stages "
            "and references of all of its scenes"
        )
    space = pipeline.space
    real = torch.tensor([parameter.is_real for parameter in space.free])
    first = space.to_unit(start)
    place = first.clone().requires_grad_()
    search = torch.optim.Adam([place], betas=(0.8, 0.95))
    best, least = first.clone(), math.inf
    for step in range(_STEPS + 1):
        search.param_groups[0]["lr"] = _FIRST_STEP * (_LAST_STEP / _FIRST_STEP) ** (step / _STEPS)
        search.zero_grad()
        values = space.to_values(place)
        loss = torch.stack([_decibels(pipeline, values, scene) for scene in scenes]).mean()
        loss = loss + _TIE * (place - first).square().sum()
        found = float(loss.detach())
        if found < least:
            best, least = place.detach().clone(), found
        loss.backward()
        search.step()
        with torch.no_grad():
            place.clamp_(0, 1)
            place[:, ~real] = first[:, ~real]
    return space.to_values(best)


def _decibels(pipeline: Pipeline, values: Tensor, scene: object) -> Tensor:
    """Minus the psnr of candidate 0, in dB."""
    found = pipeline.render(values, scene)  # type: ignore[arg-type]
    reference = pipeline.reference(scene)  # type: ignore[arg-type]
    assert reference is not None
    return 10 * torch.log10((found - reference).square().mean().double() + 1e-10)
