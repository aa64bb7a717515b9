"""Any program as a pipeline: an argv template, or a parameter file, and the picture that it writes."""

from isptune_command.pipeline import CommandPipeline as CommandPipeline
