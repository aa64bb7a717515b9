"""What makes stages fast together: chains of them, buffers used again, work in strips, noise drawn once.

A stage of any package may use ``pointwise``, ``room``, ``is_plain``, ``given_back`` and ``each``; it is then
treated as the ones that come with isptune.
"""

from isptune.contracts.distortion import keep_identity
from isptune.contracts.stage import keep_unchanged, per_sample
from isptune.stages.chain import Chain
from isptune.stages.fixed import Fixed
from isptune.stages.memory import room
from isptune.stages.strips import each, given_back, is_plain, pointwise

__all__ = [
    "Chain",
    "Fixed",
    "each",
    "given_back",
    "is_plain",
    "keep_identity",
    "keep_unchanged",
    "per_sample",
    "pointwise",
    "room",
]
