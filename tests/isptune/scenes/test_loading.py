"""From what a user names to scenes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch

from isptune.contracts.pipeline import Scene
from isptune.errors import ConfigurationError, ImageError
from isptune.scenes import chart, load_scenes, read_image, write_image


def picture(seed: int, width: int = 40, height: int = 36) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand((3, height, width), generator=generator) * 255).round() / 255


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder of pictures and of other things."""
    folder = tmp_path / "album"
    folder.mkdir()
    for seed, name in enumerate(["b10.png", "b2.PNG", "a.tif", ".hidden.png"]):
        write_image(folder / name, picture(seed))
    (folder / "notes.txt").write_text("not a picture")
    (folder / "deeper.png").mkdir()
    (folder / "deeper").mkdir()
    write_image(folder / "deeper" / "c.png", picture(7))
    return folder


def test_a_file(tmp_path: Path) -> None:
    path = write_image(tmp_path / "photo.png", picture(0))
    for source in (path, str(path), [path], [str(path)]):
        (scene,) = load_scenes(source)
        assert scene.name == "photo.png"
        assert scene.index == 0
        assert scene.source == {"file": str(path)}
        assert torch.equal(scene.payload, picture(0))
        assert (scene.width, scene.height) == (40, 36)


def test_a_folder_in_natural_order_without_what_is_no_picture(album: Path) -> None:
    scenes = load_scenes([album])
    assert [scene.name for scene in scenes] == ["a.tif", "b2.PNG", "b10.png"]
    assert [scene.index for scene in scenes] == [0, 1, 2]
    assert torch.equal(scenes[1].payload, picture(1))


def test_globs(album: Path) -> None:
    assert [scene.name for scene in load_scenes([f"{album}/b*"])] == ["b2.PNG", "b10.png"]
    assert [scene.name for scene in load_scenes([f"{album}/*.png"])] == ["b10.png"]
    found = [scene.name for scene in load_scenes([f"{album}/**/*.png"])]
    assert sorted(found) == ["b10.png", "c.png"]


def test_a_file_with_a_globs_characters_in_its_name(tmp_path: Path) -> None:
    write_image(tmp_path / "night[1].png", picture(0))
    write_image(tmp_path / "night1.png", picture(1))
    (scene,) = load_scenes([tmp_path / "night[1].png"])
    assert torch.equal(scene.payload, picture(0))


def test_a_relative_path_is_remembered_as_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "photo.png", picture(0))
    monkeypatch.chdir(tmp_path)
    (scene,) = load_scenes(["photo.png"])
    assert scene.source == {"file": os.path.join(os.getcwd(), "photo.png")}


def test_the_chart_and_its_seed() -> None:
    default, sized = load_scenes(["chart", "chart:96x64"], seed=3)
    assert (default.name, sized.name) == ("chart", "chart:96x64")
    assert torch.equal(default.payload, chart(384, 256, seed=3))
    assert torch.equal(sized.payload, chart(96, 64, seed=3))
    assert sized.source == {"chart": [96, 64]}
    assert sized.index == 1


def test_tensors_keep_their_type_and_are_copied() -> None:
    for dtype in (torch.float32, torch.float64):
        image = picture(0).to(dtype).requires_grad_()
        (scene,) = load_scenes([image])
        assert scene.payload.dtype == dtype
        assert not scene.payload.requires_grad
        assert torch.equal(scene.payload, image)
        with torch.no_grad():
            image.zero_()
        assert float(scene.payload.sum()) > 0
        assert scene.name == "tensor 0"
        assert scene.source == {"tensor": 0}
    turned = picture(0).transpose(1, 2)
    assert load_scenes(turned)[0].payload.is_contiguous()


def test_scenes_of_different_sizes_and_kinds_in_one_list(album: Path) -> None:
    ready = Scene.of_picture("ready", picture(5, 50, 60), index=9, source={"file": "elsewhere"})
    scenes = load_scenes([ready, "chart:64x48", album / "a.tif", picture(6, 33, 44)])
    assert [scene.name for scene in scenes] == ["ready", "chart:64x48", "a.tif", "tensor 3"]
    assert [scene.index for scene in scenes] == [0, 1, 2, 3]
    assert [tuple(scene.payload.shape[1:]) for scene in scenes] == [(60, 50), (48, 64), (36, 40), (44, 33)]
    assert scenes[0].source == {"file": "elsewhere"}
    assert ready.index == 9
    assert ready.source == {"file": "elsewhere"}


