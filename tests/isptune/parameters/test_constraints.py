"""Narrowed, fixed, tied and conditional parameters: what holds for every candidate, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from isptune.errors import IsptuneError
from isptune.parameters import Bool, Choice, Float, Int, ParameterSpace

# Sixteen rows are enough to reach every option of the spaces below.
seeds = st.integers(0, 2**31 - 1)


def isp() -> ParameterSpace:
    """Eight parameters of all kinds in three groups, with conditions in a chain."""
    return ParameterSpace(
        {
            "wb.red": Float(0.5, 4.0, log=True, default=2.0),
            "wb.blue": Float(0.25, 8.0, log=True, default=1.5),
            "demosaic.method": Choice(("bilinear", "dcb", "amaze"), default="amaze"),
            "demosaic.passes": Int(0, 5, default=2, active_if={"method": ("dcb", "amaze")}),
            "sharpen.enabled": Bool(default=True),
            "sharpen.radius": Float(0.5, 3.0, default=1.0, unit="px", active_if={"enabled": True}),
            "sharpen.deep": Float(0.0, 1.0, active_if={"enabled": True, "demosaic.passes": [4, 5]}),
            "gamma": Float(1.0, 3.0, default=2.2),
        }
    )


def tuned() -> ParameterSpace:
    """The same with a tie, a fixed value and a narrowed range of each kind."""
    return isp().constrained(
        tie={"wb.blue": "red"},
        fix={"gamma": 2.2},
        ranges={"wb.red": (1, 3), "demosaic.method": ["amaze", "bilinear"], "demosaic.passes": [1, 4]},
    )


def units(space: ParameterSpace, seed: int, rows: int = 16) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(rows, len(space.free), generator=generator, dtype=torch.float64)


def column(space: ParameterSpace, values: torch.Tensor, name: str) -> torch.Tensor:
    return values[:, space.names.index(name)]


def test_only_free_parameters_have_a_column() -> None:
    space = tuned()
    assert [parameter.name for parameter in space.free] == [
        "wb.red", "demosaic.method", "demosaic.passes", "sharpen.enabled", "sharpen.radius", "sharpen.deep",
    ]  # fmt: skip
    assert (len(space), space.fixed, space.ties) == (8, {"gamma": 2.2}, {"wb.blue": "wb.red"})
    assert len(isp().free) == 8


@settings(deadline=None, max_examples=30)
@given(seeds)
def test_ties_fixed_values_and_ranges_hold_for_every_candidate(seed: int) -> None:
    space = tuned()
    values = space.to_values(units(space, seed))
    assert torch.equal(column(space, values, "wb.blue"), column(space, values, "wb.red"))
    assert (column(space, values, "gamma") == 2.2).all()
    assert ((column(space, values, "wb.red") >= 1) & (column(space, values, "wb.red") <= 3)).all()
    assert {row["demosaic.method"] for row in space.to_dicts(values)} <= {"amaze", "bilinear"}
    # A pipeline knows nothing of the constraints and takes the values as they are.
    assert torch.equal(isp().check(values), values)


@settings(deadline=None, max_examples=30)
@given(seeds)
def test_values_come_back_through_the_cube(seed: int) -> None:
    for space in (isp(), tuned()):
        values = space.to_values(units(space, seed))
        again = space.to_values(space.to_unit(values))
        assert torch.allclose(again, values, rtol=1e-14, atol=1e-15)
        discrete = [i for i, parameter in enumerate(space) if not isinstance(parameter, Float)]
        assert torch.equal(again[:, discrete], values[:, discrete])
        assert torch.equal(space.active(again), space.active(values))
        assert torch.equal(space.from_dicts(space.to_dicts(values)), values)


@settings(deadline=None, max_examples=30)
@given(seeds, seeds)
def test_columns_of_inactive_parameters_change_nothing(seed: int, other: int) -> None:
    for space in (isp(), tuned()):
        unit, noise = units(space, seed), units(space, other)
        values = space.to_values(unit)
        active = space.active(values)[:, list(space.free_indices)]
        assert torch.equal(space.to_values(torch.where(active, unit, noise)), values)
        start = space.start().expand_as(values)
        asleep = ~space.active(values)
        assert torch.equal(values[asleep], start[asleep])


def test_inactive_parameters_have_their_defaults_in_a_chain_of_conditions() -> None:
    space = isp()
    row: dict[str, Any] = {
        "demosaic.method": "bilinear",
        "demosaic.passes": 5,
        "sharpen.deep": 0.9,
        "sharpen.radius": 2.0,
    }
    found = space.from_dicts([row, {**row, "demosaic.method": "dcb"}, {**row, "sharpen.enabled": False}])
    named = space.to_dicts(found)
    assert [one["demosaic.passes"] for one in named] == [2, 5, 2]
    assert [one["sharpen.deep"] for one in named] == [0.5, 0.9, 0.5]
    assert [one["sharpen.radius"] for one in named] == [2.0, 2.0, 1.0]
    # The cell of the default, not the one that was proposed.
    assert float(space.to_unit(found)[0, 3]) == 2.5 / 6
    assert space.active(found)[0].tolist() == [True, True, True, False, True, True, False, True]


def test_conditions_that_no_candidate_can_meet_cost_no_column() -> None:
    off = isp().constrained(fix={"sharpen.enabled": False})
    assert [p.name for p in off.free if p.group == "sharpen"] == []
    assert off.to_dicts(off.to_values(units(off, 0, 1)))[0]["sharpen.radius"] == 1.0
    narrow = isp().constrained(ranges={"demosaic.passes": (0, 3)})
    assert "sharpen.deep" not in [parameter.name for parameter in narrow.free]
    # A condition that always holds is none.
    on = isp().constrained(fix={"sharpen.enabled": True, "demosaic.method": "dcb"})
    assert bool(on.active(on.start())[0, on.names.index("sharpen.radius")])


def test_gradients_of_a_tied_float_go_to_its_source_and_none_to_an_inactive_one() -> None:
    space = isp().constrained(tie={"wb.blue": "wb.red"}, fix={"demosaic.*": None, "sharpen.enabled": False})
    assert [parameter.name for parameter in space.free] == ["wb.red", "gamma"]
    assert space.is_continuous
    unit = torch.tensor([[0.3, 0.6]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(space.to_values, (unit,))
    red, both = (
        torch.autograd.grad(space.to_values(unit)[:, columns].sum(), unit)[0][0, 0]
        for columns in ([0], [0, 1])
    )
    assert both == 2 * red
    mixed = isp()
    point = torch.full((1, 8), 0.1, dtype=torch.float64, requires_grad=True)
    slopes = torch.autograd.grad(mixed.to_values(point).sum(), point)[0][0]
    asleep = [mixed.names.index(name) for name in ("sharpen.radius", "sharpen.deep")]
    assert slopes[asleep].tolist() == [0.0, 0.0]
    assert float(slopes[0]) > 0


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_any_constrained_space_comes_back_from_yaml(data: st.DataObject) -> None:
    asked: dict[str, dict[str, Any]] = {}
    possible: dict[str, list[dict[str, Any]]] = {
        "wb.blue": [{"tie": "wb.red"}, {"range": [0.5, 1]}, {"fix": None}],
        "demosaic.method": [{"range": ["dcb", "amaze"]}, {"fix": "bilinear"}, {"default": "dcb"}],
        "demosaic.passes": [{"range": [1, 4], "default": 4}, {"fix": 5}],
        "sharpen.radius": [{"active_if": {"demosaic.method": "dcb"}}, {"range": [2, 3]}],
    }
    for name, choices in possible.items():
        picked = data.draw(st.sampled_from([None, *choices]))
        if picked is not None:
            asked[name] = picked
    space = isp().constrained(asked)
    again = ParameterSpace.from_yaml(space.to_yaml())
    assert again == space
    assert again.free == space.free
    unit = units(space, 1)
    assert torch.equal(again.to_values(unit), space.to_values(unit))
    assert torch.equal(again.start(), space.start())


def test_an_unconstrained_space_gives_the_numbers_of_its_parameters() -> None:
    plain = ParameterSpace({"a": Float(0.1, 0.7), "b": Float(1e-3, 2, log=True), "c": Int(0, 9)})
    unit = units(plain, 3)
    alone = [parameter.from_unit(unit[:, i]) for i, parameter in enumerate(plain)]
    assert torch.equal(plain.to_values(unit), torch.stack(alone, 1))
    assert plain.check(values := plain.to_values(unit)) is values


def test_globs_and_what_wins_over_them() -> None:
    space = isp().constrained(
        {"demosaic.*": {"fix": None}, "demosaic.passes": {"range": [0, 3]}}, fix={"wb.*": None, "wb.red": 3}
    )
    assert space.fixed == {"wb.red": 3.0, "wb.blue": 1.5, "demosaic.method": "amaze"}
    assert space["demosaic.passes"].allowed == "[0, 3]"
    together = isp().constrained(tie={"wb.*": "wb.red"})
    assert together.ties == {"wb.blue": "wb.red"}


def test_a_default_outside_a_narrowed_range_moves_to_its_end_and_that_is_said() -> None:
    space = isp().constrained(ranges={"gamma": (1, 2), "demosaic.method": ["bilinear", "dcb"]})
    assert space.notices == (
        "the default of 'demosaic.method' is amaze, outside its range bilinear, dcb; it starts at bilinear",
        "the default of 'gamma' is 2.2, outside its range [1, 2]; it starts at 2",
    )
    start = space.to_dicts(space.start())[0]
    assert (start["gamma"], start["demosaic.method"]) == (2.0, "bilinear")
    assert isp().constrained(ranges={"gamma": (1, 2)}, defaults={"gamma": 1.8}).notices == ()


@pytest.mark.parametrize(
    "asked",
    [
        {"wb.blue": {"tie": "wb.rde"}},
        {"wb.red": {"tie": "wb.blue"}},
        {"wb.red": {"tie": "demosaic.passes"}},
        {"wb.red": {"tie": "wb.red"}},
        {"wb.red": {"tie": "wb.blue"}, "wb.blue": {"tie": "wb.red", "range": [0.5, 4]}},
        {"demosaic.method": {"active_if": {"demosaic.passes": 1}}},
        {"gamma": {"active_if": {"wb.red": 1.0}}},
        {"gamma": {"active_if": {"demosaic.methd": "dcb"}}},
        {"gamma": {"active_if": {"demosaic.method": ["dcb", "amase"]}}},
        {"gamma": {"active_if": {"demosaic.method": []}}},
        {"demosaic.passes": {"active_if": {"method": "bilinear"}}},
        {"gamma": {"active_if": 3}},
        {"gamma": {"fix": 9}},
        {"gamma": {"fix": 2.5, "range": [1, 2]}},
        {"gamma": {"fix": "high"}},
        {"sharpen.enabled": {"fix": 1}},
        {"wb.blue": {"fix": 1, "tie": "wb.red"}},
        {"gamma": {"range": [3, 1]}},
        {"gamma": {"range": [2, 2]}},
        {"gamma": {"range": [0, 2]}},
        {"demosaic.passes": {"range": [0.5, 2]}},
        {"gamma": {"range": 2}},
        {"demosaic.method": {"range": ["dcb", "amase"]}},
        {"demosaic.method": {"range": ["dcb"]}},
        {"demosaic.method": {"range": "dcb"}},
        {"sharpen.enabled": {"range": [True]}},
        {"gamma": {"default": 4}},
        {"*": {"fix": None}},
        {"gamm": {"fix": 2}},
        {"tone.*": {"fix": None}},
        {"wb.*": {"fix": None}, "*.red": {"fix": 1}},
        {"gamma": {"fx": 2}},
        {"gamma": 2.2},
    ], ids=str,
)  # fmt: skip
def test_what_makes_no_sense_is_one_clear_sentence(
    asked: dict[str, Any], snapshot: SnapshotAssertion
) -> None:
    with pytest.raises(IsptuneError) as caught:
        isp().constrained(asked)
    assert str(caught.value) == snapshot


def test_ties_and_conditions_together_can_go_in_a_circle_too() -> None:
    space = ParameterSpace({"a": Bool(), "b": Bool(active_if={"a": True}), "c": Float(0, 1)})
    with pytest.raises(IsptuneError) as caught:
        space.constrained(tie={"a": "b"})
    assert str(caught.value) == "ties and conditions go in a circle: a, b, a"
    with pytest.raises(IsptuneError) as caught:
        ParameterSpace({"a": Bool(active_if={"a": True})})
    assert str(caught.value) == "conditions go in a circle: a, a"


def test_a_declared_condition_out_of_range_is_refused(snapshot: SnapshotAssertion) -> None:
    with pytest.raises(IsptuneError) as caught:
        ParameterSpace({"n": Int(0, 3), "x": Float(0, 1, active_if={"n": 7})})
    assert str(caught.value) == snapshot


def test_values_of_another_space_are_refused() -> None:
    space = tuned()
    with pytest.raises(IsptuneError) as caught:
        space.from_dicts([{"gamma": 1.0}])
    assert str(caught.value) == "parameter 'gamma' of candidate 0 is 1, but it is fixed at 2.2"
    with pytest.raises(IsptuneError) as caught:
        space.from_dicts([{"wb.red": 1.5, "wb.blue": 2.0}])
    assert str(caught.value) == (
        "parameter 'wb.blue' of candidate 0 is 2, but it is tied to 'wb.red', which is 1.5"
    )
    values = space.start()
    values[0, 2] = 1
    with pytest.raises(IsptuneError) as caught:
        space.check(values)
    assert str(caught.value) == "parameter 'demosaic.method' of candidate 0 is 1, outside bilinear, amaze"
