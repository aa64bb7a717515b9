"""How well a cheap look at candidates ranks them: fewer scenes, windows, and pictures at half size.

Each seed draws eight test photographs as ``races.py`` does. ``es`` (population 30) tunes the pipeline for
``psnr``; the candidates of its first generation and of its eighth are scored on all scenes, on one and on two
of them, on windows of each (``Pipeline.window``), and at half size::

    nice -n 10 uv run python benchmarks/race_previews.py

At half size ``synthetic`` distorts its picture averaged over 2x2 pixels, and LibRaw develops with its own
``half_size``, one pixel for four of the mosaic, against the reference averaged likewise; ``raw`` has no such
mode. Ranks are compared with those on all scenes by Spearman's correlation.
"""

from __future__ import annotations

import argparse
import json
import statistics
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import machine
from numpy.typing import NDArray
from photographs import test_photographs
from races import POPULATION, SCENES, pipeline_of
from torch.nn.functional import avg_pool2d

import isptune
from isptune import Pipeline, Scene
from isptune.tuning.evaluation import Evaluator
from isptune.tuning.fronts import ranks
from isptune.tuning.windows import drawn_windows

HERE = Path(__file__).with_suffix("")
CASES = ("synthetic", "raw", "libraw")
WAYS = ("1 scene", "2 scenes", "windows 1/4", "windows 1/8", "windows 1/16", "half size")
GENERATIONS = {"first": 0, "eighth": 7}
# Draws of windows.
DRAWS = 3

Numbers = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    options = parser.parse_args()
    torch.set_num_threads(1)
    HERE.mkdir(exist_ok=True)
    log = HERE / "agreement.json"
    for seed in range(options.seeds):
        for case in options.cases:
            rows: list[dict[str, Any]] = json.loads(log.read_text()) if log.exists() else []
            if any((row["case"], row["seed"]) == (case, seed) for row in rows):
                continue
            new = measured(case, seed)
            rows = json.loads(log.read_text()) if log.exists() else []
            log.write_text(json.dumps(rows + new, indent=1) + "\n")
            print(json.dumps(new), flush=True)
    write_table(json.loads(log.read_text()))


def measured(case: str, seed: int) -> list[dict[str, Any]]:
    """Agreements of a seed, by generation and way."""
    names = np.random.default_rng(seed).choice(sorted(test_photographs()), SCENES, replace=False).tolist()
    pipeline = pipeline_of(case, names, seed)
    budget = POPULATION * (1 + max(GENERATIONS.values()))
    result = isptune.tune(
        pipeline, "psnr", optimizer="es", population=POPULATION, budget=budget, seed=seed, progress=False
    )
    found = []
    for when, number in GENERATIONS.items():
        candidates = result.history.candidates[number * POPULATION : (number + 1) * POPULATION]
        by_scene = scored(pipeline, candidates, list(pipeline.scenes))
        whole = by_scene.mean(axis=0)
        agreements: dict[str, list[float]] = {
            "1 scene": [agreement(one, whole) for one in by_scene],
            "2 scenes": [
                agreement(by_scene[[i, (i + 3) % SCENES]].mean(axis=0), whole) for i in range(SCENES)
            ],
        }
        for parts in (4, 8, 16):
            draws = [drawn_windows(pipeline, parts, seed, draw) for draw in range(DRAWS)]
            agreements[f"windows 1/{parts}"] = [
                agreement(scored(pipeline, candidates, draw).mean(axis=0), whole) for draw in draws
            ]
        if case != "raw":
            agreements["half size"] = [agreement(at_half_size(case, pipeline, candidates), whole)]
        found += [
            {"case": case, "seed": seed, "when": when, "way": way, "agreement": statistics.mean(ones)}
            for way, ones in agreements.items()
        ]
    return found


def scored(pipeline: Pipeline, candidates: Numbers, scenes: list[Scene]) -> Numbers:
    """(S, P) scores on scenes that the pipeline renders."""
    own, pipeline.scenes = pipeline.scenes, scenes
    try:
        with Evaluator(pipeline, isptune.create_objective("psnr")) as evaluator:
            return evaluator.by_scene(candidates)[:, :, 0]
    finally:
        pipeline.scenes = own


def at_half_size(case: str, pipeline: Pipeline, candidates: Numbers) -> Numbers:
    """(P,) mean scores of pictures at half size."""
    if case == "synthetic":
        halved = [
            Scene.of_picture(scene.name, avg_pool2d(scene.payload[None], 2)[0], index=scene.index)
            for scene in pipeline.scenes
        ]
        return scored(pipeline, candidates, halved).mean(axis=0)
    import rawpy

    from isptune_libraw.parameters import arguments
    from isptune_raw import dng_bytes

    rows = pipeline.space.to_dicts(pipeline.space.to_values(torch.from_numpy(candidates)))
    scores = np.zeros(len(rows))
    for scene in pipeline.scenes:
        raw = scene.payload.raw
        assert scene.reference is not None
        reference = avg_pool2d(scene.reference[None], 2)[0]
        for place, values in enumerate(rows):
            with rawpy.imread(BytesIO(dng_bytes(raw))) as developed:
                picture = developed.postprocess(half_size=True, **arguments(rawpy, values, raw.gains))
            planes = torch.from_numpy(np.moveaxis(picture, -1, 0).astype(np.float32)) / 65535
            assert planes.shape == reference.shape
            scores[place] -= 10 * torch.log10((planes - reference).square().mean()).item()
    return scores / len(pipeline.scenes)


def agreement(one: Numbers, other: Numbers) -> float:
    """Spearman's correlation of the scores of those that have both."""
    done = np.isfinite(one) & np.isfinite(other)
    pair = [ranks(scores[done][:, None])[:, 0] for scores in (one, other)]
    return float(np.corrcoef(pair)[0, 1])


def write_table(rows: list[dict[str, Any]]) -> None:
    lines = [
        "# Cheap looks at candidates",
        "",
        f"{machine()} See `race_previews.py`.",
        "",
        "How well ranks agree with those on all eight scenes (1 is wholly): the mean over seeds, the least.",
        "One scene and windows of an eighth are about as much work; so are two scenes, windows of a quarter",
        "and half size.",
        "",
        "| case | generation | seeds | " + " | ".join(WAYS) + " |",
        "| --- | --- | ---: | " + " | ".join("---:" for _ in WAYS) + " |",
    ]
    for case in CASES:
        for when in GENERATIONS:
            mine = [row for row in rows if (row["case"], row["when"]) == (case, when)]
            cells = []
            for way in WAYS:
                found = [row["agreement"] for row in mine if row["way"] == way]
                cells.append(f"{statistics.mean(found):.3f} ({min(found):.3f})" if found else "")
            seeds = len({row["seed"] for row in mine})
            lines.append(f"| `{case}` | {when} | {seeds} | " + " | ".join(cells) + " |")
    (HERE / "race_previews.md").write_text("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
