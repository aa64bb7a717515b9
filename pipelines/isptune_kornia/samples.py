"""Settings that Kornia takes once for a batch, such as the size of a kernel, given once for each sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from isptune.contracts.stage import Stage


def in_groups(
    work: Callable[..., Tensor], settings: list[tuple[Any, ...]], images: Tensor, *values: Tensor
) -> Tensor:
    """``work(images, *values, *setting)``, called once for all samples of the same setting.

    Args:
        work: takes (M, ...) tensors and one setting, gives (M, ...).
        settings: N, one a sample.
        images, values: (N, ...) each.

    Returns:
        (N, ...), in the order of the samples.
    """
    different = list(dict.fromkeys(settings))
    if len(different) == 1:
        return work(images, *values, *different[0])
    places = [[i for i, one in enumerate(settings) if one == setting] for setting in different]
    parts = [
        work(images[rows], *(value[rows] for value in values), *setting)
        for rows, setting in zip(places, different, strict=True)
    ]
    order = torch.tensor([place for rows in places for place in rows], device=images.device)
    return torch.cat(parts)[order.argsort()]


def settings_of(stage: Stage, **places: Tensor) -> list[tuple[Any, ...]]:
    """The options that choices (N,) stand for, a tuple for each sample."""
    return list(zip(*(stage.chosen(name, column) for name, column in places.items()), strict=True))
