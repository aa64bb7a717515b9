"""Where crops lie: inside, apart, spread, on detail, and always in the same places."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isptune.errors import ConfigurationError
from isptune.scenes import chart
from isptune.scenes.crops import CropRule, choose_crops, parse_crop


def noise(width: int, height: int, seed: int = 0) -> torch.Tensor:
    return torch.rand((3, height, width), generator=torch.Generator().manual_seed(seed))


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(32, 700),
    height=st.integers(32, 700),
    count=st.integers(1, 12),
    side=st.integers(32, 200),
    seed=st.integers(0, 2**63),
)
def test_crops_lie_inside_apart_and_are_as_many_as_fit(
    width: int, height: int, count: int, side: int, seed: int
) -> None:
    places = choose_crops(noise(width, height), count, side, seed)
    fitting = (width // side) * (height // side)
    assert len(places) <= count
    assert len(places) >= min(count, fitting)
    for x, y in places:
        assert 0 <= x <= width - side
        assert 0 <= y <= height - side
    for number, (x, y) in enumerate(places):
        for other_x, other_y in places[number + 1 :]:
            assert abs(x - other_x) >= side or abs(y - other_y) >= side
    assert places == sorted(places, key=lambda place: (place[1], place[0]))


def test_the_same_picture_has_the_same_crops_and_a_seed_moves_them() -> None:
    image = chart(900, 600)
    places = choose_crops(image, 6, 96)
    assert choose_crops(image.clone(), 6, 96) == places
    assert choose_crops(image.double(), 6, 96) == places
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert choose_crops(image, 6, 96) == places
    finally:
        torch.set_num_threads(threads)
    assert choose_crops(image, 6, 96, seed=1) != places


def test_crops_are_spread_over_the_picture() -> None:
    places = choose_crops(noise(1200, 800), 6, 128)
    cells = {(x // 400, y // 400) for x, y in places}
    assert cells == {(column, row) for column in range(3) for row in range(2)}
    upright = choose_crops(noise(400, 1600), 6, 128)
    assert {y * 6 // 1600 for _, y in upright} >= {0, 2, 4}


def test_detail_is_preferred_to_flat_ground() -> None:
    # One textured patch in each cell of a flat picture: a crop goes to each of them.
    image = torch.full((3, 600, 900), 0.5)
    patches = [(150, 60), (420, 100), (640, 180), (30, 330), (400, 440), (750, 350)]
    for number, (x, y) in enumerate(patches):
        image[:, y : y + 100, x : x + 100] = noise(100, 100, number)
    found = sorted(choose_crops(image, 6, 100), key=cell)
    for (x, y), (wanted_x, wanted_y) in zip(found, sorted(patches, key=cell), strict=True):
        assert abs(x - wanted_x) < 60
        assert abs(y - wanted_y) < 60


def cell(place: tuple[int, int]) -> tuple[int, int]:
    return place[1] // 300, place[0] // 300


def test_a_colourful_part_is_preferred_to_a_grey_one_of_equal_texture() -> None:
    texture = noise(800, 400)[:1]
    image = texture.repeat(3, 1, 1) * 0.5 + 0.2
    image[0, :, 400:] += 0.25
    image[2, :, 400:] -= 0.15
    (only,) = choose_crops(image, 1, 128)
    assert only[0] > 350


def test_crops_vary_in_brightness() -> None:
    # Of equal texture everywhere and brighter downwards; two cells side by side hold all brightnesses.
    image = noise(800, 600)[:1] * 0.2 + torch.linspace(0.05, 0.75, 600)[None, :, None]
    image = image.repeat(3, 1, 1)
    means = [float(image[:, y : y + 100, x : x + 100].mean()) for x, y in choose_crops(image, 2, 100)]
    assert abs(means[0] - means[1]) > 0.25


def test_clipped_parts_are_avoided() -> None:
    # Black and white dots have the strongest gradients of all, but nothing in them can get brighter.
    image = noise(800, 400) * 0.9 + 0.05
    image[:, :, :400] = (image[:1, :, :400] > 0.5).float()
    (only,) = choose_crops(image, 1, 128)
    assert only[0] > 350


def test_a_picture_of_many_megapixels_is_quick() -> None:
    image = torch.rand((3, 1440, 2560), generator=torch.Generator().manual_seed(0)).repeat(1, 2, 2)
    assert image.shape == (3, 2880, 5120)
    start = time.process_time()
    assert len(choose_crops(image, 6, 256)) == 6
    assert time.process_time() - start < 2


def test_settings_are_parsed() -> None:
    assert parse_crop("auto") == CropRule(count=6, side=256, above=1_000_000, automatic=True)
    assert parse_crop(None) == parse_crop("full") == parse_crop(" Full ") == CropRule(side=0)
    assert parse_crop(192) == parse_crop("192") == CropRule(count=6, side=192)
    assert parse_crop("9x192") == CropRule(count=9, side=192)


@pytest.mark.parametrize("crop", ["autos", "", "6x", "x64", "-64", "1.5", True, "64x64x64"])
def test_unknown_settings(crop: str | bool) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_crop(crop)
    allowed = "allowed are auto, full, a side in pixels such as 256, or count and side such as 9x192"
    assert str(caught.value) == f"crop '{crop}' is not known; {allowed}"


@pytest.mark.parametrize("crop", ["0x64", 31, "6x31", 0])
def test_settings_out_of_range(crop: str | int) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_crop(crop)
    allowed = "allowed are auto, full, a side in pixels such as 256, or count and side such as 9x192"
    wanted = "is out of range: at least 1 crop of at least 32 pixels"
    assert str(caught.value) == f"crop '{crop}' {wanted}; {allowed}"


def test_dark_flat_pictures_have_crops_too() -> None:
    places = choose_crops(torch.zeros(3, 300, 300), 4, 64)
    assert len(places) == 4
    assert np.isfinite(places).all()
