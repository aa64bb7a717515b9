"""The public functions on the four registries: register by name, create by name, list by glob."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from isptune.plugins import registry

if TYPE_CHECKING:
    from isptune.contracts.objective import Objective
    from isptune.contracts.optimizer import Optimizer
    from isptune.contracts.pipeline import Pipeline
    from isptune.contracts.stage import Stage

T = TypeVar("T")


def create_stage(name: str, /, **options: Any) -> Stage:
    """The stage registered under a name, made with its options."""
    return registry.stages.create(name, **options)


def create_pipeline(name: str, /, **options: Any) -> Pipeline:
    """The pipeline registered under a name, made with its options.

    Example:
        >>> import isptune
        >>> pipeline = isptune.create_pipeline("synthetic", scenes=["chart:64x48"], seed=0)
        >>> pipeline.space.names
        ['blur', 'brightening', 'desaturation', 'noise', 'sharpening']
    """
    return registry.pipelines.create(name, **options)


def create_objective(name: str, /, *, device: Any = None, **options: Any) -> Objective:
    """The objective registered under a name, made with its options and moved to a device if one is given."""
    objective: Objective = registry.objectives.create(name, **options)
    return objective if device is None else objective.to(device)


def create_optimizer(name: str, /, **options: Any) -> Optimizer:
    """The optimizer registered under a name, made with its options (space, population, seed, ...)."""
    return registry.optimizers.create(name, **options)


def register_stage(name: str, **facts: Any) -> Callable[[T], T]:
    """Decorator: register a ``Stage`` class under a name (``aliases=``, ``replace=``)."""
    return registry.stages.register(name, **facts)


def register_pipeline(name: str, **facts: Any) -> Callable[[T], T]:
    """Decorator: register a ``Pipeline`` class under a name (``aliases=``, ``replace=``)."""
    return registry.pipelines.register(name, **facts)


def register_objective(name: str, **facts: Any) -> Callable[[T], T]:
    """Decorator: register an ``Objective`` class under a name (``aliases=``, ``replace=``)."""
    return registry.objectives.register(name, **facts)


def register_optimizer(name: str, **facts: Any) -> Callable[[T], T]:
    """Decorator: register an ``Optimizer`` class under a name (``aliases=``, ``replace=``)."""
    return registry.optimizers.register(name, **facts)


def list_stages(pattern: str | None = None) -> list[str]:
    """Names of stages that a glob matches, in natural order."""
    return registry.stages.names(pattern)


def list_pipelines(pattern: str | None = None) -> list[str]:
    """Names of pipelines that a glob matches, in natural order."""
    return registry.pipelines.names(pattern)


def list_objectives(pattern: str | None = None) -> list[str]:
    """Names of objectives that a glob matches, in natural order."""
    return registry.objectives.names(pattern)


def list_optimizers(pattern: str | None = None) -> list[str]:
    """Names of optimizers that a glob matches, in natural order."""
    return registry.optimizers.names(pattern)
