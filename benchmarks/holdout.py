"""Whether the warning of held-out scenes comes where a gain does not carry over, and only there.

Tunes the pipeline ``raw`` by gradients (``adam``) for ``psnr`` on four simulated raw pictures of photographs,
112x84 pixels, and judges on six others; each seed draws others::

    nice -n 10 uv run python benchmarks/holdout.py

Cases: *colour* is a clean picture (ISO 100) with white balance, saturation, hue, exposure and tone free, of
which the simulation's truth is the default: whatever four scenes gain by them is their own. *noise* is ISO
1600 with noise reduction and sharpening free, which every scene needs. *all* is ISO 1600 with all of it free.
The second table draws gains at random and counts what the criterion says of them. Runs that are in the file
already are not run again.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import machine
from photographs import test_photographs
from simulated_raws import scenes

import isptune
from isptune.runs.held_out import JudgedScene, carried

HERE = Path(__file__).with_suffix("")
TUNED, JUDGING = 4, 6
WIDTH, HEIGHT = 112, 84
COLOUR = ("balance.*", "colour.*", "exposure.*", "tone.*", "encoding.*")
NOISE = ("raw.*", "denoise.*", "sharpen.*")
# By case: ISO, and what is searched.
CASES = {"colour": (100, COLOUR), "noise": (1600, NOISE), "all": (1600, (*COLOUR, *NOISE))}
DRAWS = 4000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget", type=int, default=50)
    options = parser.parse_args()
    torch.set_num_threads(1)
    log = HERE / "runs.json"
    rows: list[dict[str, Any]] = json.loads(log.read_text()) if log.exists() else []
    HERE.mkdir(exist_ok=True)
    for case in CASES:
        for seed in range(options.seeds):
            if not any((row["case"], row["seed"]) == (case, seed) for row in rows):
                rows.append(run(case, seed, options.budget))
                print(json.dumps(rows[-1]), flush=True)
                log.write_text(json.dumps(rows, indent=1) + "\n")
    head = [
        "# Held-out scenes",
        "",
        f"{machine()} One thread. See `holdout.py`.",
        "",
    ]
    (HERE / "holdout.md").write_text("\n".join([*head, *case_table(rows), "", *false_alarms(), ""]))


def run(case: str, seed: int, budget: int) -> dict[str, Any]:
    """One run on scenes that its seed draws."""
    iso, searched = CASES[case]
    generator = np.random.default_rng(seed)
    names = sorted(generator.choice(sorted(test_photographs()), TUNED + JUDGING, replace=False).tolist())
    pipeline = isptune.create_pipeline("raw", scenes=scenes(names, iso, WIDTH, HEIGHT))
    fixed = {
        name: {"fix": None}
        for name in pipeline.space.names
        if not any(name.startswith(glob.removesuffix("*")) for glob in searched)
    }
    result = isptune.tune(
        pipeline,
        "psnr",
        optimizer="adam",
        population=1,
        budget=budget,
        seed=seed,
        parameters=fixed,
        holdout=JUDGING,
        progress=False,
    )
    assert result.holdout is not None
    (gain,) = result.holdout.gains
    return {
        "case": case,
        "seed": seed,
        "free": len(pipeline.space.names) - len(fixed),
        "tuned": gain.tuned,
        "held_out": gain.held_out,
        "error": gain.error,
        "lost": gain.lost,
        "why": gain.why,
        "held_out_scenes": [scene.name for scene in result.holdout.held_out],
    }


def case_table(rows: list[dict[str, Any]]) -> list[str]:
    """Markdown: what each case gained on both sides, and how often it was warned of."""
    lines = [
        "| case | runs | gain on 4 tuned scenes (dB), median | on 6 held-out scenes, median | "
        "lowest to highest | held-out scenes that lost | runs with the warning |",
        "| --- | ---: | ---: | ---: | --- | ---: | ---: |",
    ]
    for case in CASES:
        mine = [row for row in rows if row["case"] == case]
        held = [row["held_out"] for row in mine]
        lines.append(
            f"| {case} ({mine[0]['free']} parameters) | {len(mine)} | "
            f"{statistics.median(row['tuned'] for row in mine):+.2f} | {statistics.median(held):+.2f} | "
            f"{min(held):+.2f} to {max(held):+.2f} | "
            f"{sum(row['lost'] for row in mine)} of {JUDGING * len(mine)} | "
            f"{sum(bool(row['why']) for row in mine)} |"
        )
    return lines


def false_alarms() -> list[str]:
    """Markdown: how often the criterion warns of gains that are drawn at random.

    Gains of four tuned scenes have a mean of 1; those of the held-out ones the mean of the column.
    """
    means = (1.0, 0.75, 0.5, 0.25, 0.0, -0.5)
    lines = [
        f"Share of {DRAWS:,} draws with the warning, by the true mean gain of the held-out scenes, as a "
        "share of that of the tuned ones (normal, of the given deviation on both sides, 4 tuned scenes).",
        "",
        "| held-out scenes | deviation among scenes | " + " | ".join(f"{mean:g}" for mean in means) + " |",
        "| ---: | ---: |" + " ---: |" * len(means),
    ]
    for count in (1, 2, 4, 8):
        for deviation in (0.25, 0.5, 1.0):
            generator = np.random.default_rng(0)
            shares = [share(generator, mean, deviation, count) for mean in means]
            lines.append(f"| {count} | {deviation:g} | " + " | ".join(f"{one:.2f}" for one in shares) + " |")
    return lines


def share(generator: np.random.Generator, mean: float, deviation: float, count: int) -> float:
    warned = 0
    for _ in range(DRAWS):
        sides = [
            [
                JudgedScene("", {"gain": 0.0}, {"gain": gain})
                for gain in generator.normal(middle, deviation, size)
            ]
            for middle, size in ((1.0, TUNED), (mean, count))
        ]
        warned += bool(carried("gain", True, *sides).why)
    return warned / DRAWS


if __name__ == "__main__":
    main()
