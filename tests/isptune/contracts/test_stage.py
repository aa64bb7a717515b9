"""Stages declare their parameters as class attributes; what cannot be is refused where the class is made."""

import pytest
import torch

from isptune import Bool, Choice, Distortion, Float, Int, Stage
from isptune.errors import ConfigurationError
from isptune.stages.values import defaults_of, values_of

pytestmark = pytest.mark.smoke


class Sharpen(Stage):
    """Sharpens."""

    radius = Float(0.5, 3.0, default=1.0, unit="px")
    amount = Float(0.0, 2.0)
    domain_in = "linear"


class SharpenInRounds(Sharpen):
    rounds = Int(1, 4)
    amount = Float(0.0, 1.0, default=0.2)
    mode = Choice(("fast", "fine"), default="fine")
    halos = Bool(default=True)


def test_parameters_are_declared_in_order_those_of_base_classes_first():
    assert list(Sharpen.declared) == ["radius", "amount"]
    assert list(SharpenInRounds.declared) == ["radius", "amount", "rounds", "mode", "halos"]
    assert SharpenInRounds.declared["amount"].high == 1.0
    assert Sharpen.declared["amount"].high == 2.0
    assert SharpenInRounds.domain_in == "linear"


def test_a_subclass_does_without_a_parameter_that_it_sets_to_something_else():
    class Fixed(SharpenInRounds):
        radius = 1.5

    assert list(Fixed.declared) == ["amount", "rounds", "mode", "halos"]
    assert Fixed().radius == 1.5


def test_values_reach_forward_by_name_in_their_own_types():
    rows = torch.tensor([[1.0, 0.5, 3.0, 1.0, 0.0], [2.0, 0.1, 1.0, 0.0, 1.0]], dtype=torch.float64)
    values = values_of(SharpenInRounds.declared, rows.requires_grad_())
    assert {name: value.dtype for name, value in values.items()} == {
        "radius": torch.float64,
        "amount": torch.float64,
        "rounds": torch.int64,
        "mode": torch.int64,
        "halos": torch.bool,
    }
    assert values["radius"].requires_grad
    assert values["rounds"].tolist() == [3, 1]
    assert values["halos"].tolist() == [False, True]
    assert SharpenInRounds().chosen("mode", values["mode"]) == ["fine", "fast"]


def test_defaults_are_the_factorys_and_else_the_middle():
    values = {name: value.tolist() for name, value in defaults_of(SharpenInRounds(), 2).items()}
    assert values == {
        "radius": [1.0, 1.0],
        "amount": [0.2, 0.2],
        "rounds": [2, 2],
        "mode": [1, 1],
        "halos": [True, True],
    }


def test_a_distortion_declares_its_level():
    class Fade(Distortion):
        level_range = (0.0, 2.5)
        level_unit = "px"

    assert list(Fade.declared) == ["level"]
    assert Fade.declared["level"] == Float(0.0, 2.5, default=0.0, unit="px")


@pytest.mark.parametrize("name", ["images", "out", "noise", "name", "options", "type", "train", "declared"])
def test_a_name_that_stages_have_for_something_else_is_refused(name, snapshot):
    with pytest.raises(ConfigurationError) as caught:
        type("Odd", (Stage,), {name: Float(0, 1)})
    assert str(caught.value) == snapshot


def test_an_unknown_domain_and_a_distortion_with_more_are_refused(snapshot):
    with pytest.raises(ConfigurationError) as caught:
        type("Odd", (Stage,), {"domain_out": "encode"})
    assert str(caught.value) == snapshot
    with pytest.raises(ConfigurationError) as caught:
        type("Odd", (Distortion,), {"radius": Float(0, 1)})
    assert str(caught.value) == snapshot
