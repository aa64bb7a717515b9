"""Do labels help ``bo``: an objective's score modelled by its labels, one by one, or as one number.

    nice -n 10 uv run python benchmarks/optimizer_labels.py --seeds 5

The same search in two ways: *labels* models each label and composes the score, *score* models it alone.
Problems: the synthetic ISP with its four hidden maps and ``severity`` (seven families), and ``raw`` (eight
parameters, a simulated ISO 1600) with both versions of ``severity``. Each seed is another hidden map, another
photograph and another search. Runs that are in the file already are not run again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import machine
from optimizer_cells import Cell, problem_of

import isptune
from isptune.optimizers.bo import ModelSearch

HERE = Path(__file__).with_suffix("")
COUNTS = (60, 100, 150)
BUDGET = 150
PROBLEMS = {
    **{f"synthetic-{maps}": {"version": 1} for maps in ("power", "sigmoid", "ripple", "coupled")},
    "raw": {"version": 1},
    "raw, version 2": {"version": 2},
}


@isptune.register_optimizer("bo-score")
class ByScore(ModelSearch):
    """``bo`` that is told the score alone."""

    learns_from_labels = False


WAYS = {"labels": "bo", "score": "bo-score"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--problems", nargs="*", default=list(PROBLEMS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    HERE.mkdir(exist_ok=True)
    log = HERE / "runs.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for seed in range(options.first, options.seeds):
        for problem in options.problems:
            for way in WAYS:
                key = {"problem": problem, "way": way, "seed": seed}
                if not any(key.items() <= row.items() for row in rows):
                    rows.append({**key, **run(problem, way, seed)})
                    print(json.dumps(rows[-1]), flush=True)
                    with log.open("a") as file:
                        file.write(json.dumps(rows[-1]) + "\n")
    write(rows)


def run(problem: str, way: str, seed: int) -> dict[str, Any]:
    """The lowest severity after numbers of evaluations, with the hidden normalised l1 where it is known."""
    pipeline, fixed = problem_of(Cell(problem.split(",")[0], "bo", 0, BUDGET, seed))
    result = isptune.tune(
        pipeline,
        isptune.create_objective("severity", **PROBLEMS[problem]),
        optimizer=WAYS[way],
        parameters=fixed,
        budget=BUDGET,
        seed=seed,
        progress=False,
    )
    history = result.history
    scores = history.scores[:, 0]
    best = [int(np.nanargmin(scores[:count])) for count in COUNTS]
    found: dict[str, Any] = {"score": [round(float(scores[row]), 6) for row in best]}
    if history.levels is not None:
        maxima = np.array(pipeline.truth_maxima)
        found["l1"] = [round(float((history.levels[row] / maxima).mean()), 5) for row in best]
    found["seconds"] = round(result.seconds, 1)
    return found


def write(rows: list[dict[str, Any]]) -> None:
    """The page: medians, and how often labels ended lower."""
    lines = ["# Labels one by one, or the score alone", "", f"{__doc__.split('Problems:')[1].strip()}"]
    lines[-1] = "Problems: " + " ".join(lines[-1].split()) + f" {machine()}"
    heads = [f"{way}, {count}" for count in COUNTS for way in WAYS]
    lines += ["", "The lowest severity after so many evaluations, medians; lower is better.", ""]
    lines += [f"| problem | seeds | {' | '.join(heads)} | labels lower at {COUNTS[0]} | at {BUDGET} |"]
    lines += [f"|{' --- |' * (len(heads) + 4)}"]
    for problem in PROBLEMS:
        both = {
            way: {row["seed"]: row for row in rows if (row["problem"], row["way"]) == (problem, way)}
            for way in WAYS
        }
        seeds = sorted(set(both["labels"]) & set(both["score"]))
        if not seeds:
            continue
        values = np.array([[both[way][seed]["score"] for way in WAYS] for seed in seeds])
        cells = [
            f"{np.median(values[:, place, count]):.4f}"
            for count in range(len(COUNTS))
            for place in range(len(WAYS))
        ]
        first, last = (values[:, 0] < values[:, 1]).sum(axis=0)[[0, -1]].tolist()
        wins = f"{first} of {len(seeds)} | {last} of {len(seeds)}"
        lines.append(f"| {problem} | {len(seeds)} | {' | '.join(cells)} | {wins} |")
    (HERE / "optimizer_labels.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
