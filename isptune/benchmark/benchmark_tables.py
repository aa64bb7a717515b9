"""The tables of a benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from isptune.benchmark.cell_results import DONE, FAILED, Benchmark
from isptune.benchmark.gaming import gaming
from isptune.benchmark.paired_tests import ALPHA, compare_objectives, least_p
from isptune.benchmark.rank_agreement import rank_agreement
from isptune.benchmark.summaries import Quantity, group_runs, knows_truth, measured, summarise, value_of
from isptune.benchmark.table import Entry, Table
from isptune.benchmark.targets import TARGETS, TargetHits, check_targets, seconds_per_evaluation, target_hits
from isptune.iqa.evaluation.evaluating import check_settings
from isptune.iqa.evaluation.resampling import Estimate
from isptune.tuning.misled import MISLED
from isptune.wording.words import in_words

NO_FINITE_SCORE = "no score was finite"

# Of five runs, 5.8% of all resamples have the lowest one as their median; of six, 0.9%.
_ENOUGH = 6

# Of the median that stands before them.
INTERVAL = ("95% low", "95% high")


def benchmark_tables(
    benchmark: Benchmark, targets: Sequence[float] = TARGETS, seed: int = 0, *, bootstrap: int = 1000
) -> dict[str, Table]:
    """All tables of a benchmark.

    Without hidden truth only the tables marked with an asterisk are made, and they are of scores. All but
    ``timings`` are the same to the last bit for the same runs and seed.

    Args:
        benchmark: its runs.
        targets: of ``l1_normalised``.
        seed: of the bootstrap.
        bootstrap: resamples of the intervals; 0 leaves them empty.

    Returns:
        By name: ``summary``*: what each objective reached. ``optimizers``*: the same by objective and
        optimizer, where there are several. ``scenes``*: medians by objective and scene. ``comparison``:
        objectives against one another, where there are several. ``targets``: evaluations to targets.
        ``agreement``: rank correlations of score and hidden loss. ``gaming``: scores that improve while the
        loss rises. ``guards``*: what guards doubted, where runs have any. ``holdout``*: whether gains carry
        over to held-out scenes, where runs have any. ``misled``: runs that ended with a better score and more
        distortion than they began, where any did. ``failures``*: cells that failed, where any did.
        ``timings``*: seconds.

    Raises:
        ConfigurationError: targets that are not positive or stand twice, options out of range.
    """
    check_settings(bootstrap, seed)
    check_targets(targets)
    truth = knows_truth(benchmark)
    quantities = ["l1_normalised", "l1"] if truth else ["score"]
    several = [name for name in ("objective", "optimizer") if len(group_runs(benchmark.runs, [name])) > 1]
    tables = {"summary": _summary_table(benchmark, quantities, ["objective"], bootstrap, seed)}
    if "optimizer" in several:
        factors = ["objective", "optimizer"]
        tables["optimizers"] = _summary_table(benchmark, quantities, factors, bootstrap, seed)
    tables["scenes"] = _scenes_table(benchmark, quantities[0])
    if truth:
        if "objective" in several:
            tables["comparison"] = _comparison_table(benchmark, bootstrap, seed)
        tables["targets"] = _targets_table(target_hits(benchmark, targets))
        tables["agreement"] = _agreement_table(benchmark, bootstrap, seed)
        tables["gaming"] = _gaming_table(benchmark, bootstrap, seed)
        misled = _misled_table(benchmark, several)
        if misled.rows:
            tables["misled"] = misled
    guards = _guards_table(benchmark, several)
    if guards.rows:
        tables["guards"] = guards
    holdout = _holdout_table(benchmark, several)
    if holdout.rows:
        tables["holdout"] = holdout
    failures = _failures_table(benchmark)
    if failures.rows:
        tables["failures"] = failures
    tables["timings"] = _timings_table(benchmark, targets if truth else ())
    return tables


def _summary_table(
    benchmark: Benchmark, quantities: Sequence[str], by: Sequence[str], bootstrap: int, seed: int
) -> Table:
    rows: list[list[Entry]] = []
    fewest = np.inf
    for quantity in quantities:
        for one in summarise(benchmark, by, quantity, bootstrap=bootstrap, seed=seed):
            fewest = min(fewest, one.runs)
            group = [str(level) for level in one.group]
            spread = [one.best, one.lower, one.upper, one.worst, one.mean]
            rows.append([*group, quantity, one.runs, one.missing, *_cells(one.median), *spread])
    heads = ["median", *INTERVAL, "best", "lower quartile", "upper quartile", "worst", "mean"]
    title = "What the best-scored candidates reached, per " + " and ".join(by)
    if bootstrap and fewest < _ENOUGH and len(group_runs(benchmark.runs, ["scene"])) == 1:
        title += f"; with fewer than {_ENOUGH} runs an interval is their whole range"
    return Table(title, [*by, "quantity", "runs", "missing", *heads], rows)


def _scenes_table(benchmark: Benchmark, quantity: str) -> Table:
    objectives = [str(group[0]) for group in group_runs(benchmark.runs, ["objective"])]
    scenes = [str(group[0]) for group in group_runs(benchmark.runs, ["scene"])]
    medians = {
        one.group: one.median.value
        for one in summarise(benchmark, ["objective", "scene"], quantity, bootstrap=0)
    }
    rows: list[list[Entry]] = [
        [objective, *(medians.get((objective, scene)) for scene in scenes)] for objective in objectives
    ]
    return Table(f"Median {in_words(quantity)} per objective and scene", ["objective", *scenes], rows)


def _comparison_table(benchmark: Benchmark, bootstrap: int, seed: int) -> Table:
    found = compare_objectives(benchmark, bootstrap=bootstrap, seed=seed)
    title = "Paired normalised l1 of the first objective minus that of the second (Wilcoxon signed-rank test)"
    if (least := least_p([one.pairs for one in found])) >= ALPHA:
        title += f"; no p (Holm) can be less than {least:.2g} with so few pairs"
    rows: list[list[Entry]] = [
        [
            *(one.first, one.second, one.winner or "undecided"),
            *(one.pairs, one.left_out, one.wins, one.losses, one.ties),
            *(*_cells(one.difference), one.p, one.p_holm),
        ]
        for one in found
    ]
    counts = ["pairs", "left out", "first lower", "second lower", "equal"]
    end = ["median difference", *INTERVAL, "p", "p (Holm)"]
    return Table(title, ["first", "second", "better", *counts, *end], rows)


def _targets_table(hits: Sequence[TargetHits]) -> Table:
    rows: list[list[Entry]] = [
        [
            *(str(one.group[0]), one.target, one.runs, one.reached, one.share),
            *(one.median_evaluations, one.expected_evaluations),
        ]
        for one in hits
    ]
    return Table(
        "Evaluations until the best-scored candidate's normalised l1 is at or below a target",
        ["objective", "target", "runs", "reached", "share", "median evaluations", "expected evaluations"],
        rows,
    )


def _agreement_table(benchmark: Benchmark, bootstrap: int, seed: int) -> Table:
    return _medians_table(
        benchmark,
        "Rank correlation of score and normalised l1 over a run's evaluations, medians over runs",
        {
            "SRCC": measured(rank_agreement, "overall"),
            "SRCC of the last quarter": measured(rank_agreement, "late"),
        },
        bootstrap,
        seed,
    )


def _gaming_table(benchmark: Benchmark, bootstrap: int, seed: int) -> Table:
    return _medians_table(
        benchmark,
        "What improvements of the score did to the normalised l1, medians over runs",
        {
            "gaming index": measured(gaming, "index"),
            "rises": measured(gaming, "rises"),
            "falls": measured(gaming, "falls"),
            "regret": measured(gaming, "regret"),
        },
        bootstrap,
        seed,
    )


def _misled_table(benchmark: Benchmark, by: Sequence[str]) -> Table:
    """Groups of runs of which one at least ended with a better score and more distortion than it began."""
    by = by or ["objective"]
    rows: list[list[Entry]] = []
    for group, runs in group_runs(benchmark.runs, by).items():
        known = [run for run in runs if run.misled is not None]
        count = sum(bool(run.misled) for run in known)
        if count:
            rows.append([*map(str, group), len(known), count])
    title = f"Runs that tuned the wrong way: {MISLED}, against the middle of the search space"
    return Table(title, [*by, "runs", "misled"], rows)


def _guards_table(benchmark: Benchmark, by: Sequence[str]) -> Table:
    """Groups of runs with guards: what these doubted."""
    by = by or ["objective"]
    rows: list[list[Entry]] = []
    for group, runs in group_runs(benchmark.runs, by).items():
        found = [run.guard for run in runs if run.guard]
        if found:
            guards = dict.fromkeys(label for one in found for label in one["by"])
            doubted = [one["doubted"] / max(1, one["of"]) for one in found]
            best = sum(bool(one["best_doubted_by"]) for one in found)
            rows.append([*map(str, group), "+".join(guards), len(found), float(np.median(doubted)), best])
    title = (
        "Candidates that guards doubted (median share over runs), and runs whose best candidate they doubt"
    )
    return Table(title, [*by, "guard", "runs", "doubted", "best doubted"], rows)


def _holdout_table(benchmark: Benchmark, by: Sequence[str]) -> Table:
    """Groups of runs with scenes that only judge: their gains, and how many do not carry over."""
    by = by or ["objective"]
    rows: list[list[Entry]] = []
    for group, runs in group_runs(benchmark.runs, by).items():
        found = [run.holdout for run in runs if run.holdout]
        if found:
            gains = [one["gains"][0] for one in found]
            medians = [float(np.median([one[key] for one in gains])) for key in ("tuned", "held_out")]
            bad = sum(one["carries_over"] is False for one in found)
            rows.append([*map(str, group), len(found), *medians, bad])
    title = (
        "Gains on tuned and on held-out scenes (medians over runs), and runs whose gain does not carry over"
    )
    return Table(title, [*by, "runs", "gain, tuned", "gain, held out", "not carried over"], rows)


def _medians_table(
    benchmark: Benchmark, title: str, statistics: Mapping[str, Quantity], bootstrap: int, seed: int
) -> Table:
    """Medians of statistics per objective, each over the runs that have it."""
    rows: list[list[Entry]] = []
    for name, quantity in statistics.items():
        for one in summarise(benchmark, quantity=quantity, bootstrap=bootstrap, seed=seed):
            rows.append([str(one.group[0]), name, one.runs, *_cells(one.median)])
    return Table(title, ["objective", "statistic", "runs", "median", *INTERVAL], rows)


def _failures_table(benchmark: Benchmark) -> Table:
    rows: list[list[Entry]] = []
    for run in benchmark.runs:
        cell = run.cell
        error = run.error or ""
        if run.status == DONE and value_of(run, "score") is None:
            error = NO_FINITE_SCORE
        elif run.status != FAILED:
            continue
        rows.append([cell.objective, cell.optimizer, cell.scene, cell.variant, str(cell.seed), error])
    heads = ["objective", "optimizer", "scene", benchmark.word, "seed", "error"]
    return Table("Cells that failed", heads, rows)


def _timings_table(benchmark: Benchmark, targets: Sequence[float]) -> Table:
    """Per objective; seconds to a target are the median over the finished runs."""
    seconds = {
        (str(one.group[0]), one.target): one.median_seconds
        for one in (target_hits(benchmark, targets) if targets else [])
    }
    rows: list[list[Entry]] = []
    for (objective, *_), runs in group_runs(benchmark.runs, ["objective"]).items():
        done = [run for run in runs if run.status == DONE]
        each = np.array([seconds_per_evaluation(run) for run in done])
        each = each[np.isfinite(each)]
        rows.append(
            [
                str(objective),
                len(done),
                sum(run.evaluations for run in done),
                sum(run.seconds for run in done),
                float(np.median(each)) if each.size else None,
                *(seconds[str(objective), target] for target in targets),
            ]
        )
    heads = ["objective", "runs", "evaluations", "seconds", "seconds per evaluation"]
    return Table(
        "Wall time of the finished runs, medians where it is not a total",
        [*heads, *(f"seconds to {target:g}" for target in targets)],
        rows,
    )


def _cells(estimate: Estimate) -> list[Entry]:
    return [estimate.value, estimate.low, estimate.high]
