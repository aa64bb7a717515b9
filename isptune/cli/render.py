"""``isptune render``: one image with parameters of the user's choice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isptune.cli.directories import require_runs
from isptune.cli.key_values import key_values
from isptune.cli.shared_options import device_option, json_option, option, plugin_option, setting_options
from isptune.errors import ConfigurationError
from isptune.plugins import registry
from isptune.storage.places import Place, absolute_scene
from isptune.tuning.described_settings import RUN
from isptune.tuning.prechecks import PIPELINE_SETTINGS, check_scenes
from isptune.wording.naming import did_you_mean, listed

if TYPE_CHECKING:
    from isptune.contracts.pipeline import Pipeline
    from isptune.contracts.scene import Scene


@click.command("render")
@click.argument("image", required=False)
@option("--set pairs", "NAME=VALUE", "Set a parameter; others stay at their start", multiple=True)
@option("--out", "FILE", "Write this picture: PNG, JPEG, WebP or TIFF", required=True)
@option("--run run_directory", "DIR", "Take pipeline and best parameters of a run")
@setting_options(RUN, "pipeline", "seed")
@plugin_option("pipeline")
@device_option
@option(
    "--bits",
    "[8|16]",
    "Write 8 or 16 (PNG, TIFF) bits per channel",
    kind=click.Choice(["8", "16"]),
    default="8",
)
@json_option
def command(
    image: str | None,
    pairs: tuple[str, ...],
    out: str,
    run_directory: str | None,
    pipeline: str | None,
    pipeline_options: tuple[str, ...],
    seed: int | None,
    device: str,
    bits: str,
    as_json: bool,
) -> int:
    """Render IMAGE (a file, or chart:WIDTHxHEIGHT) through a pipeline.

    If the pipeline has scenes of its own, IMAGE names one of them; the default is the first.

    Without --run, parameters that --set does not name keep their start. Those of the synthetic pipeline are
    then the distortion levels themselves, and start at 0: --set blur=0.3 is a blur of 0.3 px. With --run, the
    parameters are the run's own, and those that --set does not name take the best values found.

    \b
    Examples:
      isptune render photo.png --set blur=1.5 --set noise=0.02 --out soft.png
      isptune render photo.png --run runs/first --out best.png
    """
    # Before any plugin is looked at, which may change the working folder.
    target = Place(out)
    held = None if run_directory is None else Place(run_directory)
    picture = None if image is None else absolute_scene(image)
    values = key_values(pairs, "--set")
    if run_directory is None:
        given = key_values(pipeline_options, "--pipeline-option")
        name = pipeline or registry.pipelines.default()
        registry.pipelines.precheck(name, given, PIPELINE_SETTINGS)
    else:
        if pipeline or pipeline_options or seed is not None:
            raise ConfigurationError(
                "--run brings its own pipeline and seed: leave out --pipeline, --pipeline-option and --seed"
            )
        require_runs([run_directory])
        name = _pipeline_of(run_directory)
    own_scenes = not registry.pipelines.takes(name, "scenes")
    if not own_scenes:
        if image is None:
            raise ConfigurationError(
                f"the pipeline '{name}' renders pictures: name one, such as photo.png or chart"
            )
        check_scenes([image], pipeline=name)

    import torch

    from isptune.parameters import written
    from isptune.scenes import write_image
    from isptune.tuning.devices import resolve_device
    from isptune.tuning.renderings import render_soundly

    where = resolve_device(device)
    if held is not None:
        made, best = _of_run(held.path, None if own_scenes else picture)
        values = {**best, **values}
    else:
        made = _of_options(name, given, None if own_scenes else picture, seed or 0)
    made.to(where)
    candidate = made.space.from_dicts([values]).to(where)
    with torch.no_grad():
        rendered = render_soundly(made, candidate, _scene(made, image if own_scenes else None))
    write_image(target.path, rendered[0].float().cpu(), bits=int(bits))
    parameters = made.space.to_dicts(candidate)[0]
    if as_json:
        click.echo(json.dumps({"out": out, "parameters": parameters}))
    else:
        click.echo(f"wrote {out} ({rendered.shape[-1]}x{rendered.shape[-2]}; {written(parameters)})")
    return 0


def _pipeline_of(directory: str) -> str:
    """The name of a run's pipeline."""
    from isptune.runs.again import require_named
    from isptune.runs.directory import CONFIG_NAME, RunDirectory
    from isptune.tuning.settings import parse_config, settings_of

    place = RunDirectory(directory)
    data = place.read_config()
    require_named(data, directory)
    return parse_config(settings_of(data), f"'{place.file(CONFIG_NAME)}'").pipeline.name


def _of_options(name: str, options: dict[str, Any], image: str | None, seed: int) -> Pipeline:
    """The pipeline that the options name, on the whole image; on its own scenes where there is None."""
    from isptune.plugins import takes_option

    factory = registry.pipelines.get(name)
    own: Mapping[str, Any] = getattr(factory, "render_options", {})
    defaults = {"crop": "full", "seed": seed, **own}
    if image is not None:
        defaults["scenes"] = [image]
    for key, value in defaults.items():
        if takes_option(factory, key):
            options.setdefault(key, value)
    made: Pipeline = registry.pipelines.create(name, **options)
    return made


def _of_run(directory: Path, image: str | None) -> tuple[Pipeline, dict[str, Any]]:
    """A run's pipeline on the whole image, or on its own scenes, and the best parameters of its log."""
    from isptune.tuning.best_of_run import best_of_run

    return best_of_run(directory, scenes=None if image is None else [image])


def _scene(pipeline: Pipeline, name: str | None) -> Scene:
    """The scene of that name; the first one where there is None.

    Raises:
        ConfigurationError: the pipeline has none of that name.
    """
    names = [scene.name for scene in pipeline.scenes]
    if name is None:
        return pipeline.scene(0)
    if name not in names:
        raise ConfigurationError(
            f"the pipeline '{pipeline.name}' has scenes of its own, and none is called '{name}'"
            f"{did_you_mean(name, names)}; its scenes: {listed(names)}"
        )
    return pipeline.scene(names.index(name))
