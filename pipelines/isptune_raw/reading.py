"""Raw files: what LibRaw opens, and plain arrays with a YAML file beside them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isptune.errors import ImageError, MissingPackageError
from isptune.scenes.reading_tiff import opened_tiff
from isptune.scenes.sources import ARRAY_SUFFIXES, RAW_SUFFIXES
from isptune.storage.paths import shown
from isptune.wording.naming import listed
from isptune_raw.mosaic import PATTERNS, RawImage
from isptune_raw.side_files import read_array

# LibRaw counts how a picture is turned by bits; EXIF by places.
_ORIENTATIONS = {0: 1, 1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}
# What the old tag of the sensitivity holds where it is too large for 16 bits, and where it stands then.
_ISO_FULL = 65535
_EXIF = 34665
_COLOUR_FILTER_ARRAY = 32803
# EXIF's LightSource.
_LIGHTS = {
    1: "daylight",
    2: "fluorescent",
    3: "tungsten",
    4: "flash",
    9: "fine weather",
    10: "cloudy",
    11: "shade",
    12: "F1",
    13: "F2",
    14: "F3",
    15: "F4",
    17: "A",
    18: "B",
    19: "C",
    20: "D55",
    21: "D65",
    22: "D75",
    23: "D50",
    24: "tungsten",
}
_FLOATING_POINT = 3

logger = logging.getLogger("isptune")


def read_raw(path: Path | str) -> RawImage:
    """Read a raw picture.

    Args:
        path: a DNG or another file of ``RAW_SUFFIXES``, which LibRaw opens; or ``x.npy``, ``x.tif`` or
            ``x.png`` with 16 bits beside a YAML file ``x.yaml``, which says ``pattern``, ``black`` and
            ``white``, and where they are known ``neutral``, ``matrix`` (XYZ to camera), ``noise`` (shot and
            read, of values in [0, 1]), ``iso``, ``illuminant``, ``orientation``, ``make`` and ``model``.

    Raises:
        ImageError: no such file, one that cannot be read, or a mosaic that is not Bayer's.
        ConfigurationError: a YAML file that says too little, too much or the wrong kind of thing.
        MissingPackageError: the extra ``raw`` is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise ImageError(f"the raw file '{shown(path)}' does not exist or is no file")
    if path.suffix.lower() in RAW_SUFFIXES:
        return _opened(path)
    if path.suffix.lower() not in ARRAY_SUFFIXES:
        raise ImageError(
            f"'{shown(path)}' is no raw file by its name; allowed: {listed(sorted(RAW_SUFFIXES))}, or "
            f"{listed(sorted(ARRAY_SUFFIXES))} with a YAML file beside it"
        )
    return read_array(path)


def _opened(path: Path) -> RawImage:
    rawpy = _rawpy()
    source = _source(path)
    tags = _tags(path)
    if tags.get(339) in (_FLOATING_POINT, (_FLOATING_POINT,)):
        raise ImageError(
            f"the raw file '{shown(path)}' cannot be read: it holds floating point; isptune needs what the "
            "sensor counted, whole numbers of at most 16 bits"
        )
    try:
        with rawpy.imread(source) as raw:
            if raw.raw_type is not rawpy.RawType.Flat:
                raise ImageError(f"'{shown(path)}' holds full colours and no mosaic; isptune needs a mosaic")
            mosaic = np.array(raw.raw_image_visible, dtype=np.uint16)
            colours = raw.raw_pattern
            if colours is None or colours.shape != (2, 2):
                size = "none" if colours is None else "x".join(map(str, colours.shape))
                raise ImageError(
                    f"'{shown(path)}' has a colour pattern that is not Bayer's ({size}; X-Trans has 6x6); "
                    "isptune tunes Bayer sensors"
                )
            letters = raw.color_desc.decode("ascii", "replace")
            places = raw.raw_colors_visible[:2, :2].ravel().tolist()
            pattern = "".join(letters[place] for place in places)
            if pattern not in PATTERNS:
                raise ImageError(
                    f"'{shown(path)}' has the colour pattern {pattern}; allowed: {listed(PATTERNS)}"
                )
            black = tuple(float(raw.black_level_per_channel[place]) for place in places)
            white = float(raw.white_level)
            gains = np.array(raw.camera_whitebalance[:3], dtype=float)
            if not (np.isfinite(gains).all() and (gains > 0).all()):
                gains = np.array(raw.daylight_whitebalance[:3], dtype=float)
            matrix: NDArray[np.float64] | None = np.array(raw.rgb_xyz_matrix[:3], dtype=float)
            iso = _sensitivity(float(raw.other.iso_speed), tags)
            orientation = _ORIENTATIONS.get(raw.sizes.flip, 1)
    except rawpy.LibRawError as error:
        raise ImageError(f"the raw file '{shown(path)}' cannot be read: {_reason(rawpy, error)}") from error
    if not np.any(matrix):
        matrix = _dng_matrix(tags)
    if matrix is None or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) <= 1e-6:
        matrix = None
        logger.warning(
            "'%s' has no colour matrix: the camera's colours are taken for those of sRGB", shown(path.name)
        )
    if not (np.isfinite(gains).all() and (gains > 0).all()):
        gains = np.ones(3)
        logger.warning("'%s' has no white balance as shot: none is applied", shown(path.name))
    neutral = 1 / gains
    height, width = (side - side % 2 for side in mosaic.shape)
    try:
        return RawImage(
            mosaic=np.ascontiguousarray(mosaic[:height, :width]),
            pattern=pattern,
            black=(black[0], black[1], black[2], black[3]),
            white=white,
            neutral=_three(neutral / neutral.max()),
            matrix=matrix,
            noise=_noise_profile(tags),
            iso=iso,
            orientation=orientation,
            make=str(tags.get(271, "")).strip(),
            model=str(tags.get(272, "")).strip(),
            illuminant=_light(tags),
        )
    except ImageError as error:
        raise ImageError(f"the raw file '{shown(path)}' cannot be read: {error}") from error


