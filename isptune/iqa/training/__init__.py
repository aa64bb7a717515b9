"""Training of objectives: learners, losses, the loop, its checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isptune.iqa.training.learner import Features as Features
    from isptune.iqa.training.learner import Learner as Learner

__all__ = ["Features", "Learner"]


def __getattr__(name: str) -> Any:
    # A training's folder is looked at without torch.
    if name in __all__:
        from isptune.iqa.training import learner

        return getattr(learner, name)
    raise AttributeError(f"module 'isptune.iqa.training' has no attribute '{name}'")
