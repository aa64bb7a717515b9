"""The settings of runs and grids: one base model that YAML files and the command line fill."""

from isptune.tuning.described_settings import HOW_IT_RUNS
from isptune.tuning.settings.component import Component, default_component
from isptune.tuning.settings.run_settings import (
    RunConfig,
    parse_config,
    read_config,
    settings_of,
)

__all__ = [
    "HOW_IT_RUNS",
    "Component",
    "RunConfig",
    "default_component",
    "parse_config",
    "read_config",
    "settings_of",
]
