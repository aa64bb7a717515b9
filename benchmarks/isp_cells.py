"""The runs behind ``real_isps.py``: sets of scenes by a rule, what is tuned of each ISP, and the judges.

A cell is one run: an ISP, an ISO, an objective, what is tuned, a set of scenes. Its result is one line of
``real_isps/cells.jsonl``, and a cell that is there is not run again.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from kornia.filters import gaussian_blur2d
from photographs import test_photographs
from simulated_raws import here, middle
from torch import Tensor

import isptune
from isptune import Objective, Pipeline, Scene
from isptune.scenes import read_image
from isptune_raw import raw_scenes, simulate
from isptune_raw.mosaic import decode, encode

CELLS = Path(__file__).parent / "real_isps" / "cells.jsonl"


@dataclass(frozen=True)
class Setup:
    """How scenes are made: how many, how large, and the blur of lens and sensor in pixels."""

    training: int
    held_out: int
    width: int
    height: int
    blur: float


# Photographs are sharper than what a sensor sees: they were sharpened, or made smaller. A phone's lens at
# f/1.8 with pixels of 1 um leaves about 0.4 at the highest frequency, the area of a pixel 0.64 of that: a
# Gaussian of 0.55 pixels. What lens and sensor see is the truth: no ISP here is to undo the lens.
SETUPS = {"lens": Setup(8, 14, 192, 144, 0.55), "sharp": Setup(4, 6, 320, 240, 0.0)}

# Colours and brightness as shot: without a reference they are a matter of taste.
TASTE = {
    "libraw": ("white_balance.red", "white_balance.blue", "exposure.brightness"),
    "raw": ("balance.red", "balance.blue", "exposure.ev"),
}
DETAIL = {
    "libraw": (
        "demosaic.algorithm",
        "demosaic.four_colors",
        "demosaic.median_passes",
        "denoise.threshold",
        "denoise.fbdd",
    ),
    "raw": ("demosaic.method", "raw.luma", "raw.chroma", "denoise.luma", "denoise.chroma"),
}
OPTIONS: dict[str, dict[str, Any]] = {"libraw": {"canary": False}, "raw": {"crop": None}}
SETTINGS = {"population": 15, "optimizer": "cma", "start": "own"}
# Objectives with options, by the name that they have here.
OBJECTIVES = {"severity-2": ("severity", {"version": 2})}
# Five parameters take fewer evaluations than eight.
BUDGETS = {"all": 300, "detail": 120}


@dataclass(frozen=True)
class Cell:
    """One run. ``tuned`` is "all" or "detail", which leaves colours and brightness as shot."""

    isp: str
    iso: int
    objective: str
    tuned: str
    set: int
    setup: str = "lens"

    def names(self) -> tuple[str, ...]:
        """The parameters that are searched."""
        return DETAIL[self.isp] + (TASTE[self.isp] if self.tuned == "all" else ())


def scene_set(index: int, setup: str = "lens") -> tuple[list[str], list[str]]:
    """Training and held-out photographs: all test photographs in alphabetical order, shuffled by the seed."""
    names, counts = sorted(test_photographs()), SETUPS[setup]
    order = np.random.default_rng(index).permutation(len(names))
    chosen = [names[place] for place in order[: counts.training + counts.held_out]]
    return chosen[: counts.training], chosen[counts.training :]


@cache
def scene_of(name: str, iso: float, setup: str) -> Scene:
    """A simulated raw of the middle of a photograph at its native resolution, with what is true of it."""
    chosen = SETUPS[setup]
    picture = middle(read_image(test_photographs()[name]), chosen.width, chosen.height)
    if chosen.blur > 0:
        picture = _through_a_lens(picture, chosen.blur)
    raw = simulate(picture, iso=iso, seed=sorted(test_photographs()).index(name))
    (scene,) = raw_scenes(raw, reference=picture, crop=None)
    scene.name = name
    return scene


def _through_a_lens(picture: Tensor, sigma: float) -> Tensor:
    """Blurred in linear light."""
    linear = torch.from_numpy(decode(picture.double().numpy()))
    blurred = gaussian_blur2d(linear[None], (5, 5), (sigma, sigma))[0]
    return torch.from_numpy(encode(blurred.clamp(0, 1).numpy())).float()


def pipeline_of(isp: str, names: Sequence[str], iso: float, setup: str, isolated: bool = False) -> Pipeline:
    """The ISP on some photographs, in this process or in one of its own.

    LibRaw's VNG divides by zero now and then, which ends the process that it runs in.
    """
    scenes = [replace(scene_of(name, iso, setup)) for name in names]
    made = isptune.create_pipeline(isp, scenes=scenes, **OPTIONS[isp])
    if not isolated:
        return here(made)
    made.development = replace(made.development, workers=1)
    return made


def result_of(cell: Cell) -> dict[str, Any]:
    """A cell's line, run where it is not there yet."""
    wanted = asdict(cell)
    for row in rows():
        if {name: row.get(name) for name in wanted} == wanted:
            return row
    objective = None
    if cell.objective != "defaults":
        name, chosen = OBJECTIVES.get(cell.objective, (cell.objective, {}))
        objective = isptune.create_objective(name, **chosen)
    row = run_of(cell, objective)
    CELLS.parent.mkdir(exist_ok=True)
    with CELLS.open("a") as file:
        file.write(json.dumps(row) + "\n")
    return row