def test_equal_names_are_told_apart(album: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "a.tif", picture(8))
    names = [scene.name for scene in load_scenes([album / "a.tif", tmp_path / "a.tif"])]
    assert names == [(album / "a.tif").as_posix(), (tmp_path / "a.tif").as_posix()]
    twice = load_scenes([album / "a.tif", album / "a.tif", "chart:64x48", "chart:64x48", "chart:64x48"])
    assert [scene.name for scene in twice] == [
        "a.tif", "a.tif#2", "chart:64x48", "chart:64x48#2", "chart:64x48#3",
    ]  # fmt: skip


class TestCrops:
    @pytest.fixture
    def photo(self, tmp_path: Path) -> Path:
        """A real photograph of more than one megapixel."""
        image = torch.from_numpy(skimage.data.astronaut().copy()).permute(2, 0, 1) / 255
        large = torch.nn.functional.interpolate(image[None], size=(900, 1200), mode="bicubic")[0].clamp(0, 1)
        return write_image(tmp_path / "photo.png", large)

    def test_auto_sees_a_large_picture_through_six_crops_at_native_resolution(self, photo: Path) -> None:
        scenes = load_scenes([photo])
        whole = read_image(photo)
        assert len(scenes) == 6
        assert [scene.index for scene in scenes] == list(range(6))
        for scene in scenes:
            x, y, width, height = scene.source["crop"]
            assert (width, height) == (256, 256)
            assert scene.name == f"photo.png[{x},{y}]"
            assert scene.source == {"file": str(photo), "crop": [x, y, 256, 256]}
            assert torch.equal(scene.payload, whole[:, y : y + 256, x : x + 256])
            assert scene.payload.is_contiguous()
            # The crop does not hold the whole picture in memory.
            assert scene.payload.untyped_storage().nbytes() == 3 * 256 * 256 * 4

    def test_full_and_explicit_crops(self, photo: Path) -> None:
        for crop in (None, "full"):
            (scene,) = load_scenes([photo], crop=crop)
            assert scene.payload.shape == (3, 900, 1200)
            assert scene.name == "photo.png"
        assert {tuple(scene.payload.shape) for scene in load_scenes([photo], crop=192)} == {(3, 192, 192)}
        assert len(load_scenes([photo], crop=192)) == 6
        assert len(load_scenes([photo], crop="9x192")) == 9
        # Only 4 x 3 crops of 300 pixels fit side by side.
        assert len(load_scenes([photo], crop="20x300")) == 12

    def test_crops_of_a_ready_scene_know_what_it_was_taken_under(self) -> None:
        ready = Scene.of_picture("ready", torch.rand(3, 64, 96), conditions={"iso": 800.0})
        for scene in load_scenes(ready, crop=None) + load_scenes(ready, crop="2x32"):
            assert scene.conditions == {"iso": 800.0}

    def test_auto_leaves_small_pictures_charts_and_ready_scenes_whole(self) -> None:
        megapixel = torch.rand((3, 1000, 1000))
        beyond = torch.rand((3, 1000, 1001))
        assert len(load_scenes([megapixel])) == 1
        assert len(load_scenes([beyond])) == 6
        assert load_scenes([beyond])[0].name.startswith("tensor 0[")
        assert len(load_scenes([Scene.of_picture("ready", beyond)])) == 1
        (large,) = load_scenes(["chart:1280x1024"])
        assert large.payload.shape == (3, 1024, 1280)

    def test_explicit_crops_apply_to_everything_that_is_large_enough(self) -> None:
        small = picture(0, 40, 40)
        scenes = load_scenes(
            ["chart:192x128", Scene.of_picture("ready", torch.rand(3, 64, 64)), small], crop="2x64"
        )
        shapes = [(scene.name.split("[")[0], tuple(scene.payload.shape[1:])) for scene in scenes]
        assert shapes == [
            ("chart:192x128", (64, 64)),
            ("chart:192x128", (64, 64)),
            ("ready", (64, 64)),
            ("tensor 2", (40, 40)),
        ]
        x, y, _, _ = scenes[0].source["crop"]
        assert torch.equal(scenes[0].payload, chart(192, 128)[:, y : y + 64, x : x + 64])

    def test_the_crops_stay_the_same(self, photo: Path) -> None:
        first, second = load_scenes([photo]), load_scenes([photo])
        assert [scene.name for scene in first] == [scene.name for scene in second]
        assert [scene.name for scene in load_scenes([photo], seed=5)] != [scene.name for scene in first]

    def test_an_unknown_crop_is_refused_before_anything_is_read(self) -> None:
        with pytest.raises(ConfigurationError, match=r"^crop 'half' is not known; allowed are auto, full, "):
            load_scenes(["missing.png"], crop="half")


