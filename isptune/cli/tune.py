"""``isptune tune``: run the loop on scenes and print what it found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isptune.cli.condition_table import parsed_table, table_settings, tune_and_print_table
from isptune.cli.directories import new_folder
from isptune.cli.key_values import (
    add_guard_options,
    key_values,
    objective_settings,
    parameter_settings,
    pipeline_settings,
    with_parameters,
)
from isptune.cli.process import importing
from isptune.cli.run_and_print import make_trackers, run_and_print
from isptune.cli.shared_options import (
    checkpoint_option,
    guard_option,
    json_option,
    option,
    parameter_options,
    plugin_option,
    setting_option,
    setting_options,
    tracking_options,
)
from isptune.errors import ConfigurationError
from isptune.plugins.registry import REGISTRIES
from isptune.tuning.described_settings import ENDING, RUN, TABLE
from isptune.tuning.prechecks import check_components, check_holdout, check_scenes, check_takes_scenes

if TYPE_CHECKING:
    from isptune.tuning.settings import RunConfig


@click.command("tune")
@click.argument("images", nargs=-1)
@option("--config", "FILE", "Read settings from a YAML file; options win over it")
@setting_options(RUN, "pipeline", "objective", "vector", "optimizer", "population", "budget", "seed")
@setting_options(RUN, "race", *ENDING)
@setting_options(RUN, "device", "crop", "autocast", "memory_gb")
@setting_options(RUN, "max_failures", "workers", "timeout", "retries")
@checkpoint_option
@option(
    "--reference references",
    "FILE",
    "Compare with this picture, one for each of IMAGES; short for --pipeline-option reference=FILE",
    multiple=True,
    otherwise="x.reference.png beside x.dng; pictures with themselves",
)
@plugin_option("pipeline")
@plugin_option("objective")
@plugin_option("optimizer")
@parameter_options
@setting_option(RUN, "start", multiple=True)
@setting_options(RUN, "proposer", "guard", "guard_weight", "guard_tolerance")
@guard_option
@setting_options(RUN, "stay_near")
@setting_option(RUN, "holdout", multiple=True)
@setting_option(TABLE, "conditions")
@setting_option(TABLE, "share", multiple=True)
@setting_option(TABLE, "smooth")
@option("--out", "DIR", "Write into this directory", otherwise="a new one under runs/")
@tracking_options
@json_option
def command(
    images: tuple[str, ...],
    config: str | None,
    out: str | None,
    as_json: bool,
    checkpoint: str | None,
    references: tuple[str, ...],
    pipeline_options: tuple[str, ...],
    objective_options: tuple[str, ...],
    optimizer_options: tuple[str, ...],
    guard_options: tuple[str, ...],
    fixed: tuple[str, ...],
    ranges: tuple[str, ...],
    ties: tuple[str, ...],
    start: tuple[str, ...],
    holdout: tuple[str, ...],
    conditions: str | None,
    share: tuple[str, ...],
    smooth: float | None,
    tensorboard: bool,
    mlflow: str | None,
    wandb: str | None,
    **settings: Any,
) -> int:
    """Tune a pipeline's parameters for an objective.

    IMAGES are files, folders or globs. Without any, the generated test chart is tuned on (chart, or
    chart:WIDTHxHEIGHT for another size).

    \b
    Examples:
      isptune tune photo.png --seed 1 --out runs/first
      isptune tune photo.png --objective ssim --optimizer cma --population 15 --budget 150
      isptune tune --config run.yaml --optimizer-option mu=4
      isptune tune photo.png --start runs/first --optimizer cma --out runs/second
      isptune tune night.png --start runs/day --start 'runs/dusk-*' --budget 150
      isptune tune photo.png --objective psnr,sharpness --optimizer nsga2 --population 20 --budget 200
      isptune tune photo.png --objective severity --guard niqe-distance
      isptune tune 'night/*.dng' --pipeline libraw --objective psnr --holdout 2
      isptune tune '*.dng' --pipeline libraw --objective psnr --conditions iso --share 'tone.*'
    """
    from isptune.tuning.settings import parse_config, read_config

    data = read_config(config) if config else {}
    data |= {key: value for key, value in settings.items() if value is not None}
    if images:
        data["scenes"] = list(images)
    if start:
        data["start"] = start[0] if len(start) == 1 else list(start)
    if holdout:
        data["holdout"] = list(holdout)
    given = {
        "pipeline": pipeline_settings(pipeline_options, references),
        "objective": objective_settings(objective_options, checkpoint),
        "optimizer": key_values(optimizer_options, "--optimizer-option"),
    }
    if given["objective"]:
        require_one_objective(data)
    for kind, options in given.items():
        if options:
            add_options(data, kind, options)
    add_guard_options(data, guard_options)
    with_parameters(data, parameter_settings(fixed, ranges, ties))
    where = f"the configuration '{config}'" if config else "the options"
    is_table = table_settings(data, share, smooth, conditions)
    run = parsed_table(data, where) if is_table else parse_config(data, where)
    for index, one in enumerate(run.objectives):
        if one in run.objectives[:index]:
            raise ConfigurationError(f"the objective '{one.name}' is given twice, with the same options")
    run = run.settled()
    check_components(run)
    check_scenes(run.scenes, run.crop, run.pipeline.name)
    check_holdout(run)
    check_takes_scenes(run.pipeline, images)
    trackers = make_trackers(tensorboard, mlflow, wandb)

    target = out or default_out(run)
    if is_table:
        return tune_and_print_table(run, target, as_json=as_json, trackers=trackers)
    with importing():
        from isptune.tuning.session import prepare

    return run_and_print(lambda: prepare(run, target), as_json=as_json, resume=False, trackers=trackers)


def add_options(data: dict[str, Any], kind: str, options: dict[str, Any]) -> None:
    """Add options to a component that may be absent, a name, or a mapping."""
    component = data[kind] if kind in data else REGISTRIES[f"{kind}s"].default()
    if isinstance(component, dict):
        before = component.get("options") or {}
        # Options that are no mapping are for the configuration's own check to refuse.
        if isinstance(before, dict):
            data[kind] = {**component, "options": {**before, **options}}
    else:
        data[kind] = {"name": component, "options": options}


def require_one_objective(data: dict[str, Any]) -> None:
    """Refuse options of the objective where there are several.

    Raises:
        ConfigurationError: it cannot be told whose they are.
    """
    given = data.get("objective")
    count = given.count(",") + 1 if isinstance(given, str) else len(given) if isinstance(given, list) else 1
    if count > 1:
        raise ConfigurationError(
            f"--objective-option and --checkpoint belong to one objective, and there are {count}; "
            "write each with its options into a file for --config: "
            "objective: [{name: NAME, options: {KEY: VALUE}}, NAME]"
        )


def default_out(run: RunConfig) -> Path:
    """A new folder under runs/, named after the time and the parts of the run."""
    objective = "+".join(component.shown for component in run.objectives)
    parts = (objective, run.optimizer.shown, f"seed{run.seed}")
    return new_folder("", "-".join(parts).replace(":", "_").replace("/", "_"))
