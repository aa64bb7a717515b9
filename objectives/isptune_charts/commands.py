"""``isptune measure``: what the test charts of a picture tell of the camera that took it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from isptune.cli.key_values import key_values
from isptune.cli.shared_options import json_option, option, plugin_option
from isptune.errors import ConfigurationError, ImageError
from isptune.storage.places import Place, absolute_scene

if TYPE_CHECKING:
    from isptune.contracts.chart import Chart
    from isptune.contracts.scene import Scene
    from isptune_charts.measuring import Measured

_DEVELOPED_BY = "libraw"
_KINDS = ("colour-checker", "grey-scale", "slanted-edge", "dead-leaves")


@click.command("measure")
@click.argument("file")
@option(
    "--chart chart_file",
    "FILE",
    "Take the charts from this YAML file",
    otherwise="photo.chart.yaml beside photo.png",
)
@option(
    "--corners", "X,Y,X,Y,X,Y,X,Y", "Say where one chart lies: four corners in pixels, in order around it"
)
@option(
    "--kind", "NAME", f"Say what the chart at --corners is: {', '.join(_KINDS)}", default="colour-checker"
)
@option("--reference", "IMAGE", "Compare textures with what was photographed")
@option("--pipeline", "NAME", "Develop a raw file with this pipeline at its defaults", default=_DEVELOPED_BY)
@plugin_option("pipeline")
@option(
    "--pixels-per-degree",
    "N",
    "Weigh noise and texture for an eye that sees so many pixels in a degree",
    default=60.0,
)
@option("--out", "DIR", "Write the plots into this directory", default="runs/measure")
@json_option
def measure(
    file: str,
    chart_file: str | None,
    corners: str | None,
    kind: str,
    reference: str | None,
    pipeline: str,
    pipeline_options: tuple[str, ...],
    pixels_per_degree: float,
    out: str,
    as_json: bool,
) -> int:
    """Measure the test charts in FILE, a picture or a camera's raw file.

    Slanted edges give MTF50, overshoot and colour displacement; patches CIEDE2000, SNR, dynamic range and
    visual noise; dead leaves acutance. Plots go into a folder. FILE may be chart:WIDTHxHEIGHT, the generated
    chart.

    \b
    Examples:
      isptune measure photo.png --chart photo.chart.yaml
      isptune measure night.dng --corners 210,95,830,90,835,510,205,505
    """
    folder = Place(out).path
    if chart_file is not None and corners is not None:
        raise ConfigurationError("--chart and --corners both say where charts lie; give one of them")
    if corners is None and _given("kind"):
        raise ConfigurationError(
            f"--kind {kind} says what the chart at --corners is; give --corners, or the kind in a chart file"
        )
    options = key_values(pipeline_options, "--pipeline-option")
    source = absolute_scene(file)
    beside = None if reference is None else absolute_scene(reference)
    scene, picture = _picture(source, pipeline, options)
    charts = _charts(scene, chart_file, corners, kind)

    from isptune_charts.base import checked_ppd
    from isptune_charts.measuring import measure_picture

    compared = _reference(scene, beside)
    measured = measure_picture(picture, charts, compared, checked_ppd(pixels_per_degree))

    from isptune.storage.writing import make_folder
    from isptune_charts.drawing import draw_all

    files = draw_all(measured, make_folder(folder, ImageError), scene.name)
    if as_json:
        click.echo(json.dumps({"picture": scene.name, **measured.to_dict(), "plots": [*map(str, files)]}))
    else:
        _print(measured)
    for sentence in measured.left_out:
        click.echo(f"isptune: left out: {sentence}", err=True)
    for path in files:
        click.echo(f"wrote {path}", err=as_json)
    return 0


def _given(*names: str) -> bool:
    """Whether the user has given one of these options."""
    context = click.get_current_context()
    return any(context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in names)


def _picture(source: str, pipeline: str, options: dict[str, Any]) -> tuple[Scene, Any]:
    """The scene of a picture, and (3, H, W) the picture itself, developed where it is raw."""
    from isptune.scenes import load_scenes
    from isptune.scenes.scene_pictures import picture_of
    from isptune.scenes.sources import RAW_SUFFIXES, find_pictures

    raw = Path(source).suffix.lower() in RAW_SUFFIXES
    if len(find_pictures(source, raw=raw)) > 1:
        raise ConfigurationError(f"one picture is measured at a time, and '{source}' stands for several")
    if not raw:
        if _given("pipeline", "pipeline_options"):
            raise ConfigurationError(
                f"'{source}' is no raw file, so that no pipeline develops it; leave --pipeline and "
                "--pipeline-option out"
            )
        (scene,) = load_scenes([source], crop=None)
        return scene, picture_of(scene)
    from isptune.plugins import registry

    registry.pipelines.precheck(pipeline, options, ("scenes", "crop"))
    if not registry.pipelines.fact(pipeline, "takes_raw", False):
        able = ", ".join(registry.pipelines.having("takes_raw"))
        raise ConfigurationError(f"the pipeline '{pipeline}' takes no raw files; choose one of {able}")
    made = registry.pipelines.create(pipeline, scenes=[source], crop="full", **options)
    import torch

    with torch.no_grad():
        picture = made.render(made.space.start(), made.scenes[0])[0]
    return made.scenes[0], picture.cpu()


def _charts(scene: Scene, chart_file: str | None, corners: str | None, kind: str) -> tuple[Chart, ...]:
    from isptune.contracts.chart import Chart
    from isptune.scenes.chart_files import read_charts, require_inside
    from isptune_charts.kinds import check_kind

    if chart_file is not None:
        return read_charts(Path(chart_file), scene.size)
    if corners is not None:
        try:
            numbers = [float(text) for text in corners.split(",")]
        except ValueError:
            numbers = []
        if len(numbers) != 8:
            raise ConfigurationError(
                f"--corners is '{corners}'; allowed: eight numbers between commas, x and y of four corners"
            )
        first, second, third, fourth = zip(numbers[::2], numbers[1::2], strict=True)
        try:
            chart = Chart(kind, (first, second, third, fourth))
            require_inside(chart, scene.size)
        except ConfigurationError as error:
            raise ConfigurationError(f"--corners: {error}") from error
        check_kind(chart)
        return (chart,)
    if not scene.charts:
        raise ConfigurationError(
            f"nothing says which chart '{scene.name}' shows: give --chart FILE or --corners, or describe it "
            "in a file such as photo.chart.yaml beside the picture"
        )
    return scene.charts


def _reference(scene: Scene, given: str | None) -> Any:
    """(3, H, W) what was photographed, of the picture's size; None where nobody has it."""
    if given is None:
        # A photograph is no reference of its own, but the generated chart is.
        alone = scene.reference is scene.payload and "chart" not in scene.source
        return None if alone else scene.reference
    from isptune.scenes import read_image

    picture = read_image(given)
    if tuple(picture.shape[-2:]) != scene.size:
        raise ImageError(
            f"the reference '{given}' has {picture.shape[-1]}x{picture.shape[-2]} pixels, and '{scene.name}' "
            f"has {scene.width}x{scene.height}; they must be of one size"
        )
    return picture


