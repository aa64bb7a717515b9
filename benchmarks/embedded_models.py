"""The embedded models on photographs that they were never trained on: agreement with the truth, and tuning.

    uv run python benchmarks/embedded_models.py accuracy --objectives severity,qalign-tiny
    uv run python benchmarks/embedded_models.py tuning --objectives severity

``accuracy``: rank correlation of the score with the known distortion (normalised l1) over random parameters
of hidden maps that were not seen, pooled over photographs and within each; and, stage by stage, with the
level of stages of the training's families and of others that no model was trained on.
``tuning``: 1,500 evaluations of the default five stages, ten seeds with two photographs each, and ten seeds
on the chart; the normalised l1 that is reached. A study that was stopped goes on by the same command.

Writes accuracy or tuning-CROP, as .md and .csv, into the folder of its own name. The photographs are named in
photographs.py.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import machine
from photographs import test_photographs
from scipy.stats import spearmanr

import isptune

CANDIDATES = 20
# Q-Align shrinks whatever it is given to its own size, which hides blur and noise: photographs of any size
# are seen through crops of that size at native resolution.
CROP = "6x256"
SEEN = ("gaussian_blur", "brighten", "desaturate", "white_noise", "high_sharpen")
SEEN_BY_SEVERITY = (
    "lens_blur",
    "motion_blur",
    "darken",
    "oversaturate",
    "chroma_noise",
    "impulse_noise",
    "jpeg",
)
HELD_OUT = (
    *(
        "jpeg2000",
        "color_diffusion",
        "color_shift",
        "white_balance_gain",
        "chromatic_aberration",
        "vignetting",
    ),
    *("jitter", "patch_displacement", "color_block", "demosaic_artifacts"),
)


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("study", choices=["accuracy", "tuning"])
    parser.add_argument("--objectives", default="severity")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(""))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--budget", type=int, default=1500)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--photographs", type=int, default=2, help="of each seed")
    parser.add_argument("--crop", default=CROP, help="of the tuning's photographs, as of isptune tune")
    parser.add_argument("--runs", type=Path, default=Path("runs") / "embedded_models", help="for the tuning")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    photographs = test_photographs()
    if len(photographs) < 20:
        parser.error(
            f"only {len(photographs)} of the test photographs are on this machine; see photographs.py"
        )
    with ProcessPoolExecutor(options.jobs, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        names = options.objectives.split(",")
        study = accuracy if options.study == "accuracy" else partial(tuning, options=options)
        rows, text = study(pool, names, photographs)  # type: ignore[operator]
    title = f"# {options.study.capitalize()} of the embedded models on {len(photographs)} photographs"
    lines = [title, "", machine(), "", *text]
    name = options.study if options.study == "accuracy" else f"tuning-{options.crop}"
    (options.out / f"{name}.md").write_text("\n".join(lines) + "\n")
    with (options.out / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    print("\n".join(lines))


# Agreement with the truth.


def accuracy(
    pool: ProcessPoolExecutor, names: list[str], photographs: dict[str, Path]
) -> tuple[list[dict[str, Any]], list[str]]:
    """One row per candidate, and the tables."""
    work = [
        (name, {}, photo, str(path), k)
        for name in names
        for k, (photo, path) in enumerate(photographs.items())
    ]
    rows = [row for found in pool.map(candidates, work) for row in found]
    lines = [f"Photographs are seen through crops {CROP} (at most so many, side in pixels).", ""]
    lines += ["## Random parameters of hidden maps that were not seen, default five stages", ""]
    lines += ["| objective | SRCC, all photographs | median within a photograph | least | greatest |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    for name in names:
        own = [row for row in rows if row["objective"] == name]
        inside = [srcc([row for row in own if row["photograph"] == photo]) for photo in photographs]
        low, high = min(inside), max(inside)
        lines.append(f"| {name} | {srcc(own):.3f} | {np.median(inside):.3f} | {low:.3f} | {high:.3f} |")
    lines += ["", "## One stage at a time, SRCC of score and level (median over photographs)", ""]
    lines += ["| stage | seen in training by | " + " | ".join(names) + " |"]
    lines += ["| --- | --- |" + " --- |" * len(names)]
    for stage in (*SEEN, *SEEN_BY_SEVERITY, *HELD_OUT):
        seen = "all" if stage in SEEN else "severity" if stage in SEEN_BY_SEVERITY else "none"
        work = [(name, str(path), stage) for name in names for path in photographs.values()]
        found = np.array(list(pool.map(one_stage, work))).reshape(len(names), -1)
        medians = " | ".join(f"{value:.2f}" for value in np.median(found, axis=1))
        lines.append(f"| {stage} | {seen} | {medians} |")
    return rows, lines


def candidates(work: tuple[str, dict[str, Any], str, str, int]) -> list[dict[str, Any]]:
    """Scores and truth of random parameters on one photograph, under a map of its own."""
    name, options, photo, path, index = work
    objective = isptune.create_objective(name, **options)
    pipeline = isptune.create_pipeline("synthetic", scenes=[path], crop=CROP, seed=1000 + index)
    unit = torch.rand(CANDIDATES, 5, generator=torch.Generator().manual_seed(index))
    values = pipeline.space.to_values(unit)
    highest = torch.tensor([stage.level_range[1] for stage in pipeline.stages])
    truth = (pipeline.truth(values).abs() / highest).mean(1)
    with torch.no_grad():
        scores = torch.stack([objective.score(pipeline.render(values, scene)) for scene in pipeline.scenes])
    sign = 1 if objective.higher_is_better else -1
    return [
        {
            "objective": name,
            "photograph": photo,
            "quality": sign * float(score),
            "l1_normalised": float(level),
        }
        for score, level in zip(scores.mean(0), truth, strict=True)
    ]


def srcc(rows: list[dict[str, Any]]) -> float:
    """Of quality and the lack of distortion."""
    quality, levels = ([row[key] for row in rows] for key in ("quality", "l1_normalised"))
    return -float(spearmanr(quality, levels).statistic)


def one_stage(work: tuple[str, str, str]) -> float:
    """SRCC of the score and the level of one stage on one photograph."""
    name, path, stage = work
    objective = isptune.create_objective(name)
    pipeline = isptune.create_pipeline(
        "synthetic", scenes=[path], crop=CROP, stages=[stage], maps="identity", seed=0
    )
    levels = pipeline.space.to_values(torch.linspace(0, 1, 9, dtype=torch.float64)[:, None])
    with torch.no_grad():
        parts = [objective.score(pipeline.render(levels, scene)) for scene in pipeline.scenes]
    scores = torch.stack(parts).mean(0)
    sign = -1 if objective.higher_is_better else 1
    return float(np.nan_to_num(spearmanr(sign * scores.numpy(), levels[:, 0].numpy()).statistic))


# Tuning.


def tuning(
    pool: ProcessPoolExecutor, names: list[str], photographs: dict[str, Path], options: argparse.Namespace
) -> tuple[list[dict[str, Any]], list[str]]:
    """One row per run, and the table."""
    work = [job for name in names for job in jobs(name, photographs, options)]
    rows = list(pool.map(tune, work))
    lines = [f"{options.budget} evaluations with es, crops {options.crop} of photographs, the chart whole;"]
    lines += ["l1 normalised, quartiles over runs.", ""]
    lines += ["| objective | scenes | runs | median | lower quartile | upper quartile | best | worst |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for name in names:
        for scenes in ("photographs", "chart"):
            found = [
                row["l1_normalised"]
                for row in rows
                if row["objective"] == name and (row["scene"] == "chart") == (scenes == "chart")
            ]
            low, middle, high = np.percentile(found, [25, 50, 75])
            lines.append(
                f"| {name} | {scenes} | {len(found)} | {middle:.4f} | {low:.4f} | {high:.4f} | "
                f"{min(found):.4f} | {max(found):.4f} |"
            )
    return rows, lines


def jobs(name: str, photographs: dict[str, Path], options: argparse.Namespace) -> Iterator[tuple[Any, ...]]:
    """Every seed with its photographs, and with the chart."""
    items = list(photographs.items())
    for seed in range(options.seeds):
        for place in range(options.photographs):
            photo, path = items[(seed * options.photographs + place) % len(items)]
            yield name, photo, str(path), seed, options.budget, options.crop, options.runs
        yield name, "chart", "chart", seed, options.budget, options.crop, options.runs


def tune(work: tuple[str, str, str, int, int, str, Path]) -> dict[str, Any]:
    """One run, or what is left of it."""
    name, photo, path, seed, budget, crop, runs = work
    whole = photo == "chart"
    pipeline = isptune.create_pipeline("synthetic", scenes=[path], crop="full" if whole else crop, seed=seed)
    out = runs / f"{name}-{photo}-{seed}"
    result = isptune.tune(
        pipeline, name, optimizer="es", budget=budget, population=30, seed=seed, out=out, resume=True
    )
    print(f"{name} {photo} seed {seed}: {result.l1_normalised:.4f}", flush=True)
    levels = {f"level_{stage}": value for stage, value in (result.levels or {}).items()}
    facts = {"objective": name, "scene": photo, "seed": seed, "score": result.best_score}
    return {**facts, "l1": result.l1, "l1_normalised": result.l1_normalised, **levels}


if __name__ == "__main__":
    main()
