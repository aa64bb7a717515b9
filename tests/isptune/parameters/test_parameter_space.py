"""ParameterSpace: bounds, round trips to the last bit, YAML, and the sentences for what is refused."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from isptune.errors import ConfigurationError, ParameterError
from isptune.parameters import Bool, Choice, Float, Int, ParameterSpace

pytestmark = pytest.mark.smoke

finite = st.floats(-1e6, 1e6, allow_nan=False)
units = st.floats(0, 1)


def space() -> ParameterSpace:
    return ParameterSpace(
        {
            "gain": Float(0.5, 8.0, log=True, default=1.0),
            "offset": Float(-1.0, 3.0),
            "radius": Int(-2, 9, unit="px"),
            "mode": Choice(("fast", "fine", 3, True)),
        }
    )


@given(st.lists(st.tuples(units, units, units, units), min_size=1, max_size=8))
def test_every_unit_point_gives_values_within_the_bounds(rows: list[tuple[float, ...]]) -> None:
    values = space().to_values(torch.tensor(rows, dtype=torch.float64))
    assert torch.equal(space().check(values), values)


@given(st.integers(-(2**40), 2**40), st.integers(1, 2**45), st.data())
def test_ints_come_back_to_the_last_bit(low: int, span: int, data: st.DataObject) -> None:
    one = ParameterSpace({"n": Int(low, low + span)})
    number = data.draw(st.integers(low, low + span))
    values = torch.tensor([[float(number)]], dtype=torch.float64)
    unit = one.to_unit(values)
    assert torch.equal(one.to_values(unit), values)
    assert torch.equal(one.to_unit(one.to_values(unit)), unit)
    assert one.to_dicts(values) == [{"n": number}]


@given(st.integers(2, 300), st.data())
def test_choices_come_back_to_the_last_bit(count: int, data: st.DataObject) -> None:
    one = ParameterSpace({"c": Choice(tuple(f"option{i}" for i in range(count)))})
    picked = data.draw(st.integers(0, count - 1))
    values = one.from_dicts([{"c": f"option{picked}"}])
    assert torch.equal(one.to_values(one.to_unit(values)), values)


@given(finite, st.floats(1e-3, 1e6), units)
def test_floats_come_back_within_rounding(low: float, span: float, unit: float) -> None:
    one = ParameterSpace({"x": Float(low, low + span)})
    there = one.to_values(torch.tensor([[unit]], dtype=torch.float64))
    back = float(one.to_unit(there))
    assert back == pytest.approx(unit, abs=1e-15 * (abs(low) + span) / span * 8)


def test_both_ends_of_the_unit_interval_are_exactly_the_bounds() -> None:
    odd = ParameterSpace({"x": Float(0.1, 0.7), "y": Float(1e-4, 0.3, log=True)})
    ends = odd.to_values(torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.float64))
    assert ends[:, 0].tolist() == [0.1, 0.7]
    assert ends[:, 1].tolist() == pytest.approx([1e-4, 0.3], rel=1e-14)


def test_a_log_parameter_is_even_in_its_logarithm() -> None:
    assert float(space().to_values(torch.full((1, 4), 0.5))[0, 0]) == pytest.approx(2.0, rel=1e-14)


def test_gradients_reach_the_unit_cube_through_float_parameters() -> None:
    floats = ParameterSpace({"gain": Float(0.5, 8.0, log=True), "offset": Float(-1.0, 3.0)})
    unit = torch.tensor([[0.3, 0.6]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(floats.to_values, (unit,))
    assert floats.is_continuous
    assert not space().is_continuous


def test_yaml_round_trip_and_dictionaries() -> None:
    assert ParameterSpace.from_yaml(space().to_yaml()) == space()
    values = space().from_dicts([{"radius": 3, "mode": True, "offset": 0.25}])
    assert space().to_dicts(values) == [{"gain": 1.0, "offset": 0.25, "radius": 3, "mode": True}]
    assert space().to_dicts(space().start()) == [{"gain": 1.0, "offset": 1.0, "radius": 3, "mode": "fast"}]


@pytest.mark.parametrize(
    "row",
    [
        {"gian": 1.0},
        {"gain": 9.0},
        {"gain": math.nan},
        {"gain": "high"},
        {"radius": 1.5},
        {"mode": "fin"},
    ],
)
def test_a_wrong_value_is_one_clear_sentence(row: dict[str, object], snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ParameterError) as caught:
        space().from_dicts([row])
    assert str(caught.value) == snapshot
    assert "\n" not in str(caught.value)


def test_names_give_groups_and_are_checked() -> None:
    grouped = ParameterSpace({"gain": Float(0, 1), "wb.red": Float(0, 1), "wb.fine.blue": Float(0, 1)})
    assert grouped.groups == ["", "wb", "wb.fine"]
    assert [parameter.name for parameter in grouped] == grouped.names == ["gain", "wb.red", "wb.fine.blue"]
    for name in ("a b", "a=b", "a:b", "a,b", "a*", ".a", "a.", "a..b"):
        with pytest.raises(ConfigurationError) as caught:
            ParameterSpace({name: Float(0, 1)})
        assert str(caught.value) == (
            f"'{name}' cannot name a parameter: no spaces, none of = : , * ? [ ] and no empty parts between dots"
        )


@pytest.mark.parametrize(
    "parameters",
    [
        {"x": 3},
        {3: Float(0, 1)},
        [Float(0, 1)],
    ],
)
def test_what_is_no_parameter_is_refused(parameters: object, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ParameterSpace(parameters)  # type: ignore[arg-type]
    assert str(caught.value) == snapshot


def test_a_declaration_without_a_name_says_its_kind_when_it_is_wrong() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Float(3.0, 0.5)
    assert str(caught.value) == (
        "a parameter of the kind float needs finite bounds with low < high, got [3.0, 0.5]"
    )
    with pytest.raises(ParameterError) as raised:
        Bool(default="yes")  # type: ignore[arg-type]
    assert str(raised.value) == "a parameter of the kind bool is 'yes'; allowed: true or false"
    assert repr(Float(0.5, 3.0, default=1.0, unit="px")) == "Float(0.5, 3.0, default=1.0, unit='px')"


def test_bools_are_off_or_on() -> None:
    switch = ParameterSpace({"on": Bool(), "off": Bool(default=True, description="Inverted.")})
    assert switch.to_dicts(switch.start()) == [{"on": False, "off": True}]
    values = switch.to_values(torch.tensor([[0.49, 0.5]], dtype=torch.float64))
    assert switch.to_dicts(values) == [{"on": False, "off": True}]
    assert ParameterSpace.from_yaml(switch.to_yaml()) == switch
    assert not switch.is_continuous


def test_wrong_tensors_name_the_candidate_and_the_parameter() -> None:
    with pytest.raises(ParameterError, match=r"the shape \(P, 4\) for the parameters gain, offset"):
        space().to_values(torch.zeros(3, 2))
    unit = torch.full((3, 4), 0.5)
    unit[2, 1] = math.nan
    with pytest.raises(ParameterError) as caught:
        space().to_values(unit)
    assert str(caught.value) == "the unit coordinate of 'offset' of candidate 2 is nan, outside [0, 1]"
    values = space().start()
    values[0, 2] = 10
    with pytest.raises(ParameterError) as caught:
        space().check(values)
    assert str(caught.value) == "parameter 'radius' of candidate 0 is 10, outside [-2, 9] px"


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4), st.sampled_from([torch.float32, torch.bfloat16]))
def test_bounds_in_a_coarser_type_are_the_bounds(low: float, span: float, dtype: torch.dtype) -> None:
    high = low + span
    one = ParameterSpace({"x": Float(low, high)})
    rounded = torch.tensor([[low], [high]], dtype=torch.float64).to(dtype)
    values = one.check(rounded)
    assert low <= float(values.min())
    assert float(values.max()) <= high
    beyond = torch.nextafter(rounded[1:], torch.full((1, 1), math.inf, dtype=dtype))
    with pytest.raises(ParameterError, match="outside"):
        one.check(beyond)


@pytest.mark.parametrize(
    "text",
    [
        "x: {type: flot, low: 0, high: 1}",
        "x: {low: 0, hihg: 1}",
        "x: {low: 0}",
        "x: {low: 1, high: 0}",
        "x: {low: 0, high: 1, log: true}",
        "x: {type: choice, options: [a]}",
        "x: {low: 0, high: 1, default: 2}",
        "x: 3",
        "{}",
    ],
)
def test_a_wrong_description_is_one_clear_sentence(text: str, snapshot: SnapshotAssertion) -> None:
    with pytest.raises((ConfigurationError, ParameterError)) as caught:
        ParameterSpace.from_yaml(text)
    assert str(caught.value) == snapshot


@pytest.mark.parametrize("fact", ["unit", "description"])
def test_a_unit_and_a_description_are_texts(fact: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Float(0, 1, **{fact: 3})
    assert str(caught.value) == f"{fact} of a parameter of the kind float is 3; allowed: a text"
