"""``isptune report``: one self-contained HTML page about runs or a benchmark."""

from __future__ import annotations

from pathlib import Path

import click

from isptune.cli.condition_table import holds_table
from isptune.cli.directories import benchmark_among, require_runs
from isptune.errors import ConfigurationError
from isptune.storage.places import Place


@click.command("report", short_help="Write an HTML report of runs or of a benchmark.")
@click.argument("directories", nargs=-1, required=True, metavar="DIR...")
@click.option(
    "--out",
    default=None,
    metavar="FILE",
    help="The page to write. Default: report.html in DIR, or here where several are given.",
)
def command(directories: tuple[str, ...], out: str | None) -> int:
    """Write one HTML file about the tuning runs in DIR..., or about the benchmark in DIR.

    DIR may also be a table over conditions (isptune tune --conditions); each of its runs has its own report.

    A run of several objectives has a report of its own, with its Pareto front: give it alone.

    The file holds its own pictures, numbers and scripts: send it, and open it without a network.

    \b
    Examples:
      isptune report runs/first
      isptune report runs/which --out which.html
    """
    # From the root: a pipeline that is made again may change the working folder.
    folders = [path.absolute() if path.is_dir() else path for path in map(Path, directories)]
    suffix = Path(out).suffix.lower() if out is not None else ".html"
    if suffix not in (".html", ".htm"):
        raise ConfigurationError(f"'{out}': reports are written as .html")
    tables = [folder for folder in folders if holds_table(folder)]
    if tables:
        return _table_report(Path(directories[folders.index(tables[0])]), folders, out)
    benchmark = benchmark_among(directories, "a report of its own")
    if benchmark is None:
        require_runs(directories)

    from isptune.report import report_of_benchmark, report_of_runs, write_report

    target = Place(out if out is not None else _default_out([Path(directory) for directory in directories]))
    if benchmark is None:
        document = report_of_runs(folders)
    else:
        from isptune.benchmark.benchmark_tables import benchmark_tables
        from isptune.benchmark.run_grid import read_benchmark
        from isptune.benchmark.targets import TARGETS

        read = read_benchmark(benchmark)
        document = report_of_benchmark(read, benchmark_tables(read, read.config.get("targets") or TARGETS))
    click.echo(f"wrote {write_report(target.path, document)}")
    return 0


def _table_report(table: Path, folders: list[Path], out: str | None) -> int:
    if len(folders) > 1:
        raise ConfigurationError(
            f"'{table}' is a table over conditions, which has a report of its own: give it alone"
        )

    from isptune.conditions.table import ParameterTable
    from isptune.report import write_report
    from isptune.report.table_report import report_of_table

    target = Place(out if out is not None else table / "report.html")
    click.echo(f"wrote {write_report(target.path, report_of_table(ParameterTable.read(table)))}")
    return 0


def _default_out(folders: list[Path]) -> Path:
    return folders[0] / "report.html" if len(folders) == 1 else Path("report.html")
