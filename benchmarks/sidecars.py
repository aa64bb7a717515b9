"""Seconds a candidate where RawTherapee and darktable develop several in one process, and one in each.

    uv run python benchmarks/sidecars.py

The two ways take turns on the same candidates of a simulated raw, in this one process, without workers: what
counts is their ratio. Pictures that are not equal to the last bit are counted. Writes sidecars.md and
sidecars.json into the folder of the external ISPs; what is in sidecars.json is not measured again.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from measuring import machine

import isptune

FOLDER = Path(__file__).with_name("external_isps")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pipelines", default="rawtherapee,darktable")
    parser.add_argument("--scenes", default="chart:320x240,chart:1024x768")
    parser.add_argument("--counts", default="4,8")
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    save = FOLDER / "sidecars.json"
    rows = json.loads(save.read_text())["rows"] if save.exists() else []
    known = {(row["pipeline"], row["scene"], row["together"]) for row in rows}
    for name in options.pipelines.split(","):
        for scene in options.scenes.split(","):
            for count in map(int, options.counts.split(",")):
                if (name, scene, count) not in known:
                    rows.append(measured(name, scene, count, options.turns))
    FOLDER.mkdir(parents=True, exist_ok=True)
    save.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")
    lines = [
        "# Several candidates in one process",
        "",
        "`develop_many` against `develop`, in turns on the same random candidates: medians over the turns. "
        "Unequal are pictures that are not those of the first turn, made one at a time, to the last bit, of "
        "the later turns one at a time and of all turns together. The machine was loaded (load: runnable "
        "processes a processor): "
        f"the ratios count, not the seconds. {machine()}",
        "",
        "| program | scene | together | turns | one at a time (s a candidate) | together (s a candidate) | "
        "ratio | unequal, one at a time | unequal, together | load |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row['program']} | `{row['scene']}` | {row['together']} | {len(row['ratios'])} | "
        f"{row['alone_seconds']:.2f} | "
        f"{row['together_seconds']:.2f} | {row['ratio']:.2f} | {row['unequal_alone']} | "
        f"{row['unequal_together']} | {row['load']:.1f} |"
        for row in rows
    ]
    (FOLDER / "sidecars.md").write_text("\n".join([*lines, ""]))


def measured(name: str, scene: str, count: int, turns: int) -> dict[str, Any]:
    """Both ways on one scene, in turns."""
    pipeline: Any = isptune.create_pipeline(name, scenes=[scene], canary=False)
    where = pipeline.scenes[0]
    generator = torch.Generator().manual_seed(3)
    unit = torch.rand(count, len(pipeline.space.free), generator=generator, dtype=torch.float64)
    rows = pipeline.space.to_dicts(pipeline.space.to_values(unit))
    seconds: dict[str, list[float]] = {"alone": [], "together": []}
    unequal = {"alone": 0, "together": 0}
    first: list[torch.Tensor] = []
    for _ in range(turns):
        start = time.perf_counter()
        alone = [pipeline.develop(values, where) for values in rows]
        middle = time.perf_counter()
        together = pipeline.develop_many(rows, where)
        seconds["alone"].append((middle - start) / count)
        seconds["together"].append((time.perf_counter() - middle) / count)
        first = first or alone
        for way, pictures in (("alone", alone), ("together", together)):
            unequal[way] += sum(not torch.equal(*pair) for pair in zip(first, pictures, strict=True))
    ratios = [one / other for one, other in zip(seconds["alone"], seconds["together"], strict=True)]
    row = {
        "pipeline": name,
        "program": " ".join(next(iter(pipeline.versions.items()))),
        "scene": scene,
        "together": count,
        "alone_seconds": statistics.median(seconds["alone"]),
        "together_seconds": statistics.median(seconds["together"]),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "unequal_alone": unequal["alone"],
        "unequal_together": unequal["together"],
        "load": os.getloadavg()[0] / (os.cpu_count() or 1),
    }
    print(json.dumps(row), flush=True)
    return row


if __name__ == "__main__":
    main()