def _source(path: Path) -> str | BytesIO:
    """What LibRaw opens: a path, or what is in the file where the path is no text."""
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise ImageError(f"the raw file '{shown(path)}' cannot be read: it is empty")
        str(path).encode()
    except UnicodeEncodeError:
        return BytesIO(path.read_bytes())
    except OSError as error:
        raise ImageError(f"the raw file '{shown(path)}' cannot be read: {error.strerror}") from error
    return str(path)


def _reason(rawpy: Any, error: Exception) -> str:
    """What LibRaw says of a file, which in some cases is only that something went wrong."""
    told = error.args[0] if error.args else ""
    told = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
    if isinstance(error, rawpy.LibRawIOError | rawpy.LibRawDataError):
        return "it is damaged, or ends too early"
    return " ".join(told.split()) or "LibRaw refuses it"


def _sensitivity(iso: float, tags: Mapping[int, Any]) -> float | None:
    """The ISO number, which has a tag of its own where it is too large for the old one."""
    if iso == _ISO_FULL and isinstance(tags.get(_EXIF), Mapping):
        for name in ("RecommendedExposureIndex", "ISOSpeed", "StandardOutputSensitivity"):
            larger = tags[_EXIF].get(name)
            if isinstance(larger, int) and larger > iso:
                return float(larger)
    return iso if 0 < iso < np.inf else None


def _light(tags: Mapping[int, Any]) -> str:
    """The light that EXIF names; empty where it names none."""
    exif = tags.get(_EXIF)
    return _LIGHTS.get(exif.get("LightSource", 0), "") if isinstance(exif, Mapping) else ""


def _rawpy() -> Any:
    try:
        import rawpy
    except ImportError as error:
        raise MissingPackageError(
            "raw files need the package rawpy; install it with pip install 'isptune[raw]'"
        ) from error
    return rawpy


def _tags(path: Path) -> dict[int, Any]:
    """The tags of a file that is a TIFF, as most raw files are, the first of each code; none of others."""
    found: dict[int, Any] = {}
    try:
        with opened_tiff(path) as opened:
            pages: list[Any] = [*opened.pages]
            for page in pages:
                pages += [*(getattr(page, "pages", None) or [])]
            # Thumbnails lie beside the mosaic, and often before it.
            for page in sorted(pages, key=lambda page: page.photometric != _COLOUR_FILTER_ARRAY):
                for tag in page.tags:
                    found.setdefault(tag.code, tag.value)
    except Exception:
        # A raw file that is no TIFF, or a damaged one; LibRaw has read what matters most.
        logger.debug("no TIFF tags in %s", path, exc_info=True)
    return found


def _dng_matrix(tags: Mapping[int, Any]) -> NDArray[np.float64] | None:
    """XYZ to camera RGB of a DNG: of its two matrices that for D65, or for the bluer light."""
    matrices = {1: _ratios(tags.get(50721)), 2: _ratios(tags.get(50722))}
    light = {1: tags.get(50778), 2: tags.get(50779)}
    for which in sorted(matrices, key=lambda which: (light[which] != 21, -which)):
        values = matrices[which]
        if values is not None and values.size == 9:
            return values.reshape(3, 3)
    return None


def _ratios(value: Any) -> NDArray[np.float64] | None:
    """Numerators and denominators in turns as numbers."""
    if not isinstance(value, tuple) or len(value) % 2 or not all(value[1::2]):
        return None
    return np.array(value[::2], dtype=float) / np.array(value[1::2], dtype=float)


def _noise_profile(tags: Mapping[int, Any]) -> NDArray[np.float64] | None:
    """The DNG's NoiseProfile: one pair for all planes, or one for each of red, green and blue."""
    value = np.array(tags.get(51041, ()), dtype=float).reshape(-1)
    if value.size not in (2, 6) or not np.isfinite(value).all() or (value < 0).any():
        return None
    return np.broadcast_to(value.reshape(-1, 2), (3, 2)).copy()


def _three(values: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
