"""A table of parameters over ISO 100 to 6400, tuned without being told that noise grows with ISO.

Photographs become simulated raw files of a phone at seven ISO numbers, 144x108 pixels; each ISO has three
pictures that are tuned on, one that only judges, and four that nobody has seen. Six stages of the pipeline
``raw`` are searched in five parameters for ``psnr``: noise reduction of luma and colour, amount and threshold
of sharpening, and saturation, which is shared. ``cma``, 160 evaluations for every run, smooth 0.1::

    nice -n 10 uv run python benchmarks/conditions.py

The runs stay in ``--out``, and are not run again where they are there. Unseen pictures have other noise and
other content; at ISO 300 and 1100 the table is interpolated.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import machine
from photographs import test_photographs
from simulated_raws import middle

import isptune
from isptune.figures import style
from isptune.scenes import read_image, write_image
from isptune_raw import raw_scenes, simulate, write_dng

HERE = Path(__file__).with_suffix("")
ISOS = (100, 200, 400, 800, 1600, 3200, 6400)
BETWEEN = (300, 1100)
SEEN = ("astronaut", "coffee", "ColdRipple", "summer_1am")
UNSEEN = ("chelsea", "rocket", "flower", "FallenLeaf")
WIDTH, HEIGHT = 144, 108
STAGES = [
    {"name": "raw_white_balance", "prefix": "balance"},
    {"name": "raw_demosaic", "prefix": "demosaic"},
    {"name": "raw_colour", "prefix": "colour"},
    {"name": "raw_encoding", "prefix": "encoding"},
    {"name": "raw_guided_denoise", "prefix": "denoise"},
    {"name": "raw_sharpen", "prefix": "sharpen"},
]
SEARCHED = ("denoise.luma", "denoise.chroma", "sharpen.amount", "sharpen.threshold", "colour.saturation")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--budget", type=int, default=160)
    parser.add_argument("--smooth", type=float, default=0.1)
    parser.add_argument("--out", default="runs/conditions")
    options = parser.parse_args()
    torch.set_num_threads(1)
    out = Path(options.out)
    pictures = {name: photograph(name) for name in (*SEEN, *UNSEEN)}
    if (out / "table.yaml").exists():
        table = isptune.resume_table(out)
    else:
        table = isptune.tune_table(settings(write_raws(pictures, out / "raws"), options), out)
    rows = [unseen(table, iso, pictures) for iso in sorted((*ISOS, *BETWEEN))]
    HERE.mkdir(exist_ok=True)
    (HERE / "table.json").write_text(json.dumps(table.to_dict(), indent=1) + "\n")
    draw(HERE / "conditions.png", table, rows)
    head = ["# A table over ISO", "", f"{machine()} One thread. See `conditions.py`.", ""]
    (HERE / "conditions.md").write_text("\n".join([*head, *parameter_table(table), "", *worth(rows), ""]))


def photograph(name: str) -> torch.Tensor:
    """The middle of a photograph, made half as large."""
    whole = middle(read_image(test_photographs()[name]), 2 * WIDTH, 2 * HEIGHT)
    return torch.nn.functional.avg_pool2d(whole[None], 2)[0]


def write_raws(pictures: dict[str, torch.Tensor], folder: Path) -> list[str]:
    """Raw files of the pictures that are tuned on or judge, at every ISO, with their references."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for iso in ISOS:
        for seed, name in enumerate(SEEN):
            path = folder / f"{name}-{iso}.dng"
            write_dng(path, simulate(pictures[name], iso=iso, seed=iso + seed))
            write_image(path.with_suffix(".reference.png"), pictures[name], bits=16)
            files.append(str(path))
    return files


def settings(files: list[str], options: argparse.Namespace) -> dict[str, Any]:
    names = isptune.create_pipeline("raw", stages=STAGES, scenes=files[:1]).space.names
    return {
        "scenes": files,
        "pipeline": {"name": "raw", "options": {"stages": STAGES}},
        "objective": "psnr",
        "optimizer": "cma",
        "population": 8,
        "budget": options.budget,
        # In the middle of the ranges: the factory's defaults, without noise reduction, lie in a corner.
        "start": "own",
        "parameters": {name: {"fix": None} for name in names if name not in SEARCHED},
        "conditions": "iso",
        "share": ["colour.*"],
        "smooth": options.smooth,
        "holdout": 1,
    }


