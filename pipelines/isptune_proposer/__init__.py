"""A proposer: a network that reads pictures of a pipeline at a few settings and proposes better ones."""
