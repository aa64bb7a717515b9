"""What a user can get wrong: one clear sentence, exit code 2, no traceback, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tun"], "there is no command 'tun'; did you mean 'tune'?"),
        (["tune", "--budgte", "3"], "No such option '--budgte'"),
        (["tune", "P", "--objective", "pnsr"], "there is no objective named 'pnsr'; did you mean 'psnr'?"),
        (["tune", "P", "--optimizer", "ess"], "there is no optimizer named 'ess'; did you mean 'es'?"),
        (["tune", "P", "--pipeline", "syntetic"], "there is no pipeline named 'syntetic'; did you mean 'synth"),
        (
            ["tune", "P", "--pipeline-option", "stages=[gausian_blur]"],
            "there is no stage named 'gausian_blur'; did you mean 'gaussian_blur'?",
        ),
        (["tune", "P", "--pipeline-option", "maps=powr"], "there is no hidden map named 'powr'; did you mean 'power'?"),
        (["tune", "P", "--budget", "100"], "the budget 100 is not a multiple of the population 30; the nearest: 90 or 120"),
        (["tune", "P", "--budget", "0"], "in the options, budget is 0; allowed: greater than or equal to 1"),
        (["tune", "P", "--objective", "psnr,psnr", "--optimizer", "nsga2"], "the objective 'psnr' is given twice, with the same options"),
        (["tune", "P", "--objective", "psnr,ssim"], "the optimizer 'es' takes one objective, and there are 2 (psnr, ssim)"),
        (["tune", "P", "--device", "cuda:99"], "there is no device 'cuda:99' on this machine"),
        (["tune", "P", "--autocast", "bf16"], "in the options, autocast is 'bf16'; allowed: 'none', 'bfloat16' or"),
        (["tune", "P", "--objective-option", "x"], "--objective-option takes KEY=VALUE, got 'x'"),
        (["tune", "P", "--objective-option", "dtipe=3"], "the objective 'severity' has no option 'dtipe'; did you mean 'dtype'?"),
        (["tune", "phto.png"], "phto.png': there is no such file; did you mean 'photo.png'?"),
        (["tune", "nowhere.png"], "nowhere.png': there is no such file"),
        (["tune", "broken.png"], "broken.png' is damaged or cut short: "),
        (["tune", "empty.png"], "empty.png' is an empty file (0 bytes)"),
        (["tune", "tiny.png"], "tiny.png' is 31x64 pixels; a scene needs at least 32x32"),
        (["tune", "text.txt"], "text.txt' is not an image that can be read (PNG, JPEG, WebP, BMP or TIFF)"),
        (["tune", "P", "--config", "no.yaml"], "cannot read the configuration 'no.yaml': No such file or directory"),
        (["tune", "--config", "key.yaml"], "the configuration 'key.yaml' has the unknown key 'budgett'; did you mean 'budget'?"),
        (["tune", "--config", "nested.yaml"], "the configuration 'nested.yaml' has the unknown key 'objective.nmae'; did you mean 'name'?"),
        (["tune", "--config", "type.yaml"], "in the configuration 'type.yaml', budget is 'many'; allowed: a valid integer"),
        (["tune", "--config", "bad.yaml"], "the configuration 'bad.yaml' is not valid YAML at line 2, column 1"),
        (["tune", "P", "--out", "text.txt/run"], "cannot write the run directory"),
        (["resume", "nowhere"], "'nowhere' holds no run: there is no such folder"),
        (["render", "P", "--set", "blurr=1", "--out", "o.png"], "there is no parameter 'blurr'; did you mean 'blur'?"),
        (["render", "P", "--set", "blur=9", "--out", "o.png"], "parameter 'blur' is 9, outside [0, 5] px"),
        (["render", "P", "--set", "blur=nan", "--out", "o.png"], "parameter 'blur' is nan, which is not a finite number in [0, 5] px"),
        (["render", "P", "--set", "blur=soft", "--out", "o.png"], "parameter 'blur' is 'soft', which is not a number in [0, 5] px"),
        (["render", "P", "--out", "o.xyz"], "'o.xyz'"),
        (["score", "P", "--objective", "psnr"], "the objective 'psnr' needs a reference image: give --reference IMAGE"),
        (["tune", "P", "--optimizer-option", "mu=010"], "in --optimizer-option mu=010, '010' could be 10 or, with base 8, 8"),
        (["tune", "P", "--optimizer-option", "mu=1:30"], "'1:30' is a number of base 60 to YAML"),
        (["tune", "P", "--pipeline-option", "stages=[a, 1_0]"], "'1_0' has '_' in a number: write 10"),
        (["tune", "P", "--seed", "3_5"], "'3_5' has '_' in a number; write 35"),
        (["train", "severity", "--out", "o", "--steps", "1_0"], "'1_0' has '_' in a number; write 10"),
        (["train", "severity", "--out", "o", "--rate", "0.0_1"], "'0.0_1' has '_' in a number; write 0.01"),
        (["tune", "--config", "octal.yaml"], "in the configuration 'octal.yaml', line 2, '010' could be 10 or, with base 8, 8"),
        (["tune", "--config", "on.yaml"], "optimizer.name is True; allowed: a valid string; YAML reads yes, no, on and off as true"),
        (["list", "objetives"], "there is no kind 'objetives'; did you mean 'objectives'?"),
        (["list", "objectives", "psnrr"], "no objectives matches 'psnrr'; did you mean 'psnr'?"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence_and_exit_code_2(
    photo: str, call: Call, arguments: list[str], message: str
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
    assert sentence.startswith("isptune: error: ")
    assert message in sentence
    assert "Traceback" not in err
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
