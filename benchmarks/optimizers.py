"""Which optimizer when: evaluations and seconds to targets on a synthetic ISP, raw, LibRaw, a slow program.

    uv run python benchmarks/optimizers.py --problems synthetic --seeds 10
    uv run python benchmarks/optimizers.py --problems libraw --optimizers es,bo --seeds 3
    uv run python benchmarks/optimizers.py --seeds 0    # the page alone

Each seed is another hidden map, another photograph and another search. Runs that are in
``optimizers/cells.jsonl`` are not repeated, and the page is made of all that are there. A target of the
synthetic ISP is the hidden normalised l1 of the best candidate *by score*; elsewhere it is a share of what
``es`` gains in psnr after its whole budget, or of what the best run gains where no ``es`` was run.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot
from measuring import machine
from optimizer_cells import MAPS, Cell, result_of, rows

HERE = Path(__file__).with_suffix("")
Row = dict[str, Any]
SYNTHETIC = tuple(f"synthetic-{maps}" for maps in MAPS)
# Evaluations of each optimizer, and its population (0 for its own), by problem. Those with gradients have
# fewer: each is a forward and a backward pass.
PLANS: dict[str, dict[str, tuple[int, int]]] = {
    **{
        name: {"es": (300, 30), "cma": (300, 10), "random": (300, 30), "bo": (150, 5), "adam": (50, 2)}
        for name in SYNTHETIC
    },
    "raw": {"es": (300, 30), "cma": (300, 10), "bo": (100, 5)},
    "libraw": {"es": (1500, 30), "cma": (150, 10), "bo": (100, 5)},
    "command": {"es": (60, 15), "cma": (60, 10), "bo": (60, 5)},
}
for _name in SYNTHETIC:
    # Of the one with many valleys a longer run tells more.
    PLANS[_name]["bo-gradients"] = (150 if _name == "synthetic-ripple" else 50, 2)
LEVELS = (0.1, 0.05, 0.02, 0.01)
TARGETS = np.geomspace(0.3, 0.003, 20)
SHARES = (0.5, 0.75, 0.9, 1.0)
TITLES = {
    "raw": "`raw`: eight parameters, simulated ISO 1600, one scene",
    "libraw": "`libraw`: eight mixed parameters, simulated ISO 1600, one scene",
    "command": "A program that sleeps for half a second: four parameters",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", default=",".join(PLANS), help="'synthetic' stands for its four maps")
    parser.add_argument("--optimizers", default="", help="all of the plan if left out")
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    names = [one for name in options.problems.split(",") for one in PLANS if one.startswith(name)]
    wanted = set(filter(None, options.optimizers.split(",")))
    for seed in range(options.seeds):
        for problem in names:
            for optimizer, (budget, population) in PLANS[problem].items():
                if wanted and optimizer not in wanted:
                    continue
                row = result_of(Cell(problem, optimizer, population, budget, seed))
                print(problem, optimizer, seed, row["found"][-1], flush=True)
    write(rows())


def write(found: Sequence[Row]) -> None:
    """The page and its picture."""
    HERE.mkdir(exist_ok=True)
    lines = ["# Which optimizer when", "", f"{_prose(_INTRO)} {machine()}", ""]
    for problem in PLANS:
        mine = [row for row in found if row["problem"] == problem]
        if mine:
            title = TITLES.get(problem, f"Synthetic ISP, hidden maps `{problem.removeprefix('synthetic-')}`")
            lines += [f"## {title}", "", *table(problem, mine), ""]
    synthetic = [row for row in found if row["problem"] in SYNTHETIC]
    if synthetic:
        lines += ["## All four hidden maps", "", *together(synthetic), "", "![ECDF](ecdf.png)", ""]
        draw(synthetic)
    (HERE / "optimizers.md").write_text("\n".join(lines), encoding="utf-8")


_INTRO = """
Medians over seeds; each seed is another hidden map, another photograph and another search. *Evaluations to*
a target: medians over all seeds, "-" where no more than half of them reached it, with the share that did.
*Seconds* are those that evaluations took, on a loaded machine of two cores: ratios within a table tell more
than the numbers; *planning* is the processor's time for the search itself, a candidate. Pictures are small
(128 px, and 192x144 px for raws); larger ones cost more per evaluation and change no count of evaluations.
"""


def targets_of(problem: str, found: Sequence[Row], row: Row) -> list[int | None]:
    """At which evaluation a run reached each target; None where it did not."""
    if problem in SYNTHETIC:
        return [_first(row, 3, level, below=True) for level in LEVELS]
    best = [one for one in found if one["seed"] == row["seed"] and one["optimizer"] == "es"]
    best = best or [one for one in found if one["seed"] == row["seed"]]
    gain = max(one["found"][-1][2] for one in best) - row["first"]
    return [_first(row, 2, row["first"] + share * gain - 1e-9, below=False) for share in SHARES]


def _first(row: Row, column: int, level: float, below: bool) -> int | None:
    for entry in row["found"]:
        if (entry[column] <= level) if below else (entry[column] >= level):
            return int(entry[0])
    return None


def table(problem: str, found: Sequence[Row]) -> list[str]:
    """One row for each optimizer."""
    synthetic = problem in SYNTHETIC
    goals = [f"{level:g}" for level in LEVELS] if synthetic else [f"{share:.0%}" for share in SHARES]
    end = "normalised l1 at the end" if synthetic else "gain, dB"
    to = [f"evaluations to {goal}" for goal in goals]
    heads = ["optimizer", "seeds", "evaluations", end, *to, "seconds", "planning, ms"]
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for optimizer in PLANS[problem]:
        mine = [row for row in found if row["optimizer"] == optimizer]
        if not mine:
            continue
        if synthetic:
            last = f"{np.median([row['found'][-1][3] for row in mine]):.4f}"
        else:
            last = f"{np.median([row['found'][-1][2] - row['first'] for row in mine]):.2f}"
        reached = np.array([targets_of(problem, found, row) for row in mine], dtype=float)
        cells = [_count(column) for column in reached.T]
        seconds = np.median([row["seconds_evaluating"] for row in mine])
        planning = np.median([1000 * row["seconds_planning"] / row["budget"] for row in mine])
        budget = mine[0]["budget"]
        what = [f"`{optimizer}`", len(mine), budget, last, *cells, f"{seconds:.1f}", f"{planning:.1f}"]
        lines.append(f"| {' | '.join(map(str, what))} |")
    return lines


def _count(reached: np.ndarray) -> str:
    there = np.isfinite(reached)
    share = f" ({there.mean():.0%})" if not there.all() else ""
    middle = np.median(np.where(there, reached, np.inf))
    return (f"{middle:.0f}" if np.isfinite(middle) else "-") + share


def together(found: Sequence[Row]) -> list[str]:
    """What each optimizer had found after numbers of evaluations, over all families."""
    counts = (25, 50, 75, 100, 150, 300)
    lines = [
        f"| optimizer | runs | {' | '.join(f'after {count}' for count in counts)} |",
        f"|{' --- |' * (len(counts) + 2)}",
    ]
    for optimizer in PLANS[SYNTHETIC[0]]:
        mine = [row for row in found if row["optimizer"] == optimizer]
        if not mine:
            continue
        budget = min(row["budget"] for row in mine)
        cells = [
            f"{np.median([after(row, count) for row in mine]):.4f}" if count <= budget else ""
            for count in counts
        ]
        lines.append(f"| `{optimizer}` | {len(mine)} | {' | '.join(cells)} |")
    return lines


def after(row: Row, count: int) -> float:
    """The hidden normalised l1 of the best candidate by score after so many evaluations."""
    return float([entry[3] for entry in row["found"] if entry[0] <= count][-1])


def draw(found: Sequence[Row]) -> None:
    """The share of runs and targets that were reached, over evaluations."""
    figure, axes = pyplot.subplots(figsize=(7.0, 4.2))
    for optimizer in PLANS[SYNTHETIC[0]]:
        mine = [row for row in found if row["optimizer"] == optimizer]
        if not mine:
            continue
        budget = min(row["budget"] for row in mine)
        reached = np.array(
            [_first(row, 3, level, below=True) or np.inf for row in mine for level in TARGETS], dtype=float
        )
        counts = np.arange(1, budget + 1)
        shares = (reached[:, None] <= counts).mean(axis=0)
        (line,) = axes.step(counts, shares, where="post", label=f"{optimizer} ({len(mine)} runs)")
        axes.plot(budget, shares[-1], "o", color=line.get_color(), markersize=4)
    axes.set(xscale="log", xlabel="evaluations", ylabel="share of runs and targets reached", ylim=(0, 1))
    axes.set_title("Synthetic ISP, four hidden maps: 20 targets of normalised l1 from 0.3 to 0.003")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(HERE / "ecdf.png", dpi=110)
    pyplot.close(figure)


def _prose(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    main()
