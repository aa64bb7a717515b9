"""``isptune gallery``: every stage at rising levels in one picture."""

from __future__ import annotations

import click

from isptune.errors import ConfigurationError, ImageError
from isptune.plugins import registry
from isptune.storage.places import Place
from isptune.storage.writing import make_folder
from isptune.tuning.prechecks import check_scenes


@click.command("gallery", short_help="Show what the stages do at rising levels.")
@click.argument("image")
@click.option("--out", required=True, metavar="DIR", help="Where gallery.png goes; made if it is missing.")
@click.option(
    "--stage",
    "names",
    multiple=True,
    metavar="NAME",
    help="A stage to show; see 'isptune list stages'. May be repeated. Default: all but those of families.",
)
@click.option(
    "--size", type=int, default=160, metavar="N", help="Side of the tiles in pixels, 32 to 512. Default: 160."
)
def command(image: str, out: str, names: tuple[str, ...], size: int) -> int:
    """Draw DIR/gallery.png: the most detailed part of IMAGE through every stage.

    IMAGE is a file, or chart:WIDTHxHEIGHT.

    Each row shows a stage: the original, then the stage at 0.2, 0.4, 0.6, 0.8 and 1.0 of its highest level.
    Without --stage, rows are sorted by the stages' families. Tiles are crops at native resolution.

    \b
    Examples:
      isptune gallery photo.png --out stages
      isptune gallery photo.png --stage gaussian_blur --stage jpeg --out stages
    """
    place = Place(out)
    folder = place.path
    if folder.exists() and not folder.is_dir():
        raise ImageError(f"'{out}' is a file, where a folder is needed")
    for name in names:
        registry.stages.precheck(name, {})
    check_scenes([image])

    from isptune import figures
    from isptune.scenes import load_scenes
    from isptune.scenes.scene_pictures import picture_of

    alone = (entry.name for entry in registry.stages.entries() if entry.available and ":" not in entry.name)
    wanted = names or tuple(alone)
    stages = [registry.stages.create(name) for name in dict.fromkeys(wanted)]
    if not names:
        stages = [stage for stage in stages if stage.domain_in == stage.domain_out == "encoded"]
        # Those of one kind beside one another; those that say none come last.
        stages.sort(key=lambda stage: (not figures.family_of(stage), figures.family_of(stage)))
    scenes = load_scenes(image, crop="full")
    if len(scenes) > 1:
        raise ConfigurationError(f"a gallery is of one image, and '{image}' stands for {len(scenes)}")
    found = figures.stage_gallery(picture_of(scenes[0]), stages, size)
    high, wide = found.original.shape[:2]
    figure = figures.draw_gallery(found, title=f"{scenes[0].name}, its {wide}x{high} pixels of most detail")
    folder = make_folder(place.path, ImageError)
    click.echo(f"wrote {figures.save(figure, folder / 'gallery.png')}")
    return 0
