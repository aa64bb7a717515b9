"""Random splits: by content, seedable, and as large as asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from isptune.errors import ConfigurationError, UnknownNameError
from isptune.iqa.datasets import Dataset, DatasetError, Record, random_splits, with_named_splits


def dataset(contents: int, each: int) -> Dataset:
    return Dataset(
        "made up",
        tuple(
            Record(f"{content}_{level}", Path("x.png"), float(level), content=f"c{content}")
            for content in range(contents)
            for level in range(each)
        ),
        source=Path("meta.csv"),
    )


def test_all_pictures_of_a_content_are_in_one_part() -> None:
    data = dataset(20, 5)
    splits = random_splits(data, seed=3, count=4, fractions=(0.6, 0.2, 0.2))
    assert list(splits) == [f"random_seed3_split{number:02d}" for number in (1, 2, 3, 4)]
    for parts in splits.values():
        of = {content: set() for content in data.contents}  # type: ignore[var-annotated]
        for content, part in zip(data.contents, parts, strict=True):
            of[content].add(part)
        assert all(len(found) == 1 for found in of.values())
        assert [parts.count(part) for part in ("train", "val", "test")] == [60, 20, 20]
    assert len(set(splits.values())) == 4


def test_the_same_whatever_the_order_of_rows_and_the_count() -> None:
    data = dataset(10, 2)
    turned = data.take(range(len(data) - 1, -1, -1))
    first = random_splits(data, seed=1, count=1)["random_seed1_split01"]
    assert random_splits(data, seed=1, count=5)["random_seed1_split01"] == first
    assert random_splits(turned, seed=1, count=1)["random_seed1_split01"] == first[::-1]
    assert random_splits(data, seed=2, count=1)["random_seed2_split01"] != first


def test_small_shares_get_one_content_and_shares_of_0_none() -> None:
    (parts,) = random_splits(dataset(5, 1), count=1, fractions=(0.9, 0.05, 0.05)).values()
    assert sorted(map(str, parts)) == ["test", "train", "train", "train", "val"]
    (parts,) = random_splits(dataset(5, 1), count=1).values()
    assert sorted(map(str, parts)) == ["test", "train", "train", "train", "train"]


def test_they_serve_as_splits() -> None:
    data = dataset(10, 3)
    data = data.with_splits(random_splits(data, seed=0, count=2))
    train, test = (set(data.subset("random_seed0_split02", part).contents) for part in ("train", "test"))
    assert (len(train), len(test), train & test) == (8, 2, set())


def test_refusals() -> None:
    for fractions in ((0.8, 0.1), (0.8, -0.1, 0.3), (0.5, 0.2, 0.2)):
        with pytest.raises(ConfigurationError, match="allowed: three numbers of at least 0 that add up to 1"):
            random_splits(dataset(5, 1), fractions=fractions)
    with pytest.raises(ConfigurationError, match="the count of random splits is 0; allowed: at least 1"):
        random_splits(dataset(5, 1), count=0)
    with pytest.raises(DatasetError) as caught:
        random_splits(dataset(1, 5))
    assert str(caught.value) == (
        "'meta.csv' shows 1 content; that is too few for the parts train, test, which share none"
    )


def test_random_splits_are_had_by_their_names() -> None:
    data = dataset(12, 2)
    named = with_named_splits(
        data, ["random_seed3_split02:train", "random_seed3_split02", "official", "random_seed1"]
    )
    assert dict(named.splits) == {"random_seed3_split02": random_splits(data, 3, 2)["random_seed3_split02"]}
    assert with_named_splits(named, ["random_seed3_split02"]) is named
    # What a training holds out when it is told no split.
    held_out = with_named_splits(data, ["random_seed0_split01"]).part("random_seed0_split01", "test")
    assert len(held_out) == 4
    with pytest.raises(
        UnknownNameError,
        match="has no split 'test'; it has none, but for random ones such as random_seed0_split01",
    ):
        data.part("test", "test")
