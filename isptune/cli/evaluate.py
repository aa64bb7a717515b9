"""``isptune evaluate``: how well objectives agree with a dataset's opinion scores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isptune.cli.options import checkpoint_option, json_option, key_values, objective_settings
from isptune.errors import ConfigurationError, DiskFullError, RunDirectoryError
from isptune.plugins import registry
from isptune.storage.paths import folder_name, shown, user_path
from isptune.storage.places import Place
from isptune.tuning.prechecks import refuse_judges
from isptune.wording.naming import listed

if TYPE_CHECKING:
    from isptune.contracts.objective import Objective
    from isptune.iqa.datasets import Dataset
    from isptune.iqa.evaluation import Evaluation, Scores


@click.command("evaluate", short_help="Say how well objectives agree with a dataset's opinion scores.")
@click.option(
    "--objective",
    "objectives",
    multiple=True,
    metavar="NAME[,NAME...]",
    help="What is evaluated; see 'isptune list objectives'. May be repeated.",
)
@click.option(
    "--objective-option",
    "objective_options",
    multiple=True,
    metavar="[NAME.]KEY=VALUE",
    help="An option of an objective, named where there are several; the value is read as YAML.",
)
@checkpoint_option
@click.option(
    "--scores",
    "score_files",
    multiple=True,
    metavar="FILE",
    help="Scores from elsewhere instead of an objective: a CSV file with the columns name and score.",
)
@click.option("--scores-lower-is-better", is_flag=True, help="A lower score of --scores is a better picture.")
@click.option(
    "--data", required=True, metavar="FILE-OR-DIR", help="A dataset's table of scores, or its folder."
)
@click.option("--images", metavar="DIR", help="Its pictures, where they do not lie as published.")
@click.option(
    "--layout",
    default="auto",
    metavar="NAME",
    help="meta (a CSV), koniq10k, spaq, kadid10k, tid2013, livec, agiqa3k. Default: auto, by the files.",
)
@click.option("--mos-lower-is-better", is_flag=True, help="A lower MOS is a better picture, as some DMOS.")
@click.option(
    "--split",
    "splits",
    multiple=True,
    metavar="NAME[:PART]",
    help="A split, or a glob of splits; PART is train, val or test, the default. May be repeated. "
    "random_seed0_split01 is what 'isptune train --seed 0' without --split holds out. Default: all images.",
)
@click.option(
    "--random-splits",
    type=int,
    metavar="N",
    help="The test parts (20 % of the contents) of N random splits.",
)
@click.option("--bootstrap", default=1000, metavar="N", help="Resamples of the intervals. Default: 1000.")
@click.option("--seed", default=0, metavar="N", help="Of resamples and random splits. Default: 0.")
@click.option("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1, mps. Default: auto.")
@click.option("--batch-size", default=1, metavar="N", help="Pictures of one size at once. Default: 1.")
@click.option("--out", metavar="DIR", help="Where tables and plots go. Default: a new folder under runs/.")
@json_option
def command(
    objectives: tuple[str, ...],
    objective_options: tuple[str, ...],
    checkpoint: str | None,
    score_files: tuple[str, ...],
    scores_lower_is_better: bool,
    data: str,
    images: str | None,
    layout: str,
    mos_lower_is_better: bool,
    splits: tuple[str, ...],
    random_splits: int | None,
    bootstrap: int,
    seed: int,
    device: str,
    batch_size: int,
    out: str | None,
    as_json: bool,
) -> int:
    """Say how well objectives agree with a dataset's mean opinion scores.

    SRCC, PLCC (raw and after the 4-parameter logistic), KRCC and RMSE with bootstrap intervals, per split and
    over splits, and the difference of each two objectives; as Markdown, CSV and JSON, with scatter plots. The
    exit code is 1 where an objective failed on an image: the others are counted all the same.

    \b
    Examples:
      isptune evaluate --objective severity,niqe-distance --data koniq10k/ --out evaluation
      isptune evaluate --objective severity --data meta.csv --images photos/ --split official
    """
    names = objective_names(objectives)
    if not names and not score_files:
        raise ConfigurationError("there is nothing to evaluate: give --objective NAME or --scores FILE")
    settings = settings_by_name(names, objective_options, checkpoint)
    for name in names:
        registry.objectives.precheck(name, settings[name])
    refuse_judges(names)

    from isptune.iqa import datasets

    # Whatever is wrong with the tables is said before torch is there.
    dataset = datasets.read_dataset(data, images, layout, higher_is_better=not mos_lower_is_better)

    from isptune.cli.live import Stopped, stoppable
    from isptune.iqa.evaluation import read_scores, write_reports
    from isptune.iqa.evaluation.evaluating import check_settings, needed
    from isptune.tuning.devices import resolve_device

    where = resolve_device(device)
    check_settings(bootstrap, seed, batch_size)
    place = Place(free_folder(out, [*names, *(shown(Path(file).stem) for file in score_files)]))
    if random_splits is not None:
        made = datasets.random_splits(dataset, seed=seed, count=random_splits)
        dataset, splits = dataset.with_splits(made), (*splits, *made)
    dataset = datasets.with_named_splits(dataset, splits)
    # Scores from files are checked against the whole dataset and cut afterwards.
    given = [read_scores(file, dataset, not scores_lower_is_better) for file in score_files]
    small, labels = needed(dataset, splits)
    given = [cut(scores, dataset, small) for scores in given]
    made_objectives = [registry.objectives.create(name, **settings[name]) for name in names]
    click.echo(opening(small, dataset, labels, [*names, *(scores.name for scores in given)]), err=True)
    try:
        with stoppable():
            found = _evaluated(made_objectives, given, small, labels, where, batch_size, bootstrap, seed)
    except Stopped as stop:
        click.echo("isptune: stopped before the evaluation was done; nothing was written", err=True)
        return stop.exit_code
    try:
        files = write_reports(found, place.path)
    except DiskFullError:
        # What was computed is not lost.
        report(found, [], as_json)
        raise
    report(found, files, as_json)
    return 1 if found.failures else 0


def objective_names(given: Sequence[str]) -> list[str]:
    """Names from repeated options and comma-separated lists.

    Raises:
        ConfigurationError: a name is empty or given twice.
    """
    names = [name.strip() for text in given for name in text.split(",")]
    for number, name in enumerate(names):
        if not name:
            raise ConfigurationError(f"--objective '{','.join(given)}' has an empty name in it")
        if name in names[:number]:
            raise ConfigurationError(f"--objective gives '{name}' twice")
    return names


def settings_by_name(
    names: Sequence[str], pairs: Sequence[str], checkpoint: str | None
) -> dict[str, dict[str, Any]]:
    """The options of each objective, from ``NAME.KEY=VALUE``, or ``KEY=VALUE`` where there is one objective.

    Raises:
        ConfigurationError: an option that names no objective, or a checkpoint for several.
    """
    own: dict[str, list[str]] = {name: [] for name in names}
    for pair in pairs:
        # Names may hold dots and begin with each other: the longest that fits is meant.
        key = pair.partition("=")[0]
        fitting = max((name for name in names if key.startswith(f"{name}.")), key=len, default=None)
        if fitting is not None:
            own[fitting].append(pair[len(fitting) + 1 :])
        elif len(names) == 1:
            own[names[0]].append(pair)
        else:
            raise ConfigurationError(
                f"--objective-option takes NAME.KEY=VALUE where there is not one objective, got '{pair}'; "
                f"the objectives: {listed(names) or 'none'}"
            )
    if len(names) == 1:
        return {names[0]: objective_settings(own[names[0]], checkpoint)}
    if checkpoint is not None:
        raise ConfigurationError(
            "--checkpoint is for one objective; for one of several give "
            "--objective-option NAME.checkpoint=DIR-OR-NAME"
        )
    return {name: key_values(own[name], "--objective-option") for name in names}


def free_folder(out: str | None, names: Sequence[str]) -> Path:
    """The folder to write to, which holds no evaluation yet; it is made when there is something to write.

    Raises:
        RunDirectoryError: it holds an evaluation, or it or a folder above it is a file.
    """
    from isptune.iqa.evaluation.evaluation_files import JSON_NAME, file_name

    if out is None:
        kept = folder_name("-".join(file_name(name) for name in names[:3]))
        stem = f"evaluate-{datetime.now():%Y%m%d-%H%M%S}-{kept}"
        path, number = Path("runs") / stem, 2
        while path.exists():
            path, number = Path("runs") / f"{stem}-{number}", number + 1
        return path
    path = user_path(out)
    if (path / JSON_NAME).exists():
        raise RunDirectoryError(f"the folder '{path}' already holds an evaluation; choose another --out")
    for place in (path, *path.parents):
        if place.exists():
            if not place.is_dir():
                raise RunDirectoryError(f"cannot write the folder '{path}': '{place}' is a file")
            break
    return path


def cut(scores: Scores, whole: Dataset, part: Dataset) -> Scores:
    """Scores of a dataset as those of a part of it."""
    from dataclasses import replace

    places = {name: index for index, name in enumerate(whole.names)}
    return replace(scores, values=scores.values[[places[name] for name in part.names]])


def opening(part: Dataset, whole: Dataset, labels: Sequence[str], names: Sequence[str]) -> str:
    count = f"{len(part)}" if len(part) == len(whole) else f"{len(part)} of {len(whole)}"
    return f"{whole.name}: {count} images, {listed(labels, 4)}; {listed(names)}"


def _evaluated(
    objectives: Sequence[Objective],
    given: Sequence[Scores],
    dataset: Dataset,
    labels: Sequence[str],
    device: Any,
    batch_size: int,
    bootstrap: int,
    seed: int,
) -> Evaluation:
    from isptune.iqa.evaluation import compare, score_dataset
    from isptune.iqa.evaluation.dataset_scores import check_references, scores_of_all

    for objective in objectives:
        check_references(objective, dataset)

    def score(objective: Objective) -> Scores:
        with bar(objective.name, "images") as told:
            return score_dataset(objective, dataset, device, batch_size, progress=told)

    scores = scores_of_all([partial(score, objective) for objective in objectives])
    with bar("intervals", "done") as told:
        return compare(
            dataset, [*scores, *given], splits=labels, bootstrap=bootstrap, seed=seed, progress=told
        )


@contextmanager
def bar(what: str, unit: str) -> Iterator[Any]:
    """A progress bar on stderr; where that is no terminal, a plain line about every tenth."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.progress import TimeRemainingColumn as Remaining

    console = Console(stderr=True)
    shown = Progress(
        TextColumn(what),
        MofNCompleteColumn(),
        TextColumn(unit),
        BarColumn(bar_width=None),
        TimeElapsedColumn(),
        TextColumn("left"),
        Remaining(),
        console=console,
        disable=not console.is_terminal,
    )
    task = shown.add_task(what, total=None)
    tenth = 0

    def told(done: int, total: int) -> None:
        nonlocal tenth
        shown.update(task, completed=done, total=total)
        if not console.is_terminal and done * 10 // total > tenth:
            tenth = done * 10 // total
            click.echo(f"{what}  {done}/{total} {unit}", err=True)

    with shown:
        yield told


def report(found: Evaluation, files: Sequence[Path], as_json: bool) -> None:
    """The tables or the JSON object on stdout; sentences about failures on stderr."""
    from isptune.cli.tables import print_markdown
    from isptune.iqa.evaluation.evaluation_files import table_cells

    for sentence in found.failures[:20]:
        click.echo(f"isptune: {sentence}", err=True)
    if len(found.failures) > 20:
        click.echo(f"isptune: and {len(found.failures) - 20} more images failed", err=True)
    if as_json:
        click.echo(json.dumps({**found.to_dict(), "files": [str(file) for file in files]}))
        return
    for head, rows, left in table_cells(found):
        print_markdown(head, rows, left)
        click.echo()
    for note in found.notes:
        click.echo(note)
    for file in files:
        click.echo(f"wrote {file}")