def run_of(cell: Cell, objective: Objective | None) -> dict[str, Any]:
    """Tune a cell for an objective, or take the factory defaults without one, and judge what is found."""
    seen, unseen = scene_set(cell.set, cell.setup)
    training = pipeline_of(cell.isp, seen, cell.iso, cell.setup, isolated=True)
    held_out = pipeline_of(cell.isp, unseen, cell.iso, cell.setup)
    values, more = training.space.start(), {}
    if objective is not None:
        fixed = {name: {"fix": None} for name in training.space.names if name not in cell.names()}
        more = {"budget": BUDGETS[cell.tuned], "seed": cell.set, "progress": False}
        result = isptune.tune(training, objective, parameters=fixed, **more, **SETTINGS)
        values = training.space.from_dicts([result.best_parameters])
        more = {"score": result.best_score, "default_score": result.default_score}
        more["parameters"] = {name: result.best_parameters[name] for name in cell.names()}
    return {
        **asdict(cell),
        **more,
        "training": judged(here(training), values),
        "held_out": judged(held_out, values),
    }


def rows() -> list[dict[str, Any]]:
    """All lines that are there."""
    return [json.loads(line) for line in CELLS.read_text().splitlines()] if CELLS.exists() else []


def judged(pipeline: Pipeline, values: Tensor) -> dict[str, dict[str, float]]:
    """psnr (dB), ssim and the mean of CIEDE2000 of one candidate against each scene's truth."""
    found = {}
    for scene in pipeline.scenes:
        picture, truth = pipeline.render(values, scene), pipeline.reference(scene)
        assert truth is not None
        found[scene.name] = {
            "psnr": round(float(isptune.create_objective("psnr").score(picture, truth)), 3),
            "ssim": round(float(isptune.create_objective("ssim").score(picture, truth)), 5),
            "ciede2000": round(colour_difference(picture, truth), 3),
        }
    return found


def colour_difference(picture: Tensor, truth: Tensor) -> float:
    """The mean of CIEDE2000 over the pixels of sRGB pictures."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    one, other = (
        rgb2lab(image[0].clamp(0, 1).permute(1, 2, 0).double().numpy()) for image in (picture, truth)
    )
    return float(deltaE_ciede2000(one, other).mean())


def mean_of(row: Mapping[str, Any], where: str, judge: str) -> float:
    """A judge's mean over the scenes of one side, ``"training"`` or ``"held_out"``."""
    return statistics.mean(scene[judge] for scene in row[where].values())


def defaults_for(row: Mapping[str, Any]) -> dict[str, Any]:
    """The line of the factory defaults on the scenes of a run."""
    return result_of(Cell(row["isp"], row["iso"], "defaults", "all", row["set"], row["setup"]))


def gain_of(row: Mapping[str, Any], where: str = "held_out", judge: str = "psnr") -> float:
    """By how much a judge's mean over the scenes rose above that of the defaults."""
    return mean_of(row, where, judge) - mean_of(defaults_for(row), where, judge)
