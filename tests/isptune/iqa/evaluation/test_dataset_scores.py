"""Scores of a dataset: batches of one size, memory, images that fail, scores from files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from syrupy.assertion import SnapshotAssertion

from isptune import create_objective
from isptune.errors import ConfigurationError, EvaluationError, IsptuneError
from isptune.iqa.datasets import Dataset, DatasetError
from isptune.iqa.evaluation import read_scores, score_dataset
from isptune.scenes import write_image

Make = Callable[..., Any]

EXPECTED = [10 * (index + 1) / 255 for index in range(12)]


@pytest.mark.parametrize("size", [1, 2, 3, 64])
def test_batches_of_one_size_in_the_datasets_order(dataset: Dataset, objective: Make, size: int) -> None:
    made, seen = objective(), []
    found = score_dataset(made, dataset, batch_size=size, progress=lambda *at: seen.append(at))
    assert found.values == pytest.approx(EXPECTED)
    assert (found.name, found.higher_is_better, found.failures) == ("mean", True, [])
    assert max(count for count, *_ in made.batches) == min(size, 4)
    assert sum(count for count, *_ in made.batches) == 12
    assert seen == [(done, 12) for done in range(1, 13)]


def test_memory_keeps_batches_small(dataset: Dataset, objective: Make) -> None:
    made = objective()
    score_dataset(made, dataset, batch_size=4, memory_gb=1e-7)
    assert {count for count, *_ in made.batches} == {1}
    made = objective(most=2)
    assert score_dataset(made, dataset, batch_size=4).values == pytest.approx(EXPECTED)
    tried = [count for count, height, width in made.batches if (height, width) == (32, 32)]
    assert tried == [4, 2, 2]


def test_what_fails_has_a_sentence_and_the_rest_a_score(dataset: Dataset, objective: Make) -> None:
    made = objective()
    made.bad = {20: ArithmeticError("boom"), 30: float("nan"), 50: ConfigurationError("too grey")}
    path = dataset.records[6].path
    path.write_bytes(path.read_bytes()[:60])
    found = score_dataset(made, dataset, batch_size=4)
    source = dataset.source
    assert found.failures[:3] == [
        f"'{source}', row 2: the objective 'mean' failed on '1.png': ArithmeticError: boom",
        f"'{source}', row 3: the objective 'mean' gave '2.png' the score nan",
        f"'{source}', row 5: the objective 'mean' failed on '4.png': too grey",
    ]
    assert found.failures[3].startswith(f"'{source}', row 7: '{path}' is damaged or cut short: ")
    assert np.flatnonzero(np.isnan(found.values)).tolist() == [1, 2, 4, 6]
    there = np.isfinite(found.values)
    assert found.values[there] == pytest.approx(np.array(EXPECTED)[there])


def test_not_enough_memory_for_one(dataset: Dataset, objective: Make, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(EvaluationError) as caught:
        score_dataset(objective(most=0), dataset, batch_size=4)
    assert str(caught.value) == snapshot
    assert caught.value.exit_code == 1


def test_references(tmp_path: Path, dataset: Dataset, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(DatasetError) as caught:
        score_dataset(create_objective("psnr"), dataset)
    assert str(caught.value) == snapshot
    from dataclasses import replace

    plain = tmp_path / "plain.png"
    write_image(plain, torch.full((3, 32, 32), 20 / 255))
    chosen = [0, 3, 1]
    small = Dataset("x", tuple(replace(dataset.records[i], reference=plain) for i in chosen), source=tmp_path)
    found = score_dataset(create_objective("psnr"), small, batch_size=2)
    wanted = [-20 * np.log10(10 / 255), -20 * np.log10(20 / 255)]
    assert found.values[:2] == pytest.approx(wanted, abs=1e-4)
    assert found.failures == [
        f"'{tmp_path}', row 2: the objective 'psnr' failed on '1.png': its reference is 32x32 pixels, "
        "the image 40x32"
    ]


def test_options_out_of_range(dataset: Dataset, objective: Make) -> None:
    with pytest.raises(ConfigurationError, match="the batch size is 0; allowed: at least 1"):
        score_dataset(objective(), dataset, batch_size=0)
    with pytest.raises(ConfigurationError, match="memory_gb is 0; allowed: above 0"):
        score_dataset(objective(), dataset, memory_gb=0)


class TestScoresFromAFile:
    def test_in_any_order(self, dataset: Dataset, tmp_path: Path) -> None:
        table = tmp_path / "mine.csv"
        rows = [f"{index}.png,{index * 2}" for index in reversed(range(12))]
        table.write_text("name,score\n" + "\n".join(rows) + "\n")
        found = read_scores(table, dataset, higher_is_better=False)
        assert (found.name, found.higher_is_better) == ("mine", False)
        assert found.values.tolist() == [index * 2 for index in range(12)]
        assert found.along(dataset).tolist() == [-index * 2 for index in range(12)]

    @pytest.mark.parametrize(
        "rows",
        [
            ["5.png,1", "77.png,1"],
            ["5.png,1", "5.png,2"],
            ["5.png,1", "6.png,nan"],
            ["5.png,1", "6.png,"],
            [f"{index}.png,1" for index in range(11)],
        ],
    )
    def test_refusals(
        self, dataset: Dataset, tmp_path: Path, rows: list[str], snapshot: SnapshotAssertion
    ) -> None:
        table = tmp_path / "mine.csv"
        table.write_text("name,score\n" + "\n".join(rows) + "\n")
        with pytest.raises(IsptuneError) as caught:
            read_scores(table, dataset)
        assert str(caught.value) == snapshot

    def test_wrong_columns(self, dataset: Dataset, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
        table = tmp_path / "mine.csv"
        table.write_text("name,scores\n0.png,1\n")
        with pytest.raises(DatasetError) as caught:
            read_scores(table, dataset)
        assert str(caught.value) == snapshot
        with pytest.raises(DatasetError, match="there is no such file; did you mean 'mine.csv'?"):
            read_scores(tmp_path / "mime.csv", dataset)
