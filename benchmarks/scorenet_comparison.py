"""ScoreNet against its host, and against contexts of less, trained on ISP renderings: the paper's comparison.

    uv run python benchmarks/training_photographs.py PHOTOGRAPHS
    uv run python benchmarks/train_embedded.py qalign-tiny-isp --images PHOTOGRAPHS
    nice -n 10 uv run python benchmarks/scorenet_comparison.py --images PHOTOGRAPHS

The host is qalign-tiny trained further on the training data ``isp``. On it, frozen, a context is trained
from the same data in four ways: the same for all pictures (CoOp), from the picture, from the metric bank, and
from both (ScoreNet). Each of them, the host alone, the embedded qalign-tiny and scorenet-align-tiny and
``severity`` judge and tune, and so does ``psnr``, which knows the truth, as the bound:

- validation: rank correlation with the known quality on photographs held out of the training, of the
  distortion bank and of ISP renderings;
- synthetic: the paper's protocol with 30 x 20 evaluations of ``es`` for its 30 x 50, every seed with a hidden
  map and a test photograph of its own; the normalised l1 that is reached;
- libraw: LibRaw at simulated ISO 1600 as in real_isps.py, every seed a set of scenes; the gain over the
  factory defaults on scenes that were held out, as a share of what tuning for psnr gains.

ScoreNet on CLIP-IQA is trained on a tiny network of RN50's architecture with random weights, since CLIP's own
are a download: it shows that the way works, and is judged on the validation alone.

Trainings and runs that are done are taken as they are; ``--seeds 0`` makes the page alone. Runs are lines of
runs.jsonl in the folder of the script's name.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from isp_cells import Cell, gain_of, result_of, run_of
from photographs import test_photographs
from scipy.stats import spearmanr
from scorenet_tables import write_page
from torch import Tensor
from train_embedded import CHARTS

import isptune
from isptune import Objective
from isptune_clipiqa.tiny import write_tiny
from isptune_severity.quality_data import QualityData

HERE = Path(__file__).with_suffix("")
RUNS = HERE / "runs.jsonl"
TRAINED = {
    "one context for all": ("coop",),
    "context from the picture": ("scorenet", "--option", "use_metrics=false"),
    "context from metrics": ("scorenet", "--option", "use_image=false"),
    "ScoreNet": ("scorenet",),
}
"""What is asked of ``isptune train``, by the name of what comes out."""

CLIP = ("clipiqa, random weights", "scorenet-clipiqa on them")

DATA = ("batches=96", "contents=8", "variants=4")
BUDGET, POPULATION, CROP = 600, 30, "1x192"


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--images", action="append", default=[], help="pristine pictures; repeatable")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0, help="where several processes share the seeds")
    parser.add_argument("--steps", type=int, default=700, help="of each training")
    parser.add_argument("--parts", default="validation,synthetic,libraw")
    parser.add_argument("--objectives", help="of CONTENDERS, with semicolons between them; all without")
    parser.add_argument("--data", type=Path, default=Path("severity-data"), help="for crops and renderings")
    parser.add_argument(
        "--host",
        type=Path,
        default=Path("training-qalign-tiny-isp") / "3" / "checkpoint",
        help="what train_embedded.py qalign-tiny-isp made",
    )
    parser.add_argument("--trainings", type=Path, default=Path("training-scorenet-comparison"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    HERE.mkdir(exist_ok=True)
    contenders = makers(options)
    chosen = options.objectives.split(";") if options.objectives else list(contenders)
    judged = [name for name in chosen if name != "psnr"]
    tuned = [name for name in chosen if name not in CLIP]
    parts = options.parts.split(",")
    if "validation" in parts and options.seeds:
        for name in judged:
            report(run("validation", name, 0, lambda name=name: validation(contenders[name](), options)))
    for seed in range(options.first_seed, options.seeds):
        for part in (part for part in parts if part != "validation"):
            for name in tuned:
                tune = synthetic if part == "synthetic" else libraw
                report(run(part, name, seed, partial(tune, name, seed, contenders[name])))
    write_page(HERE, read_runs())


def makers(options: argparse.Namespace) -> dict[str, Callable[[], Objective]]:
    """How each objective is made, by its name in the tables."""
    created = isptune.create_objective
    found: dict[str, Callable[[], Objective]] = {
        "psnr": lambda: created("psnr"),
        "severity": lambda: created("severity", version=1),
        "qalign-tiny": lambda: created("qalign-tiny"),
        "scorenet-align-tiny": lambda: created("scorenet-align-tiny"),
        "new host": lambda: created("qalign", checkpoint=str(options.host), dtype="float32"),
    }
    for name, arguments in TRAINED.items():
        found[name] = partial(trained, name, arguments, options)
    random_clip, learned = CLIP
    clip = options.trainings / "clip"
    found[random_clip] = lambda: created("clipiqa", checkpoint=str(random_weights(clip)))
    found[learned] = lambda: trained(learned, ("scorenet",), options, random_weights(clip))
    return found


def random_weights(folder: Path) -> Path:
    """A tiny CLIP, made where it is not there yet."""
    if not folder.exists():
        write_tiny(folder, kind="rn50")
    return folder


def trained(
    name: str, arguments: tuple[str, ...], options: argparse.Namespace, clip: Path | None = None
) -> Objective:
    """The objective of a training, which is made where it is not there yet."""
    out = options.trainings / name.replace(" ", "-")
    if not (out / "model.safetensors").exists():
        command = [sys.executable, "-m", "isptune", "train", *arguments, "--data", "isp"]
        given = f"checkpoint: {(clip or options.host).absolute()}"
        command += ["--host", "clipiqa" if clip else "qalign", "--option"]
        command += [f"host_options={{{given}}}" if clip else f"host_options={{{given}, dtype: float32}}"]
        for source in (*options.images, *CHARTS):
            command += ["--images", source]
        for part in (*DATA, f"folder={options.data}"):
            command += ["--data-option", part]
        command += ["--steps", str(options.steps), "--every", "250", "--out", str(out)]
        command += ["--cache", str(options.trainings / "features")]
        resume = ["--resume"] if (out / "training.json").exists() else []
        subprocess.run([*command, *resume], check=True)
    if clip:
        on_clip: Objective = isptune.create_objective(
            "scorenet-clipiqa", checkpoint=str(out), host_checkpoint=str(clip)
        )
        return on_clip
    kind = "coop-align" if arguments[0] == "coop" else "scorenet-align"
    made: Objective = isptune.create_objective(
        kind, checkpoint=str(out), host_checkpoint=str(options.host), host_options={"dtype": "float32"}
    )
    return made


def run(part: str, name: str, seed: int, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """One run's line, which is run where it is not there yet."""
    key = {"part": part, "objective": name, "seed": seed}
    for row in read_runs():
        if {fact: row[fact] for fact in key} == key:
            return row
    row = {**key, **make()}
    with RUNS.open("a") as file:
        file.write(json.dumps(row) + "\n")
    return row


