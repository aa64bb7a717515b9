"""The before/after figure: its details are the pictures' own pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from isptune.errors import ConfigurationError
from isptune.figures import draw_before_after
from isptune.scenes import chart

Texts = Callable[[Figure], list[str]]
Check = Callable[[Figure], None]


def rendered(figure: Figure) -> np.ndarray:
    """(H, W, 3), the figure's pixels."""
    figure.canvas.draw()  # type: ignore[attr-defined]
    return np.asarray(figure.canvas.buffer_rgba())[:, :, :3]  # type: ignore[attr-defined]


class TestBeforeAfter:
    @pytest.mark.parametrize("size", [(384, 256), (64, 48), (120, 500), (1000, 260), (32, 32)])
    def test_details_are_enlarged_pixel_by_pixel(
        self, size: tuple[int, int], texts: Texts, assert_texts_fit: Check
    ) -> None:
        width, height = size
        if min(size) >= 48:
            after = chart(width, height)
        else:
            after = torch.rand((3, height, width), generator=torch.Generator().manual_seed(0))
        figure = draw_before_after({"before": after * 0.5, "after": after}, {"after": "psnr 41.2 dB"})
        pixels = rendered(figure)
        assert {"before", "after", "psnr 41.2 dB"} <= set(texts(figure))
        assert_texts_fit(figure)
        whole = (after * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        details = [axes for axes in figure.axes if axes.spines["top"].get_visible()]
        assert len(details) in (2, 4)
        for axes in details[len(details) // 2 :]:
            left, bottom = round(axes.bbox.x0), round(axes.bbox.y0)
            shown = pixels[pixels.shape[0] - bottom - 240 : pixels.shape[0] - bottom, left : left + 240]
            # Every pixel of a detail is one colour over its whole square, and the squares together are a part
            # of the picture; the frame covers the outermost ones.
            (detail,) = (np.asarray(image.get_array()) for image in axes.get_images())
            times = next(t for t in (24, 20, 16, 15, 12, 10, 8, 6, 5, 4, 3) if same_squares(detail, t))
            small = detail[::times, ::times]
            assert contains(whole, small)
            inner = slice(12, 228)
            assert np.abs(shown[inner, inner].astype(int) - detail[inner, inner]).max() <= 1

    def test_whole_pictures_keep_their_shape(self) -> None:
        figure = draw_before_after({"a": chart(300, 100), "b": chart(300, 100), "c": chart(300, 100)})
        wholes = [axes for axes in figure.axes if not axes.spines["top"].get_visible()]
        assert len(wholes) == 3
        for axes in wholes:
            assert axes.bbox.width / axes.bbox.height == pytest.approx(3, rel=0.01)
            # Both details are marked, each by a line on a wider black one.
            assert len(axes.patches) == 4

    def test_long_captions_and_a_title(self, assert_texts_fit: Check) -> None:
        image = chart(96, 64)
        caption = "psnr 14.21 dB · l1 1.23 · normalised l1 0.301\nfirst generation, the median candidate of thirty in all"
        figure = draw_before_after({"before": image, "after": image}, {"before": caption}, "seed 0 " * 30)
        assert_texts_fit(figure)

    def test_mistakes(self) -> None:
        image = chart(96, 64)
        for images, captions, message in (
            ({}, {}, "a before/after figure needs at least one picture"),
            (
                {"a": image},
                {"b": "?"},
                "there is no picture 'b' for a caption; there are a",
            ),
            (
                {"a": image, "b": image[:, :60]},
                {},
                "pictures to compare need one size, got (3, 64, 96) and (3, 60, 96)",
            ),
            ({"a": image[None]}, {}, "the picture 'a' has the shape (1, 3, 64, 96); (3, H, W) is needed"),
            ({"a": image * 2}, {}, "the picture 'a' holds values outside [0, 1]"),
            ({"a": image * float("nan")}, {}, "the picture 'a' holds values outside [0, 1]"),
        ):
            with pytest.raises(ConfigurationError) as caught:
                draw_before_after(images, captions)
            assert str(caught.value) == message


def same_squares(detail: np.ndarray, times: int) -> bool:
    if detail.shape[0] % times:
        return False
    small = detail[::times, ::times]
    return np.array_equal(small.repeat(times, axis=0).repeat(times, axis=1), detail)


def contains(whole: np.ndarray, part: np.ndarray) -> bool:
    """Whether a picture holds a part somewhere."""
    height, width = part.shape[:2]
    rows, columns = whole.shape[0] - height + 1, whole.shape[1] - width + 1
    starts = np.argwhere((whole[:rows, :columns] == part[0, 0]).all(axis=2))
    return any(np.array_equal(whole[y : y + height, x : x + width], part) for y, x in starts)
