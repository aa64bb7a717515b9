"""``isptune gallery``: the picture, its tiles, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from syrupy.assertion import SnapshotAssertion

import isptune
from isptune.errors import ConfigurationError, StageError
from isptune.figures import draw_gallery, stage_gallery
from isptune.plugins import registry
from isptune.scenes import read_image

Call = Callable[..., tuple[int, str, str]]


def pixels(image: torch.Tensor) -> Any:
    return (image * 255).round().permute(1, 2, 0).numpy().astype(np.uint8)


class TestTheCommand:
    def test_all_stages_are_rows(self, photo: str, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
        # Other tests may have registered stages of their own.
        isptune.list_stages()
        ours = {
            name: record
            for name, record in registry.stages._records.items()
            if record.entry_point is not None
        }
        monkeypatch.setattr(registry.stages, "_records", ours)
        code, out, err = call("gallery", photo, "--out", "deep/er", "--size", "40")
        assert (code, out, err) == (0, "wrote deep/er/gallery.png\n", "")
        _, height, width = read_image("deep/er/gallery.png").shape
        # All but the family, whose names are asked for one by one.
        alone = [name for name in isptune.list_stages() if ":" not in name]
        assert len(ours) - 1 == len(alone) >= 31
        # Columns keep all stages on one sheet.
        assert 0.9 < width / height < 1.9
        assert height < 97 * len(alone)

    def test_a_few_stages_in_the_order_given_each_once(self, photo: str, call: Call) -> None:
        stages = ["--stage", "white_noise", "--stage", "darken", "--stage", "white_noise"]
        assert call("gallery", photo, *stages, "--out", ".")[:2] == (0, "wrote gallery.png\n")
        two = read_image("gallery.png")
        assert call("gallery", photo, "--stage", "darken", "--out", ".")[0] == 0
        one = read_image("gallery.png")
        assert 120 < two.shape[1] - one.shape[1] < 190
        assert two.shape[2] == one.shape[2]

    def test_the_chart_and_the_same_bytes_again(self, call: Call, in_an_empty_folder: None) -> None:
        for folder in ("a", "b"):
            arguments = ["--stage", "impulse_noise", "--stage", "jitter", "--out", folder]
            assert call("gallery", "chart:200x64", *arguments)[0] == 0
        assert Path("a/gallery.png").read_bytes() == Path("b/gallery.png").read_bytes()

    @pytest.mark.parametrize(
        "arguments",
        [
            ["phto.png"],
            ["photo.png", "--stage", "jpg"],
            ["photo.png", "--stage", "jpeg", "--size", "31"],
            ["photo.png", "--stage", "jpeg", "--size", "513"],
            ["photo.png", "--size", "big"],
            ["*.png", "--stage", "jpeg"],
        ], ids=" ".join,
    )  # fmt: skip
    def test_bad_input(
        self, photo: str, call: Call, arguments: list[str], snapshot: SnapshotAssertion
    ) -> None:
        Path("second.png").write_bytes(Path(photo).read_bytes())
        assert call("gallery", *arguments, "--out", "out") == (2, "", snapshot)
        assert not Path("out").exists()

    def test_out_must_be_a_folder(self, photo: str, call: Call) -> None:
        arguments = ["gallery", photo, "--stage", "jpeg", "--out"]
        message = "isptune: error: 'photo.png' is a file, where a folder is needed\n"
        assert call(*arguments, "photo.png") == (2, "", message)
        message = "isptune: error: cannot write the folder 'photo.png/in': Not a directory\n"
        assert call(*arguments, "photo.png/in") == (2, "", message)


class TestTheTiles:
    @pytest.mark.parametrize("name", ["gaussian_blur", "white_noise", "jpeg", "vignetting"])
    def test_a_tile_is_what_the_stage_makes_of_the_most_detailed_part(self, name: str) -> None:
        image = torch.full((3, 70, 101), 0.5)
        detail = torch.rand(3, 48, 48, generator=torch.Generator().manual_seed(1))
        image[:, 12:60, 24:72] = detail
        stage = isptune.create_stage(name)
        gallery = stage_gallery(image, [stage], size=48)
        np.testing.assert_array_equal(gallery.original, pixels(detail))
        (row,) = gallery.rows
        assert row.stage == name
        assert row.tiles.shape == (5, 48, 48, 3)
        assert row.levels == pytest.approx([k / 5 * stage.level_range[1] for k in range(1, 6)])
        noise = stage.draw(48, 48, torch.Generator().manual_seed(0))
        for level, tile in zip(row.levels, row.tiles, strict=True):
            arguments = (detail.unsqueeze(0), torch.tensor([level]))
            alone = stage(*arguments, noise) if stage.is_stochastic else stage(*arguments)
            # A batch may round the last bit of a float otherwise than a single picture.
            assert np.abs(tile.astype(int) - pixels(alone[0])).max() <= 1

    def test_labels_have_the_unit(self) -> None:
        image = torch.full((3, 40, 40), 0.5)
        stages = [isptune.create_stage(name) for name in ("gaussian_blur", "chroma_noise")]
        blur, noise = stage_gallery(image, stages).rows
        assert (blur.stage, blur.about, noise.about) == ("gaussian_blur", "blur, in px", "noise, no unit")
        assert blur.labels == ("1 px", "2 px", "3 px", "4 px", "5 px")
        assert noise.labels == ("0.011", "0.0219", "0.0329", "0.0438", "0.0548")
        assert blur.tiles.shape == (5, 40, 40, 3)

    def test_the_figure_holds_the_tiles_pixel_by_pixel(self) -> None:
        image = torch.rand(3, 170, 180, generator=torch.Generator().manual_seed(2))
        gallery = stage_gallery(image, [isptune.create_stage("pixelate")])
        figure = draw_gallery(gallery)
        figure.canvas.draw()  # type: ignore[no-untyped-call]
        shown = np.asarray(figure.canvas.buffer_rgba())[..., :3]  # type: ignore[attr-defined]
        inside = shown[78:-24, 24:]
        for column, tile in enumerate([gallery.original, *gallery.rows[0].tiles]):
            np.testing.assert_array_equal(inside[:, column * 170 : column * 170 + 160], tile)

    def test_no_stage_and_a_stage_that_raises(self) -> None:
        image = torch.zeros(3, 40, 40)
        with pytest.raises(ConfigurationError, match="a gallery needs at least one stage"):
            stage_gallery(image, [])

        class Exploding(isptune.Distortion):
            """Explodes."""

            name = "exploding"

            def forward(self, images: Any, level: Any, noise: Any = None) -> Any:
                raise ArithmeticError("boom")

        with pytest.raises(StageError, match="stage 'exploding': ArithmeticError: boom"):
            stage_gallery(image, [Exploding()])
