"""A made-up dataset of pictures of several sizes, and objectives whose scores are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from isptune import Objective
from isptune.iqa.datasets import Dataset, read_dataset
from isptune.scenes import write_image


class Mean(Objective):
    """The mean of the picture; notes the sizes of the batches, and fails where it is told to."""

    def __init__(self, name: str = "mean", higher_is_better: bool = True, most: int = 99) -> None:
        self.name = name
        self.options: dict[str, object] = {}
        self.higher_is_better = higher_is_better
        self.most = most
        self.batches: list[tuple[int, ...]] = []
        self.bad: dict[int, object] = {}

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        self.batches.append((len(images), *images.shape[-2:]))
        if len(images) > self.most:
            raise torch.OutOfMemoryError("made up")
        found = images.double().mean(dim=(1, 2, 3))
        shades = (found * 255).round().int().tolist()
        for index, shade in enumerate(shades):
            outcome = self.bad.get(shade)
            if isinstance(outcome, Exception):
                raise outcome
            if isinstance(outcome, float):
                found[index] = outcome
        return found if self.higher_is_better else 1 - found


@pytest.fixture
def objective() -> type[Mean]:
    return Mean


SIZES = ((32, 32), (32, 40), (48, 32))


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """12 pictures of shade 10, 20, ... 120; the MOS is the number, with neighbours swapped, and two splits."""
    root = tmp_path / "set"
    root.mkdir()
    rows = ["name,mos,fold_split,fixed_split"]
    for index in range(12):
        height, width = SIZES[index % 3]
        write_image(root / f"{index}.png", torch.full((3, height, width), 10 * (index + 1) / 255))
        rows.append(f"{index}.png,{(index ^ 1) + 1},{('train', 'test')[index % 2]},{index // 4}")
    (root / "meta.csv").write_text("\n".join(rows) + "\n")
    return read_dataset(root / "meta.csv")


@pytest.fixture
def points() -> tuple[np.ndarray, np.ndarray]:
    """200 scores and opinions that agree through a logistic with noise."""
    rng = np.random.default_rng(7)
    scores = rng.uniform(-3, 3, 200)
    return scores, 1 + 4 / (1 + np.exp(-(scores - 0.3) / 0.6)) + rng.normal(0, 0.3, 200)
