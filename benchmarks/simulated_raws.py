"""What the studies of external ISPs share: simulated raw scenes, runs over seeds, tables and one picture."""

from __future__ import annotations

import copy
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from photographs import test_photographs
from PIL import Image, ImageDraw
from torch import Tensor

import isptune
from isptune import Pipeline, Scene
from isptune.scenes import read_image
from isptune_raw import raw_scenes, simulate

# Photographs at their native resolution, the middle of each, for RawTherapee and darktable, which take too
# long for many sets. They were chosen after a look at what noise reduction gains on each; those of
# `real_isps.py` were not.
TRAINING = ("astronaut", "coffee", "ColdRipple", "summer_1am")
HELD_OUT = ("chelsea", "rocket", "flower", "BytheWater", "FallenLeaf", "ColorfulCups")
WIDTH, HEIGHT = 320, 240


def scenes(names: Sequence[str], iso: float, width: int = WIDTH, height: int = HEIGHT) -> list[Scene]:
    """Simulated raws of photographs, each of which is its own reference."""
    found = test_photographs()
    pictures = [middle(read_image(found[name]), width, height) for name in names]
    raws = [simulate(picture, iso=iso, seed=seed) for seed, picture in enumerate(pictures, hash_of(names))]
    made = raw_scenes(raws, reference=pictures, crop=None)
    for scene, name in zip(made, names, strict=True):
        scene.name = name
    return made


def hash_of(names: Sequence[str]) -> int:
    """A seed of the noise, another for other names."""
    return sum(map(ord, "".join(names))) % 10_000


def middle(picture: Tensor, width: int, height: int) -> Tensor:
    top, left = (picture.shape[-2] - height) // 2, (picture.shape[-1] - width) // 2
    return picture[:, top : top + height, left : left + width].contiguous()


def psnrs(pipeline: Pipeline, values: Tensor) -> list[float]:
    """PSNR in dB of one candidate on each scene."""
    measure, pipeline = isptune.create_objective("psnr"), here(pipeline)
    return [
        float(measure.score(pipeline.render(values, scene), pipeline.reference(scene)))
        for scene in pipeline.scenes
    ]


def here(pipeline: Pipeline) -> Pipeline:
    """A copy that develops in this process: for a few pictures workers are not worth their start."""
    copied = copy.copy(pipeline)
    copied.development = replace(pipeline.development, isolated=False)
    return copied


def study(
    training: Pipeline,
    held_out: Pipeline,
    objectives: Sequence[str],
    seeds: int,
    settings: Mapping[str, Any],
    save: Path,
) -> list[dict[str, Any]]:
    """One run for every objective and seed; what is in the file already is not run again."""
    rows: list[dict[str, Any]] = json.loads(save.read_text())["runs"] if save.exists() else []
    default = psnrs(held_out, held_out.space.start())
    trained = psnrs(training, training.space.start())
    for objective in objectives:
        for seed in range(seeds):
            if any((row["objective"], row["seed"]) == (objective, seed) for row in rows):
                continue
            result = isptune.tune(training, objective, seed=seed, **settings)
            # It is the same in all runs.
            training.canary = False
            best = held_out.space.from_dicts([result.best_parameters])
            found = psnrs(held_out, best)
            before = score_of(training, objective)
            rows.append(
                {
                    "objective": objective,
                    "seed": seed,
                    "evaluations": result.evaluations,
                    "score_of_defaults": before,
                    "score_found": result.best_score,
                    "training_psnr_of_defaults": statistics.mean(trained),
                    "training_psnr": statistics.mean(psnrs(training, best)),
                    "held_out_psnr_of_defaults": statistics.mean(default),
                    "held_out_psnr": statistics.mean(found),
                    "held_out_gains": {
                        scene.name: new - old
                        for scene, old, new in zip(held_out.scenes, default, found, strict=True)
                    },
                    "parameters": result.best_parameters,
                }
            )
            print(json.dumps(rows[-1]), flush=True)
            save.parent.mkdir(parents=True, exist_ok=True)
            save.write_text(json.dumps({"runs": rows}, indent=1) + "\n")
    return [row for row in rows if row["objective"] in objectives and row["seed"] < seeds]


