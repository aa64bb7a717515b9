"""Hidden settings of the pipeline `raw`, recovered by evolution and by gradients.

    uv run python benchmarks/raw_recovery.py

Two photographs are simulated as a phone takes them at ISO 400. Eight parameters get hidden values; the
references are what these make of the same raw pictures without noise. A search begins at the defaults and
sees psnr alone. Closed is the share of the gap in psnr between the defaults and the hidden settings that it
closes; it may pass 1, as settings that smooth noise a little are better than the hidden ones. Times are CPU
times on one thread. Writes raw_recovery.md and raw_recovery.json into the folder of the script's name.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from measuring import machine
from skimage import data

import isptune
import isptune_raw

HERE = Path(__file__).with_suffix("")
PARAMETERS = (
    "black.offset",
    "shading.corners",
    "balance.red",
    "balance.blue",
    "colour.saturation",
    "exposure.ev",
    "tone.contrast",
    "encoding.gamma",
)
BUDGETS = {"es": 1500, "adam": 80}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for seed in range(options.seeds):
        pipeline, before, hidden = task(seed)
        fixed = {name: {"fix": None} for name in pipeline.space.names if name not in PARAMETERS}
        for optimizer, budget in BUDGETS.items():
            start = time.process_time()
            result = isptune.tune(
                pipeline, "psnr", optimizer=optimizer, budget=budget, seed=seed, parameters=fixed
            )
            seconds = time.process_time() - start
            found = float(result.best_score)
            rows.append(
                {
                    "seed": seed,
                    "optimizer": optimizer,
                    "evaluations": budget,
                    "defaults": round(before, 2),
                    "hidden": round(hidden, 2),
                    "found": round(found, 2),
                    "closed": round((found - before) / (hidden - before), 4),
                    "seconds": round(seconds, 1),
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    write(rows)


def task(seed: int) -> tuple[isptune.Pipeline, float, float]:
    """A pipeline with references from hidden settings, and the psnr of the defaults and of these settings."""
    generator = np.random.default_rng(seed)
    photographs = [
        torch.from_numpy(photograph.copy()).permute(2, 0, 1).float() / 255
        for photograph in (data.astronaut()[60:252, 100:292], data.coffee()[60:252, 200:392])
    ]
    clean = isptune.create_pipeline(
        "raw", scenes=[isptune_raw.simulate(one, noise=False) for one in photographs], crop=None
    )
    unit = clean.space.to_unit(clean.space.start())
    hidden = unit.clone()
    for name in PARAMETERS:
        hidden[0, clean.space.names.index(name)] = generator.uniform(0.15, 0.85)
    values = clean.space.to_values(hidden)
    references = [clean.render(values, scene)[0] for scene in clean.scenes]
    noisy = [isptune_raw.simulate(one, iso=400, seed=seed) for one in photographs]
    pipeline = isptune.create_pipeline("raw", scenes=noisy, reference=references, crop=None)

    def score(candidate: torch.Tensor) -> float:
        pairs = zip(pipeline.scenes, references, strict=True)
        return float(np.mean([psnr(pipeline.render(candidate, scene)[0], one) for scene, one in pairs]))

    return pipeline, score(pipeline.space.start()), score(values)


def psnr(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(-10 * torch.log10((one - other).square().mean()))


def write(rows: list[dict[str, float | str]]) -> None:
    HERE.mkdir(exist_ok=True)
    (HERE / "raw_recovery.json").write_text(json.dumps(rows, indent=1) + "\n")
    lines = [
        "# Hidden settings of a raw pipeline, recovered",
        "",
        " ".join((__doc__ or "").split("\n\n")[2].split()),
        "",
        machine(),
        "",
        "| seed | optimizer | evaluations | psnr: defaults | hidden settings | found | closed | CPU s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += ["| " + " | ".join(str(value) for value in row.values()) + " |" for row in rows]
    for optimizer in BUDGETS:
        own = [row for row in rows if row["optimizer"] == optimizer]
        closed, seconds = ([float(row[key]) for row in own] for key in ("closed", "seconds"))
        lines += [
            "",
            f"`{optimizer}`: closed {min(closed):.3f} at the least, {statistics.median(closed):.3f} in the "
            f"median; {statistics.median(seconds):.1f} s in the median.",
        ]
    (HERE / "raw_recovery.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
