"""What a run directory keeps of the plugins, and whether they can be made again from it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isptune.contracts.objective import Objective
from isptune.contracts.pipeline import Pipeline
from isptune.errors import IsptuneError, RunDirectoryError
from isptune.parameters import ParameterSpace
from isptune.plugins import registry
from isptune.plugins.recipes import recipe_of
from isptune.wording.naming import listed


def describe(plugin: Pipeline | Objective) -> dict[str, Any]:
    """A plugin as a name with the options that can be written down."""
    recipe = recipe_of(plugin)
    if recipe is not None:
        return {"name": recipe.name, "options": plain_data(recipe.options)}
    options = getattr(plugin, "options", {})
    return {"name": plugin.name or type(plugin).__name__, "options": plain_data(options)}


def objects_of(
    pipeline: Pipeline, objectives: Sequence[Objective], guards: Sequence[Objective] = ()
) -> dict[str, str]:
    """Why plugins cannot be made again from ``describe``, by their kind; empty where all can be."""
    found = {}
    parts = [*(("objective", one) for one in objectives), *(("guard", one) for one in guards)]
    for kind, plugin in (*parts, ("pipeline", pipeline)):
        recipe = recipe_of(plugin)
        if recipe is None:
            found[kind] = f"an object that no name stands for ({type(plugin).__name__})"
        elif recipe.unwritable:
            found[kind] = f"made with options that no file can hold ({listed(recipe.unwritable)})"
    return found


def complete(described: dict[str, Any], scenes: Sequence[str]) -> dict[str, Any]:
    """A pipeline's description with what the settings of a run would give it otherwise (``make_pipeline``).

    Args:
        described: of a pipeline that was made without a run.
        scenes: the names of its scenes, which are the run's.
    """
    options = dict(described["options"])
    try:
        parameters = inspect.signature(registry.pipelines.get(described["name"])).parameters
    except (IsptuneError, TypeError, ValueError):
        return described
    same = {"crop": "auto", "scenes": None if list(scenes) == ["chart"] else ()}
    for key in ("scenes", "crop", "seed"):
        if key in parameters and key not in options:
            default = parameters[key].default
            if key not in same or default != same[key]:
                options[key] = default
    return {**described, "options": plain_data(options)}


def plain_data(value: Any) -> Any:
    """What YAML can hold of a value: plain data as it is, other objects by their type."""
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, (int, float)) else str(key): plain_data(entry)
            for key, entry in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [plain_data(entry) for entry in value]
    if isinstance(value, Path):
        return str(value)
    return value if isinstance(value, (str, int, float, bool, type(None))) else f"<{type(value).__name__}>"


def require_named(data: Mapping[str, Any], out: str | Path) -> None:
    """Refuse a run whose plugins cannot be made again from what its run.yaml holds.

    Args:
        data: what it holds.
        out: the run directory, for the message.

    Raises:
        RunDirectoryError: one sentence about the first of them.
    """
    if data.get("started_from") != "python":
        return
    # Runs of isptune 0.1 did not note how their plugins were made.
    objects = data.get("objects")
    if not isinstance(objects, Mapping):
        objects = {"pipeline": "an object that no name stands for"}
    for kind, reason in objects.items():
        made = "objective" if kind == "guard" else kind
        raise RunDirectoryError(
            f"the run in '{out}' was started from Python and its {kind} is {reason}; go on with it by the "
            "same call of isptune.tune and resume=True, whose result has plot(); commands and isptune.resume "
            f"need what isptune.create_{made} makes of a name and plain options"
        )


def _deciding(parameter: Mapping[str, Any]) -> dict[str, Any]:
    """What of a parameter decides the values of candidates."""
    return {key: value for key, value in parameter.items() if key not in ("unit", "description")}


def check_parameters(data: Mapping[str, Any], space: ParameterSpace, out: str | Path) -> None:
    """Refuse a pipeline whose parameters are not those that a run was started with.

    Args:
        data: what the run's run.yaml holds.
        space: what is searched of the pipeline that was made again.
        out: the run directory, for the message.

    Raises:
        RunDirectoryError: they were changed after the pipeline was made, or its code has changed since.
    """
    noted, now = data.get("space"), plain_data(space.to_dict())
    if noted is None:
        return
    noted, now = ({name: _deciding(entry) for name, entry in one.items()} for one in (noted, now))
    if noted == now:
        return
    differing = [name for name in {**noted, **now} if noted.get(name) != now.get(name)]
    raise RunDirectoryError(
        f"the run in '{out}' was started with other parameters than its pipeline has when it is "
        f"made again ({listed(differing)}); go on with it by the same call of isptune.tune and "
        "resume=True"
    )
