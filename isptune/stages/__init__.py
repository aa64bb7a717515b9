"""What makes stages fast together: chains of them, buffers used again, work in strips, noise drawn once.

A stage of any package may use ``pointwise``, ``room``, ``is_plain``, ``given_back`` and ``each``; it is then
treated as the ones that come with isptune.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isptune.contracts.distortion import keep_identity as keep_identity
    from isptune.contracts.stage import keep_unchanged as keep_unchanged
    from isptune.contracts.stage import per_sample as per_sample
    from isptune.stages.chain import Chain as Chain
    from isptune.stages.fixed import Fixed as Fixed
    from isptune.stages.memory import room as room
    from isptune.stages.strips import each as each
    from isptune.stages.strips import given_back as given_back
    from isptune.stages.strips import is_plain as is_plain
    from isptune.stages.strips import pointwise as pointwise

_HOME = {
    "Chain": "isptune.stages.chain",
    "Fixed": "isptune.stages.fixed",
    "each": "isptune.stages.strips",
    "given_back": "isptune.stages.strips",
    "is_plain": "isptune.stages.strips",
    "keep_identity": "isptune.contracts.distortion",
    "keep_unchanged": "isptune.contracts.stage",
    "per_sample": "isptune.contracts.stage",
    "pointwise": "isptune.stages.strips",
    "room": "isptune.stages.memory",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'isptune.stages' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
