"""The directory of a run that starts or goes on: made, or compared with the run; then its log is opened."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from typing import Any

import torch

from isptune.errors import RunDirectoryError
from isptune.runs.description import Description
from isptune.runs.directory import CONFIG_NAME, FORMATS, LOG_NAME, RunDirectory
from isptune.runs.generation import Generation
from isptune.tuning.session import Session
from isptune.tuning.settings import HOW_IT_RUNS, Component, RunConfig
from isptune.tuning.settling import settled


def open_directory(directory: RunDirectory, session: Session, run: str, resume: bool) -> list[Generation]:
    """Create the directory, or read the log of the run that it holds; then open the log.

    The directory is locked before anything in it is written or read.
    """
    remedy = None
    if session.started_from == "python":
        remedy = "go on with it by resume=True, or choose another folder for out"
    if not resume:
        directory.require_none(remedy)
    directory.lock()
    try:
        if not resume:
            # Another process may have ended a run in it since.
            directory.require_none(remedy)
        facts = _facts(session, run)
        log: list[Generation] = []
        good = 0
        if resume and directory.holds_a_run:
            log, good = _logged(directory, session, run, facts)
        else:
            directory.create(facts)
        directory.open_log(good)
        return log
    except BaseException:
        directory.close()
        raise


def _logged(
    directory: RunDirectory, session: Session, run: str, facts: Mapping[str, Any]
) -> tuple[list[Generation], int]:
    """The log of the run that a directory holds, and its length in bytes; refused where it is another run."""
    data, file = directory.read_config(), directory.file(CONFIG_NAME)
    if data.get("fingerprint") != run:
        raise RunDirectoryError(
            f"the run in '{directory.path}' was started with another configuration: {difference(data, facts)}"
        )
    digests = data.get("scene_digests") or {}
    if not isinstance(digests, Mapping):
        raise RunDirectoryError(
            f"'{file}' was changed after the run was started: its scene_digests are no mapping; put it back "
            "as it was"
        )
    for name, digest in digests.items():
        if facts["scene_digests"].get(name) != digest:
            raise RunDirectoryError(
                f"the scene '{name.partition(' ')[2]}' has changed since the run in '{directory.path}' "
                "was started"
            )
    log, good = directory.read_log(run)
    if len(log) > session.generations:
        raise RunDirectoryError(
            f"'{directory.file(LOG_NAME)}' holds {len(log)} generations, more than the "
            f"{session.generations} of the configuration"
        )
    if Description.read(data, file) is None:
        # Of isptune 0.1: from here on it can be read without its plugins.
        directory.create({**data, **session.description.to_dict()})
    return log, good


def _facts(session: Session, run: str) -> dict[str, Any]:
    """What run.yaml holds: the resolved settings, then what they were resolved with."""
    packages = ("isptune", "torch", "numpy", "kornia", "deap", "cma", "nevergrad")
    pipeline = session.pipeline
    digests = {f"{index} {scene.name}": pipeline.digest(scene) for index, scene in enumerate(pipeline.scenes)}
    if session.held_out is not None:
        for index, scene in enumerate(session.held_out.scenes):
            digests[f"held-out-{index} {scene.name}"] = pipeline.digest(scene)
    return {
        **session.config.model_dump(),
        "isptune_run": FORMATS[-1],
        "fingerprint": run,
        "started_from": session.started_from,
        **({"objects": session.objects} if session.started_from == "python" else {}),
        **({"suggested": asdict(session.suggested)} if session.suggested is not None else {}),
        "versions": {
            "python": platform.python_version(),
            **{package: metadata.version(package) for package in packages},
            **session.pipeline.versions,
        },
        "machine": _machine(),
        **session.description.to_dict(),
        **settled((*session.scoring.objectives, *session.scoring.guards)),
        "scene_digests": {name: digest for name, digest in digests.items() if digest is not None},
    }


def _machine() -> dict[str, Any]:
    """What the run was computed on, for whoever compares times."""
    facts: dict[str, Any] = {
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
    if torch.cuda.is_available():
        facts["gpu"] = torch.cuda.get_device_name()
    return facts


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The settings in which two configurations differ, for a message."""
    found = [
        f"{key} was {_short(old.get(key))} and is now {_short(new.get(key))}"
        for key in RunConfig.order
        if key not in HOW_IT_RUNS and old.get(key) != new.get(key)
    ]
    return "; ".join(found) or "its fingerprint differs"


def _short(value: Any) -> str:
    if isinstance(value, dict) and set(value) == set(Component.model_fields):
        return f"'{value['name']}' {value['options'] or ''}".strip()
    if isinstance(value, list) and value and all(isinstance(part, dict) for part in value):
        return ", ".join(_short(part) for part in value)
    return repr(value)
