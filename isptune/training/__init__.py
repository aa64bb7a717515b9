"""Training of objectives: learners, losses, the loop, its checkpoints."""

from isptune.training.learner import Features, Learner

__all__ = ["Features", "Learner"]
