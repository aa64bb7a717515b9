"""What of a run can be refused before anything is imported, read or made: names, options, sizes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isptune.errors import ConfigurationError, ImageError, UnknownNameError
from isptune.plugins import registry
from isptune.storage.paths import shown as shown_path
from isptune.wording.allowed import shown
from isptune.wording.naming import listed

if TYPE_CHECKING:
    from isptune.tuning.settings import Component, RunConfig

# What a run gives its optimizer, and its pipeline where that takes it.
OPTIMIZER_SETTINGS = ("space", "population", "seed", "budget", "starts")
# Generations that no run comes to.
UNLIMITED = 10**9
PIPELINE_SETTINGS = ("scenes", "crop", "seed")


def check_components(config: RunConfig) -> None:
    """Refuse names and options that cannot be, and a budget that is not whole; no plugin is imported for it.

    Raises:
        IsptuneError: one sentence about the first mistake.
    """
    pipeline, optimizer = config.pipeline, config.optimizer
    registry.pipelines.precheck(pipeline.name, pipeline.options, PIPELINE_SETTINGS)
    for objective in config.objectives:
        registry.objectives.precheck(objective.name, objective.options)
    for guard in config.guard:
        registry.objectives.precheck(guard.name, guard.options)
    check_guards(config)
    check_optimizer(optimizer)
    if len(config.objectives) > 1 and not registry.optimizers.fact(optimizer.name, "is_multi_objective"):
        raise one_objective_alone(optimizer.name, [objective.name for objective in config.objectives])
    population = with_population(config).population
    assert population is not None
    check_budget(config.budget, population)


def chooses(optimizer: str) -> bool:
    """Whether an optimizer of that name stands for others, of which it chooses one for each run.

    Raises:
        UnknownNameError: nothing has that name.
    """
    return bool(registry.optimizers.fact(optimizer, "chooses", False))


def check_guards(config: RunConfig) -> None:
    """Refuse guards that could say nothing of their own, and optimizers that need gradients beside a guard.

    Raises:
        ConfigurationError: one sentence about the first mistake.
    """
    for place, guard in enumerate(config.guard):
        if _is_named(guard) and any(guard.written == one.written for one in config.objectives):
            from isptune.tuning.scoring import guard_is_objective

            raise guard_is_objective(guard.shown)
        if _is_named(guard) and any(guard.written == other.written for other in config.guard[:place]):
            raise ConfigurationError(f"the guard '{guard.shown}' is given twice, with the same options")
        if _is_named(guard) and registry.objectives.fact(guard.name, "is_judge", False):
            from isptune.tuning.scoring import judge_as_guard

            raise judge_as_guard(guard.shown)
    if config.guard and registry.optimizers.fact(config.optimizer.name, "needs_gradient", False):
        raise ConfigurationError(
            f"the optimizer '{config.optimizer.shown}' follows gradients, and the penalty of a guard has "
            "none; choose an optimizer without gradients, such as 'es'"
        )


def _is_named(objective: Component) -> bool:
    """Whether a name stands for it: nobody knows the options of an object that a caller made."""
    try:
        registry.objectives.fact(objective.name, "is_judge", False)
    except UnknownNameError:
        return False
    return True


def check_budget(budget: int | None, population: int) -> int:
    """The number of generations, refused with a ConfigurationError where it is not whole.

    Of a run that time alone ends it is ``UNLIMITED``.
    """
    if budget is None:
        return UNLIMITED
    if budget % population:
        below, above = budget - budget % population, budget - budget % population + population
        nearest = f"{below} or {above}" if below else f"{above}"
        raise ConfigurationError(
            f"the budget {budget} is not a multiple of the population {population}; the nearest: {nearest}"
        )
    return budget // population


def refuse_judges(names: Iterable[str]) -> None:
    """Refuse objectives that score no pictures by themselves; none is imported for it.

    Raises:
        ConfigurationError: one of them is a judge.
    """
    for name in names:
        if registry.objectives.fact(name, "is_judge", False):
            from isptune.contracts.judge import scores_no_pictures

            raise scores_no_pictures(name)


def refuse_chart_measures(names: Iterable[str]) -> None:
    """Refuse objectives that score charts alone, where pictures of all kinds are shown; none is imported.

    Raises:
        ConfigurationError: one of them is such.
    """
    for name in names:
        kinds = registry.objectives.fact(name, "chart_kinds", ())
        if kinds:
            raise ConfigurationError(
                f"the objective '{name}' needs a chart ({listed(kinds)}) where it is known to lie, and here "
                "pictures of all kinds are shown, moved and cropped; it has no card"
            )


def check_scenes(sources: Sequence[str], crop: str | int | None = None, pipeline: str | None = None) -> None:
    """Refuse scenes that are not there, and a crop that cannot be; no picture is read for it.

    Args:
        sources: files, folders, globs or the chart.
        crop: as people write it.
        pipeline: the name of what renders them, which may take raw files; None for pictures.

    Raises:
        ImageError, ConfigurationError: one sentence about the first mistake.
    """
    from isptune.scenes.crops import parse_crop
    from isptune.scenes.sources import RAW_SUFFIXES, find_pictures

    parse_crop(crop)
    raw = pipeline is not None and bool(registry.pipelines.fact(pipeline, "takes_raw", False))
    for source in sources:
        for found in find_pictures(source, warn=False, raw=raw):
            if isinstance(found, Path) and not raw and found.suffix.lower() in RAW_SUFFIXES:
                able = registry.pipelines.having("takes_raw")
                choose = f"choose a pipeline that takes raw files ({listed(able)}), or " if able else ""
                raise ImageError(f"'{found}' is a camera's raw file; {choose}develop it to PNG or TIFF first")


def check_holdout(config: RunConfig) -> None:
    """Refuse held-out files that are not there or that are tuned on as well; no picture is read for it.

    Raises:
        ImageError, ConfigurationError: one sentence about the first mistake.
    """
    if isinstance(config.holdout, list) and registry.pipelines.takes(config.pipeline.name, "scenes"):
        raw = bool(registry.pipelines.fact(config.pipeline.name, "takes_raw", False))
        tuned = {found for source in config.scenes for found in files_of(source, raw)}
        for source in config.holdout:
            for found in sorted(files_of(source, raw) & tuned):
                raise ConfigurationError(
                    f"the scene '{shown_path(os.path.basename(found))}' is held out and tuned on as well, so "
                    "that it could not judge; name it once"
                )
    for component in config.objectives if config.holdout is not None else ():
        if registry.objectives.fact(component.name, "is_judge", False):
            raise judges_alone(component.shown)


def judges_alone(name: str) -> ConfigurationError:
    """The refusal of held-out scenes for a judge."""
    return ConfigurationError(
        f"the objective '{name}' is a judge, which compares the candidates of a generation with each other, "
        "and held-out scenes are scored picture by picture; leave out holdout, or choose another objective"
    )


def files_of(source: str, raw: bool) -> set[str]:
    """The absolute paths of the files that a text stands for, or the chart with its size.

    Raises:
        ImageError: nothing is there.
    """
    from isptune.scenes.sources import ChartName, find_pictures

    return {
        f"chart:{found.width}x{found.height}" if isinstance(found, ChartName) else os.path.abspath(found)
        for found in find_pictures(source, warn=False, raw=raw)
    }


def check_takes_scenes(pipeline: Component, given: Sequence[str]) -> None:
    """Refuse pictures for a pipeline that has scenes of its own.

    Raises:
        ConfigurationError: its constructor takes no option ``scenes``, so that they would be ignored.
    """
    if given and not registry.pipelines.takes(pipeline.name, "scenes"):
        raise ConfigurationError(
            f"the pipeline '{pipeline.shown}' has scenes of its own and no option 'scenes': "
            f"leave out {listed(given)}"
        )


def check_optimizer(optimizer: Component) -> None:
    """Refuse a name that no optimizer has, and options that it does not take or that the run sets."""
    check_reserved(optimizer)
    registry.optimizers.precheck(optimizer.name, optimizer.options, OPTIMIZER_SETTINGS, named=False)


def check_reserved(optimizer: Component) -> None:
    """Refuse options of an optimizer that are settings of the run, with a ConfigurationError."""
    reserved = set(OPTIMIZER_SETTINGS) & set(optimizer.options)
    if reserved:
        raise ConfigurationError(
            f"the optimizer's options cannot set {', '.join(sorted(reserved))}; those are settings of the run"
        )


def with_population(config: RunConfig) -> RunConfig:
    """The configuration with the optimizer's own population where none is given."""
    if config.population is not None:
        return config
    population = registry.optimizers.fact(config.optimizer.name, "default_population", 30)
    if chooses(config.optimizer.name) and config.budget is not None:
        # What it chooses takes a population that the budget is a multiple of.
        population = next(size for size in range(population, 0, -1) if config.budget % size == 0)
    return config.model_copy(update={"population": population})


