"""Charts of pictures: the file beside a picture, crops, and the generated chart."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from isptune.errors import ConfigurationError
from isptune.scenes import chart, load_scenes, write_image
from isptune.scenes.scene_pictures import whole_picture

CORNERS = "corners: [[4, 4], [24, 4], [24, 36], [4, 36]]"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return write_image(tmp_path / "photo.png", chart(96, 64))


def described(photo: Path, text: str) -> None:
    photo.with_suffix(".chart.yaml").write_text(text)


def test_the_file_beside_a_picture(photo: Path) -> None:
    described(photo, f"kind: slanted-edge\n{CORNERS}\nangle: 4.5\n")
    (scene,) = load_scenes(photo)
    (found,) = scene.charts
    assert (found.kind, dict(found.facts)) == ("slanted-edge", {"angle": 4.5})
    assert found.corners == ((4, 4), (24, 4), (24, 36), (4, 36))
    crops = load_scenes(photo, crop="6x48")
    assert [len(crop.charts) for crop in crops] == [1, 0]
    left, top, *_ = crops[0].source["crop"]
    assert crops[0].charts[0] == found.moved(-left, -top)
    assert whole_picture(crops[0]).charts == scene.charts
    # A ready-made scene keeps them.
    assert load_scenes(scene)[0].charts == scene.charts


def test_several_charts_in_one_file(photo: Path) -> None:
    described(photo, f"charts:\n- {{kind: a, {CORNERS}}}\n- {{kind: b, {CORNERS}}}\n")
    assert [one.kind for one in load_scenes(photo)[0].charts] == ["a", "b"]


def test_a_large_picture_with_a_chart_stays_whole(tmp_path: Path) -> None:
    large = write_image(tmp_path / "large.png", torch.full((3, 1000, 1001), 0.5))
    assert len(load_scenes(large)) == 6
    described(large, f"kind: a\n{CORNERS}\n")
    assert [scene.size for scene in load_scenes(large)] == [(1000, 1001)]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "does not say kind; needed: kind, corners"),
        ("kind: a", "does not say corners; needed: kind, corners"),
        (f"kind: [a]\n{CORNERS}", ": kind is ['a']; allowed: a text"),
        ("charts: 3", ": charts is no list of mappings, each with kind and corners"),
        ("charts: [3]", ": charts is no list of mappings, each with kind and corners"),
        (f"kind: a\ncharts: [{{kind: a, {CORNERS}}}]", "has the key 'kind' beside charts; put it into one of the charts"),
        ("kind: a\ncorners: [[0, 0], [9, 9], [9, 0], [0, 9]]", ": the corners of the chart 'a' cross or lie on one line; give them in order around the chart"),
        ("kind: a\ncorners: [[false, 0], [9, 0], [9, 9], [0, 9]]", ": the corners of the chart 'a' are [[False, 0], [9, 0], [9, 9], [0, 9]]; allowed: four points such as [[10, 10], [90, 10], [90, 60], [10, 60]], x and y in pixels"),
        ("kind: a\ncorners: [[0, 0], [97, 0], [97, 9], [0, 9]]", ": corner 2 of the chart 'a' is at 97, 0, outside the picture of 96x64 pixels"),
    ],
)  # fmt: skip
def test_bad_files(photo: Path, text: str, sentence: str) -> None:
    described(photo, text)
    with pytest.raises(ConfigurationError) as caught:
        load_scenes(photo)
    file = photo.with_suffix(".chart.yaml")
    assert str(caught.value) == f"'{file}'{sentence if sentence.startswith(':') else ' ' + sentence}"


def test_the_generated_chart_knows_where_its_panels_lie() -> None:
    (scene,) = load_scenes("chart:384x256")
    assert [one.kind for one in scene.charts] == ["slanted-edge"] * 4 + [
        "dead-leaves",
        "colour-checker",
        "grey-scale",
    ]
    picture = scene.reference
    for one in scene.charts:
        assert one.lies_in(scene.size)
        (x, y), *_ = one.corners
        if one.kind == "colour-checker":
            # The first corner is that of the first patch: dark skin from there on, and the frame before.
            assert (picture[:, int(y), int(x)] * 255).round().tolist() == [115, 82, 68]
            assert float(picture[:, int(y) - 1, int(x) - 1].max()) < 0.1
    assert load_scenes("chart:48x48")[0].charts == ()


@pytest.mark.parametrize("size", ["384x256", "200x600", "1200x300"])
def test_patches_lie_where_they_are_said_to(size: str) -> None:
    (scene,) = load_scenes(f"chart:{size}")
    (checker,) = [one for one in scene.charts if one.kind == "colour-checker"]
    first, sixth, last, nineteenth = checker.corners
    middle = [sum(axis) / 4 for axis in zip(*checker.corners, strict=True)]
    for corner, patch in ((first, 0), (sixth, 5), (last, 23), (nineteenth, 18)):
        # A pixel inside of the corner.
        x, y = (int(c + (1 if m > c else -2)) for c, m in zip(corner, middle, strict=True))
        assert (scene.reference[:, y, x] * 255).round().tolist() == checker.facts["srgb"][patch]
