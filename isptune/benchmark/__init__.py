"""``isptune bench``: objectives, optimizers, scenes, variants and seeds, judged by what they reach."""
