"""Building a report: what it holds for single runs and for a benchmark, and writing it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from isptune.benchmark.cell_results import Benchmark, ended
from isptune.benchmark.grid import DEFAULT_NAME
from isptune.benchmark.targets import TARGETS
from isptune.errors import ConfigurationError
from isptune.report import facts, pareto_sections, sections
from isptune.report.comparison import add_pictures
from isptune.report.compute import by_objective, failed_card, in_order, median_record, slices, told_apart
from isptune.report.markup import (
    Cell,
    TableLike,
    cards,
    code,
    duration,
    paragraph,
    table,
    table_of,
    text,
)
from isptune.report.page import Page
from isptune.report.pareto import column_records
from isptune.report.records import Record, read_record, records_of_benchmark, variant_word
from isptune.report.sections import lead_of_truth
from isptune.runs.directory import CONFIG_NAME
from isptune.storage.paths import shown
from isptune.storage.writing import write_whole
from isptune.wording.naming import listed
from isptune.wording.words import L1, NORMALISED_L1, in_words


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
    for index, folder in enumerate(folders):
        if folder.resolve() in [other.resolve() for other in folders[:index]]:
            raise ConfigurationError(f"the run directory '{folder}' is given twice")
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
    page = Page(title, _lead_of_runs(records), objectives)
    page.add("overview", "Overview", _cards(records) + (_runs_table(records) if several else ""))
    _add_parts(page, records, TARGETS)
    _add_making_of_runs(page, records)
    return page.to_html()


def _report_of_front(record: Record) -> str:
    """The report of one run of several objectives."""
    labels = list(record.scores)
    title = f"Tuning report: {listed(labels, 4)} on {record.scene}"
    # The colour after those of the objectives is the best compromise's.
    page = Page(title, pareto_sections.lead(record), [*labels, record.objective])
    page.add("overview", "Overview", pareto_sections.front_cards(record))
    columns = column_records(record)
    add_pictures(page, [record])
    pareto_sections.add_front(page, record)
    pareto_sections.add_front_convergence(page, record, columns)
    sections.add_levels(page, [record])
    sections.add_truth(page, columns)
    pareto_sections.add_trade_offs(page, record, columns)
    _add_making_of_runs(page, [record])
    return page.to_html()


def report_of_benchmark(benchmark: Benchmark, tables: Mapping[str, TableLike] | None = None) -> str:
    """The report of a benchmark.

    Args:
        benchmark: its configuration and runs; those that are not done are counted, and left out otherwise.
        tables: by name, as ``isptune.benchmark.benchmark_tables`` makes them. ``summary`` goes to the top;
            ``misled`` and ``failures`` follow it.

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
    page = Page(f"Benchmark report: {name}", _lead_of_benchmark(benchmark, records), objectives)
    left = dict(tables or {})
    top = [
        table_of(_median_first(left.pop(key)), f"table-{key}")
        for key in ("summary", "misled", "failures")
        if key in left
    ]
    page.add("overview", "Overview", _cards(records, benchmark) + "".join(top))
    targets = [float(target) for target in benchmark.config.get("targets") or TARGETS]
    _add_parts(page, records, targets)
    others = "".join(table_of(_median_first(source), f"table-{key}") for key, source in left.items())
    page.add("tables", "Tables", others)
    _add_making_of_benchmark(page, benchmark, records)
    return page.to_html()