def report(row: dict[str, Any]) -> None:
    print(row["part"], row["seed"], row["objective"], f"{row['value']:.4f}", flush=True)


def read_runs() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RUNS.read_text().splitlines()] if RUNS.exists() else []


def validation(objective: Objective, options: argparse.Namespace) -> dict[str, Any]:
    """Rank correlations with the quality, over all pictures and within contents."""
    source = QualityData([*options.images, *CHARTS], options.data)
    sign = 1 if objective.higher_is_better else -1
    found: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {"bank": [], "isps": []}
    with torch.no_grad():
        for number, batch in enumerate(source.validation()):
            scores = sign * objective.score(batch.features["images"])
            part = found["bank" if number < source.validation_of_bank else "isps"]
            part.append((scores, batch.targets, batch.contents + 1000 * number))
    row: dict[str, Any] = {}
    for name, parts in (*found.items(), ("value", found["bank"] + found["isps"])):
        scores, targets, contents = (torch.cat(part) for part in zip(*parts, strict=True))
        inside = [
            spearmanr(scores[contents == one], targets[contents == one]).statistic
            for one in contents.unique()
        ]
        row[name] = round(float(spearmanr(scores, targets).statistic), 4)
        row[f"{name} within"] = round(float(np.nanmean(inside)), 4)
    return row


def synthetic(name: str, seed: int, make: Callable[[], Objective]) -> dict[str, Any]:
    """The paper's protocol on one photograph."""
    photographs = list(test_photographs().items())
    photo, path = photographs[2 * seed % len(photographs)]
    pipeline = isptune.create_pipeline("synthetic", scenes=[path], crop=CROP, seed=seed)
    settings = {"optimizer": "es", "budget": BUDGET, "population": POPULATION, "progress": False}
    result = isptune.tune(pipeline, make(), seed=seed, device="cpu", **settings)
    levels = {stage: round(level, 5) for stage, level in (result.levels or {}).items()}
    return {"scene": photo, "value": result.l1_normalised, "l1": result.l1, "levels": levels}


def libraw(name: str, seed: int, make: Callable[[], Objective]) -> dict[str, Any]:
    """Five parameters of LibRaw on a set of scenes, colours and brightness as shot."""
    bound = gain_of(result_of(Cell("libraw", 1600, "psnr", "detail", seed)))
    if name in ("psnr", "severity"):
        # Those of real_isps.py.
        row = result_of(Cell("libraw", 1600, name, "detail", seed))
    else:
        row = run_of(Cell("libraw", 1600, name, "detail", seed), make())
    gain = gain_of(row)
    judges = {judge: gain_of(row, judge=judge) for judge in ("ssim", "ciede2000")}
    return {
        "scene": f"set {seed}",
        "value": gain / bound,
        "gain": gain,
        **judges,
        "parameters": row["parameters"],
    }


if __name__ == "__main__":
    main()
