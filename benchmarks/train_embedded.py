"""Train the embedded models from nothing and put them into the package.

    uv run python benchmarks/training_photographs.py PHOTOGRAPHS
    uv run python benchmarks/train_embedded.py severity --images PHOTOGRAPHS
    uv run python benchmarks/train_embedded.py severity-isp --images PHOTOGRAPHS
    uv run python benchmarks/train_embedded.py qalign-tiny --images PHOTOGRAPHS
    uv run python benchmarks/train_embedded.py scorenet-align-tiny --images PHOTOGRAPHS
    uv run python benchmarks/train_embedded.py qalign-tiny-isp --images PHOTOGRAPHS

PHOTOGRAPHS is a folder (or several) of pristine pictures; training_photographs.py fetches those that were
used. The generated chart joins them. A training that was stopped goes on by the same command. The curve of
each training goes into the folder embedded_models; the model cards say how long it takes. The last one is the
host of scorenet_comparison.py and no part of the package.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parents[1]
CURVES = Path(__file__).with_name("embedded_models")
OBJECTIVES = ROOT / "objectives"
QALIGN = OBJECTIVES / "isptune_qalign" / "qalign_tiny"
WEIGHTS = {
    "severity": OBJECTIVES / "isptune_severity" / "severity.safetensors",
    "severity-isp": OBJECTIVES / "isptune_severity" / "severity_isp.safetensors",
    "scorenet-align-tiny": OBJECTIVES / "isptune_scorenet" / "scorenet_align_tiny.safetensors",
}
CHARTS = ("chart:384x256", "chart:640x448", "chart:1024x768")


def _options(**values: float | str) -> list[str]:
    """Options of the synthetic data."""
    return [part for key, value in values.items() for part in ("--data-option", f"{key}={value}")]


_SEVERITY = ("severity", "--precision", "bfloat16", "--every", "500")
_RANKS = "ranking-total=2,plcc-total=0.5"

_SHARES = {"default": 0.33, "single": 0.15, "rendered": 0.12}
_WIDE = _options(batches=4500, renderings=400, looks=0.3, variants=8, wide="true", **_SHARES)


def _differences(dropout: float) -> list[str]:
    """A further head of the second version of severity, for the order of nearly pristine variants."""
    return [
        *("severity-isp", "--option", "trunk=frozen", "--option", "warm=true", "--option", "anchor=0"),
        *("--option", "differences=2", "--option", f"dropout={dropout}", "--average", "0.998"),
        *("--rate", "0.0008", "--steps", "24000", "--every", "2000", *_WIDE),
    ]


RECIPES: dict[str, list[list[str]]] = {
    "severity": [
        [
            *(*_SEVERITY, "--steps", "8000"),
            *("--loss", "huber=1,huber-total=0.2,relative=1,relative-total=0.3,ranking-total=2"),
        ],
        [
            *(*_SEVERITY, "--steps", "6500", "--rate", "0.001"),
            *("--loss", f"huber=1,huber-total=0.5,relative=1,relative-total=0.3,{_RANKS}"),
            *_options(crop=192, contents=8, variants=4, looks=0.5, mixed=0.3),
        ],
        [
            *(*_SEVERITY, "--steps", "4500", "--rate", "0.0006"),
            *("--loss", f"huber=1,huber-total=0.5,relative=1,relative-total=0.5,{_RANKS}"),
            *_options(crop=192, contents=8, variants=4, looks=0.3, mixed=0.2, faint=0.25),
        ],
        [
            *(*_SEVERITY, "--steps", "7000", "--rate", "0.0007"),
            *("--loss", "huber=1,huber-total=1,relative=1,relative-total=1,ranking-total=2,plcc-total=1"),
            *_options(crop=256, contents=8, variants=4, looks=0.3, mixed=0.15, faint=0.25),
        ],
    ],
    "severity-isp": [
        [
            *("severity-isp", "--option", "trunk=frozen", "--option", "warm=true"),
            *("--option", "anchor=4", "--option", "dropout=0.3"),
            *("--rate", "0.0004", "--steps", "24000", "--every", "2000"),
            *_options(batches=3242, renderings=400, default=0.3, single=0.2, rendered=0.15),
        ],
        _differences(dropout=0.15),
        _differences(dropout=0.3),
    ],
    "qalign-tiny": [
        [
            *("qalign", "--option", "patch_size=32", "--rate", "0.001"),
            *("--steps", "6000", "--every", "500"),
        ],
        [
            *("qalign", "--option", "patch_size=32", "--rate", "0.0005"),
            *("--steps", "2800", "--every", "400"),
            *_options(faint=0.2, looks=0.5),
        ],
    ],
    "scorenet-align-tiny": [
        [
            *("scorenet", "--host", "qalign"),
            *("--option", f"host_options={{checkpoint: {QALIGN}, dtype: float32}}"),
            *("--steps", "3000", "--every", "500"),
            *_options(batches=200, faint=0.2, looks=0.5, contents=8, variants=4),
        ]
    ],
}
"""What is asked of ``isptune train``, one training after the other, each from the weights of the last."""

# The host of scorenet_comparison.py, which says why it is not part of the package.
RECIPES["qalign-tiny-isp"] = [
    *RECIPES["qalign-tiny"],
    [
        *("qalign", "--option", "patch_size=32", "--data", "isp", "--rate", "0.0005"),
        *("--steps", "300", "--every", "50"),
        *_options(batches=150, contents=16, variants=4, renderings=400),
    ],
]

# Batches that the corrections are trained on, and the searches of each of two rounds.
_CORRECTED, _SEARCHES = 1800, 1000
# What the first version's own judgement counts.
_ORIGINAL = 1 / 9

ENSEMBLES = ("severity-isp",)
"""Models whose further trainings begin at the first one's weights, and are put together with it."""


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
    last: Path | None = None
    for number, recipe in enumerate(RECIPES[options.model], start=1):
        place = out / str(number)
        command = [sys.executable, "-m", "isptune", "train", *recipe]
        for source in (*options.images, *CHARTS):
            command += ["--images", source]
        initial = [] if last is None else ["--initial", str(last)]
        resume = ["--resume"] if (place / "training.json").exists() else []
        seed = ["--seed", str(options.seed)]
        if not (place / "model.safetensors").exists():
            subprocess.run([*command, *seed, "--out", str(place), *initial, *resume], check=True)
        last = out / "1" if options.model in ENSEMBLES else place
    if options.model in ENSEMBLES:
        places = [out / str(number) for number in range(1, len(RECIPES[options.model]) + 1)]
        last = put_together(places, [*options.images, *CHARTS], options.seed, out / "together")
    if not options.no_install and last is not None and options.model in (*WEIGHTS, "qalign-tiny"):
        install(options.model, last)


