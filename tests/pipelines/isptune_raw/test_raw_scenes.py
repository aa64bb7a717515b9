"""Raw scenes: crops with margins, references, orientation."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from skimage.data import astronaut
from torch import Tensor

import isptune
from isptune.errors import ConfigurationError, ImageError
from isptune.scenes import chart, write_image
from isptune_raw import RawView, raw_scenes, simulate, write_dng
from isptune_raw.mosaic import RawImage
from isptune_raw.reading import _light
from isptune_raw.views import as_sensed, upright, upright_place


def oriented(orientation: int) -> tuple[RawImage, Tensor]:
    """A raw picture that lies turned on the sensor, and the upright truth."""
    sensed = torch.from_numpy(astronaut()[100:212, 150:310].copy()).permute(2, 0, 1).float() / 255
    raw = simulate(sensed, camera="dslr", noise=False)
    facts = (raw.mosaic, raw.pattern, raw.black, raw.white, raw.neutral, raw.matrix, raw.noise, raw.iso)
    return RawImage(*facts, orientation=orientation), upright(sensed, orientation)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_are_those_of_exif(orientation: int) -> None:
    picture = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(0))
    data, exif = BytesIO(), Image.Exif()
    exif[274] = orientation
    array = (picture.permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    Image.fromarray(array).save(data, "png", exif=exif)
    turned = np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(data.getvalue()))))
    assert np.array_equal(
        turned, (upright(picture, orientation).permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    )
    assert torch.equal(as_sensed(upright(picture, orientation), orientation), picture)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_crop_lies_where_it_does_in_the_upright_picture(orientation: int) -> None:
    """So that the charts of a raw file move along with its crops."""
    sensed = torch.arange(96).reshape(1, 8, 12)
    part = upright(sensed[:, 1:3, 3:7], orientation)
    x, y = upright_place((3, 1, 4, 2), (12, 8), orientation)
    height, width = part.shape[1:]
    assert torch.equal(upright(sensed, orientation)[:, y : y + height, x : x + width], part)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_window_is_that_part_of_what_is_developed_whole(orientation: int) -> None:
    raw, truth = oriented(orientation)
    pipeline = isptune.create_pipeline("raw", scenes=[raw], reference=[truth], crop=None)
    (scene,), start = pipeline.scenes, pipeline.space.start()
    window = pipeline.window(scene, (32, 16, 48, 64))
    assert window is not None
    assert window.reference is not None
    assert torch.equal(window.reference, truth[:, 16:80, 32:80])
    difference = (pipeline.render(start, window) - pipeline.render(start, scene)[..., 16:80, 32:80]).abs()
    # Eight pixels around it decide all but a trace of local tone mapping.
    assert difference.mean() < 1e-3
    # A window of a window knows where it lies on the sensor.
    inner, same = pipeline.window(window, (16, 16, 32, 32)), pipeline.window(scene, (48, 32, 32, 32))
    assert inner is not None
    assert same is not None
    assert inner.payload.origin == same.payload.origin
    assert np.array_equal(inner.payload.raw.mosaic, same.payload.raw.mosaic)
    assert (pipeline.work(scene), pipeline.work(window)) == (160 * 112, (48 + 16) * (64 + 16))


def test_a_raw_file_has_the_charts_that_a_file_beside_it_describes(tmp_path: Path) -> None:
    raw = simulate(chart(96, 64))
    write_dng(tmp_path / "x.dng", raw)
    (tmp_path / "x.chart.yaml").write_text("kind: a\ncorners: [[50, 4], [70, 4], [70, 30], [50, 30]]\n")
    (whole,) = raw_scenes(tmp_path / "x.dng")
    assert whole.charts[0].box == (50, 4, 70, 30)
    crops = raw_scenes(tmp_path / "x.dng", crop="2x48")
    found = {crop.source["crop"][0]: crop.charts for crop in crops}
    assert [one.box for one in found[48]] == [
        (2, 4 - crops[1].source["crop"][1], 22, 30 - crops[1].source["crop"][1])
    ]
    assert found[0] == ()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_crops_develop_as_the_whole_does_and_meet_their_reference(orientation: int) -> None:
    raw, truth = oriented(orientation)
    whole = isptune.create_pipeline("raw", scenes=[raw], reference=[truth], crop=None)
    crops = isptune.create_pipeline("raw", scenes=[raw], reference=[truth], crop="4x32")
    start = whole.space.start()
    picture = whole.render(start, 0)[0]
    assert picture.shape == truth.shape
    assert len(crops.scenes) > 1
    for scene in crops.scenes:
        assert scene.size == (32, 32)
        x, y, width, height = scene.source.get("crop") or (0, 0, 0, 0)
        assert (x % 2, y % 2, width, height) == (0, 0, 32, 32)
        part = crops.render(start, scene)[0]
        sensed = as_sensed(picture, orientation)[:, y : y + 32, x : x + 32]
        assert torch.allclose(part, upright(sensed, orientation), atol=2e-6)
        expected = as_sensed(truth, orientation)[:, y : y + 32, x : x + 32]
        assert scene.reference is not None
        assert torch.equal(scene.reference, upright(expected, orientation))


def test_a_reference_beside_the_file_is_taken(tmp_path: Path) -> None:
    truth = chart(96, 64, 0)
    write_dng(tmp_path / "x.dng", simulate(truth))
    assert raw_scenes([tmp_path / "x.dng"])[0].reference is None
    write_image(tmp_path / "x.reference.png", truth, bits=16)
    (scene,) = raw_scenes([str(tmp_path)])
    assert scene.reference is not None
    assert torch.allclose(scene.reference, truth, atol=1e-4)
    pipeline = isptune.create_pipeline("raw", scenes=[str(tmp_path / "*.dng")])
    assert pipeline.has_reference


def test_references_of_another_size_or_number_are_refused(tmp_path: Path) -> None:
    raw = simulate(chart(96, 64, 0))
    with pytest.raises(
        ImageError, match=r"the reference of 'raw' has 64x96 pixels, and the raw picture, upright, has"
    ):
        raw_scenes([raw], reference=[chart(64, 96, 0)])
    with pytest.raises(
        ConfigurationError, match="there are 2 references and 1 raw pictures; give one for each"
    ):
        raw_scenes([raw], reference=[chart(96, 64, 0)] * 2)
    with pytest.raises(ImageError, match="holds no raw file"):
        raw_scenes([tmp_path])


def test_digests_follow_what_is_developed() -> None:
    raw = simulate(chart(96, 64, 0))
    same, other = RawView.of(raw), RawView.of(simulate(chart(96, 64, 0), seed=1))
    assert RawView.of(raw).digest() == same.digest() != other.digest()
    assert RawView.of(raw, (0, 0, 32, 32)).digest() != same.digest()


def test_whole_pictures_of_several_crops_are_their_own(tmp_path: Path) -> None:
    for seed in range(4):
        write_dng(tmp_path / f"{seed}.dng", simulate(chart(96, 64, seed), camera="dslr", noise=False))
    pipeline = isptune.create_pipeline("raw", scenes=[str(tmp_path)], crop="1x32")
    start = pipeline.space.start()
    assert len(pipeline.scenes) == 4
    alone = [
        isptune.create_pipeline("raw", scenes=[tmp_path / f"{seed}.dng"], crop=None).render(start, 0)
        for seed in range(4)
    ]
    # A whole scene is gone when the next one is made, and its place in memory is taken again.
    for _ in range(10):
        for scene, expected in zip(pipeline.scenes, alone, strict=True):
            assert torch.equal(pipeline.render(start, pipeline.whole(scene)), expected)


def test_a_folder_of_plain_arrays_is_searched_for_those_with_a_yaml_file(tmp_path: Path) -> None:
    for name in ("b10", "b9", "other"):
        np.save(tmp_path / f"{name}.npy", np.full((48, 64), 200, dtype=np.uint16))
    for name in ("b10", "b9"):
        (tmp_path / f"{name}.yaml").write_text("{pattern: RGGB, black: 64, white: 1023}")
    assert [scene.name for scene in raw_scenes([tmp_path])] == ["b9.npy", "b10.npy"]
    assert [scene.name for scene in raw_scenes(str(tmp_path / "*.npy"))] == ["b9.npy", "b10.npy"]


def test_scenes_know_their_iso_and_their_light(tmp_path: Path) -> None:
    picture = chart(96, 64, 0)
    write_dng(tmp_path / "night.dng", simulate(picture, iso=1600))
    (whole,) = raw_scenes([tmp_path / "night.dng"])
    assert whole.conditions == {"iso": 1600.0}
    assert [crop.conditions for crop in raw_scenes([tmp_path / "night.dng"], crop="2x32")] == [
        {"iso": 1600}
    ] * 2
    np.save(tmp_path / "plain.npy", np.full((64, 64), 300, dtype=np.uint16))
    (tmp_path / "plain.yaml").write_text("{pattern: RGGB, black: 0, white: 1023, illuminant: D50}")
    (plain,) = raw_scenes([tmp_path / "plain.npy"])
    assert plain.conditions == {"illuminant": "D50"}


def test_the_light_that_exif_names_is_known() -> None:
    assert _light({34665: {"LightSource": 21}}) == "D65"
    assert _light({34665: {"LightSource": 255}}) == _light({34665: 5}) == _light({}) == ""
