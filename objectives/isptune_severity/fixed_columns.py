"""The fixed statistics of pictures without gradients: in compiled loops where they can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isptune.compiled import can_compile
from isptune_severity.fingerprints import fingerprints
from isptune_severity.network import statistics
from isptune_severity.optics import optics


def fixed_columns(images: Tensor, with_optics: bool = False) -> Tensor:
    """(N, S) float32: `statistics`, `fingerprints` and `optics` of pictures (N, 3, H, W) in [0, 1]."""
    images = images.detach().float().contiguous()
    if not can_compile(images):
        kinds = (statistics, fingerprints, optics) if with_optics else (statistics, fingerprints)
        return torch.cat([torch.cat([kind(part) for kind in kinds], dim=1) for part in images.split(8)])
    # numba takes a second to import.
    from isptune_severity.compiled.fixed import Passes, statistics_of
    from isptune_severity.compiled.traces import fingerprints_of

    rows = []
    for image in images.numpy():
        passes = Passes(image, _in_turn)
        own = fingerprints_of(image, passes, _in_turn, with_optics)
        rows.append(np.concatenate([statistics_of(image, _in_turn, passes), own]))
    return torch.from_numpy(np.stack(rows))


def _in_turn(work: Callable[..., None], tasks: Sequence[tuple[Any, ...]], pixels: int) -> None:
    for task in tasks:
        work(*task)
