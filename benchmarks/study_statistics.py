"""Statistics of studies with people: designs, scales, intervals, active sampling, screening, and their times.

``python benchmarks/study_statistics.py`` writes ``benchmarks/study_statistics/study_statistics.md`` and the
numbers behind it as JSON. Observers are simulated: 100 images, taste 0.5, the range of quality in standard
deviations of a difference.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from isptune.iqa.evaluation.correlations import srcc
from isptune.storage.writing import write_whole
from isptune.wording.text_tables import markdown_table
from isptune_study import BRADLEY_TERRY, Answers, People, count_wins, create_design, fit
from isptune_study.agreement import agreement
from isptune_study.matchings import random_rounds
from isptune_study.screening import screen
from isptune_study.sides import balanced_sides
from isptune_study.simulated_studies import simulate_study
from isptune_study.simulation import preference, qualities_over

OUT = Path(__file__).with_suffix("")
IMAGES, OPPONENTS, OBSERVERS = 100, 9, 15
TASTE = People(taste=0.5)
BOOTSTRAPPED = 5
OTHERS = ("random", "reversed", "half-random", "left")


def study(
    seed: int,
    span: float,
    people: People = TASTE,
    design: str = "random",
    observers: int = OBSERVERS,
    shared: bool = False,
    others: tuple[str, ...] = (),
) -> tuple[np.ndarray, Answers]:
    """A simulated study and the true qualities."""
    qualities = qualities_over(IMAGES, span, np.random.default_rng(seed))
    plan = create_design(design, IMAGES, OPPONENTS, seed=seed, shared=shared)
    return qualities, simulate_study(qualities, plan, [*["honest"] * observers, *others], people, seed=seed)


def recovery(studies: int, span: float) -> list[dict[str, Any]]:
    """How well order and truth come back, and how many intervals hold it; the bootstrap in the first five."""
    rows = []
    for shared in (False, True):
        found: dict[str, list[float]] = {}
        for seed in range(studies):
            qualities, answers = study(seed, span, shared=shared)
            scale, other = fit(answers), fit(answers, BRADLEY_TERRY)
            wins, agreed = count_wins(answers, scale), agreement(answers)
            truth = TASTE.expected(qualities)
            counts = OPPONENTS / (IMAGES - 1) * (preference(qualities, TASTE).sum(axis=1) - 0.5)
            one = {
                "srcc_thurstone": srcc(scale.positions, qualities),
                "srcc_bradley_terry": srcc(other.positions, qualities),
                "srcc_mos": srcc(wins.mos, qualities),
                "coverage_scale": np.mean(np.abs(scale.positions - truth) <= scale.half_widths),
                "coverage_mos": np.mean(np.abs(wins.mos - counts) <= wins.half_widths),
                "half_width_mos": wins.half_widths.mean(),
                "half_width_jod": scale.half_widths.mean() * scale.law.jod,
                "kendall_w": agreed.kendall_w,
                "alpha": agreed.alpha,
                "split_half": agreed.split_half,
            }
            if seed < BOOTSTRAPPED:
                boot = fit(answers, intervals="bootstrap")
                one["coverage_bootstrap"] = np.mean(np.abs(boot.positions - truth) <= boot.half_widths)
            for name, value in one.items():
                found.setdefault(name, []).append(float(value))
        means = {name: statistics.mean(values) for name, values in found.items()}
        rows.append({"range": span, "pairs": "same" if shared else "own", **means})
    return rows


def designs(studies: int) -> list[dict[str, Any]]:
    """SRCC of Thurstone's scale by design and observers, at a range of 6 without taste."""
    rows = []
    for name in ("random", "balanced", "swiss", "active"):
        row: dict[str, Any] = {"design": name}
        for observers in (1, 2, 3, 5):
            values = []
            for seed in range(studies):
                qualities, answers = study(seed, 6.0, People(taste=0.0), name, observers)
                values.append(srcc(fit(answers).positions, qualities))
            row[f"observers_{observers}"] = statistics.mean(values)
        rows.append(row)
    return rows


def screening(honest: int, span: float) -> list[dict[str, Any]]:
    """Shares of observers who are flagged, by what they do; each study has one of each kind of others."""
    rows = []
    flagged = {kind: [0, 0] for kind in ("honest", *OTHERS)}
    seed = 0
    while flagged["honest"][1] < honest:
        people = People(taste=0.5, lapses=0.02, sensitivity=0.15)
        _, answers = study(1000 + seed, span, people, others=OTHERS)
        kinds = [*["honest"] * OBSERVERS, *OTHERS]
        for kind, one in zip(kinds, screen(answers), strict=True):
            flagged[kind][0] += one.flagged
            flagged[kind][1] += 1
        seed += 1
    for kind, (count, total) in flagged.items():
        rows.append({"range": span, "observers": kind, "flagged": count, "of": total, "share": count / total})
    return rows


