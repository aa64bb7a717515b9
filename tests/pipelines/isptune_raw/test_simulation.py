"""Simulated raw pictures: their noise, their colours, and what a plain development makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from skimage.data import astronaut
from torch import Tensor

import isptune
from isptune.errors import ConfigurationError
from isptune.scenes import chart
from isptune_raw import RawImage, simulate
from isptune_raw.cameras import CAMERAS
from isptune_raw.mosaic import PATTERNS, decode, encode, srgb_to_camera

PHOTO = torch.from_numpy(astronaut()[100:260, 150:350].copy()).permute(2, 0, 1).float() / 255


def psnr(one: Tensor, other: Tensor) -> float:
    return float(-10 * torch.log10((one - other).square().mean()))


def developed(raw: RawImage, **values: float) -> Tensor:
    pipeline = isptune.create_pipeline("raw", scenes=[raw], crop=None)
    start = pipeline.space.start()
    for name, value in values.items():
        start[0, pipeline.space.names.index(name.replace("_", "."))] = value
    return pipeline.render(start, 0)[0]


@pytest.mark.parametrize("camera", [camera.name for camera in CAMERAS])
def test_the_noise_is_that_of_the_profile(camera: str) -> None:
    raw = simulate(torch.full((3, 256, 256), 0.6), camera=camera, iso=1600, seed=3)
    assert raw.noise is not None
    values = raw.normalised().astype(np.float64)
    for place, letter in enumerate("RGGB"):
        part = values[place // 2 :: 2, place % 2 :: 2]
        shot, read = raw.noise["RGB".index(letter)]
        # Rounding to whole numbers adds a twelfth of a square step.
        step = 1 / (raw.white - raw.black[place])
        assert part.var() == pytest.approx(shot * part.mean() + read + step**2 / 12, rel=0.04)


def test_noise_grows_with_the_sensitivity_and_is_seeded() -> None:
    flat = torch.full((3, 64, 64), 0.5)
    quiet, loud = simulate(flat, iso=100).normalised(), simulate(flat, iso=6400).normalised()
    assert loud[::2, 1::2].std() > 6 * quiet[::2, 1::2].std()
    assert np.array_equal(simulate(flat, seed=4).mosaic, simulate(flat, seed=4).mosaic)
    assert not np.array_equal(simulate(flat, seed=4).mosaic, simulate(flat, seed=5).mosaic)


def test_colours_are_those_of_the_camera() -> None:
    colour = torch.tensor([0.7, 0.4, 0.2])
    raw = simulate(colour.reshape(3, 1, 1).expand(3, 32, 32), camera="dslr", noise=False)
    linear = decode(colour.double().numpy())
    expected = srgb_to_camera(CAMERAS[1].matrix) @ linear * np.array(raw.neutral)
    values = raw.normalised()
    seen = [values[0, 0], values[0, 1], values[1, 1]]
    assert np.allclose(seen, expected, atol=1e-4)


def test_srgb_curves_are_inverse_and_those_of_the_standard() -> None:
    values = np.linspace(0, 1, 1001)
    assert np.allclose(encode(decode(values)), values, atol=1e-12)
    assert float(encode(np.array(0.18))) == pytest.approx(0.46135612950044164)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_plain_development_gives_the_photograph_back(pattern: str) -> None:
    raw = simulate(PHOTO, camera="dslr", noise=False, pattern=pattern)
    assert psnr(developed(raw), PHOTO) > 30
    wrong = RawImage(
        raw.mosaic, PATTERNS[3 - PATTERNS.index(pattern)], raw.black, raw.white, raw.neutral, raw.matrix
    )
    assert psnr(developed(wrong), PHOTO) < 25


def test_shading_is_undone_by_the_true_correction() -> None:
    flat = torch.full((3, 64, 96), 0.6)
    raw = simulate(flat, camera="dslr", noise=False, shading=True)
    before, after = developed(raw), developed(raw, shading_corners=0.15 / (1 - 0.15))
    assert float((before - flat).abs().max()) > 0.03
    # The correction is the shading's parabola, not its reciprocal.
    assert float((after - flat).abs().max()) < 0.01


def test_defects_are_drawn_to_their_neighbours() -> None:
    flat = torch.full((3, 64, 96), 0.6)
    raw = simulate(flat, camera="dslr", noise=False, defects=0.002, seed=1)
    mended, plain = developed(raw, defects_threshold=0.01), developed(raw)
    assert float((mended - flat).abs().max()) < 0.02
    assert float((plain - flat).abs().max()) > 0.1


def test_exposure_and_blur_do_what_they_say() -> None:
    picture = chart(96, 64, 0)
    dark = simulate(picture, camera="dslr", exposure=-1.0, noise=False)
    bright = simulate(picture, camera="dslr", noise=False)
    assert np.allclose(dark.normalised(), bright.normalised() / 2, atol=1e-4)
    soft = simulate(picture, camera="dslr", blur=1.5, noise=False)
    assert (
        np.abs(np.diff(soft.normalised()[::2, 1::2])).mean()
        < 0.7 * np.abs(np.diff(bright.normalised()[::2, 1::2])).mean()
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"camera": "phon"}, "the camera 'phon' is not known; did you mean 'phone'"),
        ({"iso": 10}, "iso is 10; allowed: 50 to 102,400"),
        ({"exposure": 9.5}, "exposure is 9.5; allowed: -8 to 8"),
        ({"blur": -1}, "blur is -1; allowed: 0 to 10"),
        ({"defects": 0.5}, "defects is 0.5; allowed: 0 to 0.1"),
        ({"pattern": "RGB"}, "the pattern is 'RGB'; allowed: RGGB, GRBG, GBRG, BGGR"),
    ],
)
def test_values_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        simulate(torch.rand(3, 32, 32), **options)
