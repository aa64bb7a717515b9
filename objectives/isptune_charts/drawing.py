"""The plots of ``isptune measure``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from isptune.figures import style
from isptune.figures.style import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, SKY, VERMILION
from isptune_charts.colour import lab
from isptune_charts.light import linear
from isptune_charts.measuring import Measured, MeasuredEdge, MeasuredField, MeasuredTexture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 7.0
_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)


def draw_all(measured: Measured, folder: Path, title: str) -> list[Path]:
    """Write a plot for each kind of measurement into a folder that is there; gives the files."""
    files = []
    if measured.edges:
        files.append(style.save(draw_edges(measured.edges, title), folder / "sfr.png"))
    if measured.textures:
        files.append(style.save(draw_textures(measured.textures, title), folder / "texture.png"))
    if measured.fields:
        files.append(style.save(draw_noise(measured.fields, title), folder / "noise.png"))
    for number, field in enumerate(one for one in measured.fields if one.known is not None):
        name = "colours.png" if number == 0 else f"colours-{number + 1}.png"
        files.append(style.save(draw_colours(field, title), folder / name))
    return files


def _titled(title: str, height: float, panels: int = 1, **ratios: Any) -> tuple[Figure, list[Axes]]:
    figure = style.new_figure(_WIDTH, height)
    lines = style.title_lines(title, _WIDTH)
    axes = figure.subplots(1, panels, squeeze=False, gridspec_kw=ratios)[0]
    top = 1 - (0.34 + style.TITLE_LINE * len(lines)) / height
    figure.subplots_adjust(left=0.1, right=0.97, bottom=0.6 / height, top=top, wspace=0.3)
    style.draw_title(figure, lines)
    return figure, list(axes)


def draw_edges(edges: Sequence[MeasuredEdge], title: str) -> Figure:
    """Contrast by frequency of each edge, with MTF50; one edge alone shows its channels too."""
    with style.style():
        figure, (axes,) = _titled(f"Slanted edges of {title}", 3.8)
        for edge, colour in zip(edges, _cycled(len(edges)), strict=True):
            shown = edge.numbers["mtf50"]
            label = f"{edge.name}: MTF50 {shown:.3f}"
            axes.plot(edge.frequencies, edge.responses["luminance"], color=colour, label=label)
            axes.plot([shown], [0.5], "o", color=colour, markersize=5)
        if len(edges) == 1:
            for name, colour in (("red", VERMILION), ("green", GREEN), ("blue", SKY)):
                axes.plot(edges[0].frequencies, edges[0].responses[name], color=colour, lw=1, label=name)
        highest = max(1.05, *(float(edge.responses["luminance"][:140].max()) * 1.05 for edge in edges))
        axes.axhline(0.5, color=INK, lw=0.8, ls=":")
        axes.axvline(0.5, color=INK, lw=0.8, ls=":")
        axes.annotate("Nyquist", (0.5, highest), (3, -3), textcoords="offset points", va="top", fontsize=8)
        axes.set(xlim=(0, 0.8), ylim=(0, highest), xlabel="cycles per pixel", ylabel="contrast")
        axes.legend(loc="lower left", fontsize=8)
    return figure


def draw_textures(textures: Sequence[MeasuredTexture], title: str) -> Figure:
    """Contrast of dead leaves by frequency."""
    with style.style():
        figure, (axes,) = _titled(f"Dead leaves of {title}", 3.6)
        for one, colour in zip(textures, _cycled(len(textures)), strict=True):
            label = f"{one.name}: acutance {one.acutance:.3f}"
            axes.plot(one.frequencies, one.contrast, color=colour, label=label)
        axes.axhline(1, color=INK, lw=0.8, ls=":")
        axes.set(xlim=(0, 0.5), ylim=(min(0, axes.get_ylim()[0]), max(1.05, axes.get_ylim()[1])))
        axes.set(xlabel="cycles per pixel", ylabel="contrast kept")
        axes.legend(loc="lower left", fontsize=8)
    return figure


def draw_noise(fields: Sequence[MeasuredField], title: str) -> Figure:
    """SNR against luminance, and the noise's spectrum in the middle grey."""
    with style.style():
        figure, (left, right) = _titled(f"Noise of {title}", 3.8, panels=2)
        for field, colour in zip(fields, _cycled(len(fields)), strict=True):
            known = [grey[1] for grey in field.greys]
            ratios = [grey[3] for grey in field.greys]
            left.plot(known, ratios, "o-", color=colour, markersize=4, label=field.name)
            right.plot(field.frequencies, np.maximum(field.spectrum, 1e-14), color=colour, label=field.name)
        left.set(xscale="log", xlabel="known luminance (1 is white)", ylabel="SNR in dB")
        right.set(
            yscale="log", xlabel="cycles per pixel", ylabel="noise density of the middle grey", xlim=(0, 0.5)
        )
        left.legend(fontsize=8)
        figure.subplots_adjust(wspace=0.42)
    return figure


def draw_colours(field: MeasuredField, title: str) -> Figure:
    """Patch errors: from the known to the seen colour in a* and b*, and each patch's CIEDE2000."""
    assert field.known is not None
    assert field.seen is not None
    assert field.differences is not None
    with style.style():
        figure, (plane, bars) = _titled(f"Colours of {title}", 4.6, panels=2, width_ratios=(1.25, 1))
        colours = _shown(field.known)
        known, seen = field.known, field.seen
        for start, end in zip(known, seen, strict=True):
            plane.plot([start[1], end[1]], [start[2], end[2]], color="#777777", lw=1, zorder=2)
        plane.scatter(known[:, 1], known[:, 2], s=34, marker="s", c=colours, edgecolors=INK, lw=0.6, zorder=3)
        plane.scatter(
            seen[:, 1], seen[:, 2], s=26, marker="o", c=_shown(seen), edgecolors=INK, lw=0.6, zorder=4
        )
        plane.set(xlabel="a*", ylabel="b*", aspect="equal")
        plane.set_title("square: known, circle: seen", fontsize=9)
        places = np.arange(len(field.names))
        bars.barh(places, field.differences, color=colours, edgecolor=INK, lw=0.5)
        bars.set_yticks(places, field.names, fontsize=7)
        bars.invert_yaxis()
        bars.grid(axis="y", visible=False)
        mean = float(field.differences.mean())
        bars.axvline(mean, color=INK, lw=1, ls=":")
        bars.set_title(f"mean {mean:.2f}, largest {field.differences.max():.2f}", fontsize=9)
        bars.set(xlabel="CIEDE2000")
        figure.subplots_adjust(wspace=0.5)
        plane.axhline(0, color=FAINT, lw=1, zorder=1)
        plane.axvline(0, color=FAINT, lw=1, zorder=1)
    return figure


def _cycled(count: int) -> list[str]:
    return [_COLOURS[index % len(_COLOURS)] for index in range(count)]


def _shown(colours: np.ndarray) -> np.ndarray:
    """(K, 3) encoded sRGB in [0, 1] of CIELAB colours under D50, for the eye."""
    # By a grid of the encoded cube's nearest colour: few patches, and no inverse to keep true.
    steps = torch.linspace(0, 1, 33, dtype=torch.float64)
    cube = torch.cartesian_prod(steps, steps, steps)
    apart = torch.cdist(torch.from_numpy(np.asarray(colours)), lab(linear(cube)))
    return np.asarray(cube[apart.argmin(dim=1)])