def put_together(places: list[Path], images: list[str], seed: int, out: Path) -> Path:
    """One learner of several heads on the same trunk, with corrections, calibrated on held-out ones."""
    import torch

    from isptune.iqa.training.checkpoint import load_learner, save_learned
    from isptune_severity.corrections import Corrections, learn
    from isptune_severity.data import SeverityData
    from isptune_severity.searches import searches
    from isptune_severity.second_learner import together

    whole = together([load_learner(place) for place in places], corrections=192, original=_ORIGINAL)
    network = whole.network
    data = SeverityData(images, renderings=400, looks=0.3, variants=8, wide=True, seed=seed, **_SHARES)

    def encode(pictures: torch.Tensor) -> torch.Tensor:
        return whole.encode(pictures)["features"]

    def score(columns: torch.Tensor) -> torch.Tensor:
        return network.judged(columns)[0].detach() @ network.weights

    columns, targets, contents = [], [], []
    for number in range(_CORRECTED):
        batch = data.batch(number)
        columns.append(encode(batch.features["images"]))
        targets.append(batch.targets)
        contents.append(batch.contents + 1000 * number)
    bank = sum(map(len, columns))
    for turn in range(2):
        # The second searches where the first corrections lead.
        found = islice(searches(data, score, encode, seed=2 * seed + turn), _SEARCHES)
        for number, (pictures, truth) in enumerate(found):
            columns.append(pictures)
            targets.append(truth)
            contents.append(torch.full((len(truth),), 1000 * (_CORRECTED + turn * _SEARCHES + number)))
        network.corrections = Corrections(columns[0].shape[1], 192)
        searched = torch.arange(sum(map(len, columns))) >= bank
        learn(network, torch.cat(columns), torch.cat(targets), torch.cat(contents), searched)
    whole.calibrate((whole.encode(part.features["images"]), part.targets) for part in data.validation())
    save_learned(out / "model.safetensors", whole, {"data": data.describe(), "seed": seed})
    shutil.copy(places[0] / "training.png", out / "training.png")
    return out


def install(model: str, out: Path) -> None:
    """Copy the weights into the package and the curve beside the studies."""
    CURVES.mkdir(exist_ok=True)
    shutil.copy(out / "training.png", CURVES / f"{model}.png")
    if model == "qalign-tiny":
        shutil.copytree(out / "checkpoint", QALIGN, dirs_exist_ok=True)
    else:
        without_paths(out / "model.safetensors", WEIGHTS[model])


def without_paths(source: Path, target: Path) -> None:
    """Copy a checkpoint and leave out of its facts where things lay on this machine."""
    with safe_open(str(source), framework="pt") as handle:
        facts = json.loads(handle.metadata()["isptune"])
        state = {key: handle.get_tensor(key) for key in handle.keys()}  # noqa: SIM118 (not a mapping)
    facts["data"].pop("images", None)
    facts["configuration"].pop("host_options", None)
    save_file(state, target, metadata={"isptune": json.dumps(facts, sort_keys=True)})


if __name__ == "__main__":
    main()
