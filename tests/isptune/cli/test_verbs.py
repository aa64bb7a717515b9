"""The verbs as a user calls them: what they print, what they write, what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from isptune.scenes import read_image, write_image

Call = Callable[..., tuple[int, str, str]]


@pytest.mark.draws
def test_tune_prints_the_tables_and_writes_the_run(photo: str, call: Call) -> None:
    code, out, err = call("tune", photo, "--budget", "60", "--seed", "2", "--out", "run")
    assert code == 0
    for text in (
        "Parameters found",
        "blur",
        "Hidden distortion levels",
        "gaussian_blur",
        "px",
        "normalised l1:",
    ):
        assert text in out
    assert "synthetic (1 scene, 128x96), severity, es: 2 generations of 30, seed 2" in err
    assert "generation 2/2" in err
    names = {"run.yaml", "evaluations.jsonl", "result.json", "convergence.png", "recovered_levels.png"}
    assert {path.name for path in Path("run").iterdir()} == names | {
        *("before_after.png", "pictures", "maps.json", "maps.png")
    }
    for name in sorted(names):
        assert f"wrote run/{name}" in out


def test_tune_json_is_one_object_on_stdout(photo: str, call: Call) -> None:
    arguments = [photo, "--budget", "60", "--out", "run", "--json", "--pipeline-option", "maps=coupled"]
    code, out, err = call("tune", *arguments, "--objective", "ssim", "--optimizer-option", "mu=4")
    assert code == 0
    found = json.loads(out)
    keys = ["best_parameters", "best_score", "evaluations", "seconds", "out"]
    assert list(found) == [*keys, "levels", "l1", "l1_normalised", "misled"]
    assert list(found["best_parameters"]) == ["blur", "brightening", "desaturation", "noise", "sharpening"]
    assert (found["evaluations"], found["out"]) == (60, "run")
    assert found["l1"] == pytest.approx(np.mean(list(found["levels"].values())))
    assert "generation" in err


def test_without_out_every_run_has_its_own_folder(photo: str, call: Call) -> None:
    for _ in range(2):
        assert call("tune", photo, "--budget", "30", "--json")[0] == 0
    assert len(list(Path("runs").iterdir())) == 2


def test_a_configuration_file_and_options_that_win_over_it(photo: str, call: Call) -> None:
    Path("config.yaml").write_text(
        "scenes: [photo.png]\npipeline:\n  name: synthetic\n  options: {stages: [gaussian_blur, white_noise]}\n"
        "objective: {name: weighted, options: {terms: {psnr: 1.0, ssim: 10}}}\nbudget: 90\nseed: 4\n"
    )
    code, out, _ = call("tune", "--config", "config.yaml", "--budget", "60", "--json", "--out", "run")
    found = json.loads(out)
    assert code == 0
    assert found["evaluations"] == 60
    assert list(found["levels"]) == ["gaussian_blur", "white_noise"]


def test_the_run_yaml_of_a_run_starts_the_same_run_again(photo: str, call: Call) -> None:
    first = json.loads(call("tune", photo, "--budget", "60", "--seed", "6", "--json", "--out", "run")[1])
    code, out, _ = call("tune", "--config", "run/run.yaml", "--json", "--out", "again")
    assert code == 0
    assert json.loads(out)["best_parameters"] == first["best_parameters"]


def test_resume_from_another_folder_gives_the_same_result(
    photo: str, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = json.loads(call("tune", photo, "--budget", "90", "--json", "--out", "run")[1])
    log = Path("run/evaluations.jsonl").resolve()
    whole = log.read_text().splitlines()
    log.write_text(whole[0] + "\n" + whole[1][:100])
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    code, out, err = call("resume", "../run", "--json")
    assert code == 0
    again = json.loads(out)
    assert [again[key] for key in ("best_parameters", "best_score", "levels")] == [
        first[key] for key in ("best_parameters", "best_score", "levels")
    ]
    assert [line.split('"seconds"')[0] for line in log.read_text().splitlines()] == [
        line.split('"seconds"')[0] for line in whole
    ]
    assert "dropped a torn last line of 100 bytes" in err


def test_render_sets_levels_and_leaves_the_rest_alone(photo: str, call: Call) -> None:
    assert call("render", photo, "--out", "same.png")[0] == 0
    assert torch.equal(read_image("same.png"), read_image(photo))
    code, out, _ = call("render", photo, "--set", "blur=2", "--set", "noise=1e-2", "--out", "soft.png")
    assert code == 0
    assert "blur=2" in out
    assert "noise=0.01" in out
    assert not torch.equal(read_image("soft.png"), read_image(photo))


def test_render_of_a_run_takes_its_best_parameters(photo: str, call: Call) -> None:
    arguments = [photo, "--objective", "psnr", "--budget", "60", "--json", "--out", "run"]
    found = json.loads(call("tune", *arguments)[1])
    code, out, _ = call("render", photo, "--run", "run", "--out", "best.png", "--bits", "16", "--json")
    assert code == 0
    assert json.loads(out)["parameters"] == found["best_parameters"]
    code, out, _ = call("score", "best.png", "--objective", "psnr", "--reference", photo, "--json")
    score = json.loads(out)["scores"][0]["score"]
    assert score == pytest.approx(found["best_score"], abs=0.01)


def test_score_a_folder_as_text_and_json(photo: str, call: Call) -> None:
    Path("set").mkdir()
    for index in (10, 2):
        write_image(f"set/p{index}.png", read_image(photo) * (1 - index / 100))
    code, out, err = call("score", "set", "--objective", "psnr", "--reference", photo)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["p2.png", "p10.png"]
    assert "higher is better" in err
    code, out, _ = call("score", "set", "--objective", "noise-level", "--json")
    found = json.loads(out)
    assert found["higher_is_better"] is False
    assert len(found["scores"]) == 2


def test_plot_draws_several_runs(photo: str, call: Call) -> None:
    for seed in ("0", "1"):
        call("tune", photo, "--budget", "60", "--seed", seed, "--out", f"run{seed}")
    assert call("plot", "run0", "run1", "--out", "curves.png")[0] == 0
    assert min(read_image("curves.png").shape[1:]) > 300


def test_list_shows_what_a_name_needs(call: Call) -> None:
    code, out, _ = call("list")
    assert code == 0
    for text in (
        "stages",
        "pipelines",
        "objectives",
        "optimizers",
        "nevergrad:NAME",
        "pyiqa:NAME",
        "gaussian_blur",
    ):
        assert text in out
    code, out, _ = call("list", "objectives", "*ssim", "--json")
    entries = {entry["name"]: entry for entry in json.loads(out)}
    assert entries["ssim"]["needs"] == ["reference"]
    assert entries["ssim"]["differentiable"] is True
    _, out, _ = call("list", "optimizer", "nevergrad:*CMA*")
    assert "nevergrad:DiagonalCMA" in out
