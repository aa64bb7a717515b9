"""Building a report: what it holds for single runs and for a benchmark, and writing it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from isptune.benchmark.cell_results import Benchmark
from isptune.benchmark.grid import DEFAULT_NAME
from isptune.benchmark.targets import TARGETS
from isptune.benchmark.trust.card import cards_in
from isptune.benchmark.trust.page import cross_table, verdict_table
from isptune.errors import ConfigurationError
from isptune.figures.records import (
    Record,
    column_records,
    in_order,
    median_record,
    read_record,
    records_of_benchmark,
    slices,
    told_apart,
)
from isptune.figures.shown_numbers import Cell
from isptune.report import front_sections, making, overview, sections
from isptune.report.held_out_section import add_held_out
from isptune.report.maps_section import add_maps
from isptune.report.page import Page, Table
from isptune.runs.directory import CONFIG_NAME
from isptune.storage.paths import refuse_twice, shown
from isptune.storage.writing import write_whole
from isptune.wording.naming import listed
from isptune.wording.words import in_words


class TableLike(Protocol):
    """A table as statistics give it: a title, column headings, and rows as long as the headings."""

    @property
    def title(self) -> str: ...
    @property
    def columns(self) -> Sequence[str]: ...
    @property
    def rows(self) -> Sequence[Sequence[Cell]]: ...


def report_of_runs(directories: Iterable[str | Path]) -> str:
    """The report of one or several tuning runs.

    Args:
        directories: of runs that ``isptune tune`` wrote; those that are not finished count as far as their
            logs go.

    Returns:
        A whole HTML document, the same for the same runs.

    Raises:
        ConfigurationError: no directory is given, or one twice, or a run of several objectives beside others.
        RunDirectoryError: a directory holds no run that a report can be made of.
    """
    folders = [Path(directory) for directory in directories]
    if not folders:
        raise ConfigurationError("a report needs at least one run directory")
    refuse_twice(folders)
    records = [read_record(folder, name) for folder, name in zip(folders, _names(folders), strict=True)]
    several = len(records) > 1
    fronts = [record for record in records if record.has_front]
    if fronts and several:
        raise ConfigurationError(
            f"the run in '{fronts[0].directory}' has several objectives, "
            "and so a report of its own: give it alone"
        )
    if fronts:
        return _report_of_front(fronts[0])
    title = (
        f"Tuning report: {listed(in_order(records, lambda record: record.objective), 4)} "
        f"on {listed(in_order(records, lambda record: record.scene), 3)}"
    )
    if several:
        records = told_apart(records, [record.run.config for record in records if record.run is not None])
    objectives = in_order(records, lambda record: record.objective)
    page = Page(title, overview.lead_of_runs(records), objectives)
    tables = [("runs-table", overview.runs_table(records))] if several else []
    page.add("overview", "Overview", "overview.html", facts=overview.cards(records), tables=tables)
    _add_parts(page, records, TARGETS)
    _add_making_of_runs(page, records)
    return page.to_html()


def _report_of_front(record: Record) -> str:
    """The report of one run of several objectives."""
    labels = list(record.scores)
    title = f"Tuning report: {listed(labels, 4)} on {record.scene}"
    # The colour after those of the objectives is the best compromise's.
    page = Page(title, overview.lead_of_front(record), [*labels, record.objective])
    page.add("overview", "Overview", "overview.html", facts=overview.cards_of_front(record), tables=[])
    columns = column_records(record)
    sections.add_pictures(page, [record])
    add_maps(page, record)
    front_sections.add_front(page, record)
    front_sections.add_front_convergence(page, record, columns)
    add_held_out(page, record)
    sections.add_levels(page, [record])
    sections.add_truth(page, columns)
    front_sections.add_trade_offs(page, record, columns)
    _add_making_of_runs(page, [record])
    return page.to_html()


def report_of_benchmark(benchmark: Benchmark, tables: Mapping[str, TableLike] | None = None) -> str:
    """The report of a benchmark.

    Trust cards in its folder ``trust`` (``isptune bench trust NAME --out DIR/trust``) have a section.

    Args:
        benchmark: its configuration and runs; those that are not done are counted, and left out otherwise.
        tables: by name, as ``isptune.benchmark.benchmark_tables`` makes them. ``summary`` goes to the top;
            ``guards``, ``holdout``, ``misled`` and ``failures`` follow it.

    Returns:
        A whole HTML document, the same for the same benchmark and tables.

    Raises:
        RunDirectoryError: no run came to its end.
    """
    records = records_of_benchmark(benchmark)
    objectives = in_order(records, lambda record: record.objective)
    name = benchmark.config.get("name")
    if name in (None, DEFAULT_NAME):
        # Nobody called it so: its folder has a name.
        name = shown(benchmark.directory.resolve().name)
    page = Page(f"Benchmark report: {name}", overview.lead_of_benchmark(benchmark, records), objectives)
    made = {key: _median_first(source) for key, source in (tables or {}).items()}
    top = [
        (f"table-{key}", made.pop(key))
        for key in ("summary", "guards", "holdout", "misled", "failures")
        if key in made
    ]
    page.add("overview", "Overview", "overview.html", facts=overview.cards(records, benchmark), tables=top)
    targets = [float(target) for target in benchmark.config.get("targets") or TARGETS]
    _add_parts(page, records, targets)
    if made:
        rest = [(f"table-{key}", one) for key, one in made.items()]
        page.add("tables", "Tables", "tables.html", tables=rest)
    _add_trust(page, benchmark)
    _add_making_of_benchmark(page, benchmark, records)
    return page.to_html()


def _median_first(source: TableLike) -> Table:
    """Counts after the median, which is what narrow screens shall show, and quantities in words."""
    if "median" not in source.columns:
        return Table(source.title, source.columns, source.rows)
    last = [name for name in source.columns if name in ("runs", "missing")]
    names = [*(name for name in source.columns if name not in last), *last]
    order = [source.columns.index(name) for name in names]
    rows = [[_words(row[place]) for place in order] for row in source.rows]
    return Table(source.title, names, rows)


def _words(entry: Cell) -> Cell:
    return in_words(entry) if isinstance(entry, str) else entry


def write_report(path: str | Path, document: str) -> Path:
    """Write a report; the file appears whole or not at all.

    Raises:
        ConfigurationError: the path is a folder, or its folder is missing or cannot be written.
        DiskFullError: there is no room for it.
    """
    path = Path(path)
    if path.is_dir():
        raise ConfigurationError(f"'{path}' is a folder, where a file for the report is needed")
    if not path.parent.is_dir():
        raise ConfigurationError(f"'{path}': there is no folder '{path.parent}'")
    return write_whole(path, document, ConfigurationError)


def _add_parts(page: Page, records: Sequence[Record], targets: Sequence[float]) -> None:
    """What runs and benchmarks have in common."""
    parts = slices(records)
    sections.add_pictures(page, records)
    if len(records) == 1:
        add_maps(page, records[0])
    sections.add_convergence(page, records, parts)
    if len(records) == 1:
        add_held_out(page, records[0])
    sections.add_levels(page, records)
    sections.add_truth(page, records)
    sections.add_targets(page, records, parts, targets)
    sections.add_candidates(page, records)
    if len(records) == 1:
        sections.add_sensitivity(page, records[0])


def _names(folders: Sequence[Path]) -> list[str]:
    """The folders' own names where they differ, else as much of their paths as tells them apart."""
    resolved = [folder.resolve() for folder in folders]
    for depth in range(1, max(len(folder.parts) for folder in resolved) + 1):
        names = ["/".join(folder.parts[-depth:]) for folder in resolved]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in resolved]


