"""``isptune bench``: run a grid of tuning runs and judge objectives by what they reach."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isptune.benchmark.cell import variant_keys
from isptune.cli.key_values import names_between_commas, parameter_settings, with_parameters
from isptune.cli.shared_options import (
    json_option,
    option,
    parameter_options,
    setting_option,
    setting_options,
    switch,
)
from isptune.cli.tables import print_markdown
from isptune.errors import ConfigurationError, DiskFullError
from isptune.tuning.described_settings import ENDING, GRID
from isptune.tuning.prechecks import check_takes_scenes

if TYPE_CHECKING:
    from isptune.benchmark.cell_results import Benchmark
    from isptune.benchmark.engines import Event
    from isptune.cli.live import Bars


@click.command("bench")
@click.argument("config", metavar="[CONFIG.yaml]", required=False)
@setting_option(GRID, "objectives", "--objective", multiple=True)
@setting_option(GRID, "optimizers", "--optimizer", multiple=True)
@setting_option(GRID, "scenes", "--scene", multiple=True)
@setting_option(GRID, "seeds")
@setting_option(GRID, "variants", *(f"--{key}" for key in variant_keys()))
@setting_options(
    GRID, "pipeline", "budget", "population", "crop", "device", "autocast", "memory_gb", "threads"
)
@setting_options(GRID, "race", *ENDING, "max_failures", "timeout", "retries")
@setting_option(GRID, "start", multiple=True)
@setting_options(GRID, "proposer", "guard", "guard_weight", "guard_tolerance", "stay_near")
@setting_option(GRID, "holdout", multiple=True)
@parameter_options
@option("--out", "DIR", "Write into this directory", otherwise="runs/NAME of the grid")
@option(
    "--engine",
    "NAME",
    "Run cells in-process, in processes or on ray",
    otherwise="processes; in-process with a GPU",
)
@option("--workers", "N", "Run N cells at once", kind=int, otherwise="what fits")
@option("--address", "HOST:PORT", "Join this Ray cluster; auto finds one", otherwise="one on this machine")
@option("--gpus", "X", "Give each cell on Ray X GPUs; 0.25 shares one", kind=float)
@switch("--no-report", "Write the tables alone, no report and no figures")
@json_option
def command(
    config: str | None,
    out: str | None,
    engine: str | None,
    workers: int | None,
    address: str | None,
    gpus: float | None,
    fixed: tuple[str, ...],
    ranges: tuple[str, ...],
    ties: tuple[str, ...],
    no_report: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    """Run every combination of objectives, optimizers, scenes, variants of the pipeline and seeds.

    Run the same command again to go on after a stop or a kill: finished cells are kept. Options override
    CONFIG.yaml.

    \b
    Examples:
      isptune bench --objective psnr,severity --scene photo.png --seeds 10 --out runs/which
      isptune bench grid.yaml --workers 2
    """
    from isptune.benchmark.grid import cells_of, check_grid, parse_bench_config
    from isptune.tuning.settings import read_config

    data = read_config(config) if config else {}
    if settings["variants"] is not None:
        data = {key: value for key, value in data.items() if key not in variant_keys()}
    for key in ("objectives", "optimizers"):
        settings[key] = names_between_commas(settings[key], f"--{key.removesuffix('s')}")
    # What may be repeated is empty where it is not given.
    data |= {key: value for key, value in settings.items() if value not in (None, [], ())}
    if settings["start"]:
        data["start"] = list(settings["start"])
    with_parameters(data, parameter_settings(fixed, ranges, ties))
    if not config and not data.get("objectives"):
        raise ConfigurationError("a benchmark needs objectives: give --objective NAME, or a CONFIG.yaml")
    where = f"the configuration '{config}'" if config else "the command line"
    grid = parse_bench_config(data, where).settled()
    if engine != "ray":
        # A cluster may have plugins, packages and files that this machine lacks.
        check_grid(grid)
        if data.get("scenes"):
            check_takes_scenes(grid.pipeline, [one.label for one in grid.scenes])

    from isptune.benchmark.engines import make_engine
    from isptune.benchmark.run_grid import run_benchmark
    from isptune.cli.live import Stopped, stoppable
    from isptune.tuning.devices import resolve_device

    chosen = engine or ("processes" if resolve_device(grid.device).type == "cpu" else "in-process")
    runner = make_engine(chosen, grid.threads, workers, address=address, gpus=gpus)
    if not out and (grid.name in (".", "..") or set("/\\") & set(grid.name)):
        raise ConfigurationError(f"'{grid.name}' cannot be the name of a folder in runs: give --out DIR")
    folder = Path(out) if out else Path("runs") / grid.name
    try:
        bars, start, show = _progress(len(list(cells_of(grid))))
        with stoppable(), bars:
            benchmark = run_benchmark(grid, folder, runner, show, start)
    except Stopped as stop:
        click.echo(f"isptune: stopped; go on with the same command; what is done lies in {folder}", err=True)
        return stop.exit_code
    _conclude(benchmark, as_json, alone=no_report)
    return 1 if any(run.status == "failed" for run in benchmark.runs) else 0


def _conclude(benchmark: Benchmark, as_json: bool, alone: bool) -> None:
    """Tables, figures and report into the benchmark's directory, the summary to stdout.

    Args:
        benchmark: with all its cells at their end.
        as_json: print the tables as JSON, and no other line to stdout.
        alone: write the tables and nothing else.

    Raises:
        DiskFullError: not all of it could be written; it is printed all the same.
    """
    from isptune.benchmark.benchmark_tables import benchmark_tables
    from isptune.benchmark.table import write_tables

    tables = benchmark_tables(benchmark, targets=benchmark.config["targets"])
    folder = benchmark.directory / "tables"
    summary = "optimizers" if "optimizers" in tables else "summary"
    shown = [tables[name] for name in (summary, "guards", "holdout", "misled", "failures") if name in tables]
    lines: list[str] = []
    full: DiskFullError | None = None
    try:
        write_tables(tables, folder)
        lines.append(f"wrote {len(tables)} tables ({', '.join(tables)}) to {folder}")
        # Reports and figures show runs; where every cell failed, the failures are what there is to say.
        if not alone and any(benchmark.done()):
            from isptune.report import report_of_benchmark, write_report

            lines += _figures(benchmark)
            page = write_report(benchmark.directory / "report.html", report_of_benchmark(benchmark, tables))
            lines.append(f"wrote {page}")
    except DiskFullError as error:
        # What was found is printed all the same.
        full = error
    if alone and (benchmark.directory / "report.html").exists():
        click.echo(
            f"isptune: the figures and the report in {benchmark.directory} are those of an earlier call",
            err=True,
        )
    if as_json:
        click.echo(json.dumps({name: table.to_dict() for name, table in tables.items()}))
    else:
        for table in shown:
            if table in [tables.get(name) for name in ("misled", "guards", "holdout")]:
                click.echo(f"{table.title}:\n")
            print_markdown(table.columns, table.cells, table.text_columns)
            click.echo()
        click.echo("\n".join(lines))
    if full is not None:
        raise full


def _figures(benchmark: Benchmark) -> list[str]:
    """Draw what the benchmark has enough in it for; what was written, in a line."""
    from isptune import figures
    from isptune.figures.of_benchmark import NothingToDrawError

    folder = benchmark.directory / "figures"
    try:
        files, left_out = figures.save_benchmark_figures(benchmark, folder)
    except NothingToDrawError as error:
        files, left_out = [], [str(error)]
    for sentence in left_out:
        click.echo(f"left out: {sentence}", err=True)
    return [f"wrote {len(files)} figures to {folder}"] if files else []


def _progress(total: int) -> tuple[Bars, Callable[[int], None], Callable[[Event], None]]:
    """A bar over all cells, and what moves it: how many were done before, and what an engine tells."""
    from isptune.cli.live import Bars

    bars = Bars()
    # How far the cells are that run, and how many have ended.
    shares: dict[str, float] = {}
    ended = 0

    def start(done: int) -> None:
        nonlocal ended
        ended = done
        if done:
            click.echo(f"{done} of {total} cells are done already", err=True)
        bars.begin("cells", done, total)

    def show(event: Event) -> None:
        nonlocal ended
        name = event.cell.path.removeprefix("cells/")
        if event.outcome is not None:
            shares.pop(name, None)
            ended += 1
            bars.say(f"{ended} of {total}: {event.outcome.status} {name}")
        elif event.generations:
            shares[name] = event.generation / event.generations
        running = ", ".join(sorted(shares)[:3])
        bars.move("cells", round(ended + sum(shares.values()), 2), total, called=running)

    return bars, start, show
