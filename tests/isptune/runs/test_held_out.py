"""When a gain is said to carry over to scenes that only judge."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from isptune.runs.held_out import HeldOut, JudgedScene, carried, noted_holdout


def scenes(gains: list[float]) -> list[JudgedScene]:
    return [
        JudgedScene(f"scene {place}", {"psnr": 20.0}, {"psnr": 20.0 + gain})
        for place, gain in enumerate(gains)
    ]


@pytest.mark.parametrize(
    ("tuned", "held", "why"),
    [
        ([2, 2, 2], [2, 2], ""),
        ([2, 2, 2], [1, 1], ""),
        ([2, 2, 2], [0.9, 0.9], "that is 45 % of it"),
        # 0.9 +- 0.3 may well be 1.
        ([2, 2, 2], [0.6, 1.2], ""),
        ([2, 2, 2], [0.3], "that is 15 % of it"),
        ([2, 2, 2], [-1, 1], "nothing is gained there"),
        ([2, 2, 2], [-0.1, -0.1, -0.1, 9], "3 of 4 held-out scenes lost"),
        # Where most of the tuned ones lost as well, that is what the gain is like.
        ([-0.1, -0.1, 9], [-0.1, -0.1, -0.1, 9], ""),
        ([2, 2, 2], [2, math.nan], "what was found fails on 'scene 1'"),
        ([0, 0], [-1, -1], ""),
    ],
)
def test_the_criterion(tuned: list[float], held: list[float], why: str) -> None:
    assert carried("psnr", True, scenes(tuned), scenes(held)).why == why
    # The same with scores of which lower is better.
    mirrored = [scenes([-gain for gain in side]) for side in (tuned, held)]
    assert carried("psnr", False, *mirrored).why == why


def test_means_and_errors_are_those_of_the_scenes() -> None:
    found = carried("psnr", True, scenes([1, 3]), scenes([1, 2, 3]))
    assert (found.tuned, found.held_out, found.lost, found.of) == (2.0, 2.0, 0, 3)
    assert found.error == pytest.approx(1 / math.sqrt(3))
    assert carried("psnr", True, scenes([1, 3]), scenes([2])).error is None


def test_an_honest_gain_seldom_warns_and_one_that_is_lost_mostly_does() -> None:
    # Gains scatter among scenes as widely as half of their mean; a search takes nothing from noise here.
    generator = np.random.default_rng(0)

    def warned(mean: float, count: int) -> float:
        found = 0
        for _ in range(400):
            tuned, held = generator.normal(1, 0.5, 4).tolist(), generator.normal(mean, 0.5, count).tolist()
            found += bool(carried("psnr", True, scenes(tuned), scenes(held)).why)
        return found / 400

    assert warned(1.0, 4) < 0.03
    assert warned(0.0, 4) > 0.75


def test_what_is_noted_is_read_back_while_the_log_has_that_length(tmp_path: Path) -> None:
    sides = scenes([2, 2]), [*scenes([0.1]), JudgedScene("bad", {"psnr": 20.0}, {"psnr": math.nan}, 20.0)]
    held = HeldOut(
        ("psnr",), (True,), *sides, way=[{"evaluation": 3, "tuned": 22, "held_out": 20}], evaluations=9
    )
    (tmp_path / "result.json").write_text(json.dumps({"holdout": held.to_dict()}, allow_nan=False))
    found = noted_holdout(tmp_path, ("psnr",), (True,), 9)
    assert found is not None
    assert found.to_dict() == held.to_dict()
    assert found.carries_over is False
    assert found.warning == (
        "the gain does not carry over to the held-out scenes: psnr gains +2 on the tuned scenes and +0.1 there "
        "(what was found fails on 'bad'); tune on more scenes, or fix or narrow parameters"
    )
    assert noted_holdout(tmp_path, ("psnr",), (True,), 10) is None
    assert noted_holdout(tmp_path, ("ssim",), (True,), 9) is None
    assert noted_holdout(tmp_path / "none", ("psnr",), (True,), 9) is None
