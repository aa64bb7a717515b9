"""Objectives on a dataset: agreement with the MOS per split, over splits, and between objectives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations

import numpy as np
import torch

from isptune.contracts.objective import Objective
from isptune.errors import ConfigurationError
from isptune.iqa.datasets.dataset import Dataset, DatasetError
from isptune.iqa.evaluation.correlations import LogisticFit, Numbers, fit_logistic
from isptune.iqa.evaluation.dataset_scores import Scores, check_references, score_dataset, scores_of_all
from isptune.iqa.evaluation.findings import Agreement, Evaluation
from isptune.iqa.evaluation.resampling import NAMES, Difference, Estimate, check_settings, paired_difference
from isptune.iqa.evaluation.resampling import bootstrap as bootstrapped
from isptune.tuning.blame import called
from isptune.wording.naming import match

EVERYTHING = "all"


def choose_parts(dataset: Dataset, splits: Sequence[str]) -> dict[str, list[int]]:
    """The indices that ``"all"``, ``"NAME"`` (its test part), ``"NAME:PART"`` or ``"GLOB:PART"`` mean.

    Raises:
        UnknownNameError: the dataset has no such split, or there is no such part.
        DatasetError: a part is empty, has one image, or one MOS in all its images.
    """
    parts: dict[str, list[int]] = {}
    for text in splits or (EVERYTHING,):
        if text == EVERYTHING:
            parts[EVERYTHING] = list(range(len(dataset)))
            continue
        pattern, _, part = text.partition(":")
        names = [pattern] if pattern in dataset.splits else match(dataset.splits, pattern)
        # A name that matches nothing is refused there.
        for name in names or [pattern]:
            parts[f"{name}:{part or 'test'}"] = dataset.part(name, part or "test")
    for label, indices in parts.items():
        values = {dataset.records[index].mos for index in indices}
        if len(values) == 1:
            split, _, part = label.partition(":")
            what = f"the part '{part}' of the split '{split}' of '{dataset.source}' has "
            if len(indices) == 1:
                raise DatasetError(f"{what}1 image; at least 2 are needed")
            raise DatasetError(
                f"{what}the MOS {values.pop():g} in all its {len(indices)} images (the first in row "
                f"{dataset.records[indices[0]].row}); correlations need at least two different values"
            )
    return parts


def evaluate(
    objectives: Objective | Sequence[Objective],
    dataset: Dataset,
    *,
    scores: Sequence[Scores] = (),
    splits: Sequence[str] = (EVERYTHING,),
    device: str | torch.device = "cpu",
    batch_size: int = 1,
    memory_gb: float = 2.0,
    bootstrap: int = 1000,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> Evaluation:
    """Score a dataset with objectives and say how well they agree with its MOS.

    Args:
        objectives: one or several, of different names.
        dataset: from ``isptune.iqa.datasets.read_dataset``.
        scores: of further objectives, that are there already.
        splits: ``"all"``, or ``"NAME"``, ``"NAME:PART"`` or a glob of names; only their pictures are scored.
        device, batch_size, memory_gb: as in ``score_dataset``.
        bootstrap, seed: resamples of the intervals, and their seed.
        progress: called with what is being done (an objective's name, then ``"intervals"``), how much of it
            is done and how much there is.

    Raises:
        DatasetError, UnknownNameError: a split that cannot be used, a reference that is missing.
        ConfigurationError: options out of range, two objectives of one name.
        EvaluationError: all objectives failed on every picture.

    Example:
        >>> from isptune import create_objective
        >>> from isptune.iqa.datasets import read_dataset
        >>> found = evaluate(create_objective("psnr"), read_dataset("tid2013"))
        >>> found.agreements[0].estimates["srcc"]
        Estimate(value=..., low=..., high=...)
    """
    chosen = [objectives] if isinstance(objectives, Objective) else list(objectives)
    small, labels = needed(dataset, splits)
    for objective in chosen:
        check_references(objective, small)

    def told(what: str) -> Callable[[int, int], None] | None:
        return None if progress is None else partial(progress, what)

    found = scores_of_all(
        [
            partial(score_dataset, objective, small, device, batch_size, memory_gb, told(called(objective)))
            for objective in chosen
        ]
    )
    given = [one.of(dataset, small) for one in scores]
    return compare(
        small, [*found, *given], splits=labels, bootstrap=bootstrap, seed=seed, progress=told("intervals")
    )


def needed(dataset: Dataset, splits: Sequence[str]) -> tuple[Dataset, list[str]]:
    """The dataset of only the pictures that the splits name, and the splits, without globs."""
    parts = choose_parts(dataset, splits)
    used = sorted({index for indices in parts.values() for index in indices})
    return (dataset if len(used) == len(dataset) else dataset.take(used)), list(parts)


def compare(
    dataset: Dataset,
    scores: Sequence[Scores],
    *,
    splits: Sequence[str] = (EVERYTHING,),
    bootstrap: int = 1000,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """The same for scores that are there already.

    Raises:
        ConfigurationError: scores of another length than the dataset, none at all, two of one name, or
            options out of range.
        DatasetError, UnknownNameError: a split that cannot be used.
    """
    _check(dataset, scores, bootstrap, seed)
    parts = choose_parts(dataset, splits)
    mos, contents = dataset.mos.numpy(), dataset.contents
    agreements: list[Agreement] = []
    differences: list[tuple[str, Difference]] = []
    done, total = 0, len(parts) * (len(scores) + math.comb(len(scores), 2))

    def count() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    for label, indices in parts.items():
        for one in scores:
            values = one.along(dataset)[indices]
            groups = [contents[index] for index in indices]
            agreements.append(_agreement(one.name, label, values, mos[indices], groups, bootstrap, seed))
            count()
        for first, second in combinations(scores, 2):
            differences.append((label, _difference(dataset, first, second, indices, bootstrap, seed)))
            count()
    return Evaluation(dataset, list(scores), parts, agreements, differences, bootstrap, seed)


def _check(dataset: Dataset, scores: Sequence[Scores], count: int, seed: int) -> None:
    if not scores:
        raise ConfigurationError("there is no objective and there are no scores to evaluate")
    for number, one in enumerate(scores):
        if one.name in [other.name for other in scores[:number]]:
            raise ConfigurationError(f"two objectives have the name '{one.name}'")
        if one.values.shape != (len(dataset),):
            raise ConfigurationError(
                f"'{one.name}' has {one.values.size} scores for the {len(dataset)} images of "
                f"'{dataset.source}'"
            )
    check_settings(count, seed)


def _groups(contents: Sequence[str]) -> Sequence[str] | None:
    """The contents where some pictures share one; None where all are independent."""
    return contents if len(set(contents)) < len(contents) else None


def _agreement(
    name: str, label: str, values: Numbers, mos: Numbers, contents: list[str], count: int, seed: int
) -> Agreement:
    there = np.flatnonzero(np.isfinite(values))
    failed = len(values) - len(there)
    notes = [f"{failed} of {len(values)} images failed and are not counted"] if failed else []
    values, mos, contents = values[there], mos[there], [contents[index] for index in there]
    if len(there) < 2:
        nan = float("nan")
        notes.append("too few images are left")
        fit = LogisticFit((nan, nan, nan, nan), notes[-1])
        return Agreement(name, label, len(there), failed, dict.fromkeys(NAMES, Estimate(nan)), fit, notes)
    fit = fit_logistic(values, mos)
    if not fit.converged:
        notes.append(fit.note)
    elif fit.falls:
        notes.append(
            "the scores run against the MOS; so does the logistic, and what is after it does not show that"
        )
    estimates = bootstrapped(values, mos, count=count, seed=seed, groups=_groups(contents))
    lacking = [
        key for key, one in estimates.items() if count and math.isfinite(one.value) and math.isnan(one.low)
    ]
    if lacking:
        notes.append(
            f"no interval of {', '.join(lacking)}, which did not exist in over a tenth of the resamples"
        )
    return Agreement(name, label, len(there), failed, estimates, fit, notes)


def _difference(
    dataset: Dataset, first: Scores, second: Scores, indices: list[int], count: int, seed: int
) -> Difference:
    a, b = first.along(dataset)[indices], second.along(dataset)[indices]
    there = np.flatnonzero(np.isfinite(a) & np.isfinite(b))
    names = (first.name, second.name)
    if len(there) < 2:
        return Difference(*names, "srcc", Estimate(float("nan")), len(there))
    mos = dataset.mos.numpy()[indices][there]
    groups = _groups([dataset.contents[indices[index]] for index in there])
    return paired_difference(a[there], b[there], mos, names=names, count=count, seed=seed, groups=groups)
