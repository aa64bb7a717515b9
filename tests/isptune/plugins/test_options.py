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
from syrupy.assertion import SnapshotAssertion
from torch import Tensor, nn, zeros

from isptune.errors import ConfigurationError
from isptune.plugins import check_options, takes_option
from isptune.plugins.options import check_value, options_of

pytestmark = pytest.mark.smoke


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
    ("annotation", "value"),
    [
        (int, "3"),
        (int, 3.0),
        (int, True),
        (float, True),
        (float, "1e-3"),
        (bool, 7),
        (bool, 1),
        (bool, "yes"),
        (str, 3),
        (str | Path | None, 3),
        (Annotated[int, Field(ge=1)] | None, 0),
        (Annotated[int, Field(ge=1, le=5)], 9),
        (Annotated[float, Field(ge=0, lt=1)], 1.0),
        (Annotated[float, Field(gt=0)], float("nan")),
        (Annotated[float, Field(gt=0, allow_inf_nan=False)], float("inf")),
        (Annotated[int, Field(multiple_of=8)], 9),
        (Annotated[str, Field(min_length=1)], ""),
        (Sequence[int], ["1"]),
        (Sequence[str], "abc"),
        (Annotated[Sequence[int], Field(min_length=3, max_length=3)], [1]),
        (Annotated[list[str], Field(max_length=2)], 3),
        (tuple[int, int], [1]),
        (Mapping[str, Any] | None, 3),
        (Mapping[str, float], {"a": "b"}),
        (Literal["rgb", "luma"], "luna"),
        (str | Tensor, 3),
        (Tensor, 3),
        (Thing, {"size": 3}),
        (int, zeros(3)),
        (int, "x" * 99),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_get_one_sentence(
    annotation: Any, value: Any, snapshot: SnapshotAssertion
) -> None:
    assert refused(annotation, value) == snapshot


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
