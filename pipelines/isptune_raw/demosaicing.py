"""From a mosaic to three colours: bilinear, Malvar-He-Cutler, and edge-directed.

All take (N, 1, H, W) in the phase RGGB with even sides and give (N, 3, H, W); edges are mirrored.
"""

from __future__ import annotations

import torch
from torch import Tensor

from isptune_raw.planes import Planes, joined, padded, shifted, split

# Pixels that are added on each side. The edge-directed method looks 10 pixels far.
_MARGIN = 12

# Sums nearer than that are equal but for rounding; rows are then taken, as in the paper.
_TIE = 4e-6


def bilinear(mosaic: Tensor) -> Tensor:
    """Means of the nearest pixels of a colour.

    Example:
        >>> bilinear(torch.full((1, 1, 32, 32), 0.5)).unique()
        tensor([0.5000])
    """
    red, first, second, blue = _planes(mosaic)
    green = Planes(
        _mean(first, shifted(first, columns=-1), second, shifted(second, -1)),
        first,
        second,
        _mean(first, shifted(first, 1), second, shifted(second, columns=1)),
    )
    reds = Planes(
        red,
        _mean(red, shifted(red, columns=1)),
        _mean(red, shifted(red, 1)),
        _mean(red, shifted(red, 1), shifted(red, columns=1), shifted(red, 1, 1)),
    )
    blues = Planes(
        _mean(blue, shifted(blue, -1), shifted(blue, columns=-1), shifted(blue, -1, -1)),
        _mean(blue, shifted(blue, -1)),
        _mean(blue, shifted(blue, columns=-1)),
        blue,
    )
    return _coloured(reds, green, blues)


def malvar(mosaic: Tensor) -> Tensor:
    """Linear filters of five by five pixels: Malvar, He and Cutler (ICASSP 2004)."""
    red, first, second, blue = _planes(mosaic)
    far_red, far_blue = _sides(red) + _ends(red), _sides(blue) + _ends(blue)
    near_red = first + shifted(first, columns=-1) + second + shifted(second, -1)
    near_blue = first + shifted(first, 1) + second + shifted(second, columns=1)
    green = Planes(
        (4 * red + 2 * near_red - far_red) / 8, first, second, (4 * blue + 2 * near_blue - far_blue) / 8
    )
    # At a green pixel: five times itself less its four diagonal neighbours, which are the other greens.
    centre_first = (
        5 * first - second - shifted(second, columns=1) - shifted(second, -1) - shifted(second, -1, 1)
    )
    centre_second = (
        5 * second - first - shifted(first, columns=-1) - shifted(first, 1) - shifted(first, 1, -1)
    )
    in_row = (
        centre_first - _sides(first) + _ends(first) / 2,
        centre_second - _sides(second) + _ends(second) / 2,
    )
    in_column = (
        centre_first - _ends(first) + _sides(first) / 2,
        centre_second - _ends(second) + _sides(second) / 2,
    )
    red_corners = red + shifted(red, 1) + shifted(red, columns=1) + shifted(red, 1, 1)
    blue_corners = blue + shifted(blue, -1) + shifted(blue, columns=-1) + shifted(blue, -1, -1)
    reds = Planes(
        red,
        (in_row[0] + 4 * (red + shifted(red, columns=1))) / 8,
        (in_column[1] + 4 * (red + shifted(red, 1))) / 8,
        (6 * blue + 2 * red_corners - 1.5 * far_blue) / 8,
    )
    blues = Planes(
        (6 * red + 2 * blue_corners - 1.5 * far_red) / 8,
        (in_column[0] + 4 * (blue + shifted(blue, -1))) / 8,
        (in_row[1] + 4 * (blue + shifted(blue, columns=-1))) / 8,
        blue,
    )
    return _coloured(reds, green, blues)


