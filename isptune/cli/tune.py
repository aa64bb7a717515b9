"""``isptune tune``: run the loop on scenes and print what it found."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from isptune.cli.options import (
    checkpoint_option,
    how_options,
    json_option,
    key_values,
    objective_settings,
    parameter_options,
    parameter_settings,
    plugin_options,
    with_parameters,
)
from isptune.cli.running import make_trackers, run_and_print, tracking_options
from isptune.errors import ConfigurationError
from isptune.plugins import registry
from isptune.storage.paths import folder_name
from isptune.storage.places import absolute_scene
from isptune.tuning.prechecks import check_components, check_scenes, check_takes_scenes
from isptune.tuning.settings import RunConfig, default_component, parse_config, read_config


@click.command("tune", short_help="Tune a pipeline's parameters for an objective.")
@click.argument("images", nargs=-1)
@click.option("--config", "config_path", metavar="FILE", help="A YAML file; options given here win over it.")
@click.option(
    "--pipeline",
    metavar="NAME",
    help=f"What renders; see 'isptune list pipelines'. {registry.pipelines.default_in_words()}",
)
@click.option(
    "--objective",
    metavar="NAME[,NAME...]",
    help="What scores; see 'isptune list objectives'. Several for an optimizer that takes several. "
    + registry.objectives.default_in_words(),
)
@click.option(
    "--vector", is_flag=True, default=None, help="Take every score of a vector-valued objective for itself."
)
@click.option(
    "--optimizer",
    metavar="NAME",
    help=f"What proposes candidates; see 'isptune list optimizers'. {registry.optimizers.default_in_words()}",
)
@click.option(
    "--population", type=int, metavar="N", help="Candidates per generation. Default: the optimizer's."
)
@click.option(
    "--budget", type=int, metavar="N", help="Evaluations, a multiple of the population. Default: 1500."
)
@click.option("--seed", type=int, metavar="N", help="Seed of the optimizer and the pipeline. Default: 0.")
@click.option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1, mps. Default: auto.")
@click.option(
    "--crop",
    metavar="HOW",
    help="auto: six 256-pixel crops at native resolution of a picture over 1 megapixel (the default); "
    "full: whole pictures; N or KxN: K (six) crops of N pixels.",
)
@click.option(
    "--autocast", metavar="TYPE", help="none, bfloat16 or float16 for the objective. Default: none."
)
@click.option("--memory-gb", type=float, metavar="GB", help="Memory of one micro-batch. Default: 2.")
@how_options
@checkpoint_option
@plugin_options
@parameter_options
@click.option(
    "--start",
    metavar="WHERE",
    help="Begin at the pipeline's defaults (default), where the optimizer would (own), at the best "
    "candidates of a run (its folder), or at those in a YAML or JSON file. Default: default where the "
    "pipeline has any.",
)
@click.option("--out", metavar="DIR", help="The run directory. Default: a new one under runs/.")
@tracking_options
@json_option
def command(
    images: tuple[str, ...],
    config_path: str | None,
    out: str | None,
    as_json: bool,
    checkpoint: str | None,
    pipeline_options: tuple[str, ...],
    objective_options: tuple[str, ...],
    optimizer_options: tuple[str, ...],
    fixed: tuple[str, ...],
    ranges: tuple[str, ...],
    ties: tuple[str, ...],
    tensorboard: bool,
    mlflow: str | None,
    wandb: str | None,
    **settings: Any,
) -> int:
    """Tune a pipeline's parameters for an objective.

    IMAGES are files, folders or globs; without any, the generated test chart (chart, or
    chart:WIDTHxHEIGHT for another size).

    \b
    Examples:
      isptune tune photo.png --seed 1 --out runs/first
      isptune tune photo.png --objective ssim --optimizer cma --population 15 --budget 150
      isptune tune --config run.yaml --optimizer-option mu=4
      isptune tune photo.png --start runs/first --optimizer cma --out runs/second
      isptune tune photo.png --objective psnr,sharpness --optimizer nsga2 --population 20 --budget 200
    """
    data = read_config(config_path) if config_path else {}
    data |= {key: value for key, value in settings.items() if value is not None}
    if images:
        data["scenes"] = list(images)
    given = {
        "pipeline": key_values(pipeline_options, "--pipeline-option"),
        "objective": objective_settings(objective_options, checkpoint),
        "optimizer": key_values(optimizer_options, "--optimizer-option"),
    }
    if given["objective"]:
        require_one_objective(data)
    for kind, options in given.items():
        if options:
            add_options(data, kind, options)
    with_parameters(data, parameter_settings(fixed, ranges, ties))
    where = f"the configuration '{config_path}'" if config_path else "the options"
    config = parse_config(data, where)
    for index, one in enumerate(config.objectives):
        if one in config.objectives[:index]:
            raise ConfigurationError(f"the objective '{one.name}' is given twice, with the same options")
    config = with_absolute_paths(config)
    check_components(config)
    check_scenes(config.scenes, config.crop)
    check_takes_scenes(config.pipeline, images)
    trackers = make_trackers(tensorboard, mlflow, wandb)

    from isptune.tuning.session import prepare

    return run_and_print(
        lambda: prepare(config, out or default_out(config)), as_json=as_json, resume=False, trackers=trackers
    )


def add_options(data: dict[str, Any], kind: str, options: dict[str, Any]) -> None:
    """Add options to a component that may be absent, a name, or a mapping."""
    component = data[kind] if kind in data else default_component(kind).name
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


def with_absolute_paths(config: RunConfig) -> RunConfig:
    """The configuration with paths that still mean the same when the run is resumed from another folder."""
    first, *more = (one.settled() for one in config.objectives)
    return config.model_copy(
        update={
            "scenes": [absolute_scene(scene) for scene in config.scenes],
            "pipeline": config.pipeline.settled(),
            "optimizer": config.optimizer.settled(),
            "objective": first,
            "more_objectives": more,
        }
    )


def default_out(config: Any) -> Path:
    """A new folder under runs/, named after the time and the parts of the run."""
    objective = "+".join(component.shown for component in config.objectives)
    parts = (objective, config.optimizer.shown, f"seed{config.seed}")
    named = folder_name("-".join(parts).replace(":", "_").replace("/", "_"))
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{named}"
    path = Path("runs") / stem
    number = 2
    while path.exists():
        path = Path("runs") / f"{stem}-{number}"
        number += 1
    return path
