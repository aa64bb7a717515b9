"""What stands at the ends of the axes of parameters."""

from __future__ import annotations

import pytest

from isptune.figures.candidates import Axis, _axis
from isptune.parameters import Bool, Choice, Float, Int, Parameter


@pytest.mark.parametrize(
    ("parameter", "ends"),
    [
        (Bool(), ("false", "true")),
        (Choice(("off", "light", "full")), ("off", "full")),
        (Choice((0.25, 2, 8)), ("0.25", "8")),
        (Float(0.5, 2.0, unit="EV"), ("0.5", "2 EV")),
        (Int(0, 5), ("0", "5")),
    ],
)
def test_the_ends_of_an_axis_are_written_as_values_are(parameter: Parameter, ends: tuple[str, str]) -> None:
    assert _axis(parameter) == Axis(parameter.name, *ends)