def _print(measured: Measured) -> None:
    from isptune.cli.tables import Column, print_table

    if measured.edges:
        heads = ["MTF50", "MTF10", "MTF at 0.25", "overshoot", "undershoot", "red px", "blue px"]
        rows = [
            [one.name, f"{one.degrees:.2f}", *(f"{value:z.4f}" for value in one.numbers.values())]
            for one in measured.edges
        ]
        columns = [Column("slanted edge"), *(Column(head, number=True) for head in ["degrees", *heads])]
        print_table(columns, rows, box=False)
        click.echo()
    if measured.textures:
        rows = [[one.name, f"{one.acutance:.4f}"] for one in measured.textures]
        print_table([Column("dead leaves"), Column("acutance", number=True)], rows, box=False)
        click.echo()
    for field in measured.fields:
        rows = [[name.replace("_", " "), f"{value:.3f}"] for name, value in field.numbers.items()]
        print_table([Column(field.name), Column("", number=True)], rows, box=False)
        click.echo()
        if field.seen is not None and field.known is not None and field.differences is not None:
            rows = [
                [name, *(f"{value:.2f}" for value in (*seen, *known, apart))]
                for name, seen, known, apart in zip(
                    field.names, field.seen, field.known, field.differences, strict=True
                )
            ]
            heads = ["L*", "a*", "b*", "known L*", "known a*", "known b*", "CIEDE2000"]
            print_table([Column("patch"), *(Column(head, number=True) for head in heads)], rows, box=False)
            click.echo()
        rows = [
            [name, f"{known:.4f}", f"{seen:.4f}", f"{ratio:.2f}", f"{visual:.3f}"]
            for name, known, seen, ratio, visual in field.greys
        ]
        heads = ["known luminance", "luminance", "SNR dB", "visual noise"]
        print_table([Column("grey"), *(Column(head, number=True) for head in heads)], rows, box=False)
        click.echo()
