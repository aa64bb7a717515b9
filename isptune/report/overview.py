"""The head of a report: the result in a sentence or two, and a few figures in large type."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from isptune.benchmark.cell_results import Benchmark, ended
from isptune.figures.records import Record, by_objective, in_order, variant_word
from isptune.figures.shown_numbers import Cell, duration
from isptune.report.page import Table
from isptune.runs.history import History
from isptune.wording.naming import listed
from isptune.wording.words import L1, NORMALISED_L1


def lead_of_runs(records: Sequence[Record]) -> str:
    if len(records) > 1:
        best = _median_losses(records)
        sentence = f"{len(records)} runs of {listed(in_order(records, lambda r: r.objective), 4)}."
        return sentence + (f" Median normalised l1: {best}." if best else "")
    record = records[0]
    sentence = (
        f"{record.optimizer} found {record.objective} {record.score:.4g} within {_effort(record.history)}."
    )
    if record.default_scores:
        (default,) = record.default_scores.values()
        sentence += f" The defaults have {default:.4g}."
    if record.l1_normalised is not None:
        sentence += f" {_lead_of_truth(record)}"
    return sentence + _lead_of_guards(record)


def _effort(history: History) -> str:
    """How many evaluations there were; of races in full ones."""
    if history.dropped is None:
        return f"{len(history):,} evaluations"
    return f"{history.spent:,.0f} full evaluations of {len(history):,} candidates"


def _lead_of_guards(record: Record) -> str:
    """What guards said of the candidates, and what was added to the loss of the best one."""
    notes = [] if record.run is None else record.run.result.notes
    return "".join(f" {note[0].upper()}{note[1:]}." for note in notes)


def _lead_of_truth(record: Record) -> str:
    """How much distortion is left."""
    assert record.l1_normalised is not None
    share = f"{100 * record.l1_normalised:.3g} %"
    return (
        f"Its {NORMALISED_L1} is {record.l1_normalised:.3g}: {share} of the stages' highest levels are left."
    )


def lead_of_front(record: Record) -> str:
    """The result of a run of several objectives in a few sentences."""
    count = len(record.history.pareto)
    scores = listed([f"{label} {score:.4g}" for label, score in record.scores.items()], len(record.scores))
    sentence = (
        f"Of {_effort(record.history)} by {record.optimizer}, {count:,} "
        f"{'are' if count > 1 else 'is'} on the front: no other is better in one objective without being "
        f"worse in another. The best compromise has {scores}."
    )
    sentence = sentence if record.l1_normalised is None else f"{sentence} {_lead_of_truth(record)}"
    return sentence + _lead_of_guards(record)


def lead_of_benchmark(benchmark: Benchmark, records: Sequence[Record]) -> str:
    sentence = f"{ended(benchmark)}."
    best = _median_losses(records)
    return sentence + (f" Median normalised l1, the lowest first: {best}." if best else "")


def _median_losses(records: Sequence[Record]) -> str:
    """Objectives with their median losses, the lowest first; nothing without a truth."""
    losses: list[tuple[float, str]] = []
    for objective, group in by_objective(records).items():
        known = [record.l1_normalised for record in group if record.l1_normalised is not None]
        if known:
            losses.append((median(known), objective))
    return listed([f"{objective} ({loss:.3g})" for loss, objective in sorted(losses)], 3)


def cards(records: Sequence[Record], benchmark: Benchmark | None = None) -> list[tuple[str, str]]:
    """A few figures in large type."""
    if len(records) == 1 and benchmark is None:
        record = records[0]
        return [
            (f"best {record.objective}", f"{record.score:.4g}"),
            *((f"{label} of the defaults", f"{score:.4g}") for label, score in record.default_scores.items()),
            *_truth_cards(record),
            *_run_cards(record),
        ]
    runs = f"{len(records):,}" if benchmark is None else f"{len(records):,} of {len(benchmark.runs):,}"
    facts = [("runs", runs)]
    for label, labels in (
        ("objective", in_order(records, lambda record: record.objective)),
        ("optimizer", in_order(records, lambda record: record.optimizer)),
        ("scene", in_order(records, lambda record: record.scene)),
        (variant_word(records), in_order(records, lambda record: record.variant)),
    ):
        # Runs of one objective that differ in their settings have names of their own.
        many = "kinds of run" if label == "objective" and benchmark is None else f"{label}s"
        facts.append((label, labels[0]) if len(labels) == 1 else (many, f"{len(labels)}"))
    return facts + _effort_cards(records)


def cards_of_front(record: Record) -> list[tuple[str, str]]:
    """The best compromise and the front in a few figures."""
    facts = [(f"{label} of the best compromise", f"{score:.4g}") for label, score in record.scores.items()]
    facts.append(("candidates on the front", f"{len(record.history.pareto):,}"))
    return [*facts, *_truth_cards(record), *_run_cards(record)]


def _truth_cards(record: Record) -> list[tuple[str, str]]:
    if record.l1_normalised is None:
        return []
    return [(NORMALISED_L1, f"{record.l1_normalised:.3g}"), (L1, f"{record.l1:.3g}")]


def _run_cards(record: Record) -> list[tuple[str, str]]:
    return [(f"optimizer, seed {record.seed}", record.optimizer), *_effort_cards([record])]


def _effort_cards(records: Sequence[Record]) -> list[tuple[str, str]]:
    candidates = sum(len(record.history) for record in records)
    dropped = [record.history.dropped for record in records if record.history.dropped is not None]
    if dropped:
        spent = sum(record.history.spent for record in records)
        facts = [("full evaluations", f"{spent:,.0f}"), ("candidates", f"{candidates:,}")]
        facts.append(("dropped by races", f"{sum(int(one.sum()) for one in dropped):,}"))
    else:
        facts = [("evaluations", f"{candidates:,}")]
    if failed := sum(record.history.failed for record in records):
        facts.append(("of these failed", f"{failed:,}"))
    doubted = [record.history.doubted for record in records if record.history.doubted is not None]
    if doubted:
        facts.append(("doubted by guards", f"{sum(int(one.sum()) for one in doubted):,}"))
    return [*facts, ("time", duration(sum(record.seconds for record in records)))]


def runs_table(records: Sequence[Record]) -> Table:
    heads = ["run", "objective", "optimizer", "scene", "seed", "evaluations", "seconds", "best score"]
    rows: list[list[Cell]] = [
        [r.name, r.objective, r.optimizer, r.scene, r.seed, len(r.history), r.seconds, r.score]
        for r in records
    ]
    if any(record.knows_truth for record in records):
        heads += [L1, NORMALISED_L1]
        for row, record in zip(rows, records, strict=True):
            row += [record.l1, record.l1_normalised]
    if any(record.history.guard_labels for record in records):
        heads += ["guard", "doubted"]
        for row, record in zip(rows, records, strict=True):
            doubted = record.history.doubted
            guards = "+".join(record.history.guard_labels) or None
            row += [guards, None if doubted is None else int(doubted.sum())]
    held = [None if record.run is None else record.run.result.holdout for record in records]
    if any(held):
        heads += ["gain, tuned", "gain, held out", "carries over"]
        for row, one in zip(rows, held, strict=True):
            gain = None if one is None else one.gains[0]
            row += [None, None, None] if gain is None else [gain.tuned, gain.held_out, _yes_or_no(gain.why)]
    return Table("Runs", heads, rows)


def _yes_or_no(why: str) -> str:
    return "no" if why else "yes"
