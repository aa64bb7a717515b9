"""Tiny hosts, pictures, and learners with weights that do something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import isptune_clipiqa.tiny
import isptune_qalign.tiny
from isptune.iqa.training import Learner
from isptune.plugins.registry import learners
from isptune.testing.pictures import picture, spoilt


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny checkpoints of the hosts by name, and of other image towers of CLIP's."""
    folder = tmp_path_factory.mktemp("hosts")
    found = {kind: isptune_clipiqa.tiny.write_tiny(folder / kind, kind) for kind in ("vit", "siglip")}
    found["clipiqa"] = isptune_clipiqa.tiny.write_tiny(folder / "clipiqa")
    found["qalign"] = isptune_qalign.tiny.write_tiny(folder / "qalign")
    return found


@pytest.fixture(scope="session")
def make(folders: dict[str, Path]) -> Callable[..., Learner]:
    """A learner by name on a tiny host."""

    def create(name: str, host: str = "clipiqa", settings: dict[str, Any] | None = None, **options: Any):
        return learners.create(
            name, host=host, host_options={"checkpoint": folders[host], **(settings or {})}, **options
        )

    return create


@pytest.fixture(scope="session")
def disturb() -> Callable[[Learner], Learner]:
    """Random weights for everything that is learned, so that the context is not zero."""

    def changed(learner: Learner, seed: int = 0) -> Learner:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for value in learner.parameters():
                value.add_(0.1 * torch.randn(value.shape, generator=generator, dtype=value.dtype))
        return learner

    return changed


@pytest.fixture(scope="session")
def images() -> Tensor:
    """(6, 3, 48, 80) unlike pictures."""
    good = picture(48, 80)
    noise = torch.rand(good.shape, generator=torch.Generator().manual_seed(7))
    return torch.cat([good, spoilt(good), noise, good.flip(-1), good.roll(5, -1), 1 - good])
