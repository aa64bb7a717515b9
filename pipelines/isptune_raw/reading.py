"""Raw files: what LibRaw opens, and plain arrays with a YAML file beside them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from isptune.errors import ConfigurationError, ImageError, MissingPackageError
from isptune.scenes.sources import ARRAY_SUFFIXES, RAW_SUFFIXES
from isptune.storage.paths import shown
from isptune.storage.yaml_files import read_mapping
from isptune.wording.naming import did_you_mean, listed
from isptune_raw.mosaic import PATTERNS, RawImage

_KEYS = ("pattern", "black", "white", "neutral", "matrix", "noise", "iso", "orientation", "make", "model")

logger = logging.getLogger("isptune")


def read_raw(path: Path | str) -> RawImage:
    """Read a raw picture.

    Args:
        path: a DNG or another file of ``RAW_SUFFIXES``, which LibRaw opens; or ``x.npy``, ``x.tif`` or
            ``x.png`` with 16 bits beside a YAML file ``x.yaml``, which says ``pattern``, ``black`` and
            ``white``, and where they are known ``neutral``, ``matrix`` (XYZ to camera), ``noise`` (shot and
            read, of values in [0, 1]), ``iso``, ``orientation``, ``make`` and ``model``.

    Raises:
        ImageError: no such file, one that cannot be read, or a mosaic that is not Bayer's.
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
    return _array(path)


def _opened(path: Path) -> RawImage:
    rawpy = _rawpy()
    try:
        with rawpy.imread(str(path)) as raw:
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
            iso = float(raw.other.iso_speed)
            orientation = {0: 1, 3: 3, 5: 8, 6: 6}.get(raw.sizes.flip, 1)
    except rawpy.LibRawError as error:
        reason = error.args[0] if error.args else ""
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ImageError(
            f"the raw file '{shown(path)}' cannot be read: {reason or 'LibRaw refuses it'}"
        ) from error
    tags = _tags(path)
    if not np.any(matrix):
        matrix = _dng_matrix(tags)
    if matrix is None or abs(np.linalg.det(matrix)) <= 1e-6:
        matrix = None
        logger.warning(
            "'%s' has no colour matrix: the camera's colours are taken for those of sRGB", shown(path.name)
        )
    if not (np.isfinite(gains).all() and (gains > 0).all()):
        gains = np.ones(3)
        logger.warning("'%s' has no white balance as shot: none is applied", shown(path.name))
    neutral = 1 / gains
    height, width = (side - side % 2 for side in mosaic.shape)
    return RawImage(
        mosaic=np.ascontiguousarray(mosaic[:height, :width]),
        pattern=pattern,
        black=(black[0], black[1], black[2], black[3]),
        white=white,
        neutral=_three(neutral / neutral.max()),
        matrix=matrix,
        noise=_noise_profile(tags),
        iso=iso if iso > 0 else None,
        orientation=orientation,
        make=str(tags.get(271, "")).strip(),
        model=str(tags.get(272, "")).strip(),
    )


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
        with tifffile.TiffFile(path) as opened:
            pages: list[Any] = [*opened.pages]
            for page in pages:
                pages += [*(getattr(page, "pages", None) or [])]
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


def _side_file(path: Path) -> Path:
    return path.with_suffix(".yaml")


def _array(path: Path) -> RawImage:
    side = _side_file(path)
    if not side.is_file():
        raise ImageError(
            f"'{shown(path)}' is a plain array, so '{shown(side.name)}' beside it must say at least "
            "pattern, black and white; it is not there"
        )
    facts = read_mapping(side, f"'{shown(side)}'", ConfigurationError)
    for key in facts:
        if key not in _KEYS:
            raise ConfigurationError(
                f"'{shown(side)}' has the unknown key '{key}'{did_you_mean(str(key), _KEYS)}; "
                f"allowed: {listed(_KEYS)}"
            )
    for key in ("pattern", "black", "white"):
        if key not in facts:
            raise ConfigurationError(f"'{shown(side)}' does not say {key}; needed: pattern, black, white")
    mosaic = _plane(path)
    height, width = (side - side % 2 for side in mosaic.shape)
    try:
        black = np.broadcast_to(np.array(facts["black"], dtype=float), 4)
        neutral = np.array(facts.get("neutral", (1, 1, 1)), dtype=float).reshape(3)
        matrix, noise = facts.get("matrix"), facts.get("noise")
        return RawImage(
            mosaic=np.ascontiguousarray(mosaic[:height, :width]),
            pattern=str(facts["pattern"]).upper(),
            black=(float(black[0]), float(black[1]), float(black[2]), float(black[3])),
            white=float(facts["white"]),
            neutral=_three(neutral / neutral.max()),
            matrix=None if matrix is None else np.array(matrix, dtype=float).reshape(3, 3),
            noise=None if noise is None else np.broadcast_to(np.array(noise, dtype=float), (3, 2)).copy(),
            iso=None if facts.get("iso") is None else float(facts["iso"]),
            orientation=int(facts.get("orientation", 1)),
            make=str(facts.get("make", "")),
            model=str(facts.get("model", "")),
        )
    except ImageError as error:
        raise ImageError(f"'{shown(side)}': {error}") from error
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"'{shown(side)}' holds something else than numbers: black is one or four, white one, neutral "
            f"three, matrix three rows of three, noise two or three rows of two ({error})"
        ) from error


def _plane(path: Path) -> NDArray[np.uint16]:
    try:
        if path.suffix.lower() == ".npy":
            values = np.load(path, allow_pickle=False)
        elif path.suffix.lower() == ".png":
            from PIL import Image

            with Image.open(path) as picture:
                values = np.asarray(picture)
            values = values.astype(np.uint16) if values.dtype == np.int32 else values
        else:
            values = tifffile.imread(path)
    except Exception as error:
        raise ImageError(f"the mosaic '{shown(path)}' cannot be read: {error}") from error
    if values.ndim != 2 or values.dtype not in (np.uint8, np.uint16):
        raise ImageError(
            f"'{shown(path)}' holds {values.shape} of {values.dtype}; "
            "needed: one plane (H, W) of uint8 or uint16"
        )
    return values.astype(np.uint16)


def _three(values: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
