"""Whole commands with a tiny checkpoint, as a user would type them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isptune.cli import run
from isptune_clipiqa.tiny import write_tiny


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny(tmp_path_factory.mktemp("clip") / "rn50"))


def test_tune_from_end_to_end(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["tune", "chart:192x128", "--objective", "clipiqa", "--checkpoint", checkpoint]
    assert run([*arguments, "--budget", "60", "--out", "run"]) == 0
    printed = capsys.readouterr().out
    for stage in ("blur", "brightening", "desaturation", "noise", "sharpening"):
        assert stage in printed
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"convergence.png", "before_after.png", "recovered_levels.png", "result.json"} <= names
    assert 0 <= json.loads((tmp_path / "run" / "result.json").read_text())["best_score"] <= 1


def test_score_of_attributes(checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["score", "chart:192x128", "--objective", "clipiqa", "--checkpoint", checkpoint, "--json"]
    assert run([*arguments, "--objective-option", "attributes=all"]) == 0
    together = json.loads(capsys.readouterr().out)["scores"][0]["score"]
    each = []
    for name in ("sharpness", "noise", "brightness", "colour", "contrast"):
        assert run([*arguments, "--objective-option", f"attributes=[{name}]"]) == 0
        each.append(json.loads(capsys.readouterr().out)["scores"][0]["score"])
    assert together == pytest.approx(sum(each) / 5, abs=1e-6)