def seconds(work: Callable[[], object], times: int) -> float:
    """The median time of a call after a warm-up."""
    work()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def timings() -> list[dict[str, Any]]:
    """Milliseconds of a design's pairs and sides, of a fit with intervals and of an active round."""
    rows = []
    for count, times in ((100, 9), (1000, 3)):
        generator = np.random.default_rng(0)

        def pairs(count: int = count, generator: np.random.Generator = generator) -> object:
            return balanced_sides(count, np.vstack(random_rounds(count, OPPONENTS, generator)), generator)

        qualities = qualities_over(count, 6.0, generator)
        design = create_design("random", count, OPPONENTS)
        answers = simulate_study(qualities, design, ["honest"] * OBSERVERS, TASTE)
        active = create_design("active", count, OPPONENTS)
        some = answers.where(answers.observer < 3)
        # The bound methods take what stands above as it is in this turn.
        rows.append(
            {
                "images": count,
                "pairs_ms": 1e3 * seconds(pairs, times),
                "fit_ms": 1e3 * seconds(lambda answers=answers: fit(answers), times),
                "active_ms": 1e3 * seconds(lambda some=some, active=active: active.round(0, 0, some), times),
            }
        )
    return rows


def table(rows: list[dict[str, Any]], digits: int = 3) -> str:
    """Rows as Markdown."""
    head = [*rows[0]]

    def cell(value: Any) -> str:
        return f"{value:.{digits}f}" if isinstance(value, float) else str(value)

    names = [name.replace("_", " ") for name in head]
    left = 0 if isinstance(rows[0][head[0]], int | float) else 1
    return markdown_table(names, [[cell(row[name]) for name in head] for row in rows], left)


def report(found: dict[str, Any], studies: int) -> str:
    """The page."""
    sizes = f"{IMAGES} images, {OPPONENTS} opponents each, {IMAGES * OPPONENTS // 2} pairs an observer"
    return (
        "\n\n".join(
            [
                "# Statistics of studies with people",
                f"Simulated observers with taste 0.5; {sizes}. Made by `python "
                "benchmarks/study_statistics.py`.",
                f"## Recovery and intervals: {OBSERVERS} observers, means of {studies} studies",
                "`own`: each observer has pairs of its own; `same`: all compare the same ones. Coverage is "
                "the share of 95% intervals that hold what very many observers of this kind would say.",
                *(
                    table(
                        [
                            {key: row[key] for key in ("range", "pairs", *keys)}
                            for row in [*found["recovery-3"], *found["recovery-6"]]
                        ]
                    )
                    for keys in (
                        ("srcc_thurstone", "srcc_bradley_terry", "srcc_mos"),
                        (
                            "coverage_scale",
                            "coverage_bootstrap",
                            "coverage_mos",
                            "half_width_mos",
                            "half_width_jod",
                        ),
                        ("kendall_w", "alpha", "split_half"),
                    )
                ),
                "## Designs: SRCC of Thurstone's scale by number of observers, range 6, no taste",
                table(found["designs"], 4),
                "## Screening: observers that are flagged",
                "Taste 0.5, 2% lapses, noise that differs by 15% between observers; in each study 15 honest "
                "observers and one of each other kind.",
                table([*found["screening-3"], *found["screening-6"]], 4),
                "## Times",
                "Milliseconds on two cores that did nothing else: pairs and sides of one observer; a "
                "fit with intervals of 15 observers; the next round of an active design after 3 observers.",
                table(found["timings"], 1),
            ]
        )
        + "\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--honest", type=int, default=2000, help="observers who are screened, of each range")
    parser.add_argument("--parts", nargs="*", help="measure these again; by default those that are not there")
    given = parser.parse_args()
    parts: dict[str, Callable[[], object]] = {
        "recovery-3": lambda: recovery(given.studies, 3.0),
        "recovery-6": lambda: recovery(given.studies, 6.0),
        "designs": lambda: designs(given.studies),
        "screening-3": lambda: screening(given.honest, 3.0),
        "screening-6": lambda: screening(given.honest, 6.0),
        "timings": timings,
    }
    OUT.mkdir(exist_ok=True)
    for name, work in parts.items():
        file = OUT / f"{name}.json"
        if name in given.parts if given.parts else not file.exists():
            write_whole(file, json.dumps(work(), indent=1) + "\n")
    files = {name: OUT / f"{name}.json" for name in parts}
    if all(file.exists() for file in files.values()):
        text = report({name: json.loads(file.read_text()) for name, file in files.items()}, given.studies)
        write_whole(OUT / "study_statistics.md", text)
        print(text)


if __name__ == "__main__":
    main()
