"""``isptune plot``: the convergence of runs in one picture, or the figures of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isptune.cli.directories import benchmark_among, require_runs
from isptune.errors import ConfigurationError
from isptune.storage.paths import refuse_twice
from isptune.storage.places import Place

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from isptune.runs.run import Run


@click.command("plot", short_help="Draw the convergence of runs, or the figures of a benchmark.")
@click.argument("directories", nargs=-1, required=True, metavar="DIR...")
@click.option(
    "--out",
    required=True,
    metavar="FILE",
    help="The picture to write: PNG, PDF or SVG. For a benchmark also a folder, for all figures.",
)
@click.option(
    "--figure",
    default=None,
    metavar="NAME",
    help="For a benchmark: convergence, losses, ecdf, profiles, agreement or differences. "
    "Default: convergence; all in a folder.",
)
@click.option("--title", default=None, help="A title over the picture.")
def command(directories: tuple[str, ...], out: str, figure: str | None, title: str | None) -> int:
    """Draw best score and, where known, normalised l1 against evaluations for the runs in DIR...

    Runs that differ only in their seeds share a line: their median, with a band between the quartiles. Other
    runs get lines of their own, named after what they differ in. Each objective has its own panel, because
    scores have no common scale. A run of several objectives gets its Pareto front.

    For a benchmark's directory, --figure chooses what is drawn. A folder gets every figure, as PNG and PDF.

    \b
    Examples:
      isptune plot runs/first runs/second --out convergence.png
      isptune plot runs/which --figure losses --out losses.pdf
    """
    benchmark = benchmark_among(directories, "figures of its own")
    if benchmark is not None:
        _plot_benchmark(benchmark, out, figure, title)
        return 0
    if figure is not None:
        raise ConfigurationError(f"--figure is for a benchmark, and '{directories[0]}' holds none")
    _plot_runs(directories, out, title)
    return 0


def _plot_benchmark(directory: Path, out: str, figure: str | None, title: str | None) -> None:
    from isptune import figures
    from isptune.benchmark.cell_results import DONE, ended
    from isptune.benchmark.run_grid import read_benchmark

    benchmark = read_benchmark(directory)
    if any(run.status != DONE for run in benchmark.runs):
        click.echo(f"isptune: {ended(benchmark)}; the figures show no others", err=True)
    place = Place(out)
    if place.path.suffix and not place.path.is_dir() and not out.endswith("/"):
        drawn = figures.draw_benchmark(benchmark, figure or figures.BENCHMARK_FIGURES[0], title)
        click.echo(f"wrote {figures.save(drawn, place.path)}")
        return
    names = figures.BENCHMARK_FIGURES if figure is None else [figure]
    files, left_out = figures.save_benchmark_figures(benchmark, place.path, names, title)
    for sentence in left_out:
        click.echo(f"left out: {sentence}", err=True)
    click.echo(f"wrote {len(files)} files to {out}: {', '.join(path.name for path in files)}")


def _plot_runs(directories: Sequence[str], out: str, title: str | None) -> None:
    refuse_twice(directories)
    require_runs(directories)

    from isptune import figures
    from isptune.runs.run import Run

    # A run of isptune 0.1 makes its pipeline again, which may change the working folder.
    place, *places = map(Place, (out, *directories))
    runs = [Run.read(one.path).require_best() for one in places]
    several = [run for run in runs if len(run.labels) > 1]
    if several:
        if len(runs) > 1:
            raise ConfigurationError(
                f"not all of the runs have a single objective ({', '.join(several[0].labels)}); "
                "draw the Pareto front of one run at a time"
            )
        figure = figures.draw_pareto(figures.pareto_points(runs[0].history), title or "Pareto front")
    else:
        figure = _convergence(runs, title)
    figures.save(figure, place.path)
    click.echo(f"wrote {out}")


def _convergence(runs: Sequence[Run], title: str | None) -> Figure:
    """One curve where the runs differ in their seeds alone, else a curve for every kind of run."""
    from isptune import figures
    from isptune.figures.grouping import group_runs

    found = []
    for group in group_runs([run.config for run in runs], [len(run.history) for run in runs]):
        histories = [runs[index].history for index in group.indices]
        curves = figures.convergence(histories)
        found.append(figures.ComparedRuns(group.objective, group.label, curves))
    if len(found) == 1:
        return figures.draw_convergence(
            found[0].curves, score_label=runs[0].description.objective, title=title
        )
    return figures.draw_comparison(found, title)
