"""``isptune plot``: the convergence of runs in one picture, or the figures of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from isptune.cli.options import benchmark_among
from isptune.errors import ConfigurationError


@click.command("plot", short_help="Draw the convergence of runs, or the figures of a benchmark.")
@click.argument("directories", nargs=-1, required=True, metavar="DIR...")
@click.option(
    "--out",
    required=True,
    metavar="FILE",
    help="The picture to write: PNG, PDF or SVG. Of a benchmark also a folder, for all figures.",
)
@click.option(
    "--figure",
    default=None,
    metavar="NAME",
    help="Of a benchmark: convergence, losses, ecdf, profiles, agreement or differences. "
    "Default: convergence; all in a folder.",
)
@click.option("--title", default=None, help="A title over the picture.")
def command(directories: tuple[str, ...], out: str, figure: str | None, title: str | None) -> int:
    """Draw best score and, where known, hidden L1 against evaluations for the runs in DIR...

    Several runs are taken as repetitions: their median with the inter-quartile band. Of a run with several
    objectives the Pareto front is drawn.

    Of a benchmark's directory, --figure says what is drawn; into a folder, every figure goes as PNG and PDF.

    Example: isptune plot runs/which --figure losses --out losses.pdf
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
    from isptune import plots
    from isptune.benchmark.results import DONE, ended
    from isptune.benchmark.running import read_benchmark

    benchmark = read_benchmark(directory)
    if any(run.status != DONE for run in benchmark.runs):
        click.echo(f"isptune: {ended(benchmark)}; the figures show no others", err=True)
    folder = Path(out)
    if folder.suffix and not folder.is_dir() and not out.endswith("/"):
        drawn = plots.draw_benchmark(benchmark, figure or plots.BENCHMARK_FIGURES[0], title)
        click.echo(f"wrote {plots.save(drawn, out)}")
        return
    names = plots.BENCHMARK_FIGURES if figure is None else [figure]
    files, left_out = plots.save_benchmark_figures(benchmark, folder, names, title)
    for sentence in left_out:
        click.echo(f"left out: {sentence}", err=True)
    click.echo(f"wrote {len(files)} files to {folder}: {', '.join(path.name for path in files)}")


def _plot_runs(directories: Sequence[str], out: str, title: str | None) -> None:
    from isptune import plots
    from isptune.session import history_of_run

    runs = [history_of_run(directory) for directory in directories]
    labels = {objective for objective, _ in runs}
    if len(labels) > 1:
        raise ConfigurationError(
            f"the runs were scored by different objectives ({', '.join(sorted(labels))}); "
            "draw the runs of one objective at a time"
        )
    histories = [history for _, history in runs]
    several = [history for history in histories if history.orientations]
    if several:
        if len(runs) > 1:
            raise ConfigurationError(
                f"not all of the runs have a single objective ({', '.join(several[0].labels)}); "
                "draw the Pareto front of one run at a time"
            )
        points = plots.pareto_points(histories[0])
        plots.save(plots.draw_pareto(points, title or "Pareto front"), out)
    else:
        curves = plots.convergence(histories, higher_is_better=histories[0].higher_is_better)
        plots.save(plots.draw_convergence(curves, score_label=labels.pop(), title=title), out)
    click.echo(f"wrote {out}")
