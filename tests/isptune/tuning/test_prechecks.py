"""Calls from Python with arguments that cannot be: one sentence, before anything is made or written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

import isptune
from isptune.benchmark.grid import check_grid, parse_bench_config
from isptune.errors import ConfigurationError, ImageError, UnknownNameError
from isptune.tuning.settings import parse_config

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize(
    "arguments",
    [
        {"objective": None},
        {"objective": lambda x: x},
        {"objective": ["psnr", 3]},
        {"pipeline": None},
        {"callbacks": print},
        {"callbacks": [3]},
        {"callbacks": None},
        {"optimizer": 3},
        {"optimizer_options": 3},
        {"optimizer_options": {"mu": "abc"}},
        {"optimizer_options": {"population": 3}},
        {"out": 3},
        {"population": 10**8, "budget": 10**8},
    ],
)
def test_a_call_that_cannot_be_is_refused(
    flat: Callable[..., Any],
    target: Callable[[], Any],
    arguments: dict[str, Any],
    snapshot: SnapshotAssertion,
) -> None:
    call = {"pipeline": flat(), "objective": target(), "out": "run", **arguments}
    with pytest.raises(ConfigurationError) as caught:
        isptune.tune(**call)
    assert str(caught.value) == snapshot
    assert not Path("run").exists()


def test_resume_refuses_callbacks_that_are_no_list() -> None:
    with pytest.raises(ConfigurationError, match="^callbacks is 'show'; allowed: a list of callables"):
        isptune.resume("run", callbacks="show")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("grid", "error"),
    [
        ({"objectives": [{"name": "ssim", "options": {"channels": 3}}]}, ConfigurationError),
        (
            {"objectives": ["psnr"], "optimizers": ["es", {"name": "adam", "options": {"patience": "abc"}}]},
            ConfigurationError,
        ),
        (
            {"objectives": ["psnr"], "pipeline": {"name": "synthetic", "options": {"compile": "yes"}}},
            ConfigurationError,
        ),
        ({"objectives": ["psnr"], "optimizers": ["es", "cam"]}, UnknownNameError),
        ({"objectives": ["psnr"], "scenes": ["chart:1x1"]}, ImageError),
        ({"objectives": ["psnr"], "optimizers": ["es", "adam"], "budget": 30}, ConfigurationError),
    ],
)
def test_mistakes_in_a_grid_are_refused_when_it_is_read(
    grid: dict[str, Any], error: type[Exception], snapshot: SnapshotAssertion
) -> None:
    with pytest.raises(error) as caught:
        check_grid(parse_bench_config(grid))
    assert str(caught.value) == snapshot


@pytest.mark.parametrize("key", ["seeds", "maps"])
def test_a_benchmark_of_too_many_seeds_is_refused_at_once(key: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{key} is 1000000000; allowed: a count from 1 to 100000"):
        parse_bench_config({"objectives": ["psnr"], key: 10**9})


def test_sizes_that_no_machine_holds_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="population is 100001; allowed: at most 100000$"):
        parse_config({"population": 100_001})
    assert parse_config({"population": 100_000}).population == 100_000
