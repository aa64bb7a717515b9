"""Few data: what can be computed is printed, what cannot is named, and nothing divides by zero."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from torch import Tensor

import isptune
from isptune.errors import ConfigurationError
from isptune.iqa.datasets import read_dataset
from isptune.iqa.training import Learner
from isptune.iqa.training.opinions import OpinionSource
from isptune.plugins import registry
from isptune.scenes import read_image, write_image

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def two(photo: str) -> None:
    """Two pictures and a file that is none, with opinions of all three."""
    write_image("dark.png", read_image(photo) * 0.5)
    Path("broken.png").write_bytes(b"nothing")
    Path("two.csv").write_text("name,mos\nphoto.png,4\ndark.png,2\n")
    Path("three.csv").write_text("name,mos\nphoto.png,4\nbroken.png,3\ndark.png,2\n")


@pytest.fixture
def failing() -> Iterator[str]:
    """The name of an objective that fails on every picture."""

    @isptune.register_objective("failing-for-tests")
    class Failing(isptune.Objective):
        """Fails."""

        def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
            raise ArithmeticError("boom")

    yield "failing-for-tests"
    registry.objectives._records.pop("failing-for-tests")


def test_evaluate_on_two_pictures(two: None, call: Call) -> None:
    options = ["--bootstrap", "20", "--out", "out"]
    code, out, _ = call("evaluate", "--objective", "contrast,exposure", "--data", "two.csv", *options)
    assert code == 0
    assert "| contrast  | all   |      2 | 1.000 | 1.000 |                none | 1.000 |" in out
    assert "| contrast | exposure      | all   |      2 |      0.000 |            no interval |" in out
    assert "contrast on all: the logistic needs at least 5 images, there are 2." in out
    assert "contrast on all: no interval of srcc, plcc, krcc," in out


def test_evaluate_on_two_of_three_pictures(two: None, call: Call) -> None:
    options = ["--bootstrap", "20", "--out", "out", "--json"]
    code, out, err = call("evaluate", "--objective", "contrast", "--data", "three.csv", *options)
    assert code == 1
    found = json.loads(out)
    assert [found["agreement"][0][key] for key in ("images", "failed")] == [2, 1]
    assert found["agreement"][0]["krcc"] == {"value": 1.0, "low": None, "high": None}
    assert "isptune: 'three.csv', row 2: 'broken.png' is not an image that can be read" in err


def test_evaluate_with_an_objective_that_fails_throughout(two: None, call: Call, failing: str) -> None:
    options = ["--bootstrap", "20", "--data", "two.csv"]
    code, out, err = call("evaluate", "--objective", f"{failing},contrast", *options, "--out", "out")
    assert code == 1
    assert "| contrast          | all   |      2 | 1.000 |" in out
    assert f"| {failing} | all   | 0 of 2 |  none |" in out
    assert err.count("ArithmeticError: boom") == 2
    code, out, err = call("evaluate", "--objective", failing, *options, "--out", "other")
    assert (code, out) == (1, "")
    assert "isptune: error: all 2 images failed; the first: 'two.csv', row 1" in err


def test_train_on_too_few_opinions(two: None) -> None:
    message = "the training part of 'two' has 1 of its 2 pictures; at least 2 are needed"
    with pytest.raises(ConfigurationError, match=message):
        OpinionSource(Learner(), read_dataset("two.csv"), [0], [1])
