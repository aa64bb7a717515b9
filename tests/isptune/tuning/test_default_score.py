"""What the pipeline's defaults score stands beside what was found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import isptune
from isptune import Float


class Shifted(isptune.Pipeline):
    """A grey picture whose brightness is tuned; at its default it is 0.1 off."""

    has_reference = True

    def __init__(self, default: float | None = 0.6) -> None:
        self.space = isptune.ParameterSpace({"level": Float(0.0, 1.0, default=default)})
        self.scenes = [isptune.Scene("grey", (32, 32), torch.full((3, 32, 32), 0.5))]

    def render(self, values: torch.Tensor, scene: isptune.Scene | int) -> torch.Tensor:
        return values.float().reshape(-1, 1, 1, 1).expand(-1, 3, 32, 32)


SETTINGS = {"optimizer": "random", "population": 4, "budget": 8}


@pytest.mark.parametrize("start", [None, "default", "own", {"level": 0.9}])
def test_the_defaults_are_scored_wherever_the_search_begins(start: object, tmp_path: Path) -> None:
    found = isptune.tune(Shifted(), "psnr", start=start, out=tmp_path / "run", **SETTINGS)
    assert found.default_score == pytest.approx(20.0, abs=1e-4)
    assert len(found.history) == 8
    data = json.loads((tmp_path / "run" / "result.json").read_text())
    assert data["default_score"] == found.default_score
    assert isptune.Run.read(tmp_path / "run").result.default_score == found.default_score


def test_several_objectives_have_a_default_score_each() -> None:
    found = isptune.tune(Shifted(), ["psnr", "exposure"], optimizer="nsga2", population=4, budget=8)
    assert found.default_score is None
    assert list(found.default_scores) == ["psnr", "exposure"]
    assert found.to_dict()["default_scores"] == found.default_scores


def test_without_declared_defaults_there_is_none() -> None:
    found = isptune.tune(Shifted(default=None), "psnr", **SETTINGS)
    assert found.default_scores == {}
    assert "default_score" not in found.to_dict()


def test_a_default_outside_of_the_narrowed_range_does_not_stop_the_run() -> None:
    found = isptune.tune(Shifted(), "psnr", parameters={"level": {"range": [0.0, 0.55]}}, **SETTINGS)
    assert found.best_score is not None
