"""``isptune score``: tables of pictures by objectives and their labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from isptune.cli.key_values import names_between_commas, settings_by_name
from isptune.cli.shared_options import (
    checkpoint_option,
    device_option,
    json_option,
    objective_option,
    option,
    switch,
)
from isptune.errors import ConfigurationError, ImageError
from isptune.plugins import registry
from isptune.tuning.prechecks import check_scenes, refuse_judges
from isptune.wording.naming import listed

if TYPE_CHECKING:
    from isptune.cli.score_table import ScoreTable

# So many failures are named; a folder may hold thousands.
_NAMED = 20
# A vector of many labels is one line in a pipe all the same.
_WIDEST = 10_000


@click.command("score")
@click.argument("images", nargs=-1, required=True)
@option(
    "--objective objectives",
    "NAME[,NAME...]",
    "Choose the objectives that score; see 'isptune list objectives'",
    multiple=True,
    required=True,
)
@objective_option
@checkpoint_option
@option("--reference", "IMAGE", "Compare with this pristine image")
@device_option
@switch(
    "--csv as_csv",
    "Print CSV with every digit on stdout: the column name, then one per score. A single objective's column "
    "is called score, as 'isptune evaluate --scores' reads it",
)
@json_option
def command(
    images: tuple[str, ...],
    objectives: tuple[str, ...],
    objective_options: tuple[str, ...],
    checkpoint: str | None,
    reference: str | None,
    device: str,
    as_csv: bool,
    as_json: bool,
) -> int:
    """Score IMAGES (files, folders or globs), each as a whole at its native size.

    An objective with several labelled scores, such as severity, prints its overall score and then each of
    them. If a picture fails, it is named and the others are still scored; the exit code is then 2 if it
    could not be read, and 1 if an objective failed on it.

    \b
    Examples:
      isptune score *.png --objective severity,noise-level
      isptune score soft.png --objective psnr --reference photo.png
    """
    if as_csv and as_json:
        raise ConfigurationError("--csv and --json both ask for stdout; give one of them")
    names = names_between_commas(objectives)
    settings = settings_by_name(names, objective_options, checkpoint)
    for name in names:
        registry.objectives.precheck(name, settings[name])
    refuse_judges(names)
    _require_reference(
        [name for name in names if registry.objectives.fact(name, "needs_reference")], reference
    )
    check_scenes([*(images if len(images) == 1 else ()), *([] if reference is None else [reference])])

    from isptune.cli.score_table import score_pictures
    from isptune.scenes import load_scenes
    from isptune.scenes.scene_pictures import picture_of
    from isptune.tuning.devices import resolve_device

    where = resolve_device(device)
    made = [registry.objectives.create(name, **settings[name]) for name in names]
    _require_reference(
        [name for name, one in zip(names, made, strict=True) if one.needs_reference], reference
    )
    pristine = None
    if reference is not None:
        scenes = load_scenes([reference], crop=None)
        if len(scenes) > 1:
            raise ImageError(f"--reference takes one image, and '{reference}' is {len(scenes)} of them")
        pristine = picture_of(scenes[0])
    table = score_pictures(made, images, pristine, where)
    if not table.rows and len(table.failures) == 1:
        raise table.failures[0]
    # Failures alone are no table.
    if table.rows:
        _print(table, as_csv, as_json)
    for error in table.failures[:_NAMED]:
        click.echo(f"isptune: {error}", err=True)
    if len(table.failures) > _NAMED:
        click.echo(f"isptune: and {len(table.failures) - _NAMED} more failed", err=True)
    if table.interrupted:
        click.echo("isptune: stopped; these were scored", err=True)
        return 130
    return max((error.exit_code for error in table.failures), default=0)


def _require_reference(needing: Sequence[str], reference: str | None) -> None:
    if needing and reference is None:
        plural, verb = ("s", "need") if len(needing) > 1 else ("", "needs")
        raise ConfigurationError(
            f"the objective{plural} '{listed(needing)}' {verb} a reference image: give --reference IMAGE"
        )


def _print(table: ScoreTable, as_csv: bool, as_json: bool) -> None:
    if as_csv or as_json:
        click.echo(table.to_csv() if as_csv else json.dumps(table.to_dict()), nl=as_json)
        return
    from isptune.cli.tables import Column, console_for_tables, print_table

    # One score alone needs no heads: what it is stands below.
    heads = [column.head for column in table.columns] if len(table.columns) > 1 else [""]
    columns = [Column("image" if len(heads) > 1 else ""), *(Column(head, number=True) for head in heads)]
    print_table(columns, table.cells(), box=False, console=console_for_tables(_WIDEST))
    click.echo(table.orientations(), err=True)
