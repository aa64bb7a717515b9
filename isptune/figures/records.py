"""The runs that figures are about, single ones and cells of a benchmark in one form, and their groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from isptune.benchmark.cell import Cell
from isptune.benchmark.cell_results import Benchmark
from isptune.contracts.variants import Variants
from isptune.errors import IsptuneError, RunDirectoryError
from isptune.figures.grouping import group_runs
from isptune.plugins import registry
from isptune.runs.history import History
from isptune.runs.run import Run
from isptune.tuning.settings import RunConfig
from isptune.wording.naming import listed

# What a run of several objectives hands over.
ANSWER = "best compromise"


@dataclass(frozen=True)
class Record:
    """A run as figures and the report see it.

    Attributes:
        name: how tables and tooltips call it.
        objective, optimizer, scene, variant: labels; several objectives have one in common.
        seed: of the optimizer.
        directory: of the run.
        history: every evaluation.
        scores: by label, at the best-scored candidate, of several objectives at the best compromise.
        l1, l1_normalised: there; None where unknown.
        levels: hidden level per stage there, in the stages' own units; None where unknown.
        misled: the score improved while the hidden distortion rose.
        parameters: the best-scored candidate's; empty where every score was not finite.
        default_scores: of the pipeline's defaults, by label; empty where there are none.
        seconds: wall time of proposing, rendering and scoring.
        word: what the pipeline calls its variants.
        run: what else its directory holds; None of a benchmark's run whose directory was removed.
    """

    name: str
    objective: str
    optimizer: str
    scene: str
    variant: str
    seed: int
    directory: Path
    history: History
    scores: Mapping[str, float] = field(default_factory=dict)
    default_scores: Mapping[str, float] = field(default_factory=dict)
    l1: float | None = None
    l1_normalised: float | None = None
    levels: Mapping[str, float] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    misled: bool = False
    run: Run | None = None
    word: str = Variants.name

    @property
    def score(self) -> float | None:
        """The best-scored candidate's score; None where there is none, and where there are several."""
        return next(iter(self.scores.values())) if len(self.scores) == 1 else None

    @property
    def has_front(self) -> bool:
        """There are several objectives, so that the run found a front."""
        return len(self.scores) > 1

    @property
    def answer(self) -> str:
        """What the run hands over, in words."""
        return ANSWER if self.has_front else "best-scored candidate"

    @property
    def knows_truth(self) -> bool:
        return self.history.l1_normalised is not None


@dataclass(frozen=True)
class Slice:
    """Runs that one optimizer made, or all of them, under the name that a menu shows."""

    label: str
    records: tuple[Record, ...]


def read_record(directory: str | Path, name: str | None = None) -> Record:
    """A run from its directory; one that is not finished yet as far as its log goes.

    Args:
        directory: of a run that ``isptune tune`` wrote.
        name: how the report calls it; the folder's name if None.

    Raises:
        RunDirectoryError: there is no run, its log is empty or damaged, or no candidate in it has finite
            scores.
    """
    run = Run.read(directory).require_best()
    config, result = run.config, run.result
    scenes = [one.name for one in run.scenes] if run.description.own_scenes else config.scenes
    # As far as it can be told without importing the pipeline, which need not be here.
    variants = registry.pipelines.told(config.pipeline.name, "variants", Variants())
    return Record(
        name=name or run.path.resolve().name,
        objective=config.objective.shown if len(run.labels) == 1 else run.description.objective,
        optimizer=config.optimizer.shown,
        scene=listed([scene_name(scene) for scene in scenes], 3),
        variant=str(config.pipeline.options.get(variants.option, config.seed)),
        word=variants.name,
        seed=config.seed,
        directory=run.path,
        history=run.history,
        scores=result.best_scores,
        default_scores=result.default_scores,
        l1=result.l1,
        l1_normalised=result.l1_normalised,
        levels=result.levels,
        parameters=result.best_parameters,
        seconds=result.seconds,
        misled=bool(result.misled),
        run=run,
    )


def scene_name(scene: str) -> str:
    """A file's name without its folder; a generated scene as it is written."""
    return scene.replace("\\", "/").rstrip("/").rpartition("/")[2] or scene