def _add_making_of_runs(page: Page, records: Sequence[Record]) -> None:
    """The commands, configurations and versions of runs."""
    runs = []
    for record in records:
        assert record.run is not None
        configuration = making.configuration_text(record.run.data)
        runs.append({"name": record.name, "command": _command(record), "configuration": configuration})
    assert records[0].run is not None
    _add_making(page, records[0].run.data, runs=runs, benchmark="")


def _command(record: Record) -> str:
    """The command that makes a run again; empty where none can."""
    run = record.run
    assert run is not None
    if run.data.get("started_from") == "python" and run.data.get("objects"):
        return ""
    out = record.directory.with_name(f"{record.directory.name}-again")
    return making.tune_command(run.config, record.directory / CONFIG_NAME, out, run.description.own_scenes)


def _add_trust(page: Page, benchmark: Benchmark) -> None:
    """The trust cards that lie in the benchmark's folder ``trust``, side by side."""
    trusted = cards_in(benchmark.directory / "trust")
    if trusted:
        sources = {"table-trust": verdict_table(trusted), "table-judges": cross_table(trusted)}
        tables = [(key, _median_first(source)) for key, source in sources.items()]
        page.add("trust", "Trust cards", "tables.html", tables=tables)


def _add_making_of_benchmark(page: Page, benchmark: Benchmark, records: Sequence[Record]) -> None:
    """The command, the configuration and the versions of a benchmark."""
    run = median_record(records).run
    # That of one run says nothing of the benchmark.
    noted = {} if run is None else {key: value for key, value in run.data.items() if key != "fingerprint"}
    _add_making(page, noted, runs=[], benchmark=making.configuration_text(dict(benchmark.config)))


def _add_making(page: Page, noted: Mapping[str, Any], **context: Any) -> None:
    """A section with tables of what ``noted`` says of packages and the machine."""
    title, rows = making.machine(noted)
    page.add(
        "making",
        "Making it again",
        "making.html",
        versions=Table("Versions", ["package", "version"], making.versions(noted)),
        machine=Table(title, ["part", "what it is"], rows),
        **context,
    )
