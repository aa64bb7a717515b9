"""The registered objectives ``niqe-distance`` and ``statistics``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isptune.contracts.coverage import checked_on
from isptune.contracts.objective import Objective
from isptune.contracts.requirements import Memory
from isptune_statistics.bank import DEFAULT, MetricBank, check_bank_images
from isptune_statistics.blind_spots import BLIND_TO, MEASURED
from isptune_statistics.niqe import load_pristine, niqe_distance


class NIQEDistance(Objective):
    """Distance from the statistics of good photographs (NIQE, 2013), with a model of our own.

    See ``isptune_statistics.niqe.niqe_distance``. At least 0, without an upper bound; LOWER is better:
    about 2 to 6 for good photographs, 10 and more for strong blur or noise; oversharpening hardly shows.
    Images of at least 32 px on each side, at native resolution; sizes compare from 192 px on. Not the
    authors' NIQE: features and model are our own, so the numbers do not compare with other implementations.

    Args:
        pristine: a model made by ``python -m isptune_statistics.pristine``; the shipped one if left out.

    Example:
        >>> import isptune, torch
        >>> isptune.create_objective("niqe-distance").score(torch.rand(2, 3, 192, 192)).shape
        torch.Size([2])
    """

    higher_is_better = False
    coverage = checked_on(MEASURED, blind_to=BLIND_TO["niqe-distance"])
    score_range = (0.0, float("inf"))
    memory = Memory(images=6.0)
    compiled = True

    def __init__(self, pristine: str | Path | None = None) -> None:
        self.model = load_pristine(pristine)

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        images = check_bank_images(images, self.name or "niqe-distance")
        dtype = torch.promote_types(images.dtype, torch.float32)
        # One by one: the distance has no use for a batch, and the memory of one image is enough.
        found = [niqe_distance(image.unsqueeze(0), self.model, self.compiled) for image in images]
        return torch.cat(found).to(dtype) if found else images.new_zeros(0, dtype=dtype)

    def settled(self) -> Mapping[str, Any]:
        return {"compiled": self.compiled}

    def settle(self, noted: Mapping[str, Any] | None) -> None:
        # Runs that noted nothing took the sums in another order.
        self.compiled = bool(noted and noted.get("compiled"))

    def to(self, device: torch.device | str) -> NIQEDistance:
        self.model = self.model.to(device)
        return self


class Statistics(Objective):
    """All statistics of the metric bank; the score is their one measure of quality, niqe-distance.

    ``scores`` gives the columns of ``isptune_statistics.bank.MetricBank``, ``labels`` names them and
    ``isptune_statistics.bank.ORIENTATION`` tells which way each points. ``score`` is the column
    ``niqe-distance``: LOWER is better. Images of at least 32 px on each side.
    """

    higher_is_better = False
    coverage = checked_on(MEASURED, blind_to=BLIND_TO["niqe-distance"])
    score_range = (0.0, float("inf"))
    labels = DEFAULT
    memory = Memory(images=8.0)

    def __init__(self) -> None:
        self.bank = MetricBank(compiled=True)
        self.label_orientations = self.bank.orientation
        self._distance = NIQEDistance()

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return self._distance.score(check_bank_images(images, self.name or "statistics"))

    def scores(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        """(N, K) float32, one column per entry of ``labels``."""
        return self.bank(check_bank_images(images, self.name or "statistics"))

    def settled(self) -> Mapping[str, Any]:
        return self._distance.settled()

    def settle(self, noted: Mapping[str, Any] | None) -> None:
        self._distance.settle(noted)
        self.bank.compiled = self._distance.compiled

    def to(self, device: torch.device | str) -> Statistics:
        self.bank.to(device)
        self._distance.to(device)
        return self
