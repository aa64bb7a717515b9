"""What captions say of a picture, and which pictures of a run are shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import isptune
from isptune.contracts.pipeline import Scene
from isptune.runs.captions import caption, different_pictures, measured_on, reference_word
from isptune.tuning.scoring import Scoring

pytestmark = pytest.mark.smoke

ROOT = Path(isptune.__file__).parent


def scene(name: str, file: str | None = None, crop: bool = False) -> Scene:
    source: dict[str, Any] = {"file": file} if file else {}
    return Scene(name, (8, 8), torch.zeros(3, 8, 8), source=source | ({"crop": [0, 0, 8, 8]} if crop else {}))


CROPS = [scene("a[0]", "a.png", True), scene("a[1]", "a.png", True), scene("b[0]", "b.png", True)]


@pytest.mark.parametrize(
    ("scenes", "words", "names"),
    [
        ([scene("a", "a.png")], "", ["a"]),
        ([scene("a", "a.png"), scene("b", "b.png")], "mean of 2 scenes", ["a", "b"]),
        (CROPS[:1], "on 1 crop", ["a[0]"]),
        (CROPS[:2], "mean of 2 crops", ["a[0]"]),
        (CROPS, "mean of 3 crops of 2 pictures", ["a[0]", "b[0]"]),
    ],
)
def test_what_a_score_is_the_mean_of(scenes: list[Scene], words: str, names: list[str]) -> None:
    assert measured_on(scenes) == words
    assert [one.name for one in different_pictures(scenes)] == names


def test_a_caption_tells_the_picture_from_the_run(
    flat: Callable[..., Any], target: Callable[[], Any]
) -> None:
    pipeline = flat(((8, 8),))
    image = pipeline.render(torch.tensor([[0.25, 0.75]]), 0)[0]
    arguments = (Scoring([target()]), pipeline, image, None, 0.0)
    # One whole picture: its score is the run's.
    assert caption(*arguments, {"target": 0.0}) == "target 0, normalised l1 0"
    pipeline.scenes = [scene("a[0]", "a.png", True), scene("a[1]", "a.png", True)]
    assert caption(*arguments, {"target": 0.125}).split("\n") == [
        "this picture: target 0",
        "the run: target 0.125 (mean of 2 crops)",
        "normalised l1 0",
    ]


def test_a_caption_tells_what_judges_said_of_the_run(
    flat: Callable[..., Any], target: Callable[[], Any]
) -> None:
    class Taste(isptune.Judge):
        """All the same."""

        name = "taste"

        def judge(self, round: Any) -> list[float]:
            return [1.0 for _ in round.contenders]

    pipeline = flat(((8, 8),))
    image = pipeline.render(torch.tensor([[0.25, 0.75]]), 0)[0]
    both = (Scoring([Taste(), target()]), pipeline, image, None, None)
    alone = (Scoring([Taste()]), pipeline, image, None, None)
    assert caption(*both, {"taste": 4.5, "target": 0.0}) == "taste 4.5, target 0"
    assert caption(*both) == "target 0"
    assert caption(*alone, {"taste": 4.5}) == "taste 4.5"
    assert caption(*alone) == ""
    pipeline.scenes = [scene("a[0]", "a.png", True), scene("a[1]", "a.png", True)]
    assert caption(*both, {"taste": 4.5, "target": 0.125}).split("\n") == [
        "this picture: target 0",
        "the run: taste 4.5, target 0.125 (mean of 2 crops)",
    ]
    assert caption(*alone, {"taste": 4.5}) == "the run: taste 4.5 (mean of 2 crops)"


def test_a_reference_is_pristine_where_no_distortion_gives_it() -> None:
    assert reference_word(True) == "pristine"
    assert reference_word(False) == "target"


def test_every_quantity_has_one_name() -> None:
    """Others than those of ``isptune.wording.words`` must not come back, in texts or in comments."""
    others = re.compile(
        r"hidden L1|L1 loss|normalised L1|share of range|mid-cube|before \(middle|hidden l1_normalised"
    )
    files = [*ROOT.rglob("*.py"), *ROOT.rglob("*.js"), *ROOT.rglob("*.html")]
    found = [
        f"{path}: {hit[0]}" for path in files if (hit := others.search(path.read_text(encoding="utf-8")))
    ]
    assert len(files) > 100
    assert found == []
