"""Train the embedded models from nothing and put them into the package.

    uv run python benchmarks/train_embedded.py severity --images PHOTOGRAPHS
    uv run python benchmarks/train_embedded.py qalign-tiny --images PHOTOGRAPHS

PHOTOGRAPHS is a folder (or several) of pristine pictures; TRAINED_ON.txt beside the weights of ``severity``
names those that were used, all from Debian packages. The generated chart joins them. The curve of each
training goes into the folder embedded_models; the model cards say how long it takes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parents[1]
CURVES = Path(__file__).with_name("embedded_models")
OBJECTIVES = ROOT / "objectives"
QALIGN = OBJECTIVES / "isptune_qalign" / "qalign_tiny"
CHARTS = ("chart:384x256", "chart:640x448", "chart:1024x768")

RECIPES: dict[str, list[str]] = {
    "severity": ["severity", "--steps", "5000", "--precision", "bfloat16", "--every", "500"],
    "qalign-tiny": [
        "qalign",
        "--option",
        "patch_size=32",
        "--rate",
        "0.001",
        "--steps",
        "2500",
        "--every",
        "250",
    ],
}
"""What is asked of ``isptune train``."""


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("model", choices=list(RECIPES))
    parser.add_argument("--images", action="append", required=True, help="pristine pictures; repeatable")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="the training's directory; training-MODEL by default")
    parser.add_argument("--no-install", action="store_true", help="leave the package's weights as they are")
    options = parser.parse_args()
    out = options.out or Path(f"training-{options.model}")
    command = [sys.executable, "-m", "isptune", "train", *RECIPES[options.model]]
    for source in (*options.images, *CHARTS):
        command += ["--images", source]
    resume = ["--resume"] if (out / "training.json").exists() else []
    subprocess.run([*command, "--seed", str(options.seed), "--out", str(out), *resume], check=True)
    if not options.no_install:
        install(options.model, out)


def install(model: str, out: Path) -> None:
    """Copy the weights into the package and the curve beside the studies."""
    CURVES.mkdir(exist_ok=True)
    shutil.copy(out / "training.png", CURVES / f"{model}.png")
    if model == "qalign-tiny":
        shutil.copytree(out / "checkpoint", QALIGN, dirs_exist_ok=True)
    else:
        without_paths(out / "model.safetensors", OBJECTIVES / "isptune_severity" / "severity.safetensors")


def without_paths(source: Path, target: Path) -> None:
    """Copy a checkpoint and leave out of its facts where things lay on this machine."""
    with safe_open(str(source), framework="pt") as handle:
        facts = json.loads(handle.metadata()["isptune"])
        state = {key: handle.get_tensor(key) for key in handle.keys()}  # noqa: SIM118 (not a mapping)
    facts["data"].pop("images", None)
    save_file(state, target, metadata={"isptune": json.dumps(facts, sort_keys=True)})


if __name__ == "__main__":
    main()
