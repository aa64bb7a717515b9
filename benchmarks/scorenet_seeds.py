"""Is ScoreNet better than its frozen host? Several trainings of scorenet-align-tiny against qalign-tiny.

    uv run python benchmarks/training_photographs.py PHOTOGRAPHS
    uv run python benchmarks/scorenet_seeds.py --images PHOTOGRAPHS --seeds 6

Trains the learner of scorenet-align-tiny once for each seed of its weights, on the same data, and compares
rank correlations with the known distortion over all test photographs (those of embedded_models.py accuracy).
The interval is Student's over seeds; a second one resamples the photographs, seeds averaged. Trainings that
are done are taken as they are. Writes scorenet_seeds.md and .csv into the folder of the script's name.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from embedded_models import CROP, candidates, srcc
from measuring import machine
from photographs import test_photographs
from scipy.stats import t as student
from train_embedded import CHARTS, RECIPES

DRAWS = 2000


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--images", action="append", required=True, help="pristine pictures; repeatable")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--trainings", type=Path, default=Path("training-scorenet-seeds"))
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(""))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    trained = [train(seed, options) for seed in range(options.seeds)]
    photographs = test_photographs()
    work = [
        (name, given, photo, str(path), index)
        for name, given in [("qalign-tiny", {}), *(("scorenet-align", given) for given in trained)]
        for index, (photo, path) in enumerate(photographs.items())
    ]
    with ProcessPoolExecutor(options.jobs, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        found = list(pool.map(candidates, work))
    count = len(photographs)
    models = [found[start : start + count] for start in range(0, len(found), count)]
    options.out.mkdir(parents=True, exist_ok=True)
    rows, text = compared(models[0], models[1:])
    lines = ["# ScoreNet against its host", "", machine(), "", *text]
    (options.out / "scorenet_seeds.md").write_text("\n".join(lines) + "\n")
    with (options.out / "scorenet_seeds.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    print("\n".join(lines))


def train(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train with a seed, or take what is there; the options of the objective."""
    from isptune_qalign import QALIGN_TINY

    out = options.trainings / str(seed)
    if not (out / "model.safetensors").exists():
        command = [sys.executable, "-m", "isptune", "train", *RECIPES["scorenet-align-tiny"][0]]
        for source in (*options.images, *CHARTS):
            command += ["--images", source]
        command += ["--option", f"seed={seed}", "--cache", str(options.trainings / "features")]
        resume = ["--resume"] if (out / "training.json").exists() else []
        subprocess.run([*command, "--out", str(out), *resume], check=True)
    return {
        "checkpoint": str(out),
        "host_checkpoint": str(QALIGN_TINY),
        "host_options": {"dtype": "float32"},
    }


def compared(
    host: list[list[dict[str, Any]]], learned: list[list[list[dict[str, Any]]]]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows, and the text; every model is a list over photographs of rows over candidates."""
    photographs = len(host)
    base, own = pooled(host, range(photographs)), [pooled(model, range(photographs)) for model in learned]
    inside = [[srcc(rows) for rows in model] for model in (host, *learned)]
    differences = np.array(own) - base
    reach = student.ppf(0.975, len(own) - 1) * differences.std(ddof=1) / len(own) ** 0.5
    draws = []
    for chosen in np.random.default_rng(0).integers(photographs, size=(DRAWS, photographs)):
        draws.append(np.mean([pooled(model, chosen) for model in learned]) - pooled(host, chosen))
    low, high = np.quantile(draws, [0.025, 0.975])
    rows = [{"model": "qalign-tiny", "srcc": base, "within": float(np.median(inside[0]))}]
    rows += [
        {
            "model": f"scorenet-align-tiny, seed {seed}",
            "srcc": value,
            "within": float(np.median(inside[seed + 1])),
        }
        for seed, value in enumerate(own)
    ]
    lines = [
        f"{photographs} photographs, crops {CROP}, random parameters of hidden maps that were not seen.",
        "",
    ]
    lines += ["| model | SRCC, all photographs | median within a photograph |", "| --- | --- | --- |"]
    lines += [f"| {row['model']} | {row['srcc']:.4f} | {row['within']:.4f} |" for row in rows]
    mean = differences.mean()
    lines += ["", f"Difference over all photographs: {mean:+.4f} on average over {len(own)} seeds,"]
    lines += [f"95% interval over seeds {mean - reach:+.4f} to {mean + reach:+.4f} (Student's),"]
    lines += [f"over photographs {low:+.4f} to {high:+.4f} (bootstrap, seeds averaged)."]
    return rows, lines


def pooled(model: list[list[dict[str, Any]]], chosen: Any) -> float:
    """SRCC over the candidates of some photographs together."""
    return srcc([row for index in chosen for row in model[index]])


if __name__ == "__main__":
    main()
