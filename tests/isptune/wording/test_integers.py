"""Whole numbers of any type serve wherever one is asked for; booleans and fractions do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import isptune
from isptune import Choice, Float, Int, ParameterSpace
from isptune.benchmark.grid import parse_bench_config
from isptune.errors import ConfigurationError
from isptune.tuning.settings import parse_config
from isptune.wording.integers import as_integer, plain, whole_number

SEVEN = [7, np.int64(7), np.uint8(7), np.array(7), torch.tensor(7)]


@pytest.mark.parametrize("seven", SEVEN, ids=repr)
def test_integers_of_any_type_are_one(seven: Any) -> None:
    assert (as_integer(seven), type(as_integer(seven))) == (7, int)
    config = parse_config({"budget": seven, "population": seven, "seed": seven})
    assert config == parse_config({"budget": 7, "population": 7, "seed": 7})
    assert config.fingerprint() == parse_config({"budget": 7, "population": 7, "seed": 7}).fingerprint()
    grid = {"objectives": "psnr", "population": seven, "budget": seven, "seeds": [seven], "maps": seven}
    bench = parse_bench_config(grid)
    assert (bench.population, bench.budget, bench.seeds, bench.variants) == (7, 7, [7], list(range(7)))
    for name in ("es", "cma", "random", "nsga2", "adam"):
        made = isptune.create_optimizer(name, space=seven, population=seven, seed=seven, budget=seven)
        assert [type(value) for value in (made.dimension, made.population, made.seed, made.budget)] == [
            int
        ] * 4


def test_seeds_of_a_benchmark_may_be_an_array_or_a_range() -> None:
    assert parse_bench_config({"objectives": "psnr", "seeds": np.arange(3)}).seeds == [0, 1, 2]
    assert parse_bench_config({"objectives": "psnr", "seeds": range(2)}).seeds == [0, 1]


@pytest.mark.parametrize("wrong", [True, np.True_, torch.tensor(True), 7.0, np.float64(7), "7", None])
def test_nothing_else_is_one(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^the seed is .*; allowed: whole numbers of at least 0$"):
        whole_number("the seed", wrong, 0)
    # A budget of None leaves the optimizer to say how many.
    for key in ("seed",) if wrong is None else ("budget", "seed"):
        with pytest.raises(ConfigurationError, match=f", {key} is "):
            parse_config({key: wrong})
    with pytest.raises(ConfigurationError, match="the option seed of the pipeline 'synthetic' is"):
        isptune.create_pipeline("synthetic", scenes=["chart:64x48"], seed=wrong)


def test_a_run_with_numpy_numbers_is_the_run_with_plain_ones(
    flat: Callable[..., Any], target: Callable[..., Any]
) -> None:
    plain_run = isptune.tune(flat(), target(), budget=20, population=10, seed=3)
    numbers = {"budget": np.int32(20), "population": np.uint16(10), "seed": np.int64(3)}
    found = isptune.tune(flat(), target(), out="run", **numbers)
    assert found.best_parameters == plain_run.best_parameters
    assert yaml.safe_load(Path("run/run.yaml").read_text())["budget"] == 20
    ours = isptune.create_pipeline("synthetic", scenes=["chart:64x48"], seed=np.int64(5))
    assert (ours.seed, type(ours.seed), ours.options["seed"]) == (5, int, 5)


def test_parameters_keep_plain_numbers() -> None:
    space = ParameterSpace(
        {
            "a": Float(np.float32(0), np.float64(1), default=np.float32(0.5)),
            "b": Int(np.int64(1), np.int32(9)),
            "c": Choice((np.int64(1), 2)),
        }
    )
    assert ParameterSpace.from_yaml(space.to_yaml()) == space
    assert space.from_dicts([{"a": np.float32(0.25), "b": np.int64(3)}]).tolist() == [[0.25, 3.0, 0.0]]
    assert plain({"a": [np.float32(0.5), (np.int8(1),)]}) == {"a": [0.5, (1,)]}
