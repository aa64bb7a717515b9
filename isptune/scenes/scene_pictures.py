"""Scenes whose payload is a picture."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from isptune.contracts.chart import charts_in
from isptune.contracts.scene import Scene
from isptune.errors import ConfigurationError


def picture_of(scene: Scene) -> Tensor:
    """(3, H, W), the picture that a scene holds.

    Raises:
        ConfigurationError: it holds something else.
    """
    if not isinstance(scene.payload, Tensor) or tuple(scene.payload.shape) != (3, *scene.size):
        raise ConfigurationError(
            f"the scene '{scene.name}' holds no picture of the shape {(3, *scene.size)}, but "
            + (
                f"a tensor of the shape {tuple(scene.payload.shape)}"
                if isinstance(scene.payload, Tensor)
                else f"an object of the type {type(scene.payload).__name__}"
            )
        )
    return scene.payload


def picture_window(scene: Scene, place: tuple[int, int, int, int]) -> Scene:
    """A part of a scene that holds a picture, as a scene of its own (``Pipeline.window``).

    Args:
        scene: it is cut out of.
        place: x, y, width and height, in pixels.
    """
    x, y, width, height = place
    picture = picture_of(scene)
    # A copy of the size that it has: stages may want contiguous pictures.
    part = picture[:, y : y + height, x : x + width].contiguous()
    reference = None
    if scene.reference is not None and scene.reference is not picture:
        reference = scene.reference[:, y : y + height, x : x + width].contiguous()
    return Scene.of_picture(
        f"{scene.name}[{x},{y},{width}x{height}]",
        part,
        reference=reference,
        index=scene.index,
        conditions=scene.conditions,
        charts=charts_in(scene.charts, (x, y), (height, width)),
    )


def whole_picture(scene: Scene) -> Scene:
    """The whole picture that a cropped scene was taken from; the scene itself where it is not a crop."""
    file = scene.source.get("file")
    if file is None or scene.source.get("crop") is None:
        return scene
    from isptune.scenes.chart_files import charts_beside
    from isptune.scenes.image_reading import read_image

    picture = picture_of(scene)
    image = read_image(file).to(device=picture.device, dtype=picture.dtype)
    reference = None
    compared = scene.source.get("reference")
    if compared is not None:
        reference = read_image(compared).to(device=picture.device, dtype=picture.dtype)
    source = {key: value for key, value in scene.source.items() if key != "crop"}
    name = str(scene.name).rpartition("[")[0]
    charts = charts_beside(Path(file), (int(image.shape[1]), int(image.shape[2])))
    return Scene.of_picture(name, image, reference=reference, index=scene.index, source=source, charts=charts)
