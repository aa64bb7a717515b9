"""``bo`` in races: what it should make of the estimates that stand for candidates which a race dropped.

    nice -n 10 uv run python benchmarks/optimizer_races.py --seeds 4

Each seed draws eight test photographs and tunes the default chain behind a hidden map for all of them, for
``psnr``, with 100 full evaluations and batches of 10. In races that begin on two scenes an estimate is taken
with noise of its own, which is fitted (*noise*, as ``bo`` does), for a measurement (*trust*), or left out
(*leave*); beside them ``bo`` without races (*whole*) and ``es`` in the same races. Runs that are in the file
already are not run again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import machine
from numpy.typing import NDArray
from photographs import test_photographs
from races import SCENES, pipeline_of

import isptune
from isptune.optimizers.bo import ModelSearch

HERE = Path(__file__).with_suffix("")
BUDGET, POPULATION = 100, 10


@isptune.register_optimizer("bo-trust")
class Trusting(ModelSearch):
    """Takes estimates for measurements."""

    def learn_estimates(self, estimated: NDArray[np.bool_]) -> None:
        pass


@isptune.register_optimizer("bo-leave")
class Leaving(ModelSearch):
    """Leaves estimates out of its model."""

    def _modelled(self, able: NDArray[np.intp]) -> NDArray[np.intp]:
        return super()._modelled(able[~self._estimated[able]])


WAYS = {
    "noise": ("bo", 2),
    "trust": ("bo-trust", 2),
    "leave": ("bo-leave", 2),
    "whole": ("bo", None),
    "es": ("es", 2),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(1)
    HERE.mkdir(exist_ok=True)
    log = HERE / "runs.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for seed in range(options.seeds):
        for way in WAYS:
            key = {"way": way, "seed": seed}
            if not any(key.items() <= row.items() for row in rows):
                rows.append({**key, **run(way, seed)})
                print(json.dumps(rows[-1]), flush=True)
                with log.open("a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    write(rows)


def run(way: str, seed: int) -> dict[str, Any]:
    """The best whole score, the hidden normalised l1 there, and how many candidates there were."""
    names = np.random.default_rng(seed).choice(sorted(test_photographs()), SCENES, replace=False).tolist()
    optimizer, race = WAYS[way]
    result = isptune.tune(
        pipeline_of("synthetic", names, seed),
        "psnr",
        optimizer=optimizer,
        population=POPULATION,
        budget=BUDGET,
        seed=seed,
        progress=False,
        **({} if race is None else {"race": race}),
    )
    assert result.best_score is not None
    assert result.l1_normalised is not None
    return {
        "psnr": round(result.best_score, 2),
        "l1": round(result.l1_normalised, 5),
        "candidates": result.evaluations,
    }


def write(rows: list[dict[str, Any]]) -> None:
    """The page: medians and ranges."""
    about = " ".join((__doc__ or "").split("Each seed", 1)[1].split())
    lines = ["# `bo` in races", "", f"Each seed {about} {machine()}", ""]
    lines += ["| way | seeds | candidates | psnr, dB | from | to | normalised l1 |"]
    lines += [f"|{' --- |' * 7}"]
    for way in WAYS:
        mine = [row for row in rows if row["way"] == way]
        if mine:
            scores, losses = ([row[key] for row in mine] for key in ("psnr", "l1"))
            cells = [way, len(mine), int(np.median([row["candidates"] for row in mine]))]
            cells += [f"{number:.1f}" for number in (np.median(scores), min(scores), max(scores))]
            lines.append(f"| {' | '.join(map(str, [*cells, f'{np.median(losses):.4f}']))} |")
    (HERE / "optimizer_races.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
