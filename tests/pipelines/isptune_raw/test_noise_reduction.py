"""Noise reduction of mosaics: how strong it is, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from skimage import data
from torch import Tensor

import isptune
from isptune.stages.values import defaults_of
from isptune_raw import raw_scenes, simulate


@pytest.fixture(scope="module")
def photograph() -> Tensor:
    # LibRaw's wavelets do nothing in pictures of 128 px or less on a side.
    return torch.from_numpy(data.coffee()[120:264, 200:392].copy()).permute(2, 0, 1).float() / 255


def in_this_process(pipeline: isptune.Pipeline) -> isptune.Pipeline:
    """A worker would import torch for one picture."""
    pipeline.development = replace(pipeline.development, isolated=False, environment={})
    return pipeline


def best_psnr(pipeline: str, photograph: Tensor, candidates: list[dict[str, float]]) -> float:
    scenes = raw_scenes(simulate(photograph, iso=1600), reference=photograph, crop=None)
    developed = in_this_process(isptune.create_pipeline(pipeline, scenes=scenes))
    start = developed.space.to_dicts(developed.space.start())[0]
    values = developed.space.from_dicts([start | candidate for candidate in candidates])
    measured = isptune.create_objective("psnr").score(
        developed.render(values, 0), photograph.expand(len(values), -1, -1, -1)
    )
    return float(measured.max())


def test_it_is_at_least_as_strong_as_the_wavelets_of_libraw(photograph: Tensor) -> None:
    thresholds = [{"denoise.threshold": level} for level in (800.0, 1300.0, 2000.0)]
    strengths = [{"raw.luma": level, "raw.chroma": level} for level in (1.5, 2.0, 3.0)]
    libraw = best_psnr("libraw", photograph, thresholds)
    assert best_psnr("raw", photograph, strengths) > libraw + 0.5


def test_where_nothing_is_tuned_it_agrees_with_libraw(photograph: Tensor) -> None:
    raw = simulate(photograph, iso=100, blur=0.55)
    pictures = []
    for pipeline in ("raw", "libraw"):
        developed = in_this_process(isptune.create_pipeline(pipeline, scenes=[raw], crop=None))
        pictures.append(developed.render(developed.space.start(), 0))
    assert float(isptune.create_objective("psnr").score(*pictures)) > 30


@pytest.mark.parametrize("level", [0.0, 0.002, 0.02, 0.5])
def test_flat_pictures_keep_their_brightness(level: float) -> None:
    """Also near black, where roots are steep and noise lies below 0."""
    stage = isptune.create_stage("raw_denoise")
    shot, read = stage.sensor.noise[0].tolist()
    drawn = torch.randn(1, 1, 160, 160, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    noisy = level + drawn * (shot * level + read) ** 0.5
    strength = torch.tensor([3.0], dtype=torch.float64)
    smooth = stage(noisy, luma=strength, chroma=strength)
    assert smooth.std() < 0.15 * noisy.std()
    assert abs(smooth.mean() - noisy.mean()) < 0.04 * noisy.std()


@pytest.mark.parametrize(
    ("stage", "off"),
    [
        ("raw_denoise", "luma"),
        ("raw_denoise", "chroma"),
        ("raw_sharpen", "amount"),
        ("raw_local_tone", "amount"),
    ],
)
def test_a_search_along_gradients_can_leave_what_is_off(stage: str, off: str) -> None:
    """Also where nothing before the stage is searched, so that the pictures have no gradient."""
    made = isptune.create_stage(stage)
    channels = 1 if made.domain_in == "mosaic" else 3
    images = torch.rand(1, channels, 32, 32, generator=torch.Generator().manual_seed(0))
    values = defaults_of(made, 1)
    assert float(values[off]) == 0
    values[off].requires_grad_()
    made(images, **values).square().mean().backward()
    assert float(values[off].grad) != 0
