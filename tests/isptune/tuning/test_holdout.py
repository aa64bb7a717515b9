"""Runs with scenes that only judge: which they are, what they say, and that the search is not told of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import isptune
from isptune import Float, Scene
from isptune.errors import ConfigurationError
from isptune.report import report_of_runs
from isptune.tracking.run_facts import held_out_scalars
from isptune.tuning.holdout import split
from isptune.tuning.settings import parse_config


class Lamps(isptune.Pipeline):
    """A grey picture of the level that is set and of what its scene adds, of 0.5 in the factory."""

    has_reference = True

    def __init__(self, added: Sequence[float], crops: int = 0) -> None:
        self.space = isptune.ParameterSpace({"level": Float(0.0, 1.0, default=0.5)})
        reference = torch.full((3, 8, 8), 0.5)
        self.scenes = [
            Scene(f"lamp{place}", (8, 8), reference, payload=more, index=place)
            for place, more in enumerate(added)
        ]
        for scene in self.scenes[:crops]:
            scene.source = {"file": "/one.png", "crop": [8 * scene.index, 0, 8, 8]}
        self.rendered: list[str] = []

    def render(self, values: torch.Tensor, scene: Scene | int) -> torch.Tensor:
        scene = self.scene(scene)
        self.rendered.append(scene.name)
        level = (values.float() + scene.payload).clamp(0, 1)
        return level.reshape(-1, 1, 1, 1).expand(-1, 3, 8, 8)


class Away(isptune.Objective):
    """How far the picture is from its reference."""

    higher_is_better = False
    needs_reference = True

    def score(self, images: torch.Tensor, reference: torch.Tensor | None = None) -> torch.Tensor:
        assert reference is not None
        return (images - reference).abs().mean(dim=(1, 2, 3))


def run(added: Sequence[float], holdout: Any, **more: Any) -> isptune.tuning.result.TuneResult:
    settings = {"optimizer": "random", "population": 20, "budget": 40, "seed": 1}
    return isptune.tune(Lamps(added), Away(), holdout=holdout, **settings, **more)


def test_a_gain_on_scenes_alike_carries_over_and_one_on_others_does_not(caplog: Any) -> None:
    alike = run([0.2, 0.2, 0.21, 0.2], 2).holdout
    assert alike is not None
    assert alike.carries_over is True
    assert alike.gains[0].held_out == pytest.approx(alike.gains[0].tuned, abs=0.02)
    assert not caplog.records
    other = run([0.2, 0.2, -0.2, -0.2], ["lamp2", "lamp3"]).holdout
    assert other is not None
    assert other.carries_over is False
    assert [scene.name for scene in other.held_out] == ["lamp2", "lamp3"]
    assert other.gains[0].lost == 2
    assert other.gains[0].tuned > 0 > other.gains[0].held_out
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning == other.warning
    # What fits the tuned scenes better fits the others worse, all along the search.
    tuned, held = (np.array([step[key] for step in other.way]) for key in ("tuned", "held_out"))
    assert len(other.way) > 1
    assert (np.diff(tuned) < 0).all()
    assert (np.diff(held) > 0).all()


def test_the_search_is_as_if_the_scenes_were_not_there(tmp_path: Path) -> None:
    run([0.1, 0.2, -0.3], ["lamp2"], out=tmp_path / "with")
    run([0.1, 0.2], None, out=tmp_path / "without")

    def log(name: str) -> list[Any]:
        lines = (tmp_path / name / "evaluations.jsonl").read_text().splitlines()
        return [{k: v for k, v in json.loads(line).items() if k not in ("run", "seconds")} for line in lines]

    assert log("with") == log("without")


def test_a_count_is_drawn_by_the_seed_and_run_yaml_says_which(tmp_path: Path) -> None:
    drawn = {}
    for seed in range(6):
        config = parse_config({"holdout": 2, "seed": seed})
        tuned, held = split(Lamps([0.0] * 5), config)
        assert held is not None
        drawn[seed] = tuple(scene.index for scene in held.scenes)
        assert sorted([*drawn[seed], *(scene.index for scene in tuned.scenes)]) == [0, 1, 2, 3, 4]
        assert drawn[seed] == tuple(scene.index for scene in split(Lamps([0.0] * 5), config)[1].scenes)  # type: ignore[union-attr]
    assert len(set(drawn.values())) > 2
    result = run([0.1] * 5, 2, out=tmp_path / "run")
    noted = yaml.safe_load((tmp_path / "run/run.yaml").read_text())
    names = [scene["name"] for scene in noted["held_out"]]
    assert names == [f"lamp{index}" for index in drawn[1]]
    found = isptune.Run.read(tmp_path / "run")
    assert [scene.name for scene in found.held_out] == names
    assert found.result.holdout is not None
    assert result.holdout is not None
    assert found.result.holdout.to_dict() == result.holdout.to_dict()
    assert json.loads((tmp_path / "run/result.json").read_text())["holdout"]["carries_over"] is True


def test_crops_of_a_picture_stay_together() -> None:
    for seed in range(8):
        tuned, held = split(Lamps([0.0] * 5, crops=3), parse_config({"holdout": 1, "seed": seed}))
        assert held is not None
        assert {scene.index for scene in held.scenes} in ({0, 1, 2}, {3}, {4})
    tuned, held = split(Lamps([0.0] * 5, crops=3), parse_config({"holdout": ["lamp1"]}))
    assert [scene.index for scene in tuned.scenes] == [3, 4]


@pytest.mark.parametrize(
    ("holdout", "sentence"),
    [
        (4, "holdout is 4, and there are 3 scenes, of which at least one is tuned on; allowed: 1 to 2"),
        (0, "in the call of isptune.tune, holdout is 0; allowed: a number of pictures from 1, or a file"),
        (True, "holdout is True; allowed"),
        (
            ["lmap1"],
            "holdout names 'lmap1', which is none of the run's scenes; did you mean 'lamp1'?; they are",
        ),
        ("lamp*", "holdout names all 3 scenes of the run, so that none is left to tune on; hold out fewer"),
    ],
)
def test_what_cannot_be_held_out_is_said(holdout: Any, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        run([0.1, 0.2, 0.3], holdout)
    assert sentence in str(caught.value)


def test_a_scene_alone_cannot_be_held_out() -> None:
    with pytest.raises(ConfigurationError, match="holdout is 1, and the scene 'lamp0' stands alone: nothing"):
        run([0.1], 1)
    pipeline = Lamps([0.1, 0.2], crops=2)
    pipeline.scenes[0].name = "one.png[0,0]"
    with pytest.raises(ConfigurationError, match=r"'one.png' stands alone \(its 2 crops are one picture\)"):
        split(pipeline, parse_config({"holdout": 1}))


def test_a_run_that_is_killed_ends_with_the_same_log_and_says_the_same(tmp_path: Path) -> None:
    whole = run([0.1, 0.2, -0.3], 1, out=tmp_path / "run")
    log = (tmp_path / "run/evaluations.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "run/evaluations.jsonl").write_text(log[0])
    assert isptune.Run.read(tmp_path / "run").result.holdout is None
    again = run([0.1, 0.2, -0.3], 1, out=tmp_path / "run", resume=True)
    assert whole.holdout is not None
    assert again.holdout is not None
    assert again.holdout.to_dict() == whole.holdout.to_dict()
    after = (tmp_path / "run/evaluations.jsonl").read_text().splitlines(keepends=True)
    plain = [[{**json.loads(line), "seconds": 0} for line in lines] for lines in (log, after)]
    assert plain[0] == plain[1]


def test_a_finished_run_that_is_resumed_renders_no_scene_again(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "optimizer": "random",
        "population": 20,
        "budget": 20,
        "out": tmp_path / "run",
    }
    isptune.tune(Lamps([0.1, 0.2]), Away(), holdout=1, **settings)
    pipeline = Lamps([0.1, 0.2])
    isptune.tune(pipeline, Away(), holdout=1, **settings, resume=True)
    assert set(pipeline.rendered) <= {scene.name for scene in isptune.Run.read(tmp_path / "run").scenes}


def test_reports_and_trackers_say_it(tmp_path: Path) -> None:
    result = run([0.2, 0.2, -0.2], ["lamp2"], out=tmp_path / "run")
    assert result.holdout is not None
    assert result.holdout.warning in result.notes
    page = report_of_runs([tmp_path / "run"])
    assert "Held-out scenes" in page
    assert "<strong>Warning:</strong> The gain does not carry over" in page
    assert 'id="held-out-table"' in page
    (gain,) = result.holdout.gains
    assert held_out_scalars(result) == {
        "holdout/carries_over": 0.0,
        "holdout/gain_tuned": gain.tuned,
        "holdout/gain": gain.held_out,
    }


def test_a_candidate_that_fails_on_a_held_out_scene_does_not_carry_over(tmp_path: Path) -> None:
    class Breaking(Lamps):
        def render(self, values: torch.Tensor, scene: Scene | int) -> torch.Tensor:
            if self.scene(scene).index == 2 and (values < 0.45).any():
                raise RuntimeError("too dark")
            return super().render(values, scene)

    result = isptune.tune(
        Breaking([0.2, 0.2, 0.2]), Away(), optimizer="random", population=20, budget=20, holdout=["lamp2"]
    )
    assert result.holdout is not None
    assert result.holdout.gains[0].why == "what was found fails on 'lamp2'"
    assert result.holdout.to_dict()["held_out"][0]["found"] == {"Away": None}


def test_a_file_that_was_given_twice_is_on_one_side() -> None:
    lamps = Lamps([0.0, 0.0, 0.1])
    for scene, file in zip(lamps.scenes, ("/one.png", "/one.png", "/two.png"), strict=True):
        scene.source = {"file": file}
    sides = []
    for seed in range(6):
        settings = {"pipeline": "synthetic", "objective": "psnr", "holdout": 1, "seed": seed}
        tuned, held = split(lamps, parse_config(settings))
        assert held is not None
        sides.append(tuple([scene.name for scene in side.scenes] for side in (tuned, held)))
    # On the side that judges it counts once.
    assert sorted(sides)[0] == (["lamp0", "lamp1"], ["lamp2"])
    assert sorted(sides)[-1] == (["lamp2"], ["lamp0"])
    with pytest.raises(ConfigurationError, match="holdout is 2, and there are 2 scenes"):
        split(lamps, parse_config({**settings, "holdout": 2}))
