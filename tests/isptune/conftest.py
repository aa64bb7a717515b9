"""A small pipeline, objective and benchmark whose numbers can be computed by hand."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import isptune
from isptune import Float, Objective, ParameterSpace, Pipeline, Scene, Truthful
from isptune.benchmark.cell_results import DONE, FAILED, UNFINISHED, Benchmark, Cell, Run
from isptune.optimizers.nsga2 import NSGA2
from isptune.plugins.registry import optimizers
from isptune.runs.description import Description, Truth
from isptune.runs.directory import RunDirectory
from isptune.runs.generation import Generation
from isptune.runs.history import History
from isptune.tuning.settings import RunConfig


class Blind(Pipeline):
    """Paints the scene in the colour (a, b, a)."""

    is_differentiable = True
    has_reference = True
    memory = isptune.Memory(images=1.0)

    def __init__(self, sizes: tuple[tuple[int, int], ...] = ((8, 8), (6, 10))) -> None:
        self.name = "flat"
        self.options: dict[str, object] = {}
        self.space = ParameterSpace({"a": Float(0, 1), "b": Float(0, 1)})
        self.scenes = [
            Scene.of_picture(f"scene{i}", torch.zeros(3, h, w), index=i) for i, (h, w) in enumerate(sizes)
        ]
        self.batches: list[int] = []

    def render(self, values: Tensor, scene: Scene | int) -> Tensor:
        self.batches.append(len(values))
        scene = self.scene(scene)
        colour = torch.stack([values[:, 0], values[:, 1], values[:, 0]], dim=1)
        return colour.reshape(-1, 3, 1, 1).expand(-1, -1, scene.height, scene.width)


class Flat(Truthful, Blind):
    """The truth is the distance from (0.25, 0.75)."""

    truth_labels = ("a", "b")
    truth_maxima = (1.0, 2.0)
    truth_units = ("", "")

    def truth(self, values: Tensor) -> Tensor:
        return (values - torch.tensor([0.25, 0.75], dtype=values.dtype)).abs()


class Target(Objective):
    """Lower is better: the mean squared distance of the picture from red .25, green .75, blue .25."""

    higher_is_better = False
    is_differentiable = True
    memory = isptune.Memory(images=1.0)

    def __init__(self) -> None:
        self.name = "target"
        self.options: dict[str, object] = {}

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        wanted = images.new_tensor([0.25, 0.75, 0.25]).reshape(1, 3, 1, 1)
        return (images - wanted).square().mean(dim=(1, 2, 3))


@pytest.fixture
def flat() -> Callable[..., Flat]:
    return Flat


@pytest.fixture
def blind() -> Callable[..., Blind]:
    """The same pipeline, which does not know its truth."""
    return Blind


@pytest.fixture
def target() -> Callable[[], Target]:
    return Target


class Red(Objective):
    """Higher is better: how red the picture is, and as a vector how red and how (un)green."""

    higher_is_better = True
    labels = ("red", "green")
    label_orientations = (1, -1)
    memory = isptune.Memory(images=1.0)

    def __init__(self) -> None:
        self.name = "red"
        self.options: dict[str, object] = {}

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return images[:, 0].mean(dim=(1, 2))

    def scores(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return images[:, :2].mean(dim=(2, 3))


@pytest.fixture
def red() -> Callable[[], Red]:
    return Red


@pytest.fixture
def nsga2() -> Iterator[str]:
    """The name of NSGA-II, registered for the test where the installed entry points lack it."""
    missing = "nsga2" not in isptune.list_optimizers()
    if missing:
        isptune.register_optimizer("nsga2")(NSGA2)
    yield "nsga2"
    if missing:
        optimizers._records.pop("nsga2")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test writes by a relative path lands in its own folder; its output is as wide as a pipe."""
    monkeypatch.chdir(tmp_path)
    # Workers of a parallel run are told a width.
    monkeypatch.delenv("COLUMNS", raising=False)


def made_history(
    scores: Sequence[float], losses: Sequence[float] | None = None, higher_is_better: bool = True
) -> History:
    """The plain loss is twice the normalised one."""
    shares = None if losses is None else np.array(losses, dtype=np.float64)
    return History(
        evaluations=np.arange(1, len(scores) + 1),
        candidates=np.zeros((len(scores), 2)),
        scores=np.array(scores, dtype=np.float64)[:, None],
        labels=("score",),
        orientations=(higher_is_better,),
        l1=None if shares is None else 2 * shares,
        l1_normalised=shares,
    )


