"""What races save: the score on all scenes after so many full evaluations, with races and without.

Each seed draws eight test photographs and tunes one setting for all of them, for ``psnr``, with the same
optimizer (population 30) in six ways::

    nice -n 10 uv run python benchmarks/races.py

*whole*: every candidate on all eight scenes, with the whole budget; *half*: the same with half of it;
*race 2* and *race 1*: half of the budget, with races that begin on two scenes and on one; *race 1/8*: half of
the budget, with races that begin on windows of an eighth of each scene; *four scenes*: as many candidates as
*whole* on the first four scenes alone, which cost half as well. What each found is then
scored on all eight scenes. ``synthetic`` is the default chain behind a hidden map, on 96-pixel pictures;
``raw`` and ``libraw`` develop simulated raws of 112x84 pixels at ISO 1600. Runs that are in the file already
are not run again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import machine
from photographs import test_photographs
from simulated_raws import middle, scenes

import isptune
from isptune import Pipeline
from isptune.scenes import read_image, write_image
from isptune.tuning.evaluation import Evaluator

HERE = Path(__file__).with_suffix("")
SCENES, POPULATION = 8, 30
WAYS = ("whole", "half", "race 2", "race 1", "race 1/8", "four scenes")
# By case: budget and optimizers.
CASES = {"synthetic": (600, ("es", "cma")), "raw": (600, ("es",)), "libraw": (360, ("es",))}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    options = parser.parse_args()
    torch.set_num_threads(1)
    HERE.mkdir(exist_ok=True)
    log = HERE / "runs.json"
    rows: list[dict[str, Any]] = json.loads(log.read_text()) if log.exists() else []
    for seed in range(options.seeds):
        for case in options.cases:
            for optimizer in CASES[case][1]:
                for way in WAYS:
                    key = {"case": case, "optimizer": optimizer, "way": way, "seed": seed}
                    if not any(key.items() <= row.items() for row in rows):
                        rows.append({**key, **run(case, optimizer, way, seed)})
                        print(json.dumps(rows[-1]), flush=True)
                        log.write_text(json.dumps(rows, indent=1) + "\n")
    write_table(rows)


def run(case: str, optimizer: str, way: str, seed: int) -> dict[str, Any]:
    """One run, and what its best candidate scores on all scenes."""
    budget = CASES[case][0]
    names = np.random.default_rng(seed).choice(sorted(test_photographs()), SCENES, replace=False).tolist()
    settings: dict[str, Any] = {"race": way.removeprefix("race ")} if way.startswith("race") else {}
    settings["budget"] = budget if way in ("whole", "four scenes") else budget // 2
    whole = pipeline_of(case, names, seed)
    tuned = pipeline_of(case, names[:4], seed) if way == "four scenes" else whole
    result = isptune.tune(
        tuned, "psnr", optimizer=optimizer, population=POPULATION, seed=seed, progress=False, **settings
    )
    found: dict[str, Any] = {}
    with Evaluator(whole, isptune.create_objective("psnr")) as evaluator:
        space = whole.space
        best = space.to_unit(space.from_dicts([result.best_parameters]))
        found["psnr"] = float(evaluator.evaluate(best.numpy()).scores[0, 0])
    if result.raced is not None:
        found["agreement"] = result.raced.agreement
        found["full_evaluations"] = result.raced.full_evaluations
    else:
        found["full_evaluations"] = result.evaluations * len(tuned.scenes) / SCENES
    found["candidates"], found["seconds"] = result.evaluations, round(result.seconds, 2)
    if result.l1_normalised is not None:
        found["l1_normalised"] = result.l1_normalised
    return found


def pipeline_of(case: str, names: list[str], seed: int) -> Pipeline:
    """The pipeline of a case on some photographs."""
    if case == "synthetic":
        photographs = test_photographs()
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                write_image(Path(folder) / f"{name}.png", middle(read_image(photographs[name]), 96, 96))
            files = [str(Path(folder) / f"{name}.png") for name in names]
            return isptune.create_pipeline("synthetic", scenes=files, seed=seed)
    made = isptune.create_pipeline(case, scenes=scenes(names, 1600, 112, 84))
    if made.develops:
        # For pictures as small as these workers are not worth their start; on some of them a threshold of
        # noise reduction changes nothing, which is no reason to stop here.
        made.development = replace(made.development, isolated=False, workers=1)
        made.canary = False
    return made


def write_table(rows: list[dict[str, Any]]) -> None:
    lines = [
        "# Races",
        "",
        f"{machine()} One thread; other work ran on the machine, so seconds are left out. See `races.py`.",
        "",
        "PSNR on all eight scenes in dB, medians of the seeds that *whole* was run with; behind it how far it"
        " is from *whole*, median and range.",
        "",
        "| case | optimizer | way | seeds | full evaluations | candidates | PSNR | to *whole* |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for case, (_, optimizers) in CASES.items():
        for optimizer in optimizers:
            by_way = {
                way: {
                    row["seed"]: row
                    for row in rows
                    if (row["case"], row["optimizer"], row["way"]) == (case, optimizer, way)
                }
                for way in WAYS
            }
            lines += [line(case, optimizer, way, by_way) for way in WAYS if by_way[way]]
    found = [row["agreement"] for row in rows if row.get("agreement") is not None]
    for first, what in (("2", "2 of 8 scenes"), ("1", "1 of 8 scenes"), ("1/8", "windows of 1/8")):
        ranks = [row["agreement"] for row in rows if row["way"] == f"race {first}" and "agreement" in row]
        if ranks:
            lines += [
                "",
                f"Ranks on {what} agreed with those on all by {statistics.median(ranks):.2f} "
                f"(median; {min(ranks):.2f} to {max(ranks):.2f}) in the first generations.",
            ]
    assert found
    (HERE / "races.md").write_text("\n".join([*lines, ""]))


def line(case: str, optimizer: str, way: str, by_way: dict[str, dict[int, dict[str, Any]]]) -> str:
    mine = {seed: row for seed, row in by_way[way].items() if seed in by_way["whole"]}
    apart = [
        row["psnr"] - by_way["whole"][seed]["psnr"] for seed, row in mine.items() if seed in by_way["whole"]
    ]
    middle = {
        key: statistics.median(row[key] for row in mine.values()) for key in ("full_evaluations", "psnr")
    }
    candidates = statistics.median(row["candidates"] for row in mine.values())
    to_whole = (
        "" if way == "whole" else f"{statistics.median(apart):+.2f} ({min(apart):+.2f} to {max(apart):+.2f})"
    )
    return (
        f"| `{case}` | `{optimizer}` | {way} | {len(mine)} | {middle['full_evaluations']:.0f} | "
        f"{candidates:.0f} | {middle['psnr']:.2f} | {to_whole} |"
    )


if __name__ == "__main__":
    main()
