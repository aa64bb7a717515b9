"""What becomes of a search that a proposer began, at the end of its budget.

    uv run python benchmarks/proposer_search.py

Each task is run twice, with `--proposer own` and without, by the same optimizer with its own settings and the
same seed: `es` with 300 and with 1,500 evaluations, `bo` with 150. The tasks are those of proposer.py: the
default synthetic pipeline behind hidden maps of four families that no training drew, and crops of 256 pixels
of photographs that no training saw; the objective is psnr. Nine probes and 21 proposed candidates are the
first 30 evaluations: one generation of `es`, six of `bo`.

Compared are the scores at the end, and the hidden normalised l1 of the candidate that a run gives. One side
is better where its psnr is higher by more than 0.1 dB. Above 58.9 dB pictures differ by less than their
rounding to 8 bits: whatever is above counts as that.

Each run is kept in search_cells/ of the folder; a study that was stopped goes on by the same command. Writes
search.md and search.csv into benchmarks/proposer.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import machine
from photographs import test_photographs
from proposer import FAMILIES, task

import isptune
from isptune.storage.writing import write_whole

SEARCHES = (("es", 300), ("bo", 150), ("es", 1500))
SIDES: dict[str, str | None] = {"without": None, "with": "own"}
# In dB.
_ALIKE, _ROUNDING = 0.1, 58.9


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("proposer"))
    parser.add_argument("--tasks", type=int, default=12)
    parser.add_argument("--long", type=int, default=4, help="tasks of the searches with the largest budget")
    parser.add_argument("--table", action="store_true", help="of the runs that are there; start none")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cells = options.out / "search_cells"
    cells.mkdir(parents=True, exist_ok=True)
    photographs = list(test_photographs().items())
    rows = []
    for optimizer, budget in SEARCHES:
        for number in range(options.long if budget == max(count for _, count in SEARCHES) else options.tasks):
            name, path = photographs[number % len(photographs)]
            family = FAMILIES[number % len(FAMILIES)]
            row: dict[str, Any] = {"task": number, "family": family, "photograph": name}
            row |= {"optimizer": optimizer, "budget": budget}
            places = {side: cells / f"{number:03d}-{optimizer}-{budget}-{side}.json" for side in SIDES}
            if options.table and not all(place.exists() for place in places.values()):
                continue
            for side, place in places.items():
                if not place.exists():
                    found = ended(task(family, path, number), number, optimizer, budget, SIDES[side])
                    write_whole(place, json.dumps(found))
                row |= {f"{key} {side}": value for key, value in json.loads(place.read_text()).items()}
            rows.append(row)
            print(row, flush=True)
    write(rows, options.out)


def ended(pipeline: Any, number: int, optimizer: str, budget: int, proposer: str | None) -> dict[str, float]:
    """The score and the hidden normalised l1 of what a run gives."""
    result = isptune.tune(
        pipeline, "psnr", optimizer=optimizer, budget=budget, seed=number, proposer=proposer, device="cpu"
    )
    losses = result.history.losses[:, 0]
    best = torch.as_tensor(result.history.values[[int(np.argmin(losses))]])
    return {"psnr": -float(losses.min()), "l1": float(pipeline.losses(best)[1])}


def write(rows: Sequence[dict[str, Any]], out: Path) -> None:
    with (out / "search.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    text = (__doc__ or "").strip().partition("\n\n")[2].partition("\n\n")[2]
    lines = ["# What becomes of a search that a proposer began", "", text, "", machine(), ""]
    lines += [
        "| optimizer | evaluations | maps | tasks | psnr without | psnr with | l1 without | l1 with "
        "| better | alike | worse |",
        "| --- |" + " --- |" * 10,
    ]
    for optimizer, budget in SEARCHES:
        for family in (*FAMILIES, "all"):
            own = [
                row
                for row in rows
                if (row["optimizer"], row["budget"]) == (optimizer, budget)
                and family in ("all", row["family"])
            ]
            if own:
                lines.append(
                    f"| {optimizer} | {budget:,} | {family} | {len(own)} | "
                    + " | ".join(compared(own))
                    + " |"
                )
    (out / "search.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def compared(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Medians of both sides, and in how many tasks the proposer's is better, alike or worse."""
    found = [f"{np.median([row[f'psnr {side}'] for row in rows]):.2f}" for side in SIDES]
    found += [f"{np.median([row[f'l1 {side}'] for row in rows]):.4f}" for side in SIDES]
    reached = [np.array([min(row[f"psnr {side}"], _ROUNDING) for row in rows]) for side in SIDES]
    gains = reached[1] - reached[0]
    counts = (gains > _ALIKE).sum(), (abs(gains) <= _ALIKE).sum(), (gains < -_ALIKE).sum()
    return [*found, *map(str, counts)]


if __name__ == "__main__":
    main()
