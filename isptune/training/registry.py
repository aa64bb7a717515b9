"""The registry of learners: entry points of the group ``isptune.learners``."""

from __future__ import annotations

from isptune.registry import Registry

learners = Registry("learner", "isptune.learners")