def one_objective_alone(optimizer: str, labels: Sequence[str]) -> ConfigurationError:
    """The refusal of several objectives by an optimizer that takes one."""
    return ConfigurationError(
        f"the optimizer '{optimizer}' takes one objective, and there are {len(labels)} ({listed(labels)}); "
        f"choose one that takes several, such as {listed(registry.optimizers.having('is_multi_objective'))}, "
        "or an objective that sums others up ('isptune list objectives' shows all)"
    )


def check_argument(what: str, value: Any, kinds: tuple[type, ...], allowed: str) -> None:
    """Refuse an argument of a call that is of none of the types.

    Args:
        what: it is, the start of the message, such as ``"the pipeline of isptune.tune"``.
        value: of the argument.
        kinds: what it may be.
        allowed: the same in words.

    Raises:
        ConfigurationError: one sentence.
    """
    if not isinstance(value, kinds):
        raise ConfigurationError(f"{what} is {shown(value)}; allowed: {allowed}")


def check_callbacks(callbacks: Any) -> None:
    """Refuse callbacks that are no sequence of callables and trackers, with a ConfigurationError."""
    from isptune.tracking.tracker import Tracker

    allowed = "a list of callables and trackers, such as callbacks=[show]"
    if isinstance(callbacks, str | bytes) or not isinstance(callbacks, Sequence):
        raise ConfigurationError(f"callbacks is {shown(callbacks)}; allowed: {allowed}")
    for one in callbacks:
        if not callable(one) and not isinstance(one, Tracker):
            raise ConfigurationError(f"callbacks holds {shown(one)}; allowed: {allowed}")
