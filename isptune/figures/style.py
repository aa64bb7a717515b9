"""The look that all figures share, and saving them. Matplotlib loads when a function here is called."""

from __future__ import annotations

import io
import os
import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isptune.errors import ImageError
from isptune.storage.paths import shown
from isptune.storage.writing import write_whole
from isptune.wording.naming import did_you_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, which colour-blind readers tell apart.
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7"
INK, FAINT = "#222222", "#D9D9D9"
DOTS_PER_INCH = 150
TITLE_LINE = 0.24
SUFFIXES = (".png", ".pdf", ".svg", ".jpg", ".jpeg", ".webp")

_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
    "axes.labelsize": 10.0,
    "axes.titlesize": 11.0,
    "axes.titlelocation": "left",
    "axes.edgecolor": "#666666",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "text.color": INK,
    # Names of files and plugins, and titles, are texts: "$1" in them is no formula.
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.linewidth": 2.0,
    "lines.solid_joinstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "figure.dpi": DOTS_PER_INCH,
    "figure.facecolor": "white",
    # Whole TrueType fonts in PDF, as publishers ask for; names in SVG that are the same every time.
    "pdf.fonttype": 42,
    "svg.hashsalt": "isptune",
}
# What would make two files of the same figure differ.
_UNDATED: dict[str, dict[str, None]] = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
# Half the time of Pillow's own level 6, and files 1 to 3% larger.
_PACKED: dict[str, dict[str, Any]] = {".png": {"pil_kwargs": {"compress_level": 4}}}


def load_matplotlib() -> None:
    """Import matplotlib, also where ``MPLBACKEND`` names a backend that it does not know.

    Notebooks hand that variable on to the commands that they start, and matplotlib refuses to be imported
    with a backend of another environment. Figures here have a canvas of their own and need no backend. One
    that matplotlib knows stays the user's.
    """
    if "matplotlib" in sys.modules:
        return
    given = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if given is not None:
            os.environ["MPLBACKEND"] = given
    if given:
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = given


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's defaults and this look, whatever the user has set; the user's settings come back after."""
    load_matplotlib()
    import matplotlib.style

    with matplotlib.style.context(["default", _STYLE]):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that many inches on an Agg canvas, without pyplot and its global state."""
    load_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH)
    FigureCanvasAgg(figure)
    return figure


def title_lines(title: str | None, width: float) -> list[str]:
    """A figure's title on as many lines as it needs at that width in inches."""
    return textwrap.wrap(title or "", max(20, int(9.2 * width)))


def draw_title(figure: Figure, lines: list[str]) -> None:
    """Put a title into the top left corner; each of its lines takes ``TITLE_LINE`` inches."""
    width, height = figure.get_size_inches()
    for number, line in enumerate(lines):
        figure.text(
            0.16 / width,
            1 - (0.13 + number * TITLE_LINE) / height,
            line,
            ha="left",
            va="top",
            fontsize=12,
            fontweight="bold",
        )


def legend_above(axes: Axes, columns: int = 3) -> None:
    """A legend over the axes' top edge, where it covers no data; lines before bands."""
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda index: labels[index] == "quartiles")
    axes.legend(
        [handles[index] for index in order],
        [labels[index] for index in order],
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=columns,
        borderaxespad=0.2,
        handlelength=1.8,
        columnspacing=1.4,
    )


def readable(figure: Figure) -> None:
    """Make every text of a figure one that its font can be asked for: bytes of names become escapes."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        lines = [shown(line) for line in text.get_text().split("\n")]
        text.set_text("\n".join(lines))


def save(figure: Figure, path: str | Path) -> Path:
    """Write a figure in the format of its suffix: PNG, PDF, SVG, JPEG or WebP.

    The same figure gives the same bytes: no file says when it was written.

    Raises:
        ImageError: an unknown suffix, a missing or unwritable folder.
        DiskFullError: there is no room for the file; it appears whole or not at all.
    """

    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        near = did_you_mean(suffix, SUFFIXES) if suffix else ""
        raise ImageError(f"'{path}': figures are written as {', '.join(SUFFIXES)}{near}")
    if not path.parent.is_dir():
        raise ImageError(f"'{path}': there is no folder '{path.parent}'")
    buffer = io.BytesIO()
    readable(figure)
    with style(), warnings.catch_warnings():
        # A letter that the font lacks becomes a box, which says as much.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(
            buffer,
            format=suffix[1:],
            dpi=figure.dpi,
            metadata=_UNDATED.get(suffix),
            **_PACKED.get(suffix, {}),
        )
    return write_whole(path, buffer.getvalue(), ImageError)