def edge_directed(mosaic: Tensor) -> Tensor:
    """Along edges, not across them, and refined: Menon, Andriani and Calvagno (IEEE TIP 2007)."""
    red, first, second, blue = _planes(mosaic)
    # Green at red and at blue along rows and along columns.
    rows_red = _mean(first, shifted(first, columns=-1)) + red / 2 - _sides(red) / 4
    columns_red = _mean(second, shifted(second, -1)) + red / 2 - _ends(red) / 4
    rows_blue = _mean(second, shifted(second, columns=1)) + blue / 2 - _sides(blue) / 4
    columns_blue = _mean(first, shifted(first, 1)) + blue / 2 - _ends(blue) / 4
    with torch.no_grad():
        red_by_rows, blue_by_rows = _smoother_along_rows(
            red - rows_red, blue - rows_blue, red - columns_red, blue - columns_blue
        )

    def at_red(of_first: Tensor, of_second: Tensor) -> Tensor:
        """The sum of the two green pixels beside a red one that lie along the edge."""
        rows, columns = of_first + shifted(of_first, columns=-1), of_second + shifted(of_second, -1)
        return torch.where(red_by_rows, rows, columns)

    def at_blue(of_first: Tensor, of_second: Tensor) -> Tensor:
        rows, columns = of_second + shifted(of_second, columns=1), of_first + shifted(of_first, 1)
        return torch.where(blue_by_rows, rows, columns)

    # Differences to green, from which the other colours follow at the green pixels.
    red_less = red - torch.where(red_by_rows, rows_red, columns_red)
    blue_less = blue - torch.where(blue_by_rows, rows_blue, columns_blue)
    red_at, blue_at = _differences_at_green(red_less, blue_less)
    # Red less blue at blue and at red, before they are refined.
    gap_blue = at_blue(red_at[0] - blue_at[0], red_at[1] - blue_at[1]) / 2
    gap_red = at_red(red_at[0] - blue_at[0], red_at[1] - blue_at[1]) / 2
    # Refined: differences are means of three along the edge.
    red_less = (red_less + at_red(*red_at)) / 3
    blue_less = (blue_less + at_blue(*blue_at)) / 3
    red_at, blue_at = _differences_at_green(red_less, blue_less)
    gap_blue = (gap_blue + at_blue(red_at[0] - blue_at[0], red_at[1] - blue_at[1])) / 3
    gap_red = (gap_red + at_red(red_at[0] - blue_at[0], red_at[1] - blue_at[1])) / 3
    return _coloured(
        Planes(red, first + red_at[0], second + red_at[1], blue + gap_blue),
        Planes(red - red_less, first, second, blue - blue_less),
        Planes(red - gap_red, first + blue_at[0], second + blue_at[1], blue),
    )


METHODS = {"bilinear": bilinear, "malvar": malvar, "edge": edge_directed}


def _differences_at_green(red_less: Tensor, blue_less: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
    """Red less green and blue less green at both kinds of green pixels, means of the two beside them."""
    return (
        (_mean(red_less, shifted(red_less, columns=1)), _mean(red_less, shifted(red_less, 1))),
        (_mean(blue_less, shifted(blue_less, -1)), _mean(blue_less, shifted(blue_less, columns=-1))),
    )


def _smoother_along_rows(
    rows_red: Tensor, rows_blue: Tensor, columns_red: Tensor, columns_blue: Tensor
) -> tuple[Tensor, Tensor]:
    """Where differences of colours change less along rows than along columns, at red and at blue."""
    red = (rows_red - shifted(rows_red, columns=1)).abs_()
    blue = (rows_blue - shifted(rows_blue, columns=1)).abs_()
    # Two neighbours in the row, and with them the rows above and below.
    pairs_red, pairs_blue = red + shifted(red, columns=-1), blue + shifted(blue, columns=-1)
    rows_at_red = _ends(pairs_red) + 3 * pairs_red
    rows_at_red += shifted(blue, columns=-1) + shifted(blue, -1, -1)
    rows_at_blue = _ends(pairs_blue) + 3 * pairs_blue
    rows_at_blue += red + shifted(red, 1)
    red = (columns_red - shifted(columns_red, 1)).abs_()
    blue = (columns_blue - shifted(columns_blue, 1)).abs_()
    pairs_red, pairs_blue = red + shifted(red, -1), blue + shifted(blue, -1)
    columns_at_red = _sides(pairs_red) + 3 * pairs_red
    columns_at_red += shifted(blue, -1) + shifted(blue, -1, -1)
    columns_at_blue = _sides(pairs_blue) + 3 * pairs_blue
    columns_at_blue += red + shifted(red, columns=1)
    return columns_at_red > rows_at_red - _TIE, columns_at_blue > rows_at_blue - _TIE


def _planes(mosaic: Tensor) -> Planes:
    return Planes(*(plane.contiguous() for plane in split(padded(mosaic, _MARGIN))))


def _coloured(red: Planes, green: Planes, blue: Planes) -> Tensor:
    """Three colours from their planes, without the margins."""
    cut = _MARGIN // 2
    inside = (..., slice(cut, -cut), slice(cut, -cut))
    colours = [joined(Planes(*(plane[inside] for plane in planes))) for planes in (red, green, blue)]
    return torch.cat(colours, dim=1)


def _mean(*planes: Tensor) -> Tensor:
    total = planes[0] + planes[1]
    for plane in planes[2:]:
        total = total + plane
    return total / len(planes)


def _sides(plane: Tensor) -> Tensor:
    """The sum of what lies at the left and at the right in a plane, two pixels away in the mosaic."""
    return shifted(plane, columns=-1) + shifted(plane, columns=1)


def _ends(plane: Tensor) -> Tensor:
    """The sum of what lies above and below in a plane, two pixels away in the mosaic."""
    return shifted(plane, -1) + shifted(plane, 1)
