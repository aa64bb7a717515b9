"""The command that makes a run again."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from isptune.cli import tune
from isptune.report import making
from isptune.tuning.settings import RunConfig, parse_config


def config_that_a_command_gives(text: str, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    """What ``isptune tune`` would have run."""
    found: list[RunConfig] = []

    class Stop(Exception):
        pass

    def keep(config: RunConfig) -> RunConfig:
        found.append(config)
        raise Stop

    monkeypatch.setattr(RunConfig, "settled", keep)
    words = shlex.split(text.replace("\\\n", " "))
    assert words[:2] == ["isptune", "tune"]
    with pytest.raises(Stop):
        tune.command.main(args=words[2:], standalone_mode=False)
    return found[0]


@pytest.mark.parametrize(
    "settings",
    [
        {"scenes": ["chart:96x64"], "population": 12, "budget": 24},
        {
            "scenes": ["a picture.png", "it's one.png"],
            "crop": "2x96",
            "pipeline": {"name": "synthetic", "options": {"stages": ["gaussian_blur", "jpeg"], "seed": 3}},
            "objective": {
                "name": "weighted",
                "options": {"terms": {"psnr": 0.5, "ssim": {"weight": 1e-7}}, "label": "yes", "flag": True},
            },
            "optimizer": {"name": "nevergrad:CMA", "options": {"sigma": 1e-3, "restart": None}},
            "population": 10,
            "budget": 100,
            "seed": 7,
            "device": "cuda:1",
            "autocast": "bfloat16",
        },
        {
            "parameters": {
                "tone.*": {"fix": None},
                "tone.gamma": {"fix": 2.2},
                "mode": {"fix": "off"},
                "gain": {"range": [1e-7, 4]},
                "denoise.method": {"range": ["mean", "a b"]},
                "denoise.columns": {"tie": "denoise.rows", "range": [0, 1]},
            },
            "memory_gb": 0.5,
            "max_failures": 0.9,
            "workers": 2,
            "timeout": 1.5,
            "retries": 0,
            "start": "own",
        },
        {"objective": ["psnr", "noise-level"], "optimizer": "nsga2"},
        {"objective": {"name": "severity", "options": {"flag": True}}, "vector": True, "optimizer": "nsga2"},
        {"objective": ["severity", "psnr"], "vector": True, "optimizer": "nsga2"},
    ],
)
def test_the_command_gives_the_same_configuration(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = parse_config(settings)
    command = making.tune_command(config, Path("noted.yaml"), Path("again"))
    assert "noted.yaml" not in command
    again = config_that_a_command_gives(command, monkeypatch)
    assert again == config
    assert again.fingerprint() == config.fingerprint()


@pytest.mark.parametrize(
    "settings",
    [
        {"parameters": {"tone.gamma": {"active_if": {"tone.enabled": True}, "default": 2}}},
        {"start": [{"tone.gamma": 2.2}, {"tone.gamma": 1.8, "mode": "off"}]},
    ],
)
def test_conditions_and_start_candidates_stay_in_their_file(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = parse_config(settings)
    noted = tmp_path / "run.yaml"
    noted.write_text(yaml.safe_dump({"isptune_run": 1, "fingerprint": "abc", **config.model_dump()}))
    command = making.tune_command(config, noted, Path("again"))
    assert command == f"isptune tune \\\n  --config {noted} \\\n  --out again"
    assert config_that_a_command_gives(command, monkeypatch) == config


def test_options_of_several_objectives_stay_in_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objectives = [{"name": "weighted", "options": {"terms": {"psnr": 1}}}, "noise-level"]
    config = parse_config({"objective": objectives, "optimizer": "nsga2", "budget": 40, "population": 10})
    noted = tmp_path / "a run" / "run.yaml"
    noted.parent.mkdir()
    noted.write_text(yaml.safe_dump({"isptune_run": 1, "fingerprint": "abc", **config.model_dump()}))
    command = making.tune_command(config, noted, Path("again"))
    assert command == f"isptune tune \\\n  --config '{noted}' \\\n  --out again"
    assert config_that_a_command_gives(command, monkeypatch) == config


def test_scenes_of_a_pipelines_own_are_not_named() -> None:
    config = parse_config({"pipeline": "mine.py:MyISP", "scenes": ["bench"]})
    command = making.tune_command(config, Path("noted.yaml"), Path("again"), own_scenes=True)
    assert command.startswith("isptune tune \\\n  --pipeline mine.py:MyISP")


def test_whole_pictures_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    command = making.tune_command(parse_config({"crop": None}), Path("noted.yaml"), Path("again"))
    assert "--crop full" in command
    assert isinstance(tune.command, click.Command)


def test_the_configuration_is_without_what_was_noted() -> None:
    data = {"budget": 10, "fingerprint": "abc", "versions": {"torch": "2"}, "isptune_run": 1}
    assert making.configuration_text(data) == "budget: 10\n"
    assert making.versions(data) == [("torch", "2"), ("fingerprint of the run", "abc")]
    assert making.versions({}) == []


def test_the_machine_of_the_runs_comes_before_this_one() -> None:
    assert making.machine({"machine": {"gpu": "H"}}) == ("Machine of the runs", [("gpu", "H")])
    title, rows = making.machine({})
    assert title == "Machine that wrote this report"
    assert [name for name, _ in rows][:3] == ["system", "processors", "python"]
