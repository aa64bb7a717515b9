"""``isptune raw``: look at raw files, and simulate them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from isptune.errors import ConfigurationError, ImageError
from isptune.storage.places import Place
from isptune.storage.writing import make_folder
from isptune_raw.cameras import CAMERAS
from isptune_raw.mosaic import PATTERNS

_DIGITS = 6


@click.group("raw")
def raw() -> None:
    """Look at raw files, and simulate them from photographs."""


@raw.command("info", short_help="Show what a raw file holds.")
@click.argument("files", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each file.")
def info(files: tuple[str, ...], as_json: bool) -> int:
    """Show what raw FILES hold: levels, pattern, white balance, colour matrix, noise.

    A folder or a glob stands for the raw files in it.

    \b
    Examples:
      isptune raw info night.dng
      isptune raw info *.nef --json
    """
    from isptune.cli.tables import Column, print_table
    from isptune_raw.reading import read_raw

    failures: list[ImageError | ConfigurationError] = []
    names: list[str] = []
    for given in files:
        try:
            names += _files_of(given)
        except ImageError as error:
            failures.append(error)
    for name in names:
        try:
            found = facts(read_raw(Path(name)))
        except (ImageError, ConfigurationError) as error:
            failures.append(error)
            continue
        if as_json:
            click.echo(json.dumps({"file": name, **found}))
        else:
            rows = [(key.replace("_", " "), _shown(value)) for key, value in found.items()]
            print_table([Column("fact"), Column("value")], rows, title=name, box=False)
    for other in failures[1:]:
        click.echo(f"isptune: error: {other}", err=True)
    if failures:
        raise failures[0]
    return 0


@raw.command("simulate", short_help="Make the raw file that a camera would have taken of a photograph.")
@click.argument("photo")
@click.option("--out", required=True, metavar="FILE.dng", help="Where the raw file goes; its folder is made.")
@click.option(
    "--camera",
    default="phone",
    metavar="NAME",
    help=f"{', '.join(one.name for one in CAMERAS)}. Default: phone.",
)
@click.option(
    "--iso", type=float, default=100.0, metavar="N", help="Sensitivity, 50 to 102400. Default: 100."
)
@click.option("--pattern", default="RGGB", metavar="NAME", help=f"{', '.join(PATTERNS)}. Default: RGGB.")
@click.option(
    "--exposure", type=float, default=0.0, metavar="EV", help="Above 0 clips highlights. Default: 0."
)
@click.option("--blur", type=float, default=0.0, metavar="PX", help="Blur of the lens. Default: 0.")
@click.option("--shading", is_flag=True, help="Darken the corners as the lens does.")
@click.option("--defects", type=float, default=0.0, metavar="SHARE", help="Dead and hot pixels. Default: 0.")
@click.option("--no-noise", is_flag=True, help="Draw no noise.")
@click.option("--seed", type=int, default=0, metavar="N", help="Seed of noise and defects. Default: 0.")
def simulate_command(
    photo: str,
    out: str,
    camera: str,
    iso: float,
    pattern: str,
    exposure: float,
    blur: float,
    shading: bool,
    defects: float,
    no_noise: bool,
    seed: int,
) -> int:
    """Simulate the raw file that a camera would have taken of PHOTO (a file, or chart:WIDTHxHEIGHT).

    It writes FILE.dng and beside it FILE.reference.png, the photograph itself, which a scene of FILE.dng
    takes as its reference.

    \b
    Examples:
      isptune raw simulate photo.png --iso 1600 --out night.dng
      isptune tune night.dng --pipeline raw --objective psnr --out runs/night
    """
    target = Place(out).path
    if target.suffix.lower() != ".dng":
        raise ConfigurationError(f"--out is '{out}'; allowed: a name that ends in .dng")
    if seed < 0:
        raise ConfigurationError(f"--seed is {seed}; allowed: whole numbers of at least 0")
    from isptune.scenes import load_scenes, write_image
    from isptune.scenes.scene_pictures import picture_of
    from isptune_raw.dng import write_dng
    from isptune_raw.simulation import simulate

    scenes = load_scenes([photo], crop=None)
    if len(scenes) > 1:
        raise ConfigurationError(f"a raw file is of one photograph, and '{photo}' stands for {len(scenes)}")
    picture = picture_of(scenes[0])
    made = simulate(
        picture,
        camera=camera,
        iso=iso,
        pattern=pattern,
        exposure=exposure,
        blur=blur,
        shading=shading,
        defects=defects,
        noise=not no_noise,
        seed=seed,
    )
    make_folder(target.parent, ImageError)
    write_dng(target, made)
    reference = target.with_suffix(".reference.png")
    write_image(reference, picture[:, : made.height, : made.width].float(), bits=16)
    click.echo(f"wrote {out} ({made.width}x{made.height}, {camera}, ISO {iso:g})")
    click.echo(f"wrote {Path(out).with_suffix('.reference.png')}")
    return 0


def _files_of(given: str) -> list[str]:
    """The raw files of a folder or a glob; a file, whatever it is, as it was written."""
    from isptune.scenes.sources import find_pictures

    if Path(given).is_file():
        return [given]
    return [str(path) for path in find_pictures(given, raw=True) if isinstance(path, Path)] or [given]


def facts(picture: Any) -> dict[str, Any]:
    """What a ``RawImage`` holds, as plain data."""
    return {
        "camera": _camera(picture),
        "width": picture.width,
        "height": picture.height,
        "pattern": picture.pattern,
        "black": [*picture.black],
        "white": picture.white,
        "iso": picture.iso,
        "orientation": picture.orientation,
        "neutral": [round(value, _DIGITS) for value in picture.neutral],
        "colour_matrix": None if picture.matrix is None else picture.matrix.round(_DIGITS).tolist(),
        "noise": None if picture.noise is None else picture.noise.tolist(),
        "lowest": int(picture.mosaic.min()),
        "highest": int(picture.mosaic.max()),
        "share_clipped": round(float((picture.mosaic >= picture.white).mean()), _DIGITS),
    }


def _camera(picture: Any) -> str | None:
    """Make and model; some models begin with their make."""
    make, model = picture.make, picture.model
    return (model if model.startswith(make) else f"{make} {model}").strip() or None


def _shown(value: Any) -> str:
    if value is None:
        return "not known"
    if isinstance(value, list) and value and isinstance(value[0], list):
        return "\n".join(_shown(row) for row in value)
    if isinstance(value, list):
        return ", ".join(_shown(one) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
