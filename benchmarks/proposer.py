"""What a proposer's first generation of 30 is worth, in evaluations of `es`.

    uv run python benchmarks/proposer.py
    uv run python benchmarks/proposer.py --pipeline raw --proposer DIR --tasks 16

Tasks of `synthetic`: the default stages behind hidden maps of four families, each with maps that no training
drew, and crops of 256 pixels of photographs that no training saw. Tasks of `raw`: one crop of 192 pixels of
such a photograph, as the three known cameras take it at ISO 200 to 6,400, and as cameras do that are drawn
with all that is wrong with them; no training drew any of these. The objective is psnr for both sides. The
proposer sees renderings alone: those of the defaults and of its probes count as evaluations and stand in the
first generation, whose other candidates are what it proposes. `es` runs with its own settings, without
starts.

For each task the best candidate of the first generation, by its score, is compared with the best that `es`
has found so far: how many evaluations until `es` has a score as good, and until the candidate that it would
give has a hidden normalised l1 as low. A task in which `es` does not get there within its budget counts as
more than that budget, which does not move the median as long as it is fewer than half of the tasks.

Each task is kept in cells/ of the folder; a study that was stopped goes on by the same command. Writes
proposer.md and proposer.csv, or raw.md and raw.csv, into the folder of its own name.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import machine
from numpy.typing import NDArray
from photographs import test_photographs

import isptune
import isptune_raw
from isptune.contracts.truthful import Truthful
from isptune.scenes import load_scenes
from isptune.scenes.scene_pictures import picture_of
from isptune.storage.writing import write_whole

FAMILIES = ("power", "sigmoid", "ripple", "coupled")
CAMERAS = ("phone", "dslr", "security", "drawn")
KINDS = {"synthetic": FAMILIES, "raw": CAMERAS}
ISO = (200, 800, 3200, 6400)
FIRST = 30
CROP, RAW_CROP = 256, 192
# Far from the seeds that trainings draw.
FIRST_MAP = 9000
Curve = NDArray[np.float64]


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(""))
    parser.add_argument("--proposer", default="own", help="the folder of a training")
    parser.add_argument("--tasks", type=int, default=40)
    parser.add_argument("--budget", type=int, default=300, help="of es")
    parser.add_argument("--after", type=int, default=FIRST, help="of the search that the proposer begins")
    parser.add_argument("--pipeline", choices=KINDS, default="synthetic")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cells = options.out / ("cells" if options.pipeline == "synthetic" else f"{options.pipeline}_cells")
    kinds = KINDS[options.pipeline]
    cells.mkdir(parents=True, exist_ok=True)
    photographs = list(test_photographs().items())
    found = []
    for number in range(options.tasks):
        name, path = photographs[number % len(photographs)]
        kind = kinds[number % len(kinds)]
        sides: dict[str, Any] = {"es": (options.budget, None), "proposer": (options.after, options.proposer)}
        row: dict[str, Any] = {"task": number, "kind": kind, "photograph": name}
        for side, (budget, proposer) in sides.items():
            cell = cells / f"{number:03d}-{side}-{budget}.json"
            if not cell.exists():
                write_whole(cell, json.dumps(searched(task(kind, path, number), number, budget, proposer)))
            row[side] = json.loads(cell.read_text())
        found.append(compared(row))
        print(found[-1], flush=True)
    write(found, options)


def task(kind: str, path: Path, number: int) -> isptune.Pipeline:
    """What is tuned: a hidden map of a family, or a camera."""
    seed = FIRST_MAP + number
    if kind in FAMILIES:
        return isptune.create_pipeline("synthetic", scenes=[str(path)], crop=CROP, maps=kind, seed=seed)
    picture = picture_of(load_scenes([str(path)], crop=f"1x{RAW_CROP}")[0])
    if kind == "drawn":
        drawn: Any = isptune.create_pipeline("raw", scenes=["chart:64x64"])
        return drawn.simulated([picture], seed)
    taken = isptune_raw.simulate(picture, camera=kind, iso=ISO[number // len(CAMERAS) % len(ISO)], seed=seed)
    return isptune.create_pipeline("raw", scenes=[taken], reference=[picture], crop=None)


def searched(pipeline: Any, number: int, budget: int, proposer: str | None) -> dict[str, Any]:
    """Losses, and hidden normalised l1 if there is one, of every evaluation of a run, in their order."""
    result = isptune.tune(
        pipeline,
        "psnr",
        optimizer="es",
        population=FIRST,
        budget=budget,
        seed=number,
        proposer=proposer,
        device="cpu",
    )
    values = torch.as_tensor(result.history.values)
    losses = result.history.losses[:, 0].tolist()
    # What nobody knows the truth of has no hidden distance.
    known = isinstance(pipeline, Truthful)
    return {"losses": losses, "l1": pipeline.losses(values)[1].tolist() if known else None}


def best_so_far(cell: dict[str, Any]) -> tuple[Curve, Curve | None]:
    """The lowest loss after each evaluation, and the hidden l1, if any, of the candidate that has it."""
    losses = np.array(cell["losses"])
    rows = [int(np.argmin(losses[: count + 1])) for count in range(len(losses))]
    return losses[rows], None if cell["l1"] is None else np.array(cell["l1"])[rows]


def compared(row: dict[str, Any]) -> dict[str, Any]:
    """A task as a row of the table."""
    losses, l1 = best_so_far(row.pop("es"))
    own_losses, own_l1 = best_so_far(row.pop("proposer"))
    if l1 is None or own_l1 is None:
        row |= {f"es psnr at {count}": -float(losses[count - 1]) for count in (FIRST, 150, len(losses))}
        row["first generation, psnr"] = -float(own_losses[FIRST - 1])
        if len(own_losses) > FIRST:
            row[f"es from it, psnr at {len(own_losses)}"] = -float(own_losses[-1])
        row["as good a psnr after"] = reached(losses, own_losses[FIRST - 1])
        return row
    row |= {f"es l1 at {count}": float(l1[count - 1]) for count in (FIRST, 150, len(l1))}
    row["first generation, l1"] = float(own_l1[FIRST - 1])
    row["first generation, psnr"] = -float(own_losses[FIRST - 1])
    if len(own_l1) > FIRST:
        row[f"es from it, l1 at {len(own_l1)}"] = float(own_l1[-1])
    row["as good a psnr after"] = reached(losses, own_losses[FIRST - 1])
    row["as low an l1 after"] = reached(l1, own_l1[FIRST - 1])
    return row


def reached(curve: Curve, target: float) -> float:
    """After how many evaluations a curve is as low; infinite where it never is."""
    rows = np.flatnonzero(curve <= target)
    return float(rows[0] + 1) if len(rows) else math.inf


def write(rows: Sequence[dict[str, Any]], options: argparse.Namespace) -> None:
    name = "proposer" if options.pipeline == "synthetic" else options.pipeline
    kinds = KINDS[options.pipeline]
    with (options.out / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    text = (__doc__ or "").strip().partition("\n\n")[2].partition("\n\n")[2]
    lines = ["# What a proposer's first generation is worth", "", text, "", machine(), ""]
    figures = [key for key in rows[0] if key not in ("task", "kind", "photograph")]
    lines += [f"Medians over {len(rows)} tasks; inf is more than {options.budget} evaluations.", ""]
    lines += [
        f"| {'maps' if options.pipeline == 'synthetic' else 'cameras'} | " + " | ".join(figures) + " |",
        "| --- |" + " --- |" * len(figures),
    ]
    for kind in (*kinds, "all"):
        chosen = [row for row in rows if kind in ("all", row["kind"])]
        if chosen:
            medians = [f"{np.median([row[key] for row in chosen]):.4g}" for key in figures]
            lines.append(f"| {kind} | " + " | ".join(medians) + " |")
    asked = [key for key in figures if key.endswith("after")]
    shares = [
        f"for {key.removesuffix(' after')} in {np.mean([row[key] >= 150 for row in rows]):.0%}"
        for key in asked
    ]
    lines += ["", f"`es` needs at least 150 evaluations {' and '.join(shares)} of the tasks."]
    (options.out / f"{name}.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
