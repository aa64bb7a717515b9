"""``isptune score``: score images with an objective."""

from __future__ import annotations

import json
import math

import click

from isptune.cli.options import checkpoint_option, json_option, objective_settings
from isptune.errors import ConfigurationError, EvaluationError, IsptuneError


@click.command("score", short_help="Score images with an objective.")
@click.argument("images", nargs=-1, required=True)
@click.option(
    "--objective", required=True, metavar="NAME", help="What scores; see 'isptune list objectives'."
)
@click.option(
    "--objective-option",
    "objective_options",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the objective; the value is read as YAML. May be repeated.",
)
@checkpoint_option
@click.option("--reference", metavar="IMAGE", help="The pristine image, for a full-reference objective.")
@click.option("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1, mps.")
@json_option
def command(
    images: tuple[str, ...],
    objective: str,
    objective_options: tuple[str, ...],
    checkpoint: str | None,
    reference: str | None,
    device: str,
    as_json: bool,
) -> int:
    """Score IMAGES (files, folders or globs), each as a whole at its native size."""
    import torch

    from isptune import registry
    from isptune.devices import resolve_device
    from isptune.scenes import load_scenes

    where = resolve_device(device)
    made = registry.objectives.create(objective, **objective_settings(objective_options, checkpoint))
    if made.needs_reference and reference is None:
        raise ConfigurationError(
            f"the objective '{objective}' needs a reference image: give --reference IMAGE"
        )
    scenes = load_scenes(list(images), crop=None)
    pristine = None
    if reference is not None:
        pristine = load_scenes([reference], crop=None)[0].image.unsqueeze(0).to(where)
    made.to(where)
    rows = []
    for scene in scenes:
        try:
            with torch.no_grad():
                score = float(made.score(scene.image.unsqueeze(0).to(where), pristine)[0])
        except IsptuneError as error:
            raise type(error)(f"'{scene.name}': {error}") from error
        except Exception as error:
            raise EvaluationError(
                f"the objective '{objective}' failed on '{scene.name}': {type(error).__name__}: {error}"
            ) from error
        rows.append({"image": scene.name, "score": score if math.isfinite(score) else None})
    if as_json:
        facts = {"objective": made.name, "higher_is_better": bool(made.higher_is_better)}
        click.echo(json.dumps({**facts, "scores": rows}))
    else:
        width = max(len(scene.name) for scene in scenes)
        for row in rows:
            written = "not finite" if row["score"] is None else f"{row['score']:.6g}"
            click.echo(f"{row['image']:<{width}}  {written}")
        click.echo(f"({made.name}: {'higher' if made.higher_is_better else 'lower'} is better)", err=True)
    return 0
