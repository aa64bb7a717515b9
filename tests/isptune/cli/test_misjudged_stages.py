"""The command line says which stages an objective misjudges, and when that went wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., tuple[int, str, str]]

WARNING = (
    "isptune: the objective 'severity' is known to misjudge {stages}: a better score can mean a worse picture; "
    "look at the result, or choose another objective"
)


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than these runs."""
    monkeypatch.setattr("isptune.tuning.sitting.write_outputs", lambda *_: None)


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("stages", ["darken, vignetting, pixelate", "darken"])
def test_tune_warns_before_the_first_generation(call: Call, photo: str, stages: str) -> None:
    optimizer = ["--optimizer", "cma"] if "," in stages else []
    options = ["--pipeline-option", f"stages=[{stages}]", *optimizer, "--population", "8", "--budget", "16"]
    code, _, shown = call("tune", photo, *options, "--crop", "1x48", "--out", "run")
    assert code == 0
    lines = shown.splitlines()
    assert lines[1] == WARNING.format(stages=stages)
    assert lines[2].startswith("generation 1/2")
    assert sum("misjudge" in line for line in lines) == 1


@pytest.mark.usefixtures("without_pictures")
def test_the_default_chain_needs_no_warning(call: Call) -> None:
    code, _, shown = call("tune", "chart:64x48", "--population", "8", "--budget", "8", "--out", "run")
    assert (code, "misjudge" in shown) == (0, False)


def test_a_run_that_went_the_wrong_way_says_so_everywhere(call: Call) -> None:
    options = ["--pipeline-option", "stages=[vignetting]", "--population", "10", "--budget", "20"]
    code, shown, _ = call("tune", "chart:64x48", *options, "--out", "run")
    assert code == 0
    found = json.loads(Path("run/result.json").read_text())
    assert found["misled"] is True
    words = " ".join(shown.split())
    assert "score improved, hidden distortion rose: normalised l1 " in words
    assert f" at the start, {found['l1_normalised']:.3g} at the best score" in words
    assert call("report", "run", "--out", "report.html")[0] == 0
    assert "In this run the score improved, hidden distortion rose" in Path("report.html").read_text()


def test_bench_warns_once_for_each_objective_and_counts_what_went_wrong(call: Call) -> None:
    Path("bench.yaml").write_text(
        "pipeline: {name: synthetic, options: {stages: [vignetting]}}\nobjectives: [severity, psnr]\n"
        "scenes: ['chart:64x48']\nbudget: 20\npopulation: 10\nseeds: [0, 1]\n"
    )
    arguments = ("bench", "bench.yaml", "--engine", "in-process", "--out", "made", "--no-report")
    code, shown, said = call(*arguments)
    assert code == 0
    lines = [line for line in said.splitlines() if "misjudge" in line]
    assert lines == [WARNING.format(stages="vignetting")]
    assert said.splitlines()[0] == lines[0]
    assert "Runs that tuned the wrong way" in shown
    assert "| severity | 2 | 2 |" in " ".join(shown.split())
    # Nothing is left to run, so nothing is left to warn of.
    assert "misjudge" not in call(*arguments)[2]


def test_list_shows_the_blind_spots(call: Call) -> None:
    code, shown, _ = call("list", "objectives", "severity", "--json")
    (entry,) = json.loads(shown)
    assert code == 0
    assert "darken" in entry["trained_on"]
    assert {"darken", "vignetting", "pixelate"} <= set(entry["blind_to"])
    assert "(misjudges color_block, color_shift, darken," in " ".join(
        call("list", "objectives", "sev*")[1].split()
    )
