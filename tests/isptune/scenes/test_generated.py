"""The generated chart: what it holds, and that it is always the same."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isptune.errors import ConfigurationError, ImageError
from isptune.scenes import chart, load_scenes, read_image, write_image
from isptune.scenes.chart_panels import COLOUR_PATCHES
from isptune.scenes.generated import layout

# Of the bytes 255 * value: values are multiples of 1/255, so another machine's last bits do not matter.
HASHES = {
    (384, 256): "2b0c150e16943c508895931977686d1360f95660ddf5110e013d0641d0b085c8",
    (101, 173): "d74bcaf4e7375a8b3c06ee010c5a5efaaa430c597e0d36f4e6c8141dbea8dd20",
}


def panel(image: torch.Tensor, name: str) -> torch.Tensor:
    left, top, wide, high = layout(image.shape[2], image.shape[1])[name]
    return image[:, top : top + high, left : left + wide]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("size", HASHES)
def test_the_same_to_the_last_bit_everywhere(size: tuple[int, int], threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        image = chart(*size)
    finally:
        torch.set_num_threads(before)
    steps = (image.double() * 255).round()
    assert torch.equal((steps / 255).float(), image)
    assert hashlib.sha256(steps.to(torch.uint8).numpy().tobytes()).hexdigest() == HASHES[size]


def test_seed_and_size_matter_and_global_generators_do_not() -> None:
    state, numpy_state = torch.get_rng_state(), np.random.get_state()
    image = chart(96, 64)
    assert not torch.equal(image, chart(96, 64, seed=1))
    assert torch.equal(panel(image, "star"), panel(chart(96, 64, seed=1), "star"))
    np.random.seed(3)
    torch.manual_seed(3)
    assert torch.equal(image, chart(96, 64))
    torch.set_rng_state(state)
    np.random.set_state(numpy_state)
    chart(96, 64)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numpy_state[1])


@settings(max_examples=15, deadline=None)
@given(width=st.integers(48, 500), height=st.integers(48, 500))
def test_any_size_is_drawn_in_range_and_filled(width: int, height: int) -> None:
    image = chart(width, height)
    assert image.shape == (3, height, width)
    assert image.dtype == torch.float32
    assert image.is_contiguous()
    assert float(image.min()) >= 0.02
    assert float(image.max()) <= 0.98
    boxes = layout(width, height)
    covered = np.zeros((height, width), dtype=int)
    for left, top, wide, high in boxes.values():
        assert wide >= 8
        assert high >= 5
        assert left >= 0
        assert top >= 0
        covered[top : top + high, left : left + wide] += 1
        assert left + wide <= width
        assert top + high <= height
    assert covered.max() == 1
    # The rest is the thin mid-grey gaps.
    assert covered.mean() > 0.78
    assert (image[:, torch.from_numpy(covered == 0)] == 102 / 255).all()
    for name in boxes:
        assert float(panel(image, name).std()) > 0.05


def test_the_default_is_small_and_quick() -> None:
    chart()
    start = time.process_time()
    image = chart()
    assert time.process_time() - start < 0.5
    assert image.shape == (3, 256, 384)


def test_a_png_of_the_chart_is_the_chart(tmp_path: Path) -> None:
    image = chart(200, 120)
    assert torch.equal(read_image(write_image(tmp_path / "chart.png", image)), image)


@pytest.mark.parametrize("size", [(384, 256), (256, 384), (900, 250)])
def test_the_patches_have_their_published_colours(size: tuple[int, int]) -> None:
    image = panel(chart(*size), "patches")
    pixels = {tuple(pixel) for pixel in (image * 255).round().int().flatten(1).T.tolist()}
    for colour in np.clip(COLOUR_PATCHES, 6, 249).tolist():
        assert tuple(colour) in pixels


def test_the_ramps_hold_all_greys_and_all_hues() -> None:
    ramps = panel(chart(800, 500), "ramps")
    rows = ramps.shape[1] // 4
    grey = ramps[:, rows // 2]
    assert torch.equal(grey[0], grey[1])
    assert torch.equal(grey[0], grey[2])
    steps = (grey[0] * 255).round().int()
    assert (steps.diff() >= 0).all()
    assert set(range(6, 250)) <= set(steps.tolist())
    hue = ramps[:, rows + rows // 2].double()
    assert float((hue.max(dim=0).values - hue.min(dim=0).values).min()) > 0.6
    assert {int(index) for index in hue.argmax(dim=0)} == {0, 1, 2}
    stepped = (ramps[0, 2 * rows + rows // 2] * 255).round().int()
    assert len(stepped.unique()) == 16
    primaries = ramps[:, -rows // 2]
    for channel in range(3):
        third = primaries[:, (2 * channel + 1) * primaries.shape[1] // 6]
        assert int(third.argmax()) == channel


def test_the_edges_are_slanted_by_five_degrees() -> None:
    # Where the left edge of the dark square crosses half height, row by row, is a line of slope tan 5 degrees.
    image = panel(chart(900, 600), "edges")[0].double()
    size = image.shape[0]
    rows = np.arange(round(0.35 * size), round(0.65 * size))
    dark, light = float(image[size // 3].min()), float(image[size // 3].max())
    crossings = []
    for row in rows:
        below = (image[row] < (dark + light) / 2).nonzero()[0].item()
        before, after = float(image[row, below - 1]), float(image[row, below])
        crossings.append(below - 1 + (before - (dark + light) / 2) / (before - after))
    slope = np.polyfit(rows, crossings, 1)[0]
    assert abs(slope) == pytest.approx(np.tan(np.deg2rad(5)), abs=0.01)
    # Smooth edges: a line through the crossings leaves less than a third of a pixel.
    assert np.abs(np.array(crossings) - np.poly1d(np.polyfit(rows, crossings, 1))(rows)).max() < 0.34


def test_the_star_is_finer_towards_its_centre() -> None:
    star = panel(chart(900, 600), "star")[0].double()
    centre = (star.shape[0] - 1) / 2, (star.shape[1] - 1) / 2
    angles = np.linspace(0, 2 * np.pi, 4000, endpoint=False)

    def ring(share: float) -> np.ndarray:
        radius = share * 0.48 * min(star.shape)
        rows = np.rint(centre[0] + radius * np.sin(angles)).astype(int)
        columns = np.rint(centre[1] + radius * np.cos(angles)).astype(int)
        return star.numpy()[rows, columns]

    outer = ring(0.9)
    assert outer.min() < 0.1
    assert outer.max() > 0.9
    light = outer > 0.5
    assert np.count_nonzero(light & ~np.roll(light, 1)) == 72
    # Below the resolution of the pixels it is flat, instead of false patterns.
    assert np.ptp(ring(0.03)) < 0.05


def test_the_leaves_have_the_spectrum_of_natural_pictures() -> None:
    leaves = panel(chart(1200, 800), "leaves").mean(dim=0).double().numpy()
    side = min(leaves.shape) // 2 * 2
    leaves = leaves[:side, :side]
    window = np.outer(np.hanning(side), np.hanning(side))
    power = np.abs(np.fft.fftshift(np.fft.fft2((leaves - leaves.mean()) * window))) ** 2
    y, x = np.indices(power.shape) - side // 2
    radius = np.rint(np.hypot(x, y)).astype(int)
    spectrum = np.bincount(radius.ravel(), power.ravel()) / np.bincount(radius.ravel())
    band = np.arange(6, side // 6)
    slope = np.polyfit(np.log(band), np.log(spectrum[band]), 1)[0]
    # Natural pictures fall with an exponent of about -2 (Field, 1987).
    assert -2.8 < slope < -1.5


def test_the_lettering_is_fine_and_of_both_polarities() -> None:
    text = panel(chart(600, 400), "text")[0]
    upper, lower = text[: text.shape[0] // 2], text[-text.shape[0] // 3 :]
    assert float(upper.median()) > 0.9
    assert float(lower.median()) < 0.15
    # Strokes are narrow: along a row, runs of ink in the smaller lines last a few pixels at most.
    ink = (upper[-20:] < 0.5).numpy()
    runs = [len(run) for row in ink for run in "".join("x" if dot else " " for dot in row).split()]
    assert runs
    assert np.median(runs) <= 3


@pytest.mark.parametrize("size", [(47, 100), (100, 47), (4097, 100), (100, 4097), (0, 0), (-5, 64)])
def test_sizes_out_of_range(size: tuple[int, int]) -> None:
    with pytest.raises(ImageError) as caught:
        chart(*size)
    expected = f"a chart of {size[0]}x{size[1]} pixels is out of range: each side has 48 to 4096 pixels"
    assert str(caught.value) == expected


def test_a_negative_seed() -> None:
    for make in (lambda: chart(seed=-1), lambda: load_scenes([torch.zeros(3, 32, 32)], seed=-1)):
        with pytest.raises(ConfigurationError) as caught:
            make()
        assert str(caught.value) == "seed -1 is out of range: it is a whole number from 0"
