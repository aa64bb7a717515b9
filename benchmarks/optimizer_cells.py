"""The runs behind ``optimizers.py``: problems, and one run of an optimizer on one of them.

A cell is an optimizer, a problem and a seed: another hidden map, another photograph and another search. Its
result is one line of ``optimizers/cells.jsonl``, and a cell that is there is not run again.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from isp_cells import DETAIL, TASTE, pipeline_of
from photographs import SCIKIT_IMAGE, test_photographs

import isptune
from isptune import Pipeline
from isptune.parameters.identity import declares_defaults, free_space
from isptune.tuning.evaluation import Evaluator
from isptune.tuning.proposing import Proposer

CELLS = Path(__file__).parent / "optimizers" / "cells.jsonl"
MAPS = ("power", "sigmoid", "ripple", "coupled")
# Small pictures: hidden maps are as hard on them, and a run takes seconds.
CROP = 128
SLOW = """
import sys, time
from PIL import Image
time.sleep(float(sys.argv[1]))
gain, black, red, blue = map(float, sys.argv[2:6])
picture = Image.open(sys.argv[6])
bands = []
for band, factor in zip(picture.split(), (gain * red, gain, gain * blue)):
    bands.append(band.point([min(max(round(factor * (x - 255 * black)), 0), 255) for x in range(256)]))
Image.merge("RGB", bands).save(sys.argv[7])
"""


@dataclass(frozen=True)
class Cell:
    """One run.

    Attributes:
        problem: ``synthetic-`` and a family of hidden maps, ``raw``, ``libraw`` or ``command``.
        optimizer: its registered name.
        population: candidates in a batch; 0 for the optimizer's own.
        budget: evaluations; with gradients each is a forward and a backward pass.
        seed: of the search, the hidden map and the photograph.
    """

    problem: str
    optimizer: str
    population: int
    budget: int
    seed: int


def photographs() -> list[str]:
    """The photographs that come with the development packages, in alphabetical order."""
    return sorted(name for name in test_photographs() if f"{name}." in "".join(SCIKIT_IMAGE))


def problem_of(cell: Cell) -> tuple[Pipeline, dict[str, Any]]:
    """The pipeline of a problem on one photograph, and what is fixed in it."""
    names = photographs()
    name = names[cell.seed % len(names)]
    if cell.problem.startswith("synthetic-"):
        maps = cell.problem.removeprefix("synthetic-")
        picture = str(test_photographs()[name])
        options = {"maps": maps, "seed": cell.seed, "crop": CROP}
        return isptune.create_pipeline("synthetic", scenes=[picture], **options), {}
    if cell.problem == "command":
        return _slow_command(str(test_photographs()[name])), {}
    made = pipeline_of(cell.problem, [name], 1600, "lens", isolated=cell.problem == "libraw")
    searched = DETAIL[cell.problem] + TASTE[cell.problem]
    return made, {one: {"fix": None} for one in made.space.names if one not in searched}


def _slow_command(picture: str) -> Pipeline:
    """A program that sleeps for half a second and sets brightness, black and two gains; its best is known."""
    script = Path(tempfile.gettempdir()) / "isptune-slow-command.py"
    script.write_text(SLOW)
    return isptune.create_pipeline(
        "command",
        argv=[
            *(sys.executable, str(script), "0.5", "{gain}", "{black}", "{red}", "{blue}"),
            *("{input}", "{output}"),
        ],
        parameters={
            "gain": {"type": "float", "low": 0.5, "high": 2.0, "default": 1.6},
            "black": {"type": "float", "low": -0.2, "high": 0.2, "default": 0.1},
            "red": {"type": "float", "low": 0.5, "high": 2.0, "default": 1.5},
            "blue": {"type": "float", "low": 0.5, "high": 2.0, "default": 0.7},
        },
        input="png",
        output="png",
        scenes=[picture],
        crop=CROP,
        canary=False,
    )


def result_of(cell: Cell) -> dict[str, Any]:
    """A cell's line, run where it is not there yet."""
    wanted = asdict(cell)
    for row in rows():
        if {name: row[name] for name in wanted} == wanted:
            return row
    row = wanted | run_of(cell)
    CELLS.parent.mkdir(exist_ok=True)
    with CELLS.open("a") as file:
        file.write(json.dumps(row) + "\n")
    return row


def rows() -> list[dict[str, Any]]:
    """All lines that are there."""
    return [json.loads(line) for line in CELLS.read_text().splitlines()] if CELLS.exists() else []


def run_of(cell: Cell) -> dict[str, Any]:
    """Ask, evaluate and tell to the end of the budget, with the seconds of each."""
    torch.set_num_threads(1)
    pipeline, fixed = problem_of(cell)
    space = pipeline.space.constrained(fixed)
    starts = space.to_unit(space.start()).numpy() if declares_defaults(space) else None
    optimizer = isptune.create_optimizer(
        cell.optimizer,
        space=free_space(space),
        population=cell.population or None,
        seed=cell.seed,
        budget=cell.budget,
        starts=starts,
    )
    proposer = Proposer(optimizer)
    trace = Trace(_truth_of(pipeline))
    gradients = optimizer.needs_gradient
    with Evaluator(pipeline, isptune.create_objective("psnr"), space=space) as evaluator:
        for _ in range(cell.budget // optimizer.population):
            began = time.thread_time()
            candidates = proposer.ask()
            planned = time.thread_time() - began
            clock = time.perf_counter()
            found = evaluator.evaluate(candidates, gradients=gradients)
            trace.seconds += time.perf_counter() - clock
            began = time.thread_time()
            proposer.tell(candidates, found.losses, found.gradients)
            trace.planning += planned + time.thread_time() - began
            trace.note(space.to_values(torch.from_numpy(candidates)), found.scores[:, 0])
    return trace.line(optimizer.population)


def _truth_of(pipeline: Pipeline) -> Callable[[torch.Tensor], np.ndarray] | None:
    """(P,) hidden normalised l1 of candidates, where the pipeline knows it."""
    if not hasattr(pipeline, "truth"):
        return None
    maxima = torch.tensor(pipeline.truth_maxima, dtype=torch.float64)
    return lambda values: (pipeline.truth(values) / maxima).mean(dim=1).numpy()


class Trace:
    """The best so far: at which evaluation and second it was found, its score and its hidden l1."""

    def __init__(self, truth: Callable[[torch.Tensor], np.ndarray] | None) -> None:
        self._truth = truth
        self._best, self._count = -np.inf, 0
        self.first = np.nan
        self.seconds = self.planning = 0.0
        self.found: list[list[float | None]] = []

    def note(self, values: torch.Tensor, scores: np.ndarray) -> None:
        shares = [None] * len(scores) if self._truth is None else self._truth(values).tolist()
        for score, share in zip(scores.tolist(), shares, strict=True):
            self._count += 1
            if self._count == 1:
                self.first = score
            if score > self._best:
                self._best = score
                seconds = round(self.seconds + self.planning, 3)
                self.found.append([self._count, seconds, round(score, 4), share and round(share, 6)])

    def line(self, population: int) -> dict[str, Any]:
        return {
            "batch": population,
            "first": round(self.first, 4),
            "seconds_evaluating": round(self.seconds, 2),
            "seconds_planning": round(self.planning, 3),
            "found": self.found,
        }
