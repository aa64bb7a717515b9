"""Tuning by comparisons with simulated people: how near the hidden optimum a hundred answers lead.

``python benchmarks/preference_tuning.py`` writes ``benchmarks/preference_tuning/preference_tuning.md``. The
task: the synthetic pipeline with its coupled map, five parameters, ten maps; 6 JOD for each whole
fault; noise of one standard deviation of a difference (1.48 JOD), "not sure" below half a JOD, 3% lapses.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
import torch

import isptune
from isptune.storage.writing import write_whole
from isptune.wording.text_tables import markdown_table
from isptune_study.preferences import PreferenceSearch

OUT = Path(__file__).with_suffix("")
CHECKED = (25, 50, 100, 150)
JOD_PER_FAULT, UNSURE, LAPSES = 6.0, 0.5, 0.03
JOD = 1 / 0.6744897501960817


def search(seed: int, answers: int, how: str) -> dict[str, object]:
    """One search: the normalised l1 of its best setting after some answers."""
    pipeline = isptune.create_pipeline("synthetic", scenes=["chart:64x48"], seed=seed, maps="coupled")

    def error(points: np.ndarray) -> np.ndarray:
        return pipeline.losses(pipeline.space.to_values(torch.from_numpy(points)))[1].numpy()

    dimensions = len(pipeline.space.free)
    model = PreferenceSearch(dimensions, seed)
    draws = np.random.default_rng(1000 + seed)
    pairs, shares = np.empty((0, 2, dimensions)), np.empty(0)
    errors: dict[int, float] = {}
    for number in range(1, answers + 1):
        pair = draws.random((2, dimensions)) if how == "random pairs" else model.next_pair(pairs, shares)
        worth = -JOD_PER_FAULT * dimensions * error(pair)
        apart = worth[0] - worth[1] + JOD * draws.standard_normal()
        share = 0.5 if abs(apart) < UNSURE else float(apart > 0)
        if draws.random() < LAPSES:
            share = float(draws.integers(2))
        pairs, shares = np.concatenate([pairs, pair[None]]), np.append(shares, share)
        if number in CHECKED:
            errors[number] = float(error(model.best(pairs, shares)[None])[0])
    centre = float(error(np.full((1, dimensions), 0.5))[0])
    return {"how": how, "seed": seed, "centre": centre, "errors": errors}


def seconds_of_a_pair() -> float:
    """The median time of the next pair after 150 answers, at which the kernel is learned anew."""
    draws = np.random.default_rng(0)
    pairs = draws.random((CHECKED[-1], 2, 5))
    shares = (np.abs(pairs[:, 0] - 0.4).sum(axis=1) < np.abs(pairs[:, 1] - 0.4).sum(axis=1)).astype(float)
    found = []
    for seed in range(5):
        start = time.perf_counter()
        PreferenceSearch(5, seed).next_pair(pairs, shares)
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--how", nargs="*", default=["double Thompson", "random pairs"])
    given = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    done = []
    for how in given.how:
        # A search that is there is not repeated.
        file = OUT / f"{how.replace(' ', '-')}.jsonl"
        own = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        for seed in range(len(own), given.seeds):
            own.append(json.loads(json.dumps(search(seed, CHECKED[-1], how))))
            write_whole(file, "".join(json.dumps(row) + "\n" for row in own))
        done += own
    head = ["pairs", *(f"after {count}" for count in CHECKED)]
    rows = []
    for how in dict.fromkeys(row["how"] for row in done):
        own = [row for row in done if row["how"] == how]
        means = [statistics.mean(row["errors"][str(count)] for row in own) for count in CHECKED]
        rows.append([how, *(f"{mean:.3f}" for mean in means)])
    centre = statistics.mean(row["centre"] for row in done)
    text = (
        "# Tuning by comparisons with simulated people\n\n"
        f"Mean normalised l1 over {given.seeds} hidden maps; the cube's centre has {centre:.3f}. Made by "
        "`python benchmarks/preference_tuning.py`.\n\n"
        + markdown_table(head, rows, 1)
        + f"\n\nThe next pair after 150 answers, the kernel learned anew: {seconds_of_a_pair():.2f} s.\n"
    )
    write_whole(OUT / "preference_tuning.md", text)
    print(text)


if __name__ == "__main__":
    main()