def variant_word(records: Sequence[Record]) -> str:
    """What their pipelines call a variant, such as ``hidden map``; it is hidden where the truth is known."""
    words = {record.word for record in records}
    word = words.pop() if len(words) == 1 else Variants.name
    return f"hidden {word}" if any(record.knows_truth for record in records) else word


def records_of_benchmark(benchmark: Benchmark) -> list[Record]:
    """The finished runs of a benchmark that have a best candidate, in the order of the grid.

    Raises:
        RunDirectoryError: no run came to its end.
    """
    records = [
        Record(
            name=_cell_name(run.cell),
            objective=run.cell.objective,
            optimizer=run.cell.optimizer,
            scene=run.cell.scene,
            variant=run.cell.variant,
            word=run.cell.word,
            seed=run.cell.seed,
            directory=run.directory,
            history=run.history,
            scores={} if run.score is None else {run.cell.objective: run.score},
            l1=run.l1,
            l1_normalised=run.l1_normalised,
            levels=run.levels,
            parameters=run.parameters,
            seconds=run.seconds,
            misled=bool(run.misled),
            run=_run_of(run.directory),
        )
        for run in benchmark.done()
        if run.history is not None and run.history.best is not None
    ]
    if not records:
        raise RunDirectoryError(
            f"no run of the benchmark in '{benchmark.directory}' came to its end with a finite score yet"
        )
    return records


def _cell_name(cell: Cell) -> str:
    return f"{cell.optimizer}, {cell.scene}, {cell.word} {cell.variant}, seed {cell.seed}"


def _run_of(directory: Path) -> Run | None:
    """The run of a benchmark's cell; None where its directory is gone, or too old to be read here."""
    try:
        return Run.read(directory)
    except IsptuneError:
        return None


def in_order(records: Sequence[Record], of: Callable[[Record], str]) -> list[str]:
    """The different labels of the records, in the order in which they first come."""
    return list(dict.fromkeys(of(record) for record in records))


def by_objective(records: Sequence[Record]) -> dict[str, list[Record]]:
    """The records of each objective, in the order in which they first come."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.objective, []).append(record)
    return groups


def slices(records: Sequence[Record]) -> list[Slice]:
    """All records; where several optimizers ran for one objective, those of each optimizer.

    A median over optimizers would be that of none of them.
    """
    optimizers = in_order(records, lambda record: record.optimizer)
    if all(len(in_order(group, lambda r: r.optimizer)) == 1 for group in by_objective(records).values()):
        return [Slice("all runs", tuple(records))]
    return [
        Slice(name, tuple(record for record in records if record.optimizer == name)) for name in optimizers
    ]


def told_apart(records: Sequence[Record], configs: Sequence[RunConfig]) -> list[Record]:
    """The records, each under the name of its objective and of what else sets its kind of run apart.

    Runs that differ in nothing but their seeds keep one name, and so are pooled; others never are.

    Raises:
        ConfigurationError: there are more kinds of runs than can be told apart.
    """
    found = list(records)
    for group in group_runs(configs, [len(record.history) for record in records]):
        for index in group.indices:
            name = ", ".join(filter(None, (group.objective, group.label)))
            found[index] = replace(records[index], objective=name)
    return found


def median_record(records: Sequence[Record]) -> Record:
    """The run in the middle by hidden loss where all know it, by score otherwise; the better of two."""
    if len(records) == 1:
        return records[0]
    if all(record.l1_normalised is not None for record in records):
        ordered = sorted(records, key=lambda record: float(record.l1_normalised or 0.0))
    else:
        sign = -1.0 if records[0].history.higher_is_better else 1.0
        ordered = sorted(records, key=lambda record: sign * float(record.score or 0.0))
    return ordered[(len(ordered) - 1) // 2]


def column_records(record: Record) -> list[Record]:
    """The run as each of its objectives alone sees it, in their order.

    Score and hidden loss stay those of the best compromise, which is what the run hands over.
    """
    history = record.history
    return [
        replace(
            record,
            objective=label,
            scores={label: record.scores[label]},
            default_scores={},
            history=history.column(number),
        )
        for number, label in enumerate(history.labels)
    ]