@dataclass(frozen=True)
class _Arranged:
    """A table whose columns stand in another order."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def _median_first(source: TableLike) -> TableLike:
    """Counts after the median, which is what narrow screens shall show, and quantities in words."""
    if "median" not in source.columns:
        return source
    last = [name for name in source.columns if name in ("runs", "missing")]
    order = [source.columns.index(name) for name in [*(n for n in source.columns if n not in last), *last]]
    rows = [[_words(row[place]) for place in order] for row in source.rows]
    return _Arranged(source.title, [source.columns[place] for place in order], rows)


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
    add_pictures(page, records)
    sections.add_convergence(page, records, parts)
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


def _lead_of_runs(records: Sequence[Record]) -> str:
    if len(records) > 1:
        best = _median_losses(records)
        sentence = f"{len(records)} runs of {listed(in_order(records, lambda r: r.objective), 4)}."
        return sentence + (f" Median normalised l1: {best}." if best else "")
    record = records[0]
    sentence = (
        f"{record.optimizer} found {record.objective} {record.score:.4g} within "
        f"{len(record.history):,} evaluations."
    )
    if record.l1_normalised is not None:
        sentence += f" {lead_of_truth(record)}"
    return sentence


def _lead_of_benchmark(benchmark: Benchmark, records: Sequence[Record]) -> str:
    sentence = f"{ended(benchmark)}."
    best = _median_losses(records)
    return sentence + (f" Median normalised l1, the lowest first: {best}." if best else "")


def _median_losses(records: Sequence[Record]) -> str:
    """Objectives with their median losses, the lowest first; nothing without a truth."""
    from statistics import median

    losses: list[tuple[float, str]] = []
    for objective, group in by_objective(records).items():
        known = [record.l1_normalised for record in group if record.l1_normalised is not None]
        if known:
            losses.append((median(known), objective))
    return listed([f"{objective} ({loss:.3g})" for loss, objective in sorted(losses)], 3)


def _cards(records: Sequence[Record], benchmark: Benchmark | None = None) -> str:
    """A few figures in large type."""
    seconds = sum(record.seconds for record in records)
    evaluations = sum(len(record.history) for record in records)
    facts_shown: list[tuple[str, str]] = []
    if len(records) == 1 and benchmark is None:
        record = records[0]
        facts_shown.append((f"best {record.objective}", f"{record.score:.4g}"))
        if record.l1_normalised is not None:
            facts_shown.append((NORMALISED_L1, f"{record.l1_normalised:.3g}"))
            facts_shown.append((L1, f"{record.l1:.3g}"))
        facts_shown.append((f"optimizer, seed {record.seed}", record.optimizer))
    else:
        runs = f"{len(records):,}" if benchmark is None else f"{len(records):,} of {len(benchmark.runs):,}"
        facts_shown.append(("runs", runs))
        for label, labels in (
            ("objective", in_order(records, lambda record: record.objective)),
            ("optimizer", in_order(records, lambda record: record.optimizer)),
            ("scene", in_order(records, lambda record: record.scene)),
            (variant_word(records), in_order(records, lambda record: record.variant)),
        ):
            # Runs of one objective that differ in their settings have names of their own.
            many = "kinds of run" if label == "objective" and benchmark is None else f"{label}s"
            facts_shown.append((label, labels[0]) if len(labels) == 1 else (many, f"{len(labels)}"))
    facts_shown += [("evaluations", f"{evaluations:,}"), *failed_card(records), ("time", duration(seconds))]
    return cards(facts_shown)


def _runs_table(records: Sequence[Record]) -> str:
    heads = ["run", "objective", "optimizer", "scene", "seed", "evaluations", "seconds", "best score"]
    rows: list[list[Cell]] = [
        [r.name, r.objective, r.optimizer, r.scene, r.seed, len(r.history), r.seconds, r.score]
        for r in records
    ]
    if any(record.knows_truth for record in records):
        heads += [L1, NORMALISED_L1]
        for row, record in zip(rows, records, strict=True):
            row += [record.l1, record.l1_normalised]
    return table("Runs", heads, rows, "runs-table")


def _add_making_of_runs(page: Page, records: Sequence[Record]) -> None:
    """The commands, configurations and versions of runs."""
    content = []
    for record in records:
        assert record.run is not None
        data = record.run.data
        label = f"of {record.name}"
        parts = [
            _again(record, label),
            "<details><summary>Configuration</summary>"
            + code(facts.configuration_text(data), f"Configuration {label}", copy=True)
            + "</details>",
        ]
        if len(records) == 1:
            content += parts
        else:
            content.append(f"<details><summary>{text(record.name)}</summary>{''.join(parts)}</details>")
    if len(records) > 1:
        content.insert(0, paragraph("What makes each run again, and its configuration."))
    assert records[0].run is not None
    content.append(_machine_tables(records[0].run.data))
    page.add("making", "Making it again", "".join(content))


def _again(record: Record, label: str) -> str:
    """The command that makes a run again, or what does where no command can."""
    run = record.run
    assert run is not None
    if run.data.get("started_from") == "python" and run.data.get("objects"):
        return paragraph(
            "The run was started from Python with objects that no name stands for: the same call of "
            "isptune.tune makes it again."
        )
    out = record.directory.with_name(f"{record.directory.name}-again")
    command = facts.tune_command(run.config, record.directory / CONFIG_NAME, out, run.description.own_scenes)
    return paragraph("This command makes the run again.") + code(command, f"Command {label}", copy=True)


def _add_making_of_benchmark(page: Page, benchmark: Benchmark, records: Sequence[Record]) -> None:
    """The command, the configuration and the versions of a benchmark."""
    data = dict(benchmark.config)
    run = median_record(records).run
    # That of one run says nothing of the benchmark.
    noted = {} if run is None else {key: value for key, value in run.data.items() if key != "fingerprint"}
    content = [
        paragraph("With the configuration below as bench.yaml, this command makes the benchmark again."),
        code("isptune bench bench.yaml --out again", "Command of the benchmark", copy=True),
        "<details open><summary>Configuration</summary>",
        code(facts.configuration_text(data), "Configuration of the benchmark", copy=True),
        "</details>",
        _machine_tables(noted),
    ]
    page.add("making", "Making it again", "".join(content))


def _machine_tables(noted: Mapping[str, object]) -> str:
    parts = []
    versions = facts.versions(noted)
    if versions:
        parts.append(table("Versions", ["package", "version"], versions, "versions-table"))
    title, rows = facts.machine(noted)
    parts.append(table(title, ["part", "what it is"], rows, "machine-table"))
    return f'<div class="grid">{"".join(parts)}</div>'