def unseen(table: isptune.ParameterTable, iso: int, pictures: dict[str, torch.Tensor]) -> dict[str, Any]:
    """PSNR in dB on pictures that no run has seen: factory defaults, common setting, the table's."""
    raws = [simulate(pictures[name], iso=iso, seed=7000 + iso + seed) for seed, name in enumerate(UNSEEN)]
    scenes = raw_scenes(raws, reference=[pictures[name] for name in UNSEEN], crop=None)
    pipeline = isptune.create_pipeline("raw", stages=STAGES, scenes=scenes)
    values = pipeline.space.from_dicts([{}, table.common, table.at(iso=iso)])
    psnr = isptune.create_objective("psnr")
    scores = [psnr.score(pipeline.render(values, scene), pipeline.reference(scene)) for scene in scenes]
    by_scene = torch.stack(scores).double().numpy()
    return {"iso": iso, "means": by_scene.mean(axis=0).tolist(), "scenes": by_scene.tolist()}


def parameter_table(table: isptune.ParameterTable) -> list[str]:
    """Markdown: the parameters that were searched, and which setting each condition keeps."""
    lines = [
        "| ISO | " + " | ".join(f"`{name}`" for name in SEARCHED) + " | kept |",
        "| ---: |" + " ---: |" * len(SEARCHED) + " --- |",
    ]
    for name, parameters, kept in (
        ("common", table.common, ""),
        *((f"{entry.condition['iso']:g}", entry.parameters, entry.kept) for entry in table.entries),
    ):
        values = " | ".join(f"{parameters[one]:.3g}" for one in SEARCHED)
        lines.append(f"| {name} | {values} | {kept} |")
    ranks = np.array([math.log(entry.parameters["denoise.luma"]) for entry in table.entries])
    rises = int((np.diff(ranks) > 0).sum())
    return [*lines, "", f"Noise reduction of luma grows in {rises} of {len(ranks) - 1} steps of ISO."]


def worth(rows: list[dict[str, Any]]) -> list[str]:
    """Markdown: PSNR on pictures that no run has seen."""
    lines = [
        "PSNR in dB, the mean of four pictures that no run has seen (ISO 300 and 1100 are interpolated):",
        "",
        "| ISO | factory defaults | one common setting | table | gain of the table | pictures that gain |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        start, common, own = row["means"]
        gains = sum(one[2] >= one[1] for one in row["scenes"])
        lines.append(
            f"| {row['iso']} | {start:.2f} | {common:.2f} | {own:.2f} | {own - common:+.2f} | "
            f"{gains} of {len(row['scenes'])} |"
        )
    return lines


def draw(path: Path, table: isptune.ParameterTable, rows: list[dict[str, Any]]) -> None:
    """The parameters over ISO, and what they are worth on unseen pictures."""
    with style.style():
        figure = style.new_figure(9, 3.4)
        figure.set_layout_engine("constrained")
        left, right = figure.subplots(1, 2)
        fine = np.geomspace(ISOS[0], ISOS[-1], 61)
        for name, colour in (("denoise.luma", style.BLUE), ("denoise.chroma", style.VERMILION)):
            left.plot(fine, [table.at(iso=float(iso))[name] for iso in fine], color=colour, label=name)
            found = [entry.parameters[name] for entry in table.entries]
            left.plot([entry.condition["iso"] for entry in table.entries], found, "o", color=colour)
            left.axhline(table.common[name], color=colour, linestyle=":", linewidth=1)
        left.set(xscale="log", yscale="log", xlabel="ISO", title="Noise reduction (dotted: common setting)")
        left.yaxis.set_major_formatter("{x:g}")
        left.legend()
        isos = [row["iso"] for row in rows]
        names = (("factory defaults", style.ORANGE), ("common setting", style.GREEN), ("table", style.PURPLE))
        for place, (name, colour) in enumerate(names):
            right.plot(isos, [row["means"][place] for row in rows], "o-", color=colour, label=name)
        right.set(xscale="log", xlabel="ISO", ylabel="PSNR (dB)", title="On pictures that no run has seen")
        right.legend()
        for axes in (left, right):
            axes.set_xticks(ISOS, [str(iso) for iso in ISOS], rotation=45)
            axes.set_xticks([], minor=True)
        style.save(figure, path)


if __name__ == "__main__":
    main()
