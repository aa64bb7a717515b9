"""How a report's runs can be made again: the command, the configuration, versions and the machine."""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from isptune.tuning.described_settings import ENDING
from isptune.tuning.settings import Component, RunConfig, settings_of

# Settings with an option of their own, which is left out where they are the default.
_PLAIN = (
    "guard_weight",
    "guard_tolerance",
    "stay_near",
    "race",
    *ENDING,
    "device",
    "autocast",
    "memory_gb",
    "max_failures",
    "workers",
    "timeout",
    "retries",
)
# All that a command line can say.
_SAID = {
    "scenes", "crop", "pipeline", "objective", "more_objectives", "optimizer", "population", "budget", "seed",
    "vector", "parameters", "start_from", "guard", "holdout", *_PLAIN,
}  # fmt: skip


def tune_command(config: RunConfig, noted: Path, out: Path, own_scenes: bool = False) -> str:
    """The ``isptune tune`` command that runs a configuration again, one option a line.

    Args:
        config: of the run.
        noted: the file that holds it. The command names it where a command line has no place for all of it,
            such as options of several objectives or conditions of parameters.
        out: the new run's directory.
        own_scenes: the pipeline brings its scenes itself, so that none are named.
    """
    parameters = _parameter_options(config.parameters)
    fields = type(config).model_fields
    said = _SAID if isinstance(config.start, list) else {*_SAID, "start"}
    unsaid = [key for key in fields.keys() - said if getattr(config, key) != fields[key].default]
    several = config.more_objectives and any(part.options for part in config.objectives)
    several = several or any(part.options for part in config.guard)
    if parameters is None or unsaid or several:
        return _lines([["isptune", "tune"], ["--config", str(noted)], ["--out", str(out)]])
    lines = [["isptune", "tune", *([] if own_scenes else config.scenes)]]
    objective = Component(
        name=",".join(part.name for part in config.objectives), options=config.objective.options
    )
    for kind, component in (
        ("pipeline", config.pipeline),
        ("objective", objective),
        ("optimizer", config.optimizer),
    ):
        lines.append([f"--{kind}", component.name])
        lines += [
            [f"--{kind}-option", f"{key}={_yaml_value(value)}"] for key, value in component.options.items()
        ]
    if config.vector:
        lines.append(["--vector"])
    if config.population is not None:
        lines.append(["--population", str(config.population)])
    lines += [] if config.budget is None else [["--budget", str(config.budget)]]
    lines.append(["--seed", str(config.seed)])
    if not own_scenes:
        lines.append(["--crop", "full" if config.crop is None else str(config.crop)])
    lines += parameters
    if config.guard:
        lines.append(["--guard", ",".join(part.name for part in config.guard)])
    if config.holdout is not None:
        held = config.holdout if isinstance(config.holdout, list) else [config.holdout]
        lines += [["--holdout", str(one)] for one in held]
    for key in ("start", *_PLAIN):
        value = getattr(config, key)
        if value != fields[key].default:
            lines.append([f"--{key.replace('_', '-')}", str(value)])
    lines.append(["--out", str(out)])
    return _lines(lines)


def _parameter_options(parameters: Mapping[str, Mapping[str, Any]]) -> list[list[str]] | None:
    """What is asked of parameters, as options; None where there is no option for a part of it."""
    lines = []
    for name, entry in parameters.items():
        for key, value in entry.items():
            if key == "fix":
                lines.append(["--fix", name if value is None else f"{name}={_yaml_value(value)}"])
            elif key == "range":
                ends = [_yaml_value(end) for end in value]
                if any(":" in end for end in ends):
                    return None
                lines.append(["--range", f"{name}={':'.join(ends)}"])
            elif key == "tie":
                lines.append(["--tie", f"{name}={value}"])
            else:
                return None
    return lines


def _lines(words: Sequence[Sequence[str]]) -> str:
    """A command over several lines."""
    return " \\\n  ".join(shlex.join(line) for line in words)


def _yaml_value(value: Any) -> str:
    """A value on one line of YAML, which ``--…-option`` reads back."""
    dumped = yaml.safe_dump(value, default_flow_style=True, width=10**9, allow_unicode=True)
    return dumped.removesuffix("...\n").strip()


def configuration_text(data: Mapping[str, Any]) -> str:
    """The settings of a run or a benchmark as YAML, without what was noted beside them."""
    return yaml.safe_dump(settings_of(data), sort_keys=False, allow_unicode=True, width=100)


def versions(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The packages and their versions that a ``run.yaml`` notes, and the run's fingerprint."""
    noted = data.get("versions")
    rows = [(str(name), str(number)) for name, number in noted.items()] if isinstance(noted, dict) else []
    if data.get("fingerprint"):
        rows.append(("fingerprint of the run", str(data["fingerprint"])))
    return rows


def machine(data: Mapping[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    """Whose machine the rows describe, and the rows.

    What the run or benchmark noted itself comes first; without a note, it is the one that writes the report.
    """
    noted = data.get("machine")
    if isinstance(noted, dict) and noted:
        return "Machine of the runs", [(str(key), str(value)) for key, value in noted.items()]
    rows = [
        ("system", f"{platform.system()} {platform.machine()}"),
        ("processors", str(os.cpu_count() or "unknown")),
        ("python", platform.python_version()),
    ]
    import torch

    if torch.cuda.is_available():
        rows.append(("gpu", torch.cuda.get_device_name(0)))
    return "Machine that wrote this report", rows
