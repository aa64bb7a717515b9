"""darktable, run by its command line with a sidecar for each candidate."""

from isptune_darktable.pipeline import DarktablePipeline as DarktablePipeline
