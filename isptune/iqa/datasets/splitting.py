"""Random splits that keep all pictures of one content in one part."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from isptune.errors import ConfigurationError
from isptune.iqa.datasets.dataset import PARTS, Dataset, DatasetError, Split
from isptune.wording.naming import natural_sorted

_NAME = re.compile(r"random_seed(\d{1,18})_split(\d{2,4})")


def with_named_splits(dataset: Dataset, names: Iterable[str]) -> Dataset:
    """The dataset with those of ``random_splits`` that names such as ``random_seed0_split01`` ask for.

    Args:
        dataset: any.
        names: of splits, with their part (``NAME:PART``) or without; those of other forms are left alone.
    """
    for text in names:
        name = text.partition(":")[0]
        found = _NAME.fullmatch(name)
        if found is not None and name not in dataset.splits and int(found[2]) > 0:
            made = random_splits(dataset, int(found[1]), int(found[2]))
            dataset = dataset.with_splits({name: made[name]})
    return dataset


def random_splits(
    dataset: Dataset,
    seed: int = 123,
    count: int = 10,
    fractions: Sequence[float] = (0.8, 0.0, 0.2),
) -> dict[str, Split]:
    """Random splits into train, val and test by content.

    The contents, in natural order, are shuffled and cut; all pictures of one content land in the same part,
    so that a model never sees in training what it is tested on. The fractions are of contents, rounded, with
    at least one content for each fraction above 0. The i-th split is the same whatever the count.

    Args:
        dataset: its ``contents`` say what belongs together.
        seed: of the shuffling.
        count: how many splits.
        fractions: of train, val and test; they add up to 1.

    Returns:
        By name, ``random_seed123_split01`` onwards; ``Dataset.with_splits`` takes them.

    Raises:
        ConfigurationError: fractions that are negative or do not add up to 1, a count under 1.
        DatasetError: fewer contents than parts.

    Example:
        >>> from isptune.iqa.datasets import read_dataset
        >>> dataset = read_dataset("koniq10k")
        >>> dataset = dataset.with_splits(random_splits(dataset, seed=0, count=5))
        >>> train = dataset.subset("random_seed0_split01", "train")
    """
    shares = [float(share) for share in fractions]
    if len(shares) != 3 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise ConfigurationError(
            f"the fractions of train, val and test are {', '.join(f'{share:g}' for share in shares)}; "
            "allowed: three numbers of at least 0 that add up to 1"
        )
    if count < 1:
        raise ConfigurationError(f"the count of random splits is {count}; allowed: at least 1")
    if seed < 0:
        raise ConfigurationError(f"the seed is {seed}; allowed: at least 0")
    contents = natural_sorted(dataset.contents)
    used = [part for part, share in zip(PARTS, shares, strict=True) if share > 0]
    if len(contents) < len(used):
        raise DatasetError(
            f"'{dataset.source}' shows {len(contents)} content{'s' * (len(contents) != 1)}; that is too few "
            f"for the parts {', '.join(used)}, which share none"
        )
    sizes = _sizes(len(contents), shares)
    splits: dict[str, Split] = {}
    for number in range(1, count + 1):
        order = np.random.default_rng((seed, number)).permutation(len(contents))
        ends = np.cumsum(sizes)
        part_of = {
            contents[int(place)]: PARTS[int(np.searchsorted(ends, position, side="right"))]
            for position, place in enumerate(order)
        }
        splits[f"random_seed{seed}_split{number:02d}"] = tuple(part_of[name] for name in dataset.contents)
    return splits


def _sizes(contents: int, shares: list[float]) -> list[int]:
    """How many contents each part gets: rounded shares, at least one for a share above 0."""
    ends = [round(contents * sum(shares[: part + 1])) for part in range(3)]
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    for part, share in enumerate(shares):
        if share > 0 and sizes[part] == 0:
            sizes[sizes.index(max(sizes))] -= 1
            sizes[part] = 1
    return sizes
