"""A third party's package is built, installed and found by its entry points, as a user's would be."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parent / "isptune_vignette_sample"

USES = """
import contextlib, io, json
import torch
import isptune
from isptune.plugins import registry
from isptune.cli import main

pipeline = isptune.create_pipeline(
    "synthetic",
    scenes=["chart:64x48"],
    stages=["brighten", {"name": "vignette", "options": {"falloff": 3.0}}],
    maps="identity",
)
images = pipeline.render(torch.tensor([[0.0, 0.0], [0.0, 0.8], [0.5, 0.0]], dtype=torch.float64), 0)
tones = isptune.create_pipeline(
    "chain",
    scenes=["chart:64x48"],
    stages=["brighten", {"name": "tone_curve", "prefix": "tone"}, "gaussian_blur"],
)
start = tones.space.start().requires_grad_()
shown = tones.render(start, 0)
(slopes,) = torch.autograd.grad(shown.mean(), start)
objective = isptune.create_objective("mean-brightness")
entry = registry.stages.entries("vignette")[0]
listed = io.StringIO()
with contextlib.redirect_stdout(listed), contextlib.suppress(SystemExit):
    main(["list", "stages", "vig*"])
try:
    isptune.create_stage("vignete")
except isptune.IsptuneError as error:
    said = str(error)
try:
    isptune.create_stage("vignette", fallof=3)
except isptune.IsptuneError as error:
    option = str(error)
print(json.dumps({
    "found": [isptune.list_stages("vignette"), isptune.list_objectives("mean-*")],
    "listed": listed.getvalue(),
    "names": pipeline.space.names,
    "labels": pipeline.truth_labels,
    "tones": [tones.space.names, tones.is_differentiable, tones.memory.images],
    "near": float((shown - tones.scenes[0].payload).abs().max()),
    "slopes": slopes[0].abs().tolist(),
    "identical": torch.equal(images[0], pipeline.scenes[0].payload),
    "corner": float(images[1, :, 0, 0].mean() / images[0, :, 0, 0].mean()),
    "centre": float(images[1, :, 24, 32].mean() / images[0, :, 24, 32].mean()),
    "scores": objective.score(images).tolist(),
    "provider": entry.provider,
    "summary": entry.summary,
    "said": said,
    "option": option,
}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the sample plugin in it, put there by a package installer from a copy of its sources."""
    source = shutil.copytree(SAMPLE, tmp_path_factory.mktemp("source") / "plugin")
    target = tmp_path_factory.mktemp("site")
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv:
        command = [uv, "pip", "install", "--quiet", "--python", sys.executable]
    else:
        command = [sys.executable, "-m", "pip", "install", "--quiet"]
    command += ["--no-deps", "--target", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return target


def run(*arguments, path=None, folder=None):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    # A handful of small pictures: more threads only wait for each other.
    environment |= {"OMP_NUM_THREADS": "1"} | ({"PYTHONPATH": str(path)} if path else {})
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment, cwd=folder, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_plugin_is_unknown_where_it_is_not_installed(tmp_path):
    code = "import isptune; print(isptune.list_stages('vignette'), isptune.list_objectives('mean-*'))"
    assert run("-c", code, folder=tmp_path).strip() == "[] []"


def test_plugin_is_found_listed_and_used_in_the_synthetic_pipeline(installed, tmp_path):
    seen = json.loads(run("-c", USES, path=installed, folder=tmp_path))
    assert seen["found"] == [["vignette"], ["mean-brightness"]]
    assert "vignette" in seen["listed"]
    assert "Vignetting" in seen["listed"]
    assert seen["names"] == ["brightening", "vignetting"]
    assert seen["labels"] == ["brighten", "vignette"]
    assert seen["identical"]
    names = ["brighten.level", "tone.gamma", "tone.shadows", "tone.highlights", "gaussian_blur.level"]
    # Pictures are written over in place: no second batch is counted.
    assert seen["tones"] == [names, True, 1.7]
    assert seen["near"] < 2e-3
    assert min(seen["slopes"][1:4]) > 0.01
    assert seen["corner"] == pytest.approx(0.2, abs=1e-5)
    assert seen["centre"] == pytest.approx(1.0, abs=1e-3)
    pristine, darkened, brightened = seen["scores"]
    assert darkened < pristine < brightened
    assert seen["provider"] == "isptune-vignette-sample"
    assert seen["summary"] == "Vignetting; the level is the share of the light that the corners lose, 0 to 1."
    assert seen["said"] == "there is no stage named 'vignete'; did you mean 'vignette'?"
    assert seen["option"] == (
        "the stage 'vignette' has no option 'fallof'; did you mean 'falloff'?; its options: falloff"
    )


def test_plugin_passes_the_conformance_suites_in_its_own_tests(installed, tmp_path):
    tests = shutil.copytree(SAMPLE / "tests", tmp_path / "tests")
    shown = run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests), path=installed, folder=tmp_path)
    assert " passed" in shown
    assert "failed" not in shown
    assert "error" not in shown
