"""How well and how fast each optimizer recovers the hidden optimum of the five-stage ISP.

Runs ``isptune tune PHOTO --objective psnr --optimizer OPTIMIZER --seed S`` for every optimizer and seed
(each seed is another hidden map, another noise field and another search), then writes the tables and the
convergence picture next to this file. Runs that are already there are resumed, not repeated::

    uv run python benchmarks/recovery.py PHOTO

Evaluations to a target: the first evaluation whose best-so-far candidate *by score* has a normalised L1
at or below the target. Gradient evaluations are counted as three, for the forward and the backward pass.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np

from isptune import figures
from isptune.tuning.result import TuneResult
from isptune.tuning.session import prepare
from isptune.tuning.settings import parse_config
from isptune.tuning.sitting import run_session

HERE = Path(__file__).with_suffix("")
TARGET = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photo", help="a photograph of at least 2560x1600")
    parser.add_argument("--label", help="the photograph's name in the tables; its file name by default")
    parser.add_argument("--optimizers", default="es,cma,adam")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--maps", default="power", help="the family of hidden maps")
    parser.add_argument("--crop", default="auto")
    parser.add_argument("--budget", type=int, default=1500)
    parser.add_argument("--gradient-budget", type=int, default=160, help="of adam")
    parser.add_argument("--runs", default="runs/recovery", help="where the run directories go")
    options = parser.parse_args()

    rows: list[dict[str, object]] = []
    histories: dict[str, list] = {}
    for optimizer in options.optimizers.split(","):
        for seed in range(options.seeds):
            result = tune(options, optimizer, seed)
            histories.setdefault(optimizer, []).append(result.history)
            rows.append(row(optimizer, seed, result))
            print(json.dumps(rows[-1]), flush=True)
    label = options.label or Path(options.photo).name
    write_tables(rows, label, options)
    for optimizer, runs in histories.items():
        figure = figures.draw_convergence(
            figures.convergence(runs),
            score_label="psnr (dB)",
            title=f"{optimizer}, {len(runs)} seeds, {label}",
        )
        figures.save(figure, HERE / f"convergence-{options.maps}-{optimizer.replace(':', '_')}.png")


def tune(options: argparse.Namespace, optimizer: str, seed: int) -> TuneResult:
    config = parse_config(
        {
            "scenes": [str(Path(options.photo).absolute())],
            "crop": options.crop,
            "pipeline": {"name": "synthetic", "options": {"maps": options.maps}},
            "objective": "psnr",
            "optimizer": optimizer,
            "budget": options.gradient_budget if optimizer == "adam" else options.budget,
            "seed": seed,
        }
    )
    out = (
        Path(options.runs) / f"{Path(options.photo).stem}-{options.maps}-{optimizer.replace(':', '_')}-{seed}"
    )
    return run_session(prepare(config, out), resume=out.exists())


def row(optimizer: str, seed: int, result: TuneResult) -> dict[str, object]:
    return {
        "optimizer": optimizer,
        "seed": seed,
        "psnr": result.best_score,
        "l1": result.l1,
        "l1_normalised": result.l1_normalised,
        f"evaluations to {TARGET}": reached(result),
        "seconds": round(result.seconds, 1),
    }


def reached(result: TuneResult) -> int | None:
    """The first evaluation at which the best-so-far candidate by score is within the target."""
    history = result.history
    assert history.l1_normalised is not None
    best = np.maximum.accumulate(np.nan_to_num(history.score, nan=-np.inf))
    leaders = np.flatnonzero(history.score == best)
    within = leaders[history.l1_normalised[leaders] <= TARGET]
    return int(within[0]) + 1 if within.size else None


def write_tables(rows: list[dict[str, object]], label: str, options: argparse.Namespace) -> None:
    stem = HERE / f"recovery-{options.maps}"
    with open(stem.with_suffix(".csv"), "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    lines = [
        f"# Recovery of the hidden optimum: {label}, maps `{options.maps}`",
        "",
        f"Objective psnr, {options.budget} evaluations (adam {options.gradient_budget}, each with its "
        f"gradients), {options.seeds} seeds (each another hidden map), "
        f"crop `{options.crop}`. Median (quartiles), best and worst over the seeds.",
        "",
        "| optimizer | normalised l1: median | quartiles | best | worst | l1: median "
        f"| evaluations to {TARGET}: median | the same, gradients counted as three | seconds: median |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for optimizer in dict.fromkeys(str(entry["optimizer"]) for entry in rows):
        mine = [entry for entry in rows if entry["optimizer"] == optimizer]
        share = np.array([entry["l1_normalised"] for entry in mine], dtype=float)
        count = np.array([entry[f"evaluations to {TARGET}"] or np.inf for entry in mine], dtype=float)
        weight = 3 if optimizer == "adam" else 1
        low, middle, high = np.quantile(share, [0.25, 0.5, 0.75])
        lines.append(
            f"| {optimizer} | {middle:.2g} | {low:.2g} to {high:.2g} | {share.min():.2g} | {share.max():.2g} "
            f"| {np.median([entry['l1'] for entry in mine]):.3g} | {np.median(count):.0f} "
            f"| {weight * np.median(count):.0f} | {np.median([entry['seconds'] for entry in mine]):.0f} |"
        )
    stem.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
