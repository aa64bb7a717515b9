"""Run a prepared session with progress, and print what it found."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isptune.cli.held_out import print_held_out
from isptune.cli.shared_options import DEFAULT_STORE
from isptune.cli.tables import Column, console_for_tables, print_table
from isptune.wording.showing import value_text
from isptune.wording.words import FOUND, L1, NORMALISED_L1, START

if TYPE_CHECKING:
    from rich.console import Console

    from isptune.tracking import Tracker
    from isptune.tuning.result import TuneResult
    from isptune.tuning.session import Session

_FRONT_ROWS = 10


def make_trackers(
    tensorboard: bool, mlflow: str | None, wandb: str | None, resumed: str | None = None
) -> list[Tracker]:
    """The trackers that the options ask for, checked as far as they can be before the run.

    Args:
        tensorboard, mlflow, wandb: the options.
        resumed: the directory of the run that goes on, or None for a new one.

    Raises:
        MissingPackageError: the package of one of them is not installed.
        ConfigurationError: the MLflow store is no URI or its server cannot be reached, the project's name
            cannot be, or there is no login.
    """
    trackers: list[Tracker] = []
    if tensorboard:
        from isptune.tracking import TensorBoard

        trackers.append(TensorBoard())
    if mlflow is not None:
        from isptune.tracking import MLflow

        trackers.append(MLflow(None if mlflow == DEFAULT_STORE else mlflow))
    if wandb is not None:
        from isptune.tracking import WandB

        trackers.append(WandB(wandb))
    if trackers:
        from isptune.tracking.tracker import check_trackers

        check_trackers(trackers, None if resumed is None else Path(resumed))
    return trackers


def run_and_print(
    make: Callable[[], Session], *, as_json: bool, resume: bool, trackers: Sequence[Tracker] = ()
) -> int:
    """Make and run a session; the exit code is 0, or 128 + the signal that stopped it."""
    from isptune.cli.live import Stopped, live_progress, stoppable
    from isptune.tracking import TrackerError
    from isptune.tuning.sitting import run_session

    session: Session | None = None
    try:
        with stoppable():
            session = make()
            click.echo(opening(session), err=True)
            if session.choice:
                click.echo(session.choice, err=True)
            for notice in session.notices:
                click.echo(f"isptune: {notice}", err=True)
            with live_progress() as live:
                result = run_session(session, resume=resume, callbacks=[live, *trackers])
    except Stopped as stop:
        click.echo(_stopped(session), err=True)
        _say_problems(session, trackers)
        return stop.exit_code
    except TrackerError as error:
        assert session is not None
        assert session.directory is not None
        raise TrackerError(
            f"{error}; then, or without the tracker, go on with: isptune resume {session.directory.path}"
        ) from error
    if result.stopped:
        click.echo(_stopped(session), err=True)
    if as_json:
        click.echo(json.dumps(result.to_dict()))
    else:
        print_result(session, result)
    _say_problems(session, trackers)
    return 1 if result.unwritten else 0


def _say_problems(session: Session | None, trackers: Sequence[Tracker]) -> None:
    """Say once more which trackers were switched off: the first notice has scrolled away."""
    from isptune.tracking.tracker import label_of

    for tracker in trackers:
        if tracker.problem and session is not None and session.directory is not None:
            click.echo(
                f"isptune: {label_of(tracker)} failed during the run and lacks a part of it: "
                f"{tracker.problem}; send the rest with: isptune resume {session.directory.path} "
                "and the same option",
                err=True,
            )


def opening(session: Session) -> str:
    """What a run is about to do, in a line."""
    config = session.config
    scenes = session.pipeline.scenes
    sizes = sorted({(scene.width, scene.height) for scene in scenes})
    what = f"{len(scenes)} scene{'s' if len(scenes) > 1 else ''}"
    crops = {scene.source.get("file") for scene in scenes if scene.source.get("crop") is not None}
    if crops:
        what += f", native-resolution crops of {len(crops)} picture{'s' if len(crops) > 1 else ''}"
    if session.held_out is not None:
        what += f", {len(session.held_out.scenes)} held out"
    shown = ", ".join(f"{width}x{height}" for width, height in sizes[:4])
    return (
        f"{session.pipeline.name} ({what}, {shown}), {session.scoring.name}, {config.optimizer.shown}: "
        f"{_planned(session)}, seed {config.seed}"
    )


def _planned(session: Session) -> str:
    """How much a run is to do."""
    config = session.config
    count = "" if config.budget is None else f"{session.generations} "
    planned = f"{count}generations of {config.population}"
    return planned if config.time_budget is None else f"{planned} in at most {config.time_budget}"


def _stopped(session: Session | None) -> str:
    if session is None or session.directory is None or not session.directory.holds_a_run:
        return "isptune: stopped before the run began; nothing was written"
    done = len(session.directory.read_log()[0])
    return (
        f"isptune: stopped after generation {session.place(done)}; "
        f"go on with: isptune resume {session.directory.path}"
    )


def print_result(session: Session, result: TuneResult) -> None:
    """The tables of a finished run on stdout."""
    from isptune.runs.captions import measured_on

    console = console_for_tables()
    if not result.best_parameters:
        console.print("No candidate had a finite score.")
    elif result.has_front:
        _print_front(console, result)
    title = "Parameters of the best compromise" if result.has_front else "Parameters found"
    remarks = session.space.remarks(result.best_parameters) if result.best_parameters else {}
    rows = [
        [
            name,
            value_text(value),
            remarks[name],
        ]
        for name, value in result.best_parameters.items()
    ]
    print_table(["parameter", Column("value", number=True), "allowed"], rows, title=title, console=console)
    if result.levels is not None:
        _print_levels(console, session, result)
    if result.has_front and result.best_scores:
        best = "best compromise: " + ", ".join(
            f"{name} {score:.6g}" for name, score in result.best_scores.items()
        )
    else:
        best = f"best {session.scoring.name}: "
        best += "none" if result.best_score is None else f"{result.best_score:.6g}"
    if result.default_scores:
        best += ", the defaults " + ", ".join(f"{score:.6g}" for score in result.default_scores.values())
    mean = measured_on(session.pipeline.scenes)
    best += f" ({mean})" if mean else ""
    failed = result.history.failed
    of_these = f" ({failed:,} failed, see the log)" if failed else ""
    spent = f"{result.evaluations} evaluations"
    if result.raced is not None:
        spent = f"{result.raced.full_evaluations:g} full evaluations of {result.evaluations} candidates"
    console.print(f"{best} after {spent}{of_these}, {result.seconds:.1f} s")
    if result.holdout is not None:
        print_held_out(console, result.holdout)
    for sentence in result.notes:
        console.print(sentence)
    if result.l1 is not None:
        console.print(f"{NORMALISED_L1}: {result.l1_normalised:.6g}   {L1}: {result.l1:.6g}")
    for file in result.files:
        click.echo(f"wrote {file}")


def _print_front(console: Console, result: TuneResult) -> None:
    """The best compromises of the front, the first of which is the single answer.

    Behind an objective's name stands which of its scores are better.
    """
    front, labels = result.front, result.pareto.labels
    # Many objectives stand below each other, where the width is for the candidates.
    level = len(labels) <= 3
    room = _FRONT_ROWS if level else max(1, (console.width - 4 - max(map(len, labels)) - 9) // 12)
    rows = front[: min(_FRONT_ROWS, room)]
    title = f"Pareto front, {len(front)} of {result.evaluations} candidates"
    if len(front) > len(rows):
        title += f"; the {len(rows)} best compromises"
    headings = ["evaluation"]
    headings += [
        f"{label} ({'higher' if higher else 'lower'})"
        for label, higher in zip(labels, result.pareto.orientations, strict=True)
    ]
    cells = [[str(row["evaluation"]), *(f"{score:.4g}" for score in row["scores"].values())] for row in rows]
    if result.l1_normalised is not None:
        headings.append(NORMALISED_L1)
        cells = [[*line, f"{row['l1_normalised']:.4g}"] for line, row in zip(cells, rows, strict=True)]
    if level:
        columns = [Column(heading, number=True) for heading in headings]
    else:
        cells = [list(line) for line in zip(*[headings, *cells], strict=True)]
        columns = [Column(""), *(Column("", number=True) for _ in rows)]
    print_table(columns, cells, title=title, console=console)


def _print_levels(console: Console, session: Session, result: TuneResult) -> None:
    """Hidden level at the start and at the parameters found, stage by stage."""
    from rich.text import Text

    from isptune.tuning import misled

    truth = session.description.truth
    assert result.levels is not None
    assert truth is not None
    heads = [Column(head, number=True) for head in (START, FOUND, "highest")]
    rows = [
        [stage, f"{before:.4g}", f"{level:.4g}", f"{most:g}", unit]
        for (stage, level), before, most, unit in zip(
            result.levels.items(), truth.start, truth.maxima, truth.units, strict=True
        )
    ]
    title = "Hidden distortion levels (0 is pristine)"
    print_table(["stage", *heads, "unit"], rows, title=title, console=console)
    if result.misled:
        assert result.l1_normalised is not None
        console.print(Text(misled.sentence(truth.start_share, result.l1_normalised), style="bold red"))
