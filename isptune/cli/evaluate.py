"""``isptune evaluate``: how well objectives agree with a dataset's opinion scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isptune.cli.directories import new_folder
from isptune.cli.key_values import names_between_commas, settings_by_name
from isptune.cli.shared_options import (
    checkpoint_option,
    device_option,
    json_option,
    objective_option,
    option,
    switch,
)
from isptune.errors import ConfigurationError, DiskFullError, RunDirectoryError
from isptune.plugins import registry
from isptune.storage.paths import file_name, shown, user_path
from isptune.storage.places import Place
from isptune.tuning.prechecks import refuse_judges
from isptune.wording.naming import listed

if TYPE_CHECKING:
    from isptune.iqa.datasets import Dataset
    from isptune.iqa.evaluation import Evaluation


@click.command("evaluate")
@option(
    "--objective objectives",
    "NAME[,NAME...]",
    "Choose the objectives to evaluate; see 'isptune list objectives'",
    multiple=True,
)
@objective_option
@checkpoint_option
@option(
    "--scores score_files",
    "FILE",
    "Read scores from elsewhere instead: a CSV file with the columns name and score",
    multiple=True,
)
@switch("--scores-lower-is-better", "Take a lower score of --scores as better")
@option("--data", "FILE-OR-DIR", "Read a dataset's table of opinions, or its folder", required=True)
@option("--images", "DIR", "Find its pictures here, where they do not lie as published")
@option(
    "--layout",
    "NAME",
    "Read files laid out as meta (a CSV), koniq10k, spaq, kadid10k, tid2013, livec or agiqa3k",
    default="auto",
    otherwise="auto, by the files",
)
@switch("--mos-lower-is-better", "Take a lower MOS as better, as of some DMOS")
@option(
    "--split splits",
    "NAME[:PART]",
    "Evaluate on a split, or on a glob of splits; PART is train, val or test, the default. "
    "random_seed0_split01 is what 'isptune train --seed 0' without --split holds out",
    multiple=True,
    otherwise="all images",
)
@option(
    "--random-splits", "N", "Evaluate on the test parts (20% of the contents) of N random splits", kind=int
)
@option("--bootstrap", "N", "Resample N times for the intervals", default=1000)
@option("--seed", "N", "Seed resamples and random splits", default=0)
@device_option
@option("--batch-size", "N", "Score N pictures of one size at once", default=1)
@option("--out", "DIR", "Write tables and plots here", otherwise="a new folder under runs/")
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
    """Measure how well objectives agree with a dataset's mean opinion scores.

    The report has SRCC, PLCC (raw and after the 4-parameter logistic), KRCC and RMSE with bootstrap
    intervals, per split and over splits, and the difference of each pair of objectives, as Markdown, CSV and
    JSON with scatter plots. The exit code is 1 if an objective failed on an image; the others still count.

    \b
    Examples:
      isptune evaluate --objective severity,niqe-distance --data koniq10k/ --out evaluation
      isptune evaluate --objective severity --data meta.csv --images photos/ --split official
    """
    names = names_between_commas(objectives)
    if not names and not score_files:
        raise ConfigurationError("there is nothing to evaluate: give --objective NAME or --scores FILE")
    settings = settings_by_name(names, objective_options, checkpoint)
    for name in names:
        registry.objectives.precheck(name, settings[name])
    refuse_judges(names)

    from isptune.iqa import datasets

    # Whatever is wrong with the tables is said before torch is there.
    dataset = datasets.read_dataset(data, images, layout, higher_is_better=not mos_lower_is_better)

    from isptune.cli.live import Bars, Stopped, stoppable
    from isptune.iqa.evaluation import read_scores, write_reports
    from isptune.iqa.evaluation.evaluating import check_settings, evaluate, needed
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
    made_objectives = [registry.objectives.create(name, **settings[name]) for name in names]
    click.echo(opening(small, dataset, labels, [*names, *(scores.name for scores in given)]), err=True)
    try:
        with stoppable(), Bars() as told:
            found = evaluate(
                made_objectives,
                dataset,
                scores=given,
                splits=labels,
                device=where,
                batch_size=batch_size,
                bootstrap=bootstrap,
                seed=seed,
                progress=told,
            )
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


def free_folder(out: str | None, names: Sequence[str]) -> Path:
    """The folder to write to, which holds no evaluation yet; it is made when there is something to write.

    Raises:
        RunDirectoryError: it holds an evaluation, or it or a folder above it is a file.
    """
    from isptune.iqa.evaluation.evaluation_files import JSON_NAME

    if out is None:
        return new_folder("evaluate-", "-".join(file_name(name) for name in names[:3]))
    path = user_path(out)
    if (path / JSON_NAME).exists():
        raise RunDirectoryError(f"the folder '{path}' already holds an evaluation; choose another --out")
    there = next((place for place in (path, *path.parents) if place.exists()), path)
    if there.exists() and not there.is_dir():
        raise RunDirectoryError(f"cannot write the folder '{path}': '{there}' is a file")
    return path


def opening(part: Dataset, whole: Dataset, labels: Sequence[str], names: Sequence[str]) -> str:
    count = f"{len(part)}" if len(part) == len(whole) else f"{len(part)} of {len(whole)}"
    return f"{whole.name}: {count} images, {listed(labels, 4)}; {listed(names)}"


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
