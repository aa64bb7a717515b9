"""What a user can get wrong: one clear sentence, exit code 2, no traceback, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

Call = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    "arguments",
    [
        ["tun"],
        ["tune", "--budgte", "3"],
        ["tune", "P", "--objective", "pnsr"],
        ["tune", "P", "--optimizer", "ess"],
        ["tune", "P", "--pipeline", "syntetic"],
        ["tune", "P", "--pipeline-option", "stages=[gausian_blur]"],
        ["tune", "P", "--pipeline-option", "maps=powr"],
        ["tune", "P", "--budget", "100"],
        ["tune", "P", "--budget", "0"],
        ["tune", "P", "--objective", "psnr,psnr", "--optimizer", "nsga2"],
        ["tune", "P", "--objective", "psnr,ssim"],
        ["tune", "P", "--device", "cuda:99"],
        ["tune", "P", "--autocast", "bf16"],
        ["tune", "P", "--objective-option", "x"],
        ["tune", "P", "--objective-option", "dtipe=3"],
        ["tune", "phto.png"],
        ["tune", "nowhere.png"],
        ["tune", "broken.png"],
        ["tune", "empty.png"],
        ["tune", "tiny.png"],
        ["tune", "text.txt"],
        ["tune", "P", "--config", "no.yaml"],
        ["tune", "--config", "key.yaml"],
        ["tune", "--config", "nested.yaml"],
        ["tune", "--config", "type.yaml"],
        ["tune", "--config", "bad.yaml"],
        ["tune", "P", "--out", "text.txt/run"],
        ["resume", "nowhere"],
        ["render", "P", "--set", "blurr=1", "--out", "o.png"],
        ["render", "P", "--set", "blur=9", "--out", "o.png"],
        ["render", "P", "--set", "blur=nan", "--out", "o.png"],
        ["render", "P", "--set", "blur=soft", "--out", "o.png"],
        ["render", "P", "--out", "o.xyz"],
        ["score", "P", "--objective", "psnr"],
        ["tune", "P", "--optimizer-option", "mu=010"],
        ["tune", "P", "--optimizer-option", "mu=1:30"],
        ["tune", "P", "--pipeline-option", "stages=[a, 1_0]"],
        ["tune", "P", "--seed", "3_5"],
        ["train", "severity", "--out", "o", "--steps", "1_0"],
        ["train", "severity", "--out", "o", "--rate", "0.0_1"],
        ["tune", "--config", "octal.yaml"],
        ["tune", "--config", "on.yaml"],
        ["list", "objetives"],
        ["list", "objectives", "psnrr"],
    ], ids=" ".join,
)  # fmt: skip
def test_bad_input_is_one_sentence_and_exit_code_2(
    photo: str, call: Call, arguments: list[str], snapshot: SnapshotAssertion
) -> None:
    Path("broken.png").write_bytes(Path(photo).read_bytes()[:2000])
    Path("empty.png").write_bytes(b"")
    Path("text.txt").write_text("not an image")
    write_tiny("tiny.png")
    Path("key.yaml").write_text("budgett: 3\n")
    Path("nested.yaml").write_text("objective: {nmae: psnr, name: psnr}\n")
    Path("type.yaml").write_text("budget: many\n")
    Path("octal.yaml").write_text("budget: 60\nseed: 010\n")
    Path("on.yaml").write_text("optimizer: {name: on}\n")
    Path("bad.yaml").write_text("seed: [1\n}")
    before = sorted(Path().iterdir())
    code, out, err = call(*(photo if part == "P" else part for part in arguments))
    assert code == 2
    assert out == ""
    sentence = err.strip().splitlines()[-1]
    assert sentence == snapshot
    assert sorted(Path().iterdir()) == before


def write_tiny(path: str) -> None:
    from PIL import Image

    Image.new("RGB", (31, 64), (10, 200, 30)).save(path)


def test_an_occupied_directory_and_another_configuration_are_refused(photo: str, call: Call) -> None:
    call("tune", photo, "--budget", "60", "--out", "run")
    code, _, err = call("tune", photo, "--budget", "60", "--out", "run")
    assert (code, "already holds a run; go on with it by 'isptune resume run'" in err) == (2, True)
    text = Path("run/run.yaml").read_text()
    Path("run/run.yaml").write_text(text.replace("budget: 60", "budget: 90"))
    code, _, err = call("resume", "run")
    assert (code, "run.yaml' was changed after the run was started" in err) == (2, True)
    Path("run/run.yaml").write_text(text)
    call("tune", photo, "--budget", "60", "--seed", "1", "--out", "other")
    Path("run/evaluations.jsonl").write_bytes(Path("other/evaluations.jsonl").read_bytes())
    code, _, err = call("resume", "run")
    assert (code, "belongs to a run with another configuration" in err) == (2, True)


def test_a_full_reference_objective_on_a_pipeline_without_reference(photo: str, call: Call) -> None:
    import isptune
    from isptune.plugins.registry import pipelines

    synthetic: Any = pipelines.get("synthetic")

    @isptune.register_pipeline("blind-for-tests", replace=True)
    class Blind(synthetic):  # type: ignore[misc]
        """Synthetic without its reference."""

        has_reference = False

    code, _, err = call(
        "tune", photo, "--pipeline", "blind-for-tests", "--objective", "psnr", "--budget", "30"
    )
    assert code == 2
    assert (
        "the objective 'psnr' compares with a reference, which the pipeline 'blind-for-tests' does not" in err
    )


def test_a_plugin_that_fails_exits_with_1(photo: str, call: Call) -> None:
    import isptune

    @isptune.register_stage("exploding-for-tests", replace=True)
    class Exploding(isptune.Distortion):
        """Explodes."""

        def forward(self, images: Any, level: Any, noise: Any = None) -> Any:
            raise ArithmeticError("boom")

    options = ["--pipeline-option", "stages=[gaussian_blur, exploding-for-tests]", "--budget", "30"]
    code, _, err = call("tune", photo, *options, "--out", "run")
    assert code == 1
    assert "30 of 30 candidates failed, more than the share of 0.5 that max_failures allows" in err
    assert "the first of generation 1: candidate 0 (blur=" in err
    assert "stage 'exploding-for-tests': ArithmeticError: boom on scene 'photo.png'; mend it and go on" in err
