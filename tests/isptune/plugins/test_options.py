"""Options against annotations: what is taken, and the sentence about what is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import annotated_types
import numpy as np
import pytest
from pydantic import Field
from torch import Tensor, nn, zeros

from isptune.errors import ConfigurationError
from isptune.plugins import check_options, takes_option
from isptune.plugins.options import check_value, options_of


@dataclass
class Thing:
    size: int = 3


def refused(annotation: Any, value: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        check_value("it", annotation, value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("annotation", "values"),
    [
        (int, [3, -1, np.int64(3)]),
        (float, [3, 0.5, np.float32(0.5), float("inf")]),
        (bool, [True, np.True_]),
        (str | Path | None, ["a", Path("a"), None]),
        (Annotated[int, Field(ge=1)] | None, [1, None]),
        (Annotated[float, annotated_types.Gt(0)], [0.1, 3]),
        (Sequence[int], [[1, 2], (1, 2), []]),
        (tuple[int, int], [[1, 2], (1, 2)]),
        (tuple[float, ...], [[1, 2.5, 3]]),
        (Mapping[str, float], [{"a": 1}]),
        (Literal["rgb", "y"], ["rgb"]),
        (str | Tensor | Sequence[str | Tensor], ["a", zeros(3), [zeros(3), "b"]]),
        (Thing, [Thing()]),
        (Callable[[int], int], [abs]),
        (Iterable[str], [["a"]]),
        (Optional[int], [None, 3]),  # noqa: UP045 - third parties write it
        (Any, [object()]),
    ],
)
def test_values_that_fit_are_taken(annotation: Any, values: list[Any]) -> None:
    for value in values:
        check_value("it", annotation, value)


@pytest.mark.parametrize(
    ("annotation", "value", "sentence"),
    [
        (int, "3", "it is '3'; allowed: a whole number"),
        (int, 3.0, "it is 3.0; allowed: a whole number"),
        (int, True, "it is True; allowed: a whole number"),
        (float, True, "it is True; allowed: a number"),
        (float, "1e-3", "it is '1e-3'; allowed: a number"),
        (bool, 7, "it is 7; allowed: true or false"),
        (bool, 1, "it is 1; allowed: true or false"),
        (bool, "yes", "it is 'yes'; allowed: true or false"),
        (str, 3, "it is 3; allowed: a text"),
        (str | Path | None, 3, "it is 3; allowed: a text or null"),
        (Annotated[int, Field(ge=1)] | None, 0, "it is 0; allowed: a whole number of at least 1 or null"),
        (Annotated[int, Field(ge=1, le=5)], 9, "it is 9; allowed: a whole number from 1 to 5"),
        (Annotated[float, Field(ge=0, lt=1)], 1.0, "it is 1.0; allowed: a number of at least 0 and below 1"),
        (Annotated[float, Field(gt=0)], float("nan"), "it is nan; allowed: a number above 0"),
        (
            Annotated[float, Field(gt=0, allow_inf_nan=False)],
            float("inf"),
            "it is inf; allowed: a finite number above 0",
        ),
        (Annotated[int, Field(multiple_of=8)], 9, "it is 9; allowed: a whole number divisible by 8"),
        (Annotated[str, Field(min_length=1)], "", "it is ''; allowed: a text of at least 1 character"),
        (Sequence[int], ["1"], "it is ['1']; allowed: a list (each a whole number)"),
        (Sequence[str], "abc", "it is 'abc'; allowed: a list (each a text)"),
        (
            Annotated[Sequence[int], Field(min_length=3, max_length=3)],
            [1],
            "it is [1]; allowed: a list of 3 entries (each a whole number)",
        ),
        (Annotated[list[str], Field(max_length=2)], 3, "it is 3; allowed: a list of at most 2 entries (each a text)"),
        (tuple[int, int], [1], "it is [1]; allowed: a list of 2 (a whole number, a whole number)"),
        (Mapping[str, Any] | None, 3, "it is 3; allowed: a mapping or null"),
        (Mapping[str, float], {"a": "b"}, "it is {'a': 'b'}; allowed: a mapping (each value a number)"),
        (Literal["rgb", "luma"], "luna", "it is 'luna'; allowed: rgb or luma; did you mean 'luma'?"),
        (str | Tensor, 3, "it is 3; allowed: a text"),
        (Tensor, 3, "it is 3; allowed: an object of type Tensor"),
        (Thing, {"size": 3}, "it is {'size': 3}; allowed: an object of type Thing"),
        (int, zeros(3), "it is an object of type Tensor; allowed: a whole number"),
        (int, "x" * 99, f"it is '{'x' * 56}...; allowed: a whole number"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_get_one_sentence(annotation: Any, value: Any, sentence: str) -> None:
    assert refused(annotation, value) == sentence


class Window:
    def __init__(self, size: Annotated[int, Field(ge=3)], *, name="box", where: NoSuchType = None) -> None:  # noqa: F821
        self.size = size


class Plain(nn.Module):
    pass


def test_names_types_and_what_is_missing() -> None:
    check_options("the window 'w'", Window, {"size": 3, "name": 7, "where": object()})
    for options, sentence in (
        ({"size": 2}, "the option size of the window 'w' is 2; allowed: a whole number of at least 3"),
        ({}, "the window 'w' needs the option 'size'"),
        (
            {"siz": 3},
            "the window 'w' has no option 'siz'; did you mean 'size'?; its options: size, name, where",
        ),
    ):
        with pytest.raises(ConfigurationError) as caught:
            check_options("the window 'w'", Window, options)
        assert str(caught.value) == sentence


def test_a_factory_that_takes_anything_is_not_checked() -> None:
    check_options("it", lambda **options: None, {"size": "abc"})
    assert options_of(lambda **options: None) is None
    assert takes_option(lambda **options: None, "whatever")


def test_a_module_of_torch_without_a_constructor_takes_no_options() -> None:
    assert options_of(Plain) == []
    with pytest.raises(ConfigurationError, match="^it has no option 'size'; it has no options$"):
        check_options("it", Plain, {"size": 3})
