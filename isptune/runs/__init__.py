"""The run directory: written, read back, resumed."""

DESCRIBED = ("space", "scored_by", "scores", "guarded_by", "rendered", "held_out", "own_scenes", "truth")
"""What a run.yaml holds of the run's plugins; see ``isptune.runs.description``."""
