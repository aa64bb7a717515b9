"""Levels for the reference code's parameters, under our names and under its own."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import isptune
from isptune.errors import ConfigurationError

REFERENCE = Path(__file__).parents[3] / "data" / "arniqa_reference.npz"

# Our name, the reference's, and our levels for its five.
LEVELS = {
    "gaussian_blur": ("gaublur", (0.1, 0.5, 1.0, 2.0, 5.0)),
    "brighten": ("brighten", (0.1, 0.2, 0.4, 0.7, 1.1)),
    "desaturate": ("colorsat1", (0.6, 0.8, 0.9, 1.0, 1.4)),
    "white_noise": ("whitenoise", (0.0316227766, 0.0447213595, 0.0547722558, 0.0707106781, 0.1)),
    "high_sharpen": ("highsharpen", (1.0, 2.0, 3.0, 6.0, 12.0)),
    "color_diffusion": ("colordiff", (1.0, 3.0, 6.0, 8.0, 12.0)),
    "oversaturate": ("colorsat2", (0.0, 1.0, 2.0, 5.0, 8.0)),
    "darken": ("darken", (0.05, 0.1, 0.2, 0.4, 0.8)),
    "mean_shift": ("meanshift", (0.0, 0.08, -0.08, 0.15, -0.15)),
    "linear_contrast": ("lincontrchange", (0.2, 0.35, -0.2, 0.5, -0.4)),
    "nonlinear_contrast": ("nonlincontrchange", (0.1, 0.2, 0.3, 0.4, 0.45)),
    "quantize": ("quantization", (1 / 20, 1 / 16, 1 / 13, 1 / 10, 1 / 7)),
}

# What one value more than the reference's range gives.
REFUSED = {
    "gaussian_blur": (5.5, "5.5, outside [0, 5]"),
    "brighten": (-0.1, "-0.1, outside [0, 1.1]"),
    "desaturate": (-0.5, "-0.5, outside [-0.4, 1]"),
    "white_noise": (0.02, "0.02, outside [0, 0.01]"),
    "high_sharpen": (float("inf"), "inf, outside [0, 12]"),
}


@pytest.fixture(scope="module")
def reference_levels():
    with np.load(REFERENCE) as data:
        return json.loads(data["meta_json"].tobytes())["levels"]


@pytest.mark.parametrize("name", LEVELS)
def test_level_from_reference_under_both_names(reference_levels, name):
    alias, expected = LEVELS[name]
    for known in (name, alias):
        stage = isptune.create_stage(known)
        assert stage.name == name
        levels = [stage.level_from_reference(value) for value in reference_levels[alias]]
        assert levels == pytest.approx(expected, abs=1e-9)
        # Every one of them is a level that the stage takes.
        low = -stage.level_range[1] if stage.is_signed else 0.0
        assert all(low <= level <= stage.level_range[1] * (1 + 1e-12) for level in levels)
        output = stage(torch.full((5, 3, 32, 32), 0.5), torch.tensor(levels))
        assert bool(output.isfinite().all())


@pytest.mark.parametrize("name", REFUSED)
def test_values_outside_the_references_are_refused(name):
    value, shown = REFUSED[name]
    with pytest.raises(ConfigurationError) as refused:
        isptune.create_stage(name).level_from_reference(value)
    assert str(refused.value) == f"the reference parameter of the stage '{name}' is {shown}"