class TestRefusals:
    def refusal(self, *sources: object) -> str:
        with pytest.raises(ImageError) as caught:
            load_scenes(list(sources))  # type: ignore[arg-type]
        return str(caught.value)

    def test_nothing(self) -> None:
        expected = "no scene is given; give an image file (PNG, JPEG, WebP, BMP or TIFF), a folder, a glob or 'chart'"
        assert self.refusal() == expected

    def test_an_empty_folder_and_a_glob_without_a_match(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("not a picture")
        assert (
            self.refusal(tmp_path) == f"the folder '{tmp_path}' holds no image (PNG, JPEG, WebP, BMP or TIFF)"
        )
        for pattern in (f"{tmp_path}/*.png", f"{tmp_path}/*"):
            expected = f"no image (PNG, JPEG, WebP, BMP or TIFF) matches '{pattern}'"
            assert self.refusal(pattern) == expected

    def test_a_missing_file(self, album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = album / "b1.png"
        assert self.refusal(path) == f"'{path}': there is no such file; did you mean 'b10.png'?"
        monkeypatch.chdir(album)
        assert self.refusal("a.tiff") == "'a.tiff': there is no such file; did you mean 'a.tif'?"
        assert self.refusal("chrt") == "'chrt': there is no such file; did you mean 'chart'?"
        assert self.refusal("qqqqqqq") == "'qqqqqqq': there is no such file"

    def test_a_damaged_picture_in_a_folder_is_not_passed_over(self, album: Path) -> None:
        (album / "a.tif").write_bytes(b"")
        assert self.refusal(album) == f"'{album / 'a.tif'}' is an empty file (0 bytes)"

    def test_charts(self) -> None:
        wanted = "a chart is given as chart or chart:WIDTHxHEIGHT, such as chart:640x480"
        for source in ("chart:", "chart:640", "chart:axb", "chart:640x480x3", "chart:-64x64"):
            assert self.refusal(source) == f"'{source}': {wanted}"
        expected = "a chart of 20x64 pixels is out of range: each side has 48 to 4096 pixels"
        assert self.refusal("chart:20x64") == expected

    def test_tensors(self) -> None:
        good = picture(0)
        needed = "(3, H, W) is needed"
        assert self.refusal(good, good[None]) == f"scene 1 is a tensor of the shape (1, 3, 36, 40); {needed}"
        assert self.refusal(good[:1]) == f"scene 0 is a tensor of the shape (1, 36, 40); {needed}"
        whole = torch.zeros(3, 40, 40, dtype=torch.uint8)
        needed = "float32 or float64 in [0, 1] is needed"
        assert self.refusal(whole) == f"scene 0 is a tensor of uint8; {needed}"
        assert self.refusal(good.half()) == f"scene 0 is a tensor of float16; {needed}"
        expected = "scene 0 is 40x31 pixels; a scene needs at least 32x32"
        assert self.refusal(good[:, :31]) == expected
        expected = "scene 0 is a tensor with values in [0, 255]; [0, 1] is needed"
        assert self.refusal((good * 255).clamp(0, 255)) in (
            expected,
            expected.replace("[0, 255]", "[0, 254]"),
        )
        spoilt = good.clone()
        spoilt[0, 0, 0] = float("nan")
        assert self.refusal(spoilt) == "scene 0 is a tensor with NaN; [0, 1] is needed"
        expected = "scene 0 is a tensor with values in [-1, 0]; [0, 1] is needed"
        assert self.refusal(torch.linspace(-1, 0, 3 * 40 * 40).reshape(3, 40, 40)) == expected

    def test_other_objects(self) -> None:
        expected = "a scene is a path, 'chart', a tensor or a Scene, not an object of type ndarray"
        assert self.refusal(np.zeros((3, 40, 40))) == expected