def write_made_run(folder: Path, history: History) -> None:
    """A run directory whose log holds a made-up history: its one hidden level is the plain loss, at most 2."""
    truth = None if history.l1 is None else Truth(("level",), ("",), (2.0,), (1.0,))
    space = ParameterSpace({name: Float(0, 1) for name in ("a", "b")})
    description = Description(space, "score", history.labels, history.orientations, truth=truth)
    directory = RunDirectory(folder)
    directory.lock()
    config = RunConfig(budget=len(history), population=len(history))
    directory.create(
        {**config.model_dump(), "isptune_run": 2, "fingerprint": "made", **description.to_dict()}
    )
    levels = None if history.l1 is None else history.l1[:, None]
    directory.append(Generation(0, history.candidates, history.scores, 1.0, levels=levels), "made")
    directory.close()


def made_run(
    cell: Cell,
    scores: Sequence[float],
    losses: Sequence[float] | None = None,
    higher_is_better: bool = True,
    seconds: float = 1.0,
) -> Run:
    """A finished run."""
    history = made_history(scores, losses, higher_is_better)
    run = Run(cell, Path(cell.path), DONE, evaluations=len(scores), seconds=seconds, history=history)
    if history.best is not None:
        run.score = float(history.score[history.best])
        if history.l1 is not None and history.l1_normalised is not None:
            run.l1 = float(history.l1[history.best])
            run.l1_normalised = float(history.l1_normalised[history.best])
    return run


def made_benchmark(
    losses: Callable[[Cell, np.random.Generator], Sequence[float]] | None = None,
    *,
    objectives: Iterable[str] = ("a", "b"),
    optimizers: Iterable[str] = ("es",),
    scenes: Iterable[str] = ("s0", "s1"),
    maps: Iterable[str] = ("0",),
    seeds: Iterable[int] = range(5),
    seed: int = 0,
    truth: bool = True,
    failed: Sequence[Cell] = (),
    unfinished: Sequence[Cell] = (),
) -> Benchmark:
    """A whole grid. Scores are minus the hidden losses and a little noise.

    Args:
        losses: of a cell's candidates; by default 40 draws that fall by and by.
        failed, unfinished: cells that did not come to their end.
    """

    def falling(cell: Cell, generator: np.random.Generator) -> Sequence[float]:
        return np.abs(np.linspace(0.6, 0.02, 40) + generator.normal(0, 0.05, 40))

    generator = np.random.default_rng(seed)
    runs = []
    for objective in objectives:
        for optimizer in optimizers:
            for scene in scenes:
                for hidden in maps:
                    for number in seeds:
                        cell = Cell(objective, optimizer, scene, hidden, number, "map")
                        values = np.asarray((losses or falling)(cell, generator), dtype=np.float64)
                        noise = generator.normal(0, 0.05, len(values)) if len(values) > 1 else 0.0
                        if cell in failed:
                            error = f"the objective '{objective}' failed"
                            runs.append(Run(cell, Path(cell.path), FAILED, error))
                        elif cell in unfinished:
                            runs.append(Run(cell, Path(cell.path), UNFINISHED))
                        else:
                            runs.append(
                                made_run(
                                    cell, -values + noise, values if truth else None, seconds=2.0 + number
                                )
                            )
    return Benchmark({}, runs, Path("bench"))


@pytest.fixture
def history() -> Callable[..., History]:
    return made_history


@pytest.fixture
def written_run() -> Callable[[Path, History], None]:
    """Writes a run directory whose log holds a made-up history."""
    return write_made_run


@pytest.fixture
def run() -> Callable[..., Run]:
    return made_run


@pytest.fixture
def benchmark_of() -> Callable[..., Benchmark]:
    return made_benchmark


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """Give the disk room for so many more bytes; None for as many as there are."""
    room: list[int | None] = [None]
    write, write_bytes = os.write, Path.write_bytes

    def taken(data: bytes | memoryview) -> int:
        if room[0] is None:
            return len(data)
        count = min(len(data), room[0])
        room[0] -= count
        return count

    def some(file: int, data: bytes | memoryview) -> int:
        count = taken(data)
        if not count:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data[:count])

    def whole(path: Path, data: bytes) -> int:
        count = taken(data)
        write_bytes(path, data[:count])
        if count < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return count

    monkeypatch.setattr(os, "write", some)
    monkeypatch.setattr(Path, "write_bytes", whole)

    def give(bytes_left: int | None) -> None:
        room[0] = bytes_left

    return give
