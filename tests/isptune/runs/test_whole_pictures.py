"""Pictures of a run whose scenes are crops: all of the picture, or the crop where that cannot be made."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import isptune
from isptune.contracts.pipeline import Scene
from isptune.errors import ImageError
from isptune.scenes import read_image


class Cropped(isptune.Pipeline):
    """Adds a gain to a crop; what becomes of the whole picture is an option."""

    name = "cropped"
    development = isptune.Development(isolated=False, workers=1)

    def __init__(self, trouble: str = "") -> None:
        self.options = {}
        self.space = isptune.ParameterSpace({"gain": isptune.Float(0.0, 0.5)})
        self.scenes = [Scene.of_picture("left", torch.full((3, 32, 40), 0.25))]
        self.trouble = trouble

    def whole(self, scene: Scene | int) -> Scene:
        if self.trouble == "gone":
            raise ImageError("the file 'all.png' is not there")
        return Scene.of_picture("all", torch.full((3, 48, 64), 0.25))

    def develop(self, values: dict[str, Any], scene: Scene) -> Tensor:
        if self.trouble == "too large" and scene.width > 40:
            raise RuntimeError("there is no room for it")
        picture: Tensor = scene.payload + values["gain"]
        return picture


@pytest.mark.parametrize(
    ("trouble", "size", "reasons"),
    [
        ("", (3, 48, 64), []),
        (
            "too large",
            (3, 32, 40),
            ["the pipeline 'cropped' failed: RuntimeError: there is no room for it on scene 'all'"],
        ),
        ("gone", (3, 32, 40), ["the file 'all.png' is not there"]),
    ],
)
def test_the_crop_is_shown_with_a_warning_where_the_whole_fails(
    trouble: str, size: tuple[int, ...], reasons: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="isptune"):
        result = isptune.tune(
            Cropped(trouble), "exposure", optimizer="random", budget=4, population=2, out=tmp_path
        )
    assert caplog.messages == [
        f"the pictures of the run show the crop 'left' alone: {why}" for why in reasons
    ]
    folder = tmp_path / "pictures"
    found = [read_image(file) for file in sorted(folder.glob("*.png"))]
    assert found
    assert {tuple(image.shape) for image in found} == {size}
    assert tmp_path / "before_after.png" in result.files
