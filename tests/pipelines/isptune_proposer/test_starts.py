"""A search that begins with what a proposer suggests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import isptune
import isptune_synthetic.pipeline
from isptune.cli import run
from isptune.errors import ConfigurationError
from isptune.iqa.training.checkpoint import load_learner
from isptune.testing.pictures import picture
from isptune_proposer.learner import ProposerLearner


def pipeline(**options: Any) -> Any:
    return isptune.create_pipeline("synthetic", **{"scenes": ["chart:96x64"], "seed": 4, **options})


def begun(out: Path, proposer: Path, **options: Any) -> isptune.TuneResult:
    given = {"optimizer": "es", "population": 8, "budget": 24, "seed": 2, "out": out, **options}
    return isptune.tune(pipeline(), "psnr", proposer=proposer, **given)


def settings_in(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((out / "run.yaml").read_text())
    return found


def test_the_first_generation_is_what_is_suggested_and_what_was_looked_at(
    trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begun(tmp_path / "run", trained)
    settings = settings_in(tmp_path / "run")
    assert "proposer" not in settings
    noted = settings["suggested"]
    assert (noted["candidates"], noted["probes"], noted["proposer"]) == (5, 3, str(trained))
    run = isptune.Run.read(tmp_path / "run")
    assert run.history.values is not None
    first = run.space.to_dicts(torch.from_numpy(run.history.values[:8]))
    assert first == settings["start"]
    # The first probe is where every search begins.
    assert first[5] == dict.fromkeys(run.space.names, 0.5)
    said = "the search begins with 5 candidates of a proposer and 3 probes that it looked at"
    assert said in caplog.messages


def test_small_generations_leave_probes_out_of_the_budget_and_say_so(trained: Path) -> None:
    result = isptune.tune(
        pipeline(), "psnr", optimizer="es", proposer=trained, population=4, budget=4, progress=False
    )
    assert result.evaluations == 4


def test_a_stopped_run_goes_on_to_the_log_of_an_unbroken_one(trained: Path, tmp_path: Path) -> None:
    begun(tmp_path / "whole", trained)
    begun(tmp_path / "stopped", trained, callbacks=[lambda _: isptune.STOP])
    # What a proposer suggests stands in run.yaml: nobody asks it again.
    moved = tmp_path / "elsewhere"
    (tmp_path / "stopped").rename(moved)
    isptune.resume(moved)
    for name in ("evaluations.jsonl",):
        whole, found = ((folder / name).read_text().splitlines() for folder in (tmp_path / "whole", moved))
        assert len(found) == 3
        assert [without_seconds(line) for line in found] == [without_seconds(line) for line in whole]
    begun(moved, trained, resume=True)


def without_seconds(line: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(line)
    return {key: value for key, value in found.items() if key != "seconds"}


def test_it_sees_pictures_and_nothing_else(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learner: Any = load_learner(trained)
    looked_at = pipeline(scenes=[picture(70, 90)[0], picture(64, 64, 1)[0]])
    rendered: list[Any] = []
    render = type(looked_at).render

    def noted(self: Any, values: torch.Tensor, scene: Any) -> torch.Tensor:
        rendered.append(values)
        with monkeypatch.context() as allowed:
            allowed.setattr(type(self), "truth", truth)
            return render(self, values, scene)

    truth = type(looked_at).truth

    def hidden(*_: Any) -> Any:
        raise AssertionError("a proposer asked for what a search must not see")

    monkeypatch.setattr(type(looked_at), "render", noted)
    for name in ("truth", "optimum", "answer", "reference", "simulated"):
        monkeypatch.setattr(type(looked_at), name, hidden)
    candidates, probes = learner.suggestions(looked_at, 4)
    assert candidates.shape == (4, 5)
    assert len(rendered) == 2 * len(probes) == 6
    assert torch.equal(torch.cat(rendered), torch.cat([probes, probes]))


def test_what_does_not_fit_a_narrower_search_is_put_on_its_bounds(trained: Path, tmp_path: Path) -> None:
    own = {"blur": {"range": [0.45, 0.5]}, "noise": {"fix": 0.3}}
    begun(tmp_path / "run", trained, parameters=own, start={"blur": 0.47}, budget=8)
    starts = settings_in(tmp_path / "run")["start"]
    assert all("noise" not in row and 0.45 <= row["blur"] <= 0.5 for row in starts)
    # What the user gives stands between the candidates and the probes.
    assert starts[4] == {"blur": 0.47}
    assert len(starts) == 8


def test_the_embedded_one_is_small_and_finds_maps_that_it_never_saw() -> None:
    file = Path(isptune_synthetic.pipeline.__file__).with_name("proposer.safetensors")
    assert file.stat().st_size < 1_000_000
    found = []
    for number, family in enumerate(("power", "sigmoid", "coupled")):
        camera = pipeline(scenes=["chart:256x192"], maps=family, seed=500 + number)
        result = isptune.tune(
            camera, "psnr", optimizer="es", proposer="own", budget=30, population=30, progress=False
        )
        assert result.best_parameters is not None
        best = camera.space.from_dicts([result.best_parameters])
        found.append(float(camera.losses(best)[1]))
    # A generation without it has 0.2 to 0.4.
    assert sorted(found)[1] < 0.06


def test_what_only_judges_is_not_looked_at(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    suggestions = ProposerLearner.suggestions

    def noted(self: Any, camera: Any, count: int) -> Any:
        seen.extend(scene.name for scene in camera.scenes)
        return suggestions(self, camera, count)

    monkeypatch.setattr(ProposerLearner, "suggestions", noted)
    camera = pipeline(scenes=["chart:96x64", "chart:80x64"])
    given: Any = {"optimizer": "es", "population": 4, "budget": 4, "holdout": 1}
    isptune.tune(camera, "psnr", proposer=trained, progress=False, **given)
    assert len(seen) == 1


def test_refusals(trained: Path, tmp_path: Path) -> None:
    chain = {"stages": ["darken", "jpeg"]}
    learner: Any = load_learner(trained)
    with pytest.raises(ConfigurationError, match="has others or other ranges; train one for it"):
        learner.suggestions(pipeline(**chain), 3)
    with pytest.raises(ConfigurationError, match="has 60 x 64 pixels; a proposer needs at least 64 a side"):
        learner.suggestions(pipeline(scenes=[torch.rand(3, 64, 60)]), 3)
    with pytest.raises(ConfigurationError, match="there is no proposer 'nowhere'; allowed: 'own', or a file"):
        begun(tmp_path / "a", Path("nowhere"))
    camera = isptune.create_pipeline("chain", stages=["darken"], scenes=["chart:96x64"])
    with pytest.raises(ConfigurationError, match="proposer is 'own', and the pipeline 'chain' brings none"):
        isptune.tune(camera, "psnr", optimizer="es", proposer="own", population=4, budget=4)
    assert not (tmp_path / "a").exists()


def test_by_the_command_line(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tune = [
        "tune",
        "chart:96x64",
        "--objective",
        "psnr",
        "--optimizer",
        "es",
        "--budget",
        "8",
        "--population",
        "8",
    ]
    assert run([*tune, "--proposer", str(trained), "--out", "run"]) == 0
    said = "the search begins with 5 candidates of a proposer and 3 probes that it looked at"
    captured = capsys.readouterr()
    assert said in captured.out + captured.err
    assert run([*tune, "--proposer", "nowhere", "--out", "other"]) == 2
    assert "there is no proposer 'nowhere'" in capsys.readouterr().err
