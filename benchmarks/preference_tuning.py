"""Tuning by comparisons with simulated people: how near the hidden optimum a hundred answers lead.

``python benchmarks/preference_tuning.py`` writes ``benchmarks/preference_tuning/preference_tuning.md``. Each
search is a run of ``isptune.tune`` with the judge ``people``, whose page is replaced by simulated people, and
the optimizer ``preference`` or random pairs. The task: the synthetic pipeline with its coupled map, five
parameters, ten maps; 6 JOD for each whole fault; noise of one standard deviation of a difference (1.48 JOD),
"not sure" below half a JOD, 3% lapses. What counts is the candidate that the run names as the best.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import isptune
from isptune.contracts.free_space import Candidates
from isptune.contracts.round import Contender
from isptune.storage.writing import write_whole
from isptune.tracking import Tracker
from isptune.tracking.run_facts import Progress
from isptune.wording.text_tables import markdown_table
from isptune_study.people import Answerer, Asker, People, Question
from isptune_study.preference_optimizer import PreferenceOptimizer
from isptune_study.preferences import PreferenceSearch

OUT = Path(__file__).with_suffix("")
CHECKED = (25, 50, 100, 150)
JOD_PER_FAULT, UNSURE, LAPSES = 6.0, 0.5, 0.03
JOD = 1 / 0.6744897501960817
OPTIMIZERS = {"double Thompson": "preference", "random pairs": "random-pairs"}
_INTERVAL = re.compile(r"is (-?[\d.]+) JOD above the default \(95%: (-?[\d.]+) to (-?[\d.]+)\)")


@isptune.register_optimizer("random-pairs")
class RandomPairs(PreferenceOptimizer):
    """Pairs that are drawn without regard to the answers, which the judge learns from all the same."""

    def propose(self) -> Candidates:
        drawn = np.random.default_rng([self.seed, self._batches]).random((self.population, self.dimension))
        return drawn if self._batches else self.begun(drawn)


class SimulatedPeople(People):
    """People who know the truth, with noise; their answers follow from a seed and their order."""

    def __init__(self, pipeline: Any, seed: int) -> None:
        super().__init__()
        self.name, self.options = "people", {}
        self._pipeline = pipeline
        self._draws = np.random.default_rng(1000 + seed)

    def make_asker(self) -> Asker:
        return Answerer(self._answer)

    def worth(self, values: Any) -> float:
        """Of a setting, in JOD."""
        faults = self._pipeline.losses(torch.tensor([list(values.values())], dtype=torch.float64))[1]
        return -JOD_PER_FAULT * len(self._pipeline.space.free) * float(faults[0])

    def _answer(self, question: Question) -> float:
        def of(one: Contender) -> float:
            return self.worth(one.values)

        apart = of(question.left) - of(question.right) + JOD * self._draws.standard_normal()
        share = 0.5 if abs(apart) < UNSURE else float(apart > 0)
        return float(self._draws.integers(2)) if self._draws.random() < LAPSES else share


class Errors(Tracker):
    """The normalised l1 of the best candidate after some pairs, and what the run says of how sure it is."""

    wants_truth = True

    def __init__(self) -> None:
        self.errors: dict[int, float] = {}
        self.remarks: dict[int, str] = {}

    def generation(self, progress: Progress) -> None:
        if progress.generation in CHECKED:
            assert progress.l1_normalised is not None
            self.errors[progress.generation] = progress.l1_normalised
            self.remarks[progress.generation] = progress.remark


def search(seed: int, how: str) -> dict[str, object]:
    """One run: the normalised l1 of its best candidate after some answers."""
    pipeline = isptune.create_pipeline("synthetic", scenes=["chart:64x48"], seed=seed, maps="coupled")
    people, errors = SimulatedPeople(pipeline, seed), Errors()
    result = isptune.tune(
        pipeline,
        people,
        optimizer=OPTIMIZERS[how],
        population=2,
        budget=2 * CHECKED[-1],
        seed=seed,
        callbacks=[errors],
    )
    middle = pipeline.space.to_dicts(pipeline.space.start())[0]
    worth = people.worth(result.best_parameters) - people.worth(middle)
    centre = -people.worth(middle) / JOD_PER_FAULT / len(pipeline.space.free)
    return {
        "how": how,
        "seed": seed,
        "centre": centre,
        "errors": errors.errors,
        "remarks": errors.remarks,
        "gained_jod": worth,
    }


def seconds_of_a_pair() -> float:
    """The median time of the next pair after 150 answers, at which the kernel is learned anew."""
    draws = np.random.default_rng(0)
    pairs = draws.random((CHECKED[-1], 2, 5))
    shares = (np.abs(pairs[:, 0] - 0.4).sum(axis=1) < np.abs(pairs[:, 1] - 0.4).sum(axis=1)).astype(float)
    found = []
    for seed in range(5):
        start = time.perf_counter()
        PreferenceSearch(5, seed).next_pair(pairs, shares)
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--how", nargs="*", default=list(OPTIMIZERS))
    parser.add_argument("--table", action="store_true", help="write the table of what is there alone")
    given = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    done = []
    for how in given.how:
        # A search that is there is not repeated.
        file = OUT / f"{how.replace(' ', '-')}.jsonl"
        own = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        for seed in range(len(own), 0 if given.table else given.seeds):
            own.append(json.loads(json.dumps(search(seed, how))))
            write_whole(file, "".join(json.dumps(row) + "\n" for row in own))
        done += own
    head = ["pairs", *(f"after {count}" for count in CHECKED), "below, inside, above the interval"]
    rows = []
    for how in dict.fromkeys(row["how"] for row in done):
        own = [row for row in done if row["how"] == how]
        means = [statistics.mean(row["errors"][str(count)] for row in own) for count in CHECKED]
        rows.append([how, *(f"{mean:.3f}" for mean in means), ", ".join(map(str, places_of(own)))])
    centre = statistics.mean(row["centre"] for row in done)
    text = (
        "# Tuning by comparisons with simulated people\n\n"
        f"Mean normalised l1 of the best candidate over {given.seeds} hidden maps, runs of `isptune.tune` "
        f"with the judge `people`; the cube's centre has {centre:.3f}. The last column counts the runs "
        "whose true gain over the default lies below, inside and above the interval of 95% that they give "
        "after the last answer: a smooth utility is flatter at its top than the true one, so what is said of "
        "the gain is too little rather than too much. Made by `python benchmarks/preference_tuning.py`.\n\n"
        + markdown_table(head, rows, 1)
        + f"\n\nThe next pair after 150 answers, the kernel learned anew: {seconds_of_a_pair():.2f} s.\n"
    )
    write_whole(OUT / "preference_tuning.md", text)
    print(text)


def places_of(rows: Sequence[dict[str, Any]]) -> tuple[int, int, int]:
    """How many true gains lie below, inside and above the interval that their runs give."""
    found = [0, 0, 0]
    for row in rows:
        said = _INTERVAL.search(row["remarks"][str(CHECKED[-1])])
        low, high = (-np.inf, 0.0) if said is None else (float(said[2]), float(said[3]))
        found[(row["gained_jod"] >= low) + (row["gained_jod"] > high)] += 1
    return found[0], found[1], found[2]


if __name__ == "__main__":
    main()