def score_of(pipeline: Pipeline, objective: str) -> float:
    """What an objective says of the defaults, as a run would."""
    with isptune.Evaluator(here(pipeline), isptune.create_objective(objective)) as evaluator:
        start = pipeline.space.to_unit(pipeline.space.start())
        return float(np.ravel(evaluator.evaluate(start.numpy()).scores)[0])


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Markdown: what each objective gained on scenes that it never saw."""
    lines = [
        "| objective | held out, defaults (dB) | held out, tuned (dB) | gain: median | lowest to highest | "
        "training gain, median |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for objective in dict.fromkeys(row["objective"] for row in rows):
        mine = [row for row in rows if row["objective"] == objective]
        gains = [row["held_out_psnr"] - row["held_out_psnr_of_defaults"] for row in mine]
        seen = [row["training_psnr"] - row["training_psnr_of_defaults"] for row in mine]
        tuned = statistics.median(row["held_out_psnr"] for row in mine)
        lines.append(
            f"| `{objective}` | {mine[0]['held_out_psnr_of_defaults']:.2f} | {tuned:.2f} | "
            f"{statistics.median(gains):+.2f} | {min(gains):+.2f} to {max(gains):+.2f} | "
            f"{statistics.median(seen):+.2f} |"
        )
    return lines


def scene_table(row: Mapping[str, Any]) -> list[str]:
    """Markdown: what one run gained on each held-out scene."""
    gains = row["held_out_gains"]
    return [
        "| " + " | ".join(gains) + " |",
        "|" + " --- |" * len(gains),
        "| " + " | ".join(f"{gain:+.2f}" for gain in gains.values()) + " |",
    ]


def median_run(rows: Sequence[Mapping[str, Any]], objective: str) -> Mapping[str, Any]:
    """Of an objective's runs the one whose held-out score is the median."""
    mine = sorted(
        (row for row in rows if row["objective"] == objective), key=lambda row: row["held_out_psnr"]
    )
    return mine[len(mine) // 2]


def draw(
    path: Path,
    pipeline: Pipeline,
    scenes_shown: Sequence[int],
    candidates: Mapping[str, Tensor],
    side: int = 96,
    scale: int = 2,
) -> None:
    """Crops of scenes side by side: each candidate, then the reference, with PSNR above."""
    pipeline = here(pipeline)
    shown = [
        {name: pipeline.render(values, index) for name, values in candidates.items()}
        | {"reference": _reference(pipeline, index)}
        for index in scenes_shown
    ]
    draw_pictures(path, shown, side, scale)


def draw_pictures(path: Path, rows: Sequence[Mapping[str, Tensor]], side: int = 96, scale: int = 2) -> None:
    """Middles of pictures (1, 3, H, W), a row for each scene with its ``"reference"``; PSNR stands above."""
    measure = isptune.create_objective("psnr")
    edge, head = side * scale, 18
    sheet = Image.new("RGB", (edge * len(rows[0]), (edge + head) * len(rows)), "white")
    pen = ImageDraw.Draw(sheet)
    for row, pictures in enumerate(rows):
        for column, (name, picture) in enumerate(pictures.items()):
            level = float(measure.score(picture, pictures["reference"]))
            title = name if name == "reference" else f"{name} {level:.1f} dB"
            top, left = (picture.shape[-2] - side) // 2, (picture.shape[-1] - side) // 2
            part = picture[0, :, top : top + side, left : left + side].clamp(0, 1)
            pixels = (part.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
            shown = Image.fromarray(pixels).resize((edge, edge), Image.Resampling.NEAREST)
            sheet.paste(shown, (column * edge, row * (edge + head) + head))
            pen.text((column * edge + 4, row * (edge + head) + 3), title, fill="black")
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True)


def _reference(pipeline: Pipeline, index: int) -> Tensor:
    reference = pipeline.reference(index)
    assert reference is not None
    return reference
