"""``isptune bench``: objectives, optimizers, scenes, hidden maps and seeds, judged by what they reach."""
