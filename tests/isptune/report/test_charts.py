"""The data of the charts: what the scripts get is what was computed, in the pipeline's own units."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from isptune import Float, ParameterSpace
from isptune.figures.candidates import best_of_runs
from isptune.figures.convergence import Band
from isptune.figures.levels import RecoveredLevels
from isptune.figures.records import Record, slices
from isptune.figures.sensitivity import sensitivity
from isptune.parameters import Choice, Int
from isptune.report import charts, point_charts

Make = Callable[..., Record]


class Knobs:
    """What a chart asks of a run: its parameters, and that it knows no truth."""

    truth = None

    def __init__(self) -> None:
        self.space = ParameterSpace(
            {
                "gain": Float(0.25, 4, log=True, unit="EV"),
                "radius": Int(0, 3),
                "curve": Choice(("flat", "film")),
            }
        )


@pytest.fixture
def knobs() -> Knobs:
    return Knobs()


def searched(record: Record, knobs: Any) -> Record:
    """The record with random candidates in three dimensions, of which the middle one is the best."""
    count = len(record.history.score)
    candidates = np.random.default_rng(0).random((count, 3))
    object.__setattr__(record.history, "candidates", candidates)
    return replace(record, run=knobs)


def test_numbers_are_short_and_none_where_there_is_none() -> None:
    assert charts.plain([0.123456789, math.nan, math.inf, -2.0]) == [0.12346, None, None, -2.0]
    assert charts.rounded(None) is None


def test_bands_only_where_there_are_several_runs(record: Make) -> None:
    one = charts.score_chart("psnr", 3, charts.curves(slices([record([1, 2, 2, 5])])))
    (series,) = one["slices"][0]["series"]
    assert series == {"name": "psnr", "colour": 3, "runs": 1, "x": [1, 2, 4], "y": [1, 2, 5]}
    two = charts.score_chart("psnr", 0, charts.curves(slices([record([1, 2]), record([3, 4])])))
    (series,) = two["slices"][0]["series"]
    assert (series["y"], series["low"], series["high"]) == ([2, 3], [1.5, 2.5], [2.5, 3.5])


def test_an_objective_is_left_out_of_slices_that_do_not_have_it(record: Make) -> None:
    runs = [record([1.0], [0.5]), record([1.0], [0.6], optimizer="cma")]
    runs.append(record([2.0], [0.4], objective="ssim", optimizer="cma"))
    chart = charts.loss_chart(["psnr", "ssim"], charts.curves(slices(runs)))
    assert chart is not None
    shown = {part["label"]: [one["name"] for one in part["series"]] for part in chart["slices"]}
    assert shown == {"es": ["psnr"], "cma": ["psnr", "ssim"]}
    assert [
        part["label"] for part in charts.score_chart("ssim", 1, charts.curves(slices(runs)))["slices"]
    ] == ["cma"]
    assert charts.loss_chart(["psnr"], charts.curves(slices([record([1.0])]))) is None
    assert charts.reached_chart(["psnr"], charts.by_part(slices([record([1.0])])), [0.1]) is None


def test_scatter_says_how_many_points_are_shown(record: Make) -> None:
    ((name, words, chart),) = point_charts.scatter_charts(["psnr"], [record([1, 2, 3], [0.3, 0.1, 0.2])])
    assert (name, words) == ("psnr", "Rank agreement with the truth +0.50; 3 evaluations.")
    assert chart["points"] == [[1, 2, 3], [0.3, 0.1, 0.2]]
    assert chart["best"] == [[3], [0.2]]
    assert chart["bestNames"] == ["run"]
    many = record(list(np.arange(2500.0)), list(np.linspace(0, 1, 2500)))
    ((_, words, _),) = point_charts.scatter_charts(["psnr"], [many])
    assert words == "Rank agreement with the truth −1.00; 2,000 of 2,500 evaluations."


def test_levels_are_shares_of_the_highest() -> None:
    one = Band(np.array([1.0]), np.array([0.5]), np.array([1.5]))
    levels = RecoveredLevels(("blur",), ("px",), np.array([5.0]), one, {"psnr": one}, {"psnr": 2})
    chart = charts.levels_chart(["psnr"], levels)
    assert chart["start"] == {"y": [0.2], "low": [0.1], "high": [0.3]}
    assert chart["series"] == [
        {"name": "psnr", "colour": 0, "runs": 2, "y": [0.2], "low": [0.1], "high": [0.3]}
    ]


def test_parallel_axes_and_lines(record: Make, knobs: Any) -> None:
    run = searched(record(list(np.arange(50.0))), knobs)
    best = best_of_runs([run])
    assert best is not None
    chart = charts.parallel_chart(["psnr"], best)
    assert chart["views"] == [
        {
            "label": "parameters",
            "places": "parameters",
            "texts": "parametersWritten",
            "axes": [
                {"name": "gain", "low": "0.25", "high": "4 EV"},
                {"name": "radius", "low": "0", "high": "3"},
                {"name": "curve", "low": "flat", "high": "film"},
            ],
        }
    ]
    assert chart["scores"] == [{"name": "score", "higherIsBetter": True}]
    assert len(chart["lines"]) == 40
    first = chart["lines"][0]
    assert (first["name"], first["scores"]) == ("rank 1, evaluation 50", [49])
    values = knobs.space.to_dicts(knobs.space.to_values(torch.from_numpy(run.history.candidates[49:])))[0]
    assert first["parametersWritten"] == [f"{values['gain']:.4g}", str(values["radius"]), values["curve"]]
    # The first and the last whole number or option lie at the ends of their axes.
    assert {line["parameters"][1] for line in chart["lines"]} <= {
        0.0,
        charts.rounded(1 / 3),
        charts.rounded(2 / 3),
        1.0,
    }
    assert {line["parameters"][2] for line in chart["lines"]} == {0.0, 1.0}
    assert "loss" not in first
    both = best_of_runs([run, run])
    assert both is not None
    two = charts.parallel_chart(["psnr"], both)
    assert [line["name"] for line in two["lines"]] == ["run", "run"]
    json.dumps(two, allow_nan=False)
    assert best_of_runs([replace(run, run=None)]) is None


def test_charts_show_what_was_searched_and_nothing_else(record: Make, knobs: Any) -> None:
    run = searched(record(list(np.arange(200.0))), knobs)
    knobs.space = ParameterSpace(
        {"held": Float(0, 1), **{parameter.name: parameter for parameter in knobs.space}}
    ).constrained(fix={"held": 0.5})
    fit = sensitivity(run.history)
    assert fit is not None
    assert list(dict(point_charts.sensitivity_charts(run, knobs.space, fit, 0))) == [
        "gain",
        "radius",
        "curve",
    ]
    best = best_of_runs([run])
    assert best is not None
    chart = charts.parallel_chart(["psnr"], best)
    assert [axis["name"] for axis in chart["views"][0]["axes"]] == ["gain", "radius", "curve"]
    assert {len(line["parametersWritten"]) for line in chart["lines"]} == {3}


def test_sensitivity_is_in_the_parameters_units(record: Make, knobs: Any) -> None:
    run = searched(record(list(np.arange(200.0))), knobs)
    fit = sensitivity(run.history)
    assert fit is not None
    found = dict(point_charts.sensitivity_charts(run, knobs.space, fit, 0))
    assert list(found) == ["gain", "radius", "curve"]
    gain, radius, curve = found.values()
    assert gain["x"] == {"label": "gain (EV)", "log": True, "whole": False}
    expected = 0.25 * 16 ** run.history.candidates[fit.nearest, 0]
    np.testing.assert_allclose(gain["points"][0], expected, rtol=1e-4)
    assert gain["mark"] == pytest.approx(0.25 * 16 ** fit.centre[0], rel=1e-4)
    assert len(gain["curve"][0]) == 41
    assert radius["x"]["whole"] is True
    assert set(radius["points"][0]) <= {0, 1, 2, 3}
    assert curve["x"]["names"] == ["flat", "film"]
    assert "curve" not in curve
