"""Real parameters that take the multiples of a step, as an ISP does that rounds what it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import isptune
from isptune import Float, ParameterSpace
from isptune.errors import ConfigurationError, ParameterError
from isptune.parameters.identity import free_space, identities, most_candidates

Maker = Callable[..., Any]


def test_values_are_multiples_and_come_back_to_the_last_bit() -> None:
    space = ParameterSpace({"gain": Float(0.25, 1.1, step=0.1, default=0.52), "free": Float(0, 1)})
    unit = torch.linspace(0, 1, 97, dtype=torch.float64)
    values = space.to_values(torch.stack([unit, unit], dim=1))
    found = sorted({row["gain"] for row in space.to_dicts(values)})
    assert found == [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1]
    again = space.to_values(space.to_unit(values))
    assert torch.equal(again[:, 0], values[:, 0])
    assert torch.equal(space.from_dicts(space.to_dicts(values))[:, 0], values[:, 0])
    # Each has the same share of the range, the ends too.
    counts = np.unique(
        space.to_values(torch.rand(9000, 2, dtype=torch.float64))[:, 0].numpy(), return_counts=True
    )[1]
    assert counts.min() > 850
    assert space.start()[0, 0] == pytest.approx(0.5)
    assert space["gain"].default == 0.5
    assert (free_space(space).counts, space.is_continuous) == ((9, 0), False)
    assert ParameterSpace.from_yaml(space.to_yaml()) == space
    assert repr(space["gain"]) == "Float(0.25, 1.1, default=0.5, step=0.1)"
    assert space["gain"].allowed == "[0.25, 1.1] in steps of 0.1"
    assert space.constrained(ranges={"gain": (0.6, 1.0)})["gain"].count == 5  # type: ignore[attr-defined]
    assert most_candidates(ParameterSpace({"gain": Float(1, 8, step=1 / 64)})) == 449


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"step": 0}, "the step of a parameter of the kind float is 0; allowed: above 0"),
        ({"step": 0.1, "log": True}, "a parameter of the kind float is logarithmic and has a step; allowed: one of the two"),
        (
            {"step": 0.8},
            "a parameter of the kind float takes 1 values in [0.5, 1] with the step 0.8; allowed: 2 to 2**50",
        ),
    ],
)  # fmt: skip
def test_steps_that_cannot_be(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ParameterSpace({"a": Float(0.5, 1.0, **declared)})
    assert str(caught.value) == message
    with pytest.raises(
        ParameterError, match=r"a parameter of the kind float is 3, outside \[0, 1\] in steps of 0.5"
    ):
        Float(0, 1, step=0.5, default=3)


@pytest.mark.parametrize("optimizer", ["es", "cma", "random", "nevergrad:DE"])
def test_values_that_are_rounded_to_one_another_are_evaluated_once(
    target: Maker, flat: Maker, optimizer: str
) -> None:
    rendered: list[tuple[float, ...]] = []

    class Rounding(flat):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(sizes=((4, 4),))
            self.space = ParameterSpace({"a": Float(0, 1, step=0.25), "b": Float(0, 1, step=0.25)})

        def render(self, values: Tensor, scene: Any) -> Tensor:
            rendered.extend(tuple(row) for row in values.tolist())
            return super().render(values, scene)

    result = isptune.tune(Rounding(), target(), optimizer=optimizer, budget=40, population=8)
    space = Rounding().space
    assert len(set(identities(space, result.history.candidates))) <= 25
    assert len(rendered) == len(set(rendered)) <= 25
    assert {value for row in rendered for value in row} <= {0.0, 0.25, 0.5, 0.75, 1.0}
    if optimizer in ("es", "cma", "random"):
        # What came again was moved, until nothing was left.
        assert len(rendered) == 25
        assert result.best_parameters == {"a": 0.25, "b": 0.75}


def test_gradients_leave_what_has_steps_alone(
    target: Maker, flat: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = flat(sizes=((4, 4),))
    pipeline.space = ParameterSpace({"a": Float(0, 1, step=0.25, default=0.5), "b": Float(0, 1)})
    result = isptune.tune(pipeline, target(), optimizer="adam", budget=8, population=4)
    assert result.best_parameters["a"] == 0.5
    assert caplog.messages == ["the optimizer 'adam' tunes real numbers alone; it leaves 'a' at 0.5"]
