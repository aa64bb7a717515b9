"""Demosaicing against colour-demosaicing 0.2.6, and properties."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from isptune_raw.demosaicing import METHODS

REFERENCE = Path(__file__).parents[2] / "data" / "demosaicing_reference.npz"


@pytest.mark.parametrize("method", METHODS)
def test_methods_are_those_of_colour_demosaicing(method: str) -> None:
    reference = np.load(REFERENCE)
    mosaic = torch.from_numpy(reference["mosaic"])[None, None].double()
    found = METHODS[method](mosaic)[0].permute(1, 2, 0).numpy()
    inside = (slice(8, -8), slice(8, -8))
    assert np.abs(found - reference[method])[inside].max() < 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_what_the_sensor_saw_stays(method: str) -> None:
    mosaic = torch.rand(2, 1, 32, 36, generator=torch.Generator().manual_seed(0))
    red, green, blue = METHODS[method](mosaic).unbind(1)
    assert torch.equal(red[:, 0::2, 0::2], mosaic[:, 0, 0::2, 0::2])
    assert torch.equal(blue[:, 1::2, 1::2], mosaic[:, 0, 1::2, 1::2])
    assert torch.equal(green[:, 0::2, 1::2], mosaic[:, 0, 0::2, 1::2])
    assert torch.equal(green[:, 1::2, 0::2], mosaic[:, 0, 1::2, 0::2])


@pytest.mark.parametrize("method", METHODS)
def test_grey_ramps_stay_grey(method: str) -> None:
    ramp = torch.linspace(0.1, 0.9, 48, dtype=torch.float64).expand(1, 1, 32, 48)
    found = METHODS[method](ramp.contiguous())[..., 4:-4]
    assert torch.allclose(found, ramp[..., 4:-4].expand(1, 3, -1, -1), atol=1e-12)
