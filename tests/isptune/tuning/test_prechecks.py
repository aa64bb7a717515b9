"""Calls from Python with arguments that cannot be: one sentence, before anything is made or written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import isptune
from isptune.benchmark.grid import check_grid, parse_bench_config
from isptune.errors import ConfigurationError, ImageError, UnknownNameError
from isptune.tuning.settings import parse_config

OBJECTIVES = "allowed: an objective, the name of a registered one, or a list of these"
CALLBACKS = "allowed: a list of callables and trackers, such as callbacks=[show]"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"objective": None}, f"the objective of isptune.tune is None; {OBJECTIVES}"),
        (
            {"objective": lambda x: x},
            f"the objective of isptune.tune is an object of type function; {OBJECTIVES}",
        ),
        ({"objective": ["psnr", 3]}, f"the objective of isptune.tune is 3; {OBJECTIVES}"),
        (
            {"pipeline": None},
            "the pipeline of isptune.tune is None; allowed: a pipeline, or the name of a registered one",
        ),
        ({"callbacks": print}, f"callbacks is an object of type builtin_function_or_method; {CALLBACKS}"),
        ({"callbacks": [3]}, f"callbacks holds 3; {CALLBACKS}"),
        ({"callbacks": None}, f"callbacks is None; {CALLBACKS}"),
        (
            {"optimizer": None},
            "the optimizer of isptune.tune is None; allowed: the name of a registered optimizer",
        ),
        (
            {"optimizer_options": 3},
            "optimizer_options of isptune.tune is 3; allowed: a mapping of names to values",
        ),
        (
            {"optimizer_options": {"mu": "abc"}},
            "the option mu of the optimizer 'es' is 'abc'; allowed: a whole number of at least 1 or null",
        ),
        (
            {"optimizer_options": {"population": 3}},
            "the optimizer's options cannot set population; those are settings of the run",
        ),
        ({"out": 3}, "out of isptune.tune is 3; allowed: a path, or None for no directory"),
        (
            {"population": 10**8, "budget": 10**8},
            "in the call of isptune.tune, population is 100000000; allowed: at most 100000",
        ),
    ],
)
def test_a_call_that_cannot_be_is_refused(
    flat: Callable[..., Any], target: Callable[[], Any], arguments: dict[str, Any], sentence: str
) -> None:
    call = {"pipeline": flat(), "objective": target(), "out": "run", **arguments}
    with pytest.raises(ConfigurationError) as caught:
        isptune.tune(**call)
    assert str(caught.value) == sentence
    assert not Path("run").exists()


def test_resume_refuses_callbacks_that_are_no_list() -> None:
    with pytest.raises(ConfigurationError, match="^callbacks is 'show'; allowed: a list of callables"):
        isptune.resume("run", callbacks="show")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("grid", "error", "sentence"),
    [
        (
            {"objectives": [{"name": "ssim", "options": {"channels": 3}}]},
            ConfigurationError,
            "the option channels of the objective 'ssim' is 3; allowed: rgb or luma",
        ),
        (
            {"objectives": ["psnr"], "optimizers": ["es", {"name": "adam", "options": {"patience": "abc"}}]},
            ConfigurationError,
            "the option patience of the optimizer 'adam' is 'abc'; allowed: a whole number of at least 1",
        ),
        (
            {"objectives": ["psnr"], "pipeline": {"name": "synthetic", "options": {"compile": "yes"}}},
            ConfigurationError,
            "the option compile of the pipeline 'synthetic' is 'yes'; allowed: true or false",
        ),
        (
            {"objectives": ["psnr"], "optimizers": ["es", "cam"]},
            UnknownNameError,
            "there is no optimizer named 'cam'; did you mean 'cma'?",
        ),
        (
            {"objectives": ["psnr"], "scenes": ["chart:1x1"]},
            ImageError,
            "a chart of 1x1 pixels is out of range",
        ),
        (
            {"objectives": ["psnr"], "optimizers": ["es", "adam"], "budget": 30},
            ConfigurationError,
            "the budget 30 is not a multiple of the population 4; the nearest: 28 or 32",
        ),
    ],
)
def test_mistakes_in_a_grid_are_refused_when_it_is_read(
    grid: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error) as caught:
        check_grid(parse_bench_config(grid))
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("key", ["seeds", "maps"])
def test_a_benchmark_of_too_many_seeds_is_refused_at_once(key: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{key} is 1000000000; allowed: a count from 1 to 100000"):
        parse_bench_config({"objectives": ["psnr"], key: 10**9})


def test_sizes_that_no_machine_holds_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="population is 100001; allowed: at most 100000$"):
        parse_config({"population": 100_001})
    assert parse_config({"population": 100_000}).population == 100_000
