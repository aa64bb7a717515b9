"""What a user's text stands for: files, folders, globs, the chart; found without reading a picture."""

from __future__ import annotations

import glob
import logging
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from isptune.errors import ImageError
from isptune.storage.paths import names_chart, shortened, shown, user_path, what_is_missing
from isptune.wording.naming import did_you_mean, natural_key

logger = logging.getLogger("isptune")

FORMATS = "PNG, JPEG, WebP, BMP or TIFF"
SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".jpe", ".webp", ".bmp", ".tif", ".tiff"))
RAW_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "iiq", "kdc", "mos"),
        *("mrw", "nef", "nrw", "orf", "pef", "raf", "raw", "rw2", "srw"),
    )
)
# Files that hold a plain mosaic, where a YAML file of the same name says what it is.
ARRAY_SUFFIXES = frozenset((".npy", ".png", ".tif", ".tiff"))
CHART_SIDES = (48, 4096)


@dataclass(frozen=True)
class ChartName:
    """A generated chart, as it is written."""

    name: str
    width: int = 384
    height: int = 256


def find_pictures(source: str | Path, *, warn: bool = True, raw: bool = False) -> list[Path | ChartName]:
    """The files that a text or path stands for, or the chart.

    Args:
        source: a file, a folder, a glob, or the name of a chart.
        warn: say what is left out, and where a chart hides a file.
        raw: take raw files in the place of pictures.

    Raises:
        ImageError: no file is there, a folder or glob holds no picture, a chart's size cannot be.
    """
    if isinstance(source, str) and names_chart(source):
        if warn and os.path.lexists(source):
            logger.warning("'%s' is the generated chart; the file or folder here is './%s'", source, source)
        return [_chart(source)]
    path = user_path(source)
    if os.path.isdir(path):
        files = [entry for entry in _listing(path) if _is_picture(entry, warn, raw)]
        if not files:
            raise ImageError(f"the folder '{path}' holds no {_what(raw)}")
        return [*_ordered(files)]
    # A file may have a glob's characters in its name.
    if not os.path.lexists(path) and glob.has_magic(str(path)):
        entries = map(Path, glob.glob(str(path), recursive=True))
        files = [entry for entry in entries if _is_picture(entry, warn, raw)]
        if not files:
            raise ImageError(f"no {_what(raw)} matches '{source}'")
        return [*_ordered(files)]
    if not os.path.exists(path):
        near = did_you_mean(str(source), ["chart"]) if path.parent == Path(".") else ""
        missing = what_is_missing(path)
        raise ImageError(f"'{shortened(str(path))}': {missing}{'' if '; did you mean' in missing else near}")
    return [path]


def check_chart_size(width: int, height: int) -> None:
    """Refuse a chart that is too small or too large, with an ImageError."""
    least, most = CHART_SIDES
    if not (least <= width <= most and least <= height <= most):
        raise ImageError(
            f"a chart of {width}x{height} pixels is out of range: each side has {least} to {most} pixels"
        )


def _chart(source: str) -> ChartName:
    found = re.fullmatch(r"chart(?::(\d+)x(\d+))?", source)
    if found is None:
        raise ImageError(
            f"'{source}': a chart is given as chart or chart:WIDTHxHEIGHT, such as chart:640x480"
        )
    chart = ChartName(source) if found[1] is None else ChartName(source, int(found[1]), int(found[2]))
    check_chart_size(chart.width, chart.height)
    return chart


def _listing(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise ImageError(f"the folder '{folder}' cannot be read: {error.strerror or error}") from error


def _what(raw: bool) -> str:
    return "raw file" if raw else f"image ({FORMATS})"


def is_raw(path: Path) -> bool:
    """Whether a file is taken for a raw one: by its name, or as a plain array by the YAML file beside it."""
    suffix = path.suffix.lower()
    return suffix in RAW_SUFFIXES or (suffix in ARRAY_SUFFIXES and path.with_suffix(".yaml").is_file())


def _is_picture(path: Path, warn: bool, raw: bool) -> bool:
    wanted = is_raw(path) if raw else path.suffix.lower() in SUFFIXES
    if not wanted or path.name.startswith("."):
        return False
    if warn and path.is_symlink() and not os.path.exists(path):
        logger.warning("'%s' is left out: %s", shown(path), shown(what_is_missing(path)))
    return os.path.isfile(path)


def _ordered(files: Iterable[Path]) -> list[Path]:
    return sorted(files, key=lambda path: (natural_key(path.as_posix()), path.as_posix()))
