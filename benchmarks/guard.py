"""What a guard saves of a run whose objective can be gamed, and what it costs one whose objective cannot.

Tunes photographs of 128 pixels (a square from the middle of each test photograph, made smaller) with 300
evaluations of ``es``, each seed another photograph and another hidden map, without a guard and with several,
and compares the hidden normalised l1 at the end::

    nice -n 10 uv run python benchmarks/guard.py

Processes that share the seeds (``--first-seed``, ``--seeds``) take a folder of runs each; put their
rows.jsonl together and call it once more with ``--seeds 0`` for the tables.

Cases: ``severity`` (its first version) on three stages of which it judges none as the truth does
(``stages=[darken, vignetting, pixelate]``), the same on the default chain, which it was trained for, and
``qalign-tiny`` on the three stages. Rows that are in the folder of runs already are not computed again. A
guard passes where the worst of the runs improves and their median loses at most 10%.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import machine
from photographs import test_photographs
from PIL import Image

import isptune
from isptune.plugins import registry

HERE = Path(__file__).with_suffix("")
SIZE = 128
STAGES = ["darken", "vignetting", "pixelate"]
GAMED, TRAINED_FOR, TINY = "severity, three stages", "severity, default chain", "qalign-tiny, three stages"
STATISTICS = ("niqe-distance", "niqe-distance,colourfulness", "contrast")
# By case: the objective, the options of the pipeline, and the guards.
CASES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    GAMED: (
        "severity",
        {"stages": STAGES},
        ("", *STATISTICS),
    ),
    TRAINED_FOR: ("severity", {}, ("", *STATISTICS)),
    TINY: ("qalign-tiny", {"stages": STAGES}, ("", *STATISTICS)),
}
NO_GUARD = "none"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0, help="where several processes share the seeds")
    parser.add_argument("--budget", type=int, default=300)
    parser.add_argument("--cases", default=";".join(CASES), help="with semicolons between them")
    parser.add_argument("--runs", default="runs/guard", help="where rows and pictures go")
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = Path(options.runs)
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "rows.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    done = {(row["case"], row["guard"], row["seed"]) for row in rows}
    pictures = small_pictures(folder)
    for case, guard, seed in wanted(options):
        if (case, guard or NO_GUARD, seed) in done:
            continue
        row = tuned(case, guard, seed, pictures[seed % len(pictures)], options.budget)
        rows.append(row)
        with open(log, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)
    write_tables(rows, options.budget)


def wanted(options: argparse.Namespace) -> Iterator[tuple[str, str, int]]:
    """Every run: seed by seed, so that a study that was stopped compares the guards on the same runs."""
    for case in options.cases.split(";"):
        for seed in range(options.first_seed, options.seeds):
            for guard in CASES[case][2]:
                yield case, guard, seed


def small_pictures(folder: Path) -> list[Path]:
    """A square from the middle of each test photograph, SIZE pixels wide."""
    found = []
    for name, file in test_photographs().items():
        place = folder / f"{name}.png"
        if not place.exists():
            picture = Image.open(file).convert("RGB")
            side = min(picture.size)
            left, top = ((length - side) // 2 for length in picture.size)
            square = picture.crop((left, top, left + side, top + side))
            square.resize((SIZE, SIZE), Image.Resampling.LANCZOS).save(place)
        found.append(place)
    return found


def tuned(case: str, guard: str, seed: int, picture: Path, budget: int) -> dict[str, Any]:
    """One run as a row."""
    name, chain, _ = CASES[case]
    version = {"version": 1} if registry.objectives.takes(name, "version") else {}
    result = isptune.tune(
        isptune.create_pipeline("synthetic", scenes=[str(picture)], seed=seed, **chain),
        isptune.create_objective(name, **version),
        guard=guard.split(",") if guard else None,
        optimizer="es",
        budget=budget,
        seed=seed,
        device="cpu",
    )
    space = isptune.create_pipeline("synthetic", scenes=[str(picture)], seed=seed, **chain)
    start = space.truth(space.space.start()) / torch.tensor(space.truth_maxima, dtype=torch.float64)
    said = result.guarded
    return {
        "case": case,
        "guard": guard or NO_GUARD,
        "seed": seed,
        "picture": picture.stem,
        "start": round(float(start.abs().mean()), 6),
        "end": round(float(result.l1_normalised or 0.0), 6),
        "score": result.best_score,
        "doubted": None if said is None else said.doubted,
        "best_doubted": None if said is None else bool(said.best_doubted_by),
        "seconds": round(result.seconds, 1),
    }


def write_tables(rows: list[dict[str, Any]], budget: int) -> None:
    """The rows as guard.csv and what follows from them as guard.md."""
    HERE.mkdir(exist_ok=True)
    rows = sorted(rows, key=lambda row: (list(CASES).index(row["case"]), row["seed"]))
    with open(HERE / "guard.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    lines = [
        "# Guards against gaming",
        "",
        f"{budget} evaluations of `es` on test photographs of {SIZE} pixels, one for each seed, which is "
        "also the seed of the hidden map. Hidden normalised l1 at the end. A guard passes where the worst of "
        "the runs improves and the median loses at most 10%.",
        "",
        machine() + " Shared with other work; nothing here is a timing.",
    ]
    for case in CASES:
        mine = [row for row in rows if row["case"] == case]
        if mine:
            lines += ["", f"## {case}", "", *table(mine)]
    (HERE / "guard.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def table(rows: list[dict[str, Any]]) -> list[str]:
    """The rows of a case: each guard against none, on the runs that both have."""
    free = {row["seed"]: row for row in rows if row["guard"] == NO_GUARD}
    starts = np.array([row["start"] for row in free.values()])
    lines = [
        f"{len(free)} runs; at the start: median {np.median(starts):.3f}, worst {starts.max():.3f}.",
        "",
        "| guard | runs | median without, with | worst without, with | above their start without, with "
        "| better, same, worse | candidates doubted | best one doubted | passes |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for guard in dict.fromkeys(row["guard"] for row in rows if row["guard"] != NO_GUARD):
        mine = [row for row in rows if row["guard"] == guard and row["seed"] in free]
        start, end = (np.array([row[key] for row in mine]) for key in ("start", "end"))
        before = np.array([free[row["seed"]]["end"] for row in mine])
        passes = end.max() < before.max() and np.median(end) <= 1.1 * np.median(before)
        lines.append(
            f"| {guard} | {len(mine)} | {np.median(before):.3f}, {np.median(end):.3f} "
            f"| {before.max():.3f}, {end.max():.3f} | {(before > start).sum()}, {(end > start).sum()} "
            f"| {(end < before).sum()}, {(end == before).sum()}, {(end > before).sum()} "
            f"| {np.mean([row['doubted'] for row in mine]):.0f} "
            f"| {sum(row['best_doubted'] for row in mine)} | {'yes' if passes else 'no'} |"
        )
    return lines


if __name__ == "__main__":
    main()
