"""Tracking: runs as TensorBoard files, in MLflow and in Weights & Biases, through one small interface.

A tracker is given to ``isptune.tune(..., callbacks=[...])`` beside plain callables. Its package loads when
the tracker is made or started, never before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isptune.tracking.facts import Progress as Progress
    from isptune.tracking.facts import RunFacts as RunFacts
    from isptune.tracking.mlflow import MLflow as MLflow
    from isptune.tracking.tensorboard import TensorBoard as TensorBoard
    from isptune.tracking.tracker import Tracker as Tracker
    from isptune.tracking.tracker import TrackerError as TrackerError
    from isptune.tracking.wandb import WandB as WandB

_HOMES = {
    "isptune.tracking.facts": ["Progress", "RunFacts"],
    "isptune.tracking.mlflow": ["MLflow"],
    "isptune.tracking.tensorboard": ["TensorBoard"],
    "isptune.tracking.tracker": ["Tracker", "TrackerError"],
    "isptune.tracking.wandb": ["WandB"],
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'isptune.tracking' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
