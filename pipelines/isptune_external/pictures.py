"""What programs are given and what they give: raw files and pictures in, pictures out, checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from isptune import Scene
from isptune.errors import ConfigurationError, ImageError
from isptune.scenes import read_image, write_image
from isptune_external.programs import ProgramError
from isptune_raw import RawView, dng_bytes

# What is darker than one step of 8 bits is black.
_BLACK = 1 / 255

# A file of four channels of 64 bits has half as many a pixel; margins and metadata have the rest.
_MOST_BYTES, _MOST_BYTES_A_PIXEL = 200 * 10**6, 64


def sensed_dng(view: RawView) -> bytes:
    """The DNG of a view as the sensor saw it: the scene makes pictures upright, not the program."""
    return dng_bytes(replace(view.raw, orientation=1))


def write_input(scene: Scene, path: Path) -> None:
    """Write what a scene holds: a raw picture as a DNG, a picture in the format of the path's suffix."""
    if isinstance(scene.payload, RawView):
        path.write_bytes(sensed_dng(scene.payload))
    elif isinstance(scene.payload, Tensor):
        write_image(path, scene.payload, bits=16)
    else:
        raise ConfigurationError(
            f"the scene '{scene.name}' holds neither a raw picture nor a picture, but a "
            f"{type(scene.payload).__name__}"
        )


def read_output(path: Path, scene: Scene, program: str) -> Tensor:
    """The picture (3, H, W) that a program wrote, without margins and upright.

    Raises:
        ProgramError: one sentence: there is none, it is empty or cannot be read, it has another size, or it
            is black where the scene is not.
    """
    if not path.is_file():
        raise ProgramError(f"{program} ended without an error and wrote no picture")
    size = path.stat().st_size
    if size == 0:
        raise ProgramError(f"{program} wrote an empty file")
    if size > _MOST_BYTES + _MOST_BYTES_A_PIXEL * scene.size[0] * scene.size[1]:
        raise ProgramError(f"{program} wrote a file of {size:,} bytes, which no picture of this size has")
    try:
        picture = read_image(path)
    except ImageError as error:
        raise ProgramError(
            f"{program} wrote a picture that cannot be read: {_without(error, path)}"
        ) from None
    return fitted(picture, scene, program)


def fitted(picture: Tensor, scene: Scene, program: str) -> Tensor:
    """A picture of what was sent, without margins and upright; see ``read_output``."""
    view = scene.payload if isinstance(scene.payload, RawView) else None
    height, width = scene.size if view is None else (view.raw.height, view.raw.width)
    if tuple(picture.shape) != (3, height, width):
        raise ProgramError(
            f"{program} gave a picture of {picture.shape[-1]}x{picture.shape[-2]} pixels; needed: "
            f"{width}x{height}, the size of what it was given"
        )
    if not bool(torch.isfinite(picture).all()):
        raise ProgramError(f"{program} gave a picture with values that are not finite")
    if float(picture.max()) < _BLACK and _brightest(scene) > 4 * _BLACK:
        raise ProgramError(f"{program} gave a black picture of a scene that is not black")
    return picture if view is None else view.finished(picture).contiguous()


def _brightest(scene: Scene) -> float:
    if isinstance(scene.payload, RawView):
        return float(scene.payload.raw.normalised().max())
    return float(scene.payload.max()) if isinstance(scene.payload, Tensor) else 1.0


def _without(error: Exception, path: Path) -> str:
    """What is wrong with a picture, without the path of a folder that is gone by then."""
    return str(error).replace(str(path), path.name)
