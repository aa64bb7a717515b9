"""``--checkpoint`` of tune and score, with an objective that reads one number from a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from syrupy.assertion import SnapshotAssertion
from torch import Tensor

import isptune
from isptune.cli.key_values import objective_settings
from isptune.errors import ConfigurationError
from isptune.plugins import registry
from isptune.storage.places import absolute_folder, settled

Call = Callable[..., tuple[int, str, str]]


class Scaled(isptune.Objective):
    """The mean of an image times the number in the checkpoint's file; a repository's number is 1."""

    def __init__(self, checkpoint: str = "owner/default", shift: float = 0.0) -> None:
        self.checkpoint, self.shift = checkpoint, shift
        file = Path(checkpoint) / "scale.txt"
        if not file.is_file() and checkpoint.count("/") != 1:
            raise ConfigurationError(f"there is no folder '{checkpoint}'")
        self.scale = float(file.read_text()) if file.is_file() else 1.0

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return images.mean(dim=(1, 2, 3)) * self.scale + self.shift


@pytest.fixture(autouse=True)
def scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The objective ``scaled`` for one test, and the folder ``weights`` with the number 3."""
    registry.objectives.names()
    monkeypatch.setattr(registry.objectives, "_records", dict(registry.objectives._records))
    isptune.register_objective("scaled")(Scaled)
    Path("weights").mkdir()
    Path("weights/scale.txt").write_text("3")


def options_of(run: str) -> dict[str, Any]:
    objective: dict[str, Any] = yaml.safe_load(Path(run, "run.yaml").read_text())["objective"]
    assert objective["name"] == "scaled"
    options: dict[str, Any] = objective["options"]
    return options


@pytest.mark.parametrize(
    "given",
    [
        ["--checkpoint", "weights"],
        ["--checkpoint", "./weights"],
        ["--objective-option", "checkpoint=weights"],
        ["--checkpoint", "weights", "--objective-option", "checkpoint=./weights"],
    ],
)
def test_a_folder_is_kept_by_its_absolute_path_and_resumed_from_elsewhere(
    photo: str, call: Call, given: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--objective", "scaled", "--budget", "60", "--out", "run", "--json"]
    code, out, err = call("tune", photo, *given, *arguments)
    assert code == 0, err
    assert options_of("run") == {"checkpoint": str(Path("weights").absolute())}
    log = Path("run/evaluations.jsonl")
    log.write_text(log.read_text().splitlines()[0] + "\n")
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    code, again, err = call("resume", "../run", "--json")
    assert code == 0, err
    assert json.loads(again)["best_score"] == json.loads(out)["best_score"]


def test_a_repository_stays_as_given(photo: str, call: Call) -> None:
    arguments = ["--objective", "scaled", "--budget", "30", "--out", "run"]
    assert call("tune", photo, "--checkpoint", "owner/name", *arguments)[0] == 0
    assert options_of("run") == {"checkpoint": "owner/name"}


def test_it_is_merged_with_what_a_configuration_file_says(photo: str, call: Call) -> None:
    Path("config.yaml").write_text(
        "scenes: [photo.png]\nbudget: 30\nobjective: {name: scaled, options: {shift: 2.0, checkpoint: owner/old}}\n"
    )
    assert call("tune", "--config", "config.yaml", "--checkpoint", "weights", "--out", "run")[0] == 0
    assert options_of("run") == {"shift": 2.0, "checkpoint": str(Path("weights").absolute())}
    Path("named.yaml").write_text("scenes: [photo.png]\nbudget: 30\nobjective: scaled\n")
    arguments = ["--objective-option", "shift=1.5", "--checkpoint", "owner/new", "--out", "named"]
    assert call("tune", "--config", "named.yaml", *arguments)[0] == 0
    assert options_of("named") == {"shift": 1.5, "checkpoint": "owner/new"}
    # A folder that only the file names is treated the same way.
    Path("relative.yaml").write_text(
        "scenes: [photo.png]\nbudget: 30\nobjective: {name: scaled, options: {checkpoint: weights}}\n"
    )
    assert call("tune", "--config", "relative.yaml", "--out", "relative")[0] == 0
    assert options_of("relative") == {"checkpoint": str(Path("weights").absolute())}


def test_score_takes_it(photo: str, call: Call) -> None:
    def score(*arguments: str) -> float:
        code, out, err = call("score", photo, "--objective", "scaled", "--json", *arguments)
        assert code == 0, err
        found: float = json.loads(out)["scores"][0]["score"]
        return found

    plain = score()
    assert score("--checkpoint", "weights") == pytest.approx(3 * plain)
    assert score("--checkpoint", "owner/name", "--objective-option", "shift=1") == pytest.approx(plain + 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["tune", "P", "--checkpoint", "nowhere"],
        ["tune", "P", "--checkpoint", "weights", "--objective", "psnr"],
        ["tune", "P", "--config", "budget.yaml", "--checkpoint", "owner/name"],
        ["score", "P", "--objective", "psnr", "--reference", "P", "--checkpoint", "owner/name"],
        ["tune", "P", "--objective", "scaled", "--checkpoint", "weights", "--objective-option", "checkpoint=owner/name"],
        ["score", "P", "--objective", "scaled", "--checkpoint", "weights", "--objective-option", "checkpoint=owner/name"],
        ["tune", "P", "--objective", "scaled", "--checkpoint", ""],
        ["tune", "P", "--objective", "scaled", "--checkpoint", "wieghts"],
        ["tune", "P", "--config", "list.yaml", "--checkpoint", "weights"],
    ], ids=" ".join,
)  # fmt: skip
def test_what_is_refused_is_one_sentence(
    photo: str, call: Call, arguments: list[str], snapshot: SnapshotAssertion
) -> None:
    Path("budget.yaml").write_text("budget: 60\n")
    Path("list.yaml").write_text("objective: {name: scaled, options: [1]}\n")
    code, out, err = call(*(photo if part == "P" else part for part in arguments))
    assert (code, out) == (2, "")
    assert err.strip().splitlines()[-1] == snapshot
    assert not Path("runs").exists()


def test_the_pair_and_the_option_say_the_same_or_are_refused() -> None:
    assert objective_settings(["shift=2"], None) == {"shift": 2}
    assert objective_settings(["shift=2"], "12") == {"shift": 2, "checkpoint": "12"}
    assert objective_settings(["checkpoint=12"], "12") == {"checkpoint": "12"}
    with pytest.raises(
        ConfigurationError, match="--checkpoint is 'a' and --objective-option checkpoint is 'None'"
    ):
        objective_settings(["checkpoint="], "a")


def test_folders_are_absolute_however_deep_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    here = str(Path("weights").absolute())
    nested = {"terms": [{"objective": "scaled", "options": {"checkpoint": "weights"}}], "checkpoint": None}
    assert settled(nested) == {
        "terms": [{"objective": "scaled", "options": {"checkpoint": here}}],
        "checkpoint": None,
    }
    assert absolute_folder("owner/name") == "owner/name"
    assert absolute_folder("weights/scale.txt") == "weights/scale.txt"
    assert absolute_folder("") == ""
    monkeypatch.setenv("HOME", str(Path.cwd()))
    assert absolute_folder("~/weights") == here
