"""Whole commands with a tiny checkpoint, as a user would type them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from isptune.cli import run

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run ``isptune`` in an empty folder; its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run_and_capture(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_and_capture


def test_tune_from_end_to_end_and_resume(
    tiny: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = call(
        *("tune", "chart:192x128", "--objective", "qalign", "--checkpoint", str(tiny)),
        *("--budget", "90", "--out", "run"),
    )
    assert code == 0, err
    for stage in ("blur", "brightening", "desaturation", "noise", "sharpening"):
        assert stage in out
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"convergence.png", "before_after.png", "recovered_levels.png", "result.json"} <= names
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert 0 <= result["best_score"] <= 1
    lines = (tmp_path / "run" / "evaluations.jsonl").read_text().splitlines()
    assert len(lines) == 3
    # The optimizer found something that this objective prefers to what it began with.
    scores = [max(json.loads(line)["scores"]) if "scores" in json.loads(line) else 0 for line in lines]
    assert max(scores) >= scores[0]
    (tmp_path / "run" / "evaluations.jsonl").write_text("\n".join(lines[:1]) + "\n")
    monkeypatch.chdir(tmp_path.parent)
    code, _, err = call("resume", str(tmp_path / "run"))
    assert code == 0, err
    replayed = (tmp_path / "run" / "evaluations.jsonl").read_text().splitlines()
    strip = [line[: line.rindex(', "seconds": ')] for line in lines]
    assert [line[: line.rindex(', "seconds": ')] for line in replayed] == strip
    # Nobody needs the weights again to see what the run found.
    gone = tiny.rename(tiny.with_name("gone"))
    try:
        assert run(["report", str(tmp_path / "run")]) == 0
        assert run(["plot", str(tmp_path / "run"), "--out", str(tmp_path / "curve.png")]) == 0
    finally:
        gone.rename(tiny)
    assert "qalign (higher is better)" in (tmp_path / "run" / "report.html").read_text()


def test_adam_follows_the_score_through_the_isp(tiny: Path, tmp_path: Path, call: Call) -> None:
    code, out, err = call(
        *("tune", "chart:96x64", "--objective", "qalign", "--checkpoint", str(tiny)),
        *("--optimizer", "adam", "--budget", "40", "--out", "run", "--json"),
    )
    assert code == 0, err
    lines = (tmp_path / "run" / "evaluations.jsonl").read_text().splitlines()
    scores = [json.loads(line)["scores"] for line in lines]
    assert json.loads(out)["best_score"] > max(
        max(row) if isinstance(row[0], float) else max(map(max, row)) for row in scores[:1]
    )


def test_score(tiny: Path, call: Call) -> None:
    assert call("render", "chart:96x64", "--set", "blur=2", "--out", "soft.png")[0] == 0
    code, out, err = call(
        *("score", "soft.png", "--objective", "qalign", "--checkpoint", str(tiny)),
        *("--objective-option", "scale=1-5", "--json"),
    )
    assert code == 0, err
    facts = json.loads(out)
    assert facts["objective"] == "qalign"
    assert facts["higher_is_better"] is True
    assert 1 <= facts["scores"][0]["score"] <= 5


def test_list_shows_what_they_need(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "objectives", "*q*a*", "--json"]) == 0
    entries = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert entries["qalign"]["differentiable"] is True
    assert "extra lmm" in entries["qalign"]["needs"]
    assert any("q-future/one-align" in need for need in entries["qalign"]["needs"])
    assert (
        entries["deqa-score"]["summary"]
        == "DeQA-Score: Q-Align's network trained on distributions of opinions."
    )


def test_the_published_checkpoint_without_a_connection(tmp_path: Path) -> None:
    # The hub's package reads the switch when it is imported.
    command = [sys.executable, "-m", "isptune", "score", "chart", "--objective", "qalign"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 2
    assert done.stderr == (
        "isptune: error: the objective 'qalign' needs the checkpoint q-future/one-align (16.4 GB, MIT), which is "
        "not on this machine and could not be downloaded (HF_HUB_OFFLINE is set); on a machine with a connection "
        "run 'hf download q-future/one-align --local-dir one-align', copy that folder here and give it as the "
        "option checkpoint\n"
    )
