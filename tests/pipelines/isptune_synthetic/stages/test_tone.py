"""Darkening, shift, contrast and gamma: the contract, the reference code's outputs, and what each promises."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from isptune.errors import ConfigurationError
from isptune.testing import DistortionConformance
from isptune.testing.pictures import picture
from isptune_synthetic import stages
from isptune_synthetic.stages import (
    Darken,
    GammaError,
    LinearContrast,
    MeanShift,
    NonlinearContrast,
    darken,
    gamma_error,
    linear_contrast,
    mean_shift,
    nonlinear_contrast,
)

REFERENCE = Path(__file__).parents[3] / "data" / "arniqa_reference.npz"

FAMILY = {
    "darken": Darken,
    "meanshift": MeanShift,
    "lincontrchange": LinearContrast,
    "nonlincontrchange": NonlinearContrast,
}


class Exact(DistortionConformance):
    batch_tolerance = 0.0


class TestDarken(Exact):
    name = "darken"


class TestMeanShift(Exact):
    name = "mean_shift"


class TestLinearContrast(Exact):
    name = "linear_contrast"


class TestNonlinearContrast(Exact):
    name = "nonlinear_contrast"


class TestGammaError(Exact):
    name = "gamma_error"


class TestGammaErrorBrighter(Exact):
    name = "gamma_error"
    options = {"direction": "brighter"}  # noqa: RUF012


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as data:
        arrays = {name: torch.from_numpy(data[name]) for name in data if name != "meta_json"}
        return arrays, json.loads(data["meta_json"].tobytes())["levels"]


@pytest.mark.parametrize("recorded", [False, True], ids=["plain", "recorded"])
@pytest.mark.parametrize("name", FAMILY)
def test_output_is_the_reference_codes(reference, name, recorded):
    arrays, levels = reference
    stage = FAMILY[name]()
    images = arrays["input__astro"][None].clone().requires_grad_(recorded)
    for number in (1, 3, 5):
        level = torch.tensor([stage.level_from_reference(levels[name][number - 1])])
        expected = arrays[f"{name}__L{number}__astro"].clamp(0, 1)
        torch.testing.assert_close(stage(images, level).detach()[0], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", ["darken", "lincontrchange"])
def test_curve_is_the_reference_codes_at_every_level(reference, name, number):
    arrays, levels = reference
    stage = FAMILY[name]()
    ramp = arrays["curve__x"].reshape(1, 1, 1, -1).expand(1, 3, 1, -1)
    level = torch.tensor([stage.level_from_reference(levels[name][number - 1])], dtype=torch.float64)
    expected = arrays[f"curve__{name}__L{number}"].clamp(0, 1)
    torch.testing.assert_close(stage(ramp, level)[0, 1, 0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("amount", [-0.7, -0.33, 0.07, 0.29])
def test_contrast_is_the_spline_through_the_references_points(amount):
    interpolate = pytest.importorskip("scipy.interpolate")
    points = [0, 0.3, 0.5, 0.7, 1], [0, 0.25 - amount / 4, 0.5, 0.75 + amount / 4, 1]
    tones = np.linspace(0, 1, 501)
    expected = interpolate.CubicSpline(*points, bc_type="not-a-knot")(tones).clip(0, 1)
    ramp = torch.from_numpy(tones).reshape(1, 1, 1, -1).expand(1, 3, 1, -1)
    level = torch.tensor([LinearContrast().level_from_reference(amount)], dtype=torch.float64)
    np.testing.assert_allclose(linear_contrast(ramp, level)[0, 0, 0].numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("stage", "value"),
    [(Darken(), 0.0), (MeanShift(), 0.0), (LinearContrast(), -0.2), (NonlinearContrast(), 0.5)],
)
def test_the_references_identity_is_level_0(stage, value):
    assert stage.level_from_reference(value) == 0


@pytest.mark.parametrize(
    ("stage", "value", "message"),
    [
        (MeanShift(), 0.16, "'MeanShift' is 0.16, outside [-0.15, 0.15]"),
        (LinearContrast(), -0.71, "'LinearContrast' is -0.71, outside [-0.7, 0.3]"),
        (NonlinearContrast(), 0.0, "'NonlinearContrast' is 0, outside [0.05, 0.5]"),
        (Darken(), math.nan, "'Darken' is nan, outside [0, 0.8]"),
    ],
)
def test_other_values_of_the_reference_are_refused(stage, value, message):
    with pytest.raises(ConfigurationError) as refused:
        stage.level_from_reference(value)
    assert str(refused.value) == f"the reference parameter of the stage {message}"


def test_gamma_error_has_no_counterpart_in_the_reference():
    with pytest.raises(ConfigurationError) as refused:
        GammaError().level_from_reference(2.2)
    assert str(refused.value) == "the stage 'GammaError' has no counterpart in the reference code"


@pytest.mark.parametrize("stage", [MeanShift(), LinearContrast(), GammaError()])
def test_signed_stages_go_the_other_way_below_0(stage, snapshot):
    assert stage.is_signed
    images = picture(24, 24).expand(3, -1, -1, -1)
    highest = stage.level_range[1]
    above, below, whole = stage(images, torch.tensor([0.3, -0.3, -1.0]) * highest) - images
    # A pixel that one of them makes brighter is made darker by the other.
    assert float((above * below).max()) <= 0
    assert float(whole.abs().mean()) > float(below.abs().mean()) > 0
    with pytest.raises(ConfigurationError) as refused:
        stage(images[:1], torch.tensor([-1.01 * highest]))
    assert str(refused.value) == snapshot


@pytest.mark.parametrize("stage", [Darken(), NonlinearContrast()])
def test_other_stages_refuse_levels_below_0(stage):
    with pytest.raises(ConfigurationError, match=r"outside \[0, "):
        stage(picture(16, 16), torch.tensor([-0.01]))


def test_contrast_keeps_black_grey_and_white():
    images = torch.tensor([0.0, 0.5, 1.0]).reshape(3, 1, 1, 1).expand(-1, 3, 4, 4)
    for level in (-0.5, 0.2, 0.5):
        assert torch.equal(linear_contrast(images, torch.full((3,), level)), images)


@pytest.mark.parametrize("exponent", [0.5, 1 / 1.8, 1.5, 2.2])
def test_gamma_error_is_the_power(exponent):
    tones = torch.arange(256, dtype=torch.float64) / 255
    ramp = tones.reshape(1, 1, 1, -1).expand(1, 3, 1, -1)
    level = torch.tensor([math.log2(exponent)], dtype=torch.float64)
    torch.testing.assert_close(gamma_error(ramp, level)[0, 2, 0], tones**exponent, rtol=0, atol=1e-12)
    other_way = gamma_error(ramp, -level, direction="brighter")
    torch.testing.assert_close(other_way[0, 2, 0], tones**exponent, rtol=0, atol=1e-12)


def test_gamma_error_meets_black_in_a_straight_line():
    tones = torch.linspace(0, 1 / 1024, 9, dtype=torch.float64)
    shown = gamma_error(tones.reshape(1, 1, 1, -1).expand(1, 3, 1, -1), torch.tensor([-1.0]).double())[
        0, 0, 0
    ]
    assert float(shown[0]) == pytest.approx(0, abs=1e-15)
    torch.testing.assert_close(shown, tones * 32, rtol=0, atol=1e-15)


def test_an_unknown_direction_is_refused():
    message = (
        "the option direction of the stage 'gamma_error' is 'darkr'; allowed: darker, brighter; "
        "did you mean 'darker'?"
    )
    for make in (
        GammaError,
        lambda direction: gamma_error(picture(8, 8), torch.ones(1), direction=direction),
    ):
        with pytest.raises(ConfigurationError) as refused:
            make(direction="darkr")
        assert str(refused.value) == message


@pytest.mark.parametrize("share", [-0.6, 0.27, 0.9])
@pytest.mark.parametrize(
    ("function", "highest", "is_signed"),
    [
        (darken, 0.8, False),
        (mean_shift, 0.15, True),
        (linear_contrast, 0.5, True),
        (nonlinear_contrast, 0.45, False),
        (gamma_error, 1.2, True),
    ],
)
def test_gradcheck_in_every_coordinate(function, highest, is_signed, share):
    if share < 0 and not is_signed:
        share = 0.6
    images = (picture(6, 7).double() * 0.3 + 0.35).requires_grad_(True)
    level = torch.tensor([share * highest], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (images, level), eps=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "stage", [Darken(), MeanShift(), LinearContrast(), NonlinearContrast(), GammaError()]
)
def test_gradient_at_level_0_is_the_slope_from_above(stage):
    images = picture(16, 20).double() * 0.3 + 0.35
    weights = picture(16, 20, seed=1).double()
    level = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad((stage(images, level) * weights).sum(), level)
    step = 1e-7 * stage.level_range[1]
    slope = float(((stage(images, torch.tensor([step]).double()) - images) * weights).sum()) / step
    assert float(gradient) == pytest.approx(slope, rel=1e-4)


@pytest.mark.parametrize("name", ["Darken", "MeanShift", "LinearContrast", "NonlinearContrast", "GammaError"])
def test_result_can_be_written_over_its_input(name):
    stage = getattr(stages, name)()
    images = picture(33, 47).repeat(2, 1, 1, 1)
    level = torch.tensor([0.0, 0.7]) * stage.level_range[1]
    expected = stage(images, level)
    assert stage(images, level, out=images) is images
    assert torch.equal(images, expected)
