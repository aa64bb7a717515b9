"""Objectives on a dataset: splits, orientations, failures, differences, summaries."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from isptune.errors import ConfigurationError, UnknownNameError
from isptune.iqa.datasets import Dataset, DatasetError
from isptune.iqa.evaluation import Scores, compare, evaluate, plcc, srcc
from isptune.iqa.evaluation.evaluating import choose_parts

Make = Callable[..., Any]


def test_one_objective_on_everything(dataset: Dataset, objective: Make) -> None:
    seen: list[tuple[str, int, int]] = []
    found = evaluate(objective(), dataset, bootstrap=50, progress=lambda *at: seen.append(at))
    (one,) = found.agreements
    assert (one.objective, one.split, one.images, one.failed) == ("mean", "all", 12, 0)
    shades = np.arange(12.0)
    mos = np.array([(index ^ 1) + 1 for index in range(12)])
    assert one.estimates["srcc"].value == pytest.approx(srcc(shades, mos))
    assert one.estimates["plcc"].value == pytest.approx(plcc(shades, mos))
    assert one.estimates["srcc"].low < one.estimates["srcc"].value
    assert seen[-1] == ("intervals", 1, 1)
    assert ("mean", 12, 12) in seen
    assert not found.differences
    assert not found.summaries


def test_orientations_do_not_change_the_sign(dataset: Dataset, objective: Make) -> None:
    dmos = replace(dataset, higher_is_better=False)
    pair = [objective("up"), objective("down", higher_is_better=False)]
    for data, sign in ((dataset, 1), (dmos, -1)):
        found = evaluate(pair, data, bootstrap=20)
        up, down = (one.estimates for one in found.agreements)
        assert up["srcc"].value == pytest.approx(down["srcc"].value)
        assert up["plcc_logistic"].value == pytest.approx(down["plcc_logistic"].value, abs=1e-4)
        assert math.copysign(1, up["srcc"].value) == sign
    turned = "The sign of {} is turned, so that a positive correlation means agreement."
    assert turned.format("down") in evaluate(pair, dataset, bootstrap=0).notes
    notes = evaluate(pair, dmos, bootstrap=0).notes
    assert turned.format("up") in notes
    assert any("up on all: the scores run against the MOS" in note for note in notes)


def test_splits_and_what_is_over_them(dataset: Dataset, objective: Make) -> None:
    made = objective()
    found = evaluate(made, dataset, splits=["fold_split", "fixed*:val"], bootstrap=10)
    assert list(found.parts) == ["fold_split:test", "fixed_split:val"]
    # Pictures that no split names are not scored.
    assert found.dataset.names == tuple(f"{index}.png" for index in (1, 3, 4, 5, 6, 7, 9, 11))
    assert sum(count for count, *_ in made.batches) == 8
    first, second = found.agreements
    assert (first.images, second.images) == (6, 4)
    (summary,) = found.summaries
    both = [one.estimates["srcc"].value for one in (first, second)]
    assert summary.splits == 2
    assert summary.mean["srcc"] == pytest.approx(np.mean(both))
    assert summary.std["srcc"] == pytest.approx(np.std(both, ddof=1))
    assert "mean on fixed_split:val: the logistic needs at least 5 images, there are 4." in found.notes
    assert math.isnan(second.estimates["rmse_logistic"].value)


def test_images_that_fail_are_not_counted(dataset: Dataset, objective: Make) -> None:
    bad = objective("bad")
    bad.bad = {20: ValueError("boom"), 80: float("inf")}
    found = evaluate([objective(), bad], dataset, bootstrap=10)
    good, worse = found.agreements
    assert (good.images, good.failed, worse.images, worse.failed) == (12, 0, 10, 2)
    assert worse.notes == ["2 of 12 images failed and are not counted"]
    assert len(found.failures) == 2
    # The two are compared on what both have, on which they agree.
    ((label, difference),) = found.differences
    assert (label, difference.images, difference.estimate.value, difference.decided) == ("all", 10, 0, False)


def test_contents_are_resampled_whole_and_few_are_too_few(dataset: Dataset, objective: Make) -> None:
    records = tuple(replace(one, content=f"c{index // 4}") for index, one in enumerate(dataset.records))
    grouped = replace(dataset, records=records)
    found = evaluate(objective(), grouped, bootstrap=20)
    assert (
        "Intervals: 95 %, percentile bootstrap over whole contents (3 in 12 images), 20 resamples, seed 0."
        in found.notes
    )
    assert "Intervals of all come from only 3 contents and are too narrow to trust." in found.notes
    alone = evaluate(objective(), dataset, bootstrap=20)
    assert "Intervals: 95 %, percentile bootstrap over images, 20 resamples, seed 0." in alone.notes
    assert not any("too narrow" in note for note in alone.notes)


def test_equal_scores_have_no_correlation(dataset: Dataset) -> None:
    found = compare(dataset, [Scores("flat", np.ones(12))], bootstrap=10)
    assert math.isnan(found.agreements[0].estimates["srcc"].value)
    assert found.agreements[0].notes == ["all scores are equal"]
    data = found.to_dict()
    assert data["agreement"][0]["srcc"] == {"value": None, "low": None, "high": None}
    json.dumps(data, allow_nan=False)


def test_nothing_left(dataset: Dataset) -> None:
    values = np.full(12, np.nan)
    values[3] = 1
    found = compare(dataset, [Scores("gone", values), Scores("there", np.arange(12.0))], bootstrap=10)
    assert found.agreements[0].notes == [
        "11 of 12 images failed and are not counted",
        "too few images are left",
    ]
    assert math.isnan(found.differences[0][1].estimate.value)
    json.dumps(found.to_dict(), allow_nan=False)


def test_refusals(dataset: Dataset, objective: Make) -> None:
    def refused(splits: list[str], data: Dataset = dataset) -> str:
        with pytest.raises((DatasetError, UnknownNameError)) as caught:
            choose_parts(data, splits)
        return str(caught.value)

    source = dataset.source
    assert refused(["fold"]) == f"'{source}' has no split 'fold'; did you mean 'fold_split'?"
    assert refused(["fold_split:tets"]) == "a split has no part 'tets'; did you mean 'test'?"
    assert refused(["fold_split:val"]) == (
        f"the split 'fold_split' of '{source}' has no image in its part 'val'; it has 6 in 'train', 6 in 'test'"
    )
    single = dataset.with_splits({"own": ("test", *[None] * 11)})
    assert (
        refused(["own"], single)
        == f"the part 'test' of the split 'own' of '{source}' has 1 image; at least 2 are needed"
    )
    flat = replace(
        single,
        records=tuple(replace(one, mos=min(one.mos, 9)) for one in dataset.records),
        splits={"own": (*[None] * 9, "test", "test", "test")},
    )
    assert refused(["own"], flat) == (
        f"the part 'test' of the split 'own' of '{source}' has the MOS 9 in all its 3 images "
        "(the first in row 10); correlations need at least two different values"
    )
    for scores, sentence in (
        ([Scores("a", np.ones(11))], f"'a' has 11 scores for the 12 images of '{source}'"),
        ([Scores("a", np.ones(12))] * 2, "two objectives have the name 'a'"),
        ([], "there is no objective and there are no scores to evaluate"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            compare(dataset, scores)
        assert str(caught.value) == sentence
    with pytest.raises(ConfigurationError, match="the bootstrap is -5; allowed: at least 0"):
        compare(dataset, [Scores("a", np.arange(12.0))], bootstrap=-5)
