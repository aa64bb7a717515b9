"""Which runs are pooled, and what the labels of the others say."""

from __future__ import annotations

from typing import Any

import pytest

from isptune.errors import ConfigurationError
from isptune.figures.grouping import group_runs
from isptune.tuning.settings import RunConfig, parse_config


def config(**changes: Any) -> RunConfig:
    settings = {
        "scenes": ["photos/coffee.png"],
        "objective": "psnr",
        "optimizer": "es",
        "population": 30,
        "budget": 300,
    }
    return parse_config({**settings, **changes})


def groups(
    *configs: RunConfig, evaluations: list[int] | None = None
) -> list[tuple[str, str, tuple[int, ...]]]:
    found = group_runs(configs, evaluations or [one.budget for one in configs])
    return [(group.objective, group.label, group.indices) for group in found]


def test_seeds_are_pooled_also_those_of_hidden_maps_and_whatever_the_machine() -> None:
    runs = [
        config(seed=0),
        config(seed=1, device="cpu", memory_gb=1.0),
        config(seed=2, pipeline={"name": "synthetic", "options": {"seed": 7}}),
    ]
    assert groups(*runs) == [("psnr", "", (0, 1, 2))]


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        ({"optimizer": "cma"}, ("es", "cma")),
        # A population of the user's own is told; a budget is seen at the end of the line.
        ({"optimizer": "cma", "population": 12, "budget": 120}, ("es, population 30", "cma, population 12")),
        ({"optimizer": {"name": "es", "options": {"mu": 3}}}, ("", "mu=3")),
        ({"scenes": ["photos/chart.png"]}, ("coffee.png", "chart.png")),
        ({"scenes": ["old/coffee.png"]}, ("photos/coffee.png", "old/coffee.png")),
        ({"crop": "full"}, ("crop auto", "crop full")),
        ({"pipeline": {"name": "synthetic", "options": {"stages": ["jpeg", "darken"]}}}, ("", "stages=jpeg, darken")),
        ({"budget": 600}, ("budget 300", "budget 600")),
        ({"population": 60}, ("population 30", "population 60")),
        ({"parameters": {"blur": {"fix": 0.5}}}, ("parameters as declared", "parameters blur: fix: 0.5")),
        ({"autocast": "bfloat16"}, ("autocast none", "autocast bfloat16")),
        ({"start": {"blur": 0.5, "noise": 0.25}}, ("start None", "start blur=0.5, noise=0.25")),
    ],
)  # fmt: skip
def test_labels_say_what_differs(changes: dict[str, Any], labels: tuple[str, str]) -> None:
    found = groups(config(), config(seed=1), config(seed=1, **changes))
    assert found == [("psnr", labels[0], (0, 1)), ("psnr", labels[1], (2,))]


def test_objectives_and_their_options_are_scores_of_their_own() -> None:
    long = {"name": "clipiqa", "options": {"prompts": ["a", "b"]}}
    found = groups(config(), config(objective="ssim"), config(objective=long))
    assert [one[:2] for one in found] == [("psnr", ""), ("ssim", ""), ("clipiqa, prompts=a, b", "")]


def test_a_run_that_is_not_at_its_end_stands_alone() -> None:
    found = groups(config(), config(seed=1), evaluations=[300, 120])
    assert found == [("psnr", "", (0,)), ("psnr", "120 of 300 evaluations", (1,))]


def test_too_many_lines_are_refused() -> None:
    runs = [config(budget=30 * count) for count in range(1, 14)]
    with pytest.raises(ConfigurationError) as caught:
        group_runs(runs, [run.budget for run in runs])
    assert str(caught.value) == (
        "the 13 runs differ in budget and would make 13 lines; at most 12 can be told apart: give fewer"
    )


def test_long_starts_are_counted_and_told_apart() -> None:
    rows = [{"blur": 0.5, "noise": 0.25, "sharpening": 0.125}, {"blur": 0.125, "noise": 0.5}]
    other = [rows[0], {"blur": 0.125, "noise": 0.5000001}]
    (_, first, _), (_, second, _) = groups(config(start=rows), config(start=other))
    assert first != second
    assert [label[:20] for label in (first, second)] == ["start 2 candidates #"] * 2
    assert groups(config(start=rows), config(start=rows, seed=1)) == [("psnr", "", (0, 1))]
