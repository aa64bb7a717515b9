"""``isptune plot``: the convergence of one or several runs in one picture."""

from __future__ import annotations

import click

from isptune.errors import ConfigurationError


@click.command("plot", short_help="Draw the convergence of one or several runs.")
@click.argument("directories", nargs=-1, required=True, metavar="DIR...")
@click.option("--out", required=True, metavar="FILE", help="The picture to write: PNG, PDF or SVG.")
@click.option("--title", default=None, help="A title over the picture.")
def command(directories: tuple[str, ...], out: str, title: str | None) -> int:
    """Draw best score and, where known, hidden L1 against evaluations for the runs in DIR...

    Several runs are taken as repetitions: their median with the inter-quartile band. Of a run with several
    objectives the Pareto front is drawn.
    """
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
        click.echo(f"wrote {out}")
        return 0
    curves = plots.convergence(histories, higher_is_better=histories[0].higher_is_better)
    plots.save(plots.draw_convergence(curves, score_label=labels.pop(), title=title), out)
    click.echo(f"wrote {out}")
    return 0
