"""Plain arrays of sensors in development: a mosaic, and the YAML file beside it that says what it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isptune.errors import ConfigurationError, ImageError
from isptune.scenes.reading_tiff import opened_tiff
from isptune.storage.paths import shown
from isptune.storage.yaml_files import read_mapping
from isptune.wording.naming import did_you_mean, listed
from isptune_raw.mosaic import PATTERNS, RawImage

_NEEDED = ("pattern", "black", "white")
_KEYS = (*_NEEDED, "neutral", "matrix", "noise", "iso", "orientation", "make", "model", "illuminant")
_SHOT_AND_READ = "shot and read noise, such as [2.7e-3, 8.3e-6], or three rows of them"


def read_array(path: Path) -> RawImage:
    """Read a plain mosaic with its YAML file, see ``isptune_raw.read_raw``.

    Raises:
        ImageError: the array or its YAML file is not there or cannot be read, or no raw picture has such
            values.
        ConfigurationError: the YAML file lacks a key or has one too many, or a value is of another kind; the
            sentence names the file and the key.
    """
    side = path.with_suffix(".yaml")
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
    # A key without a value says as little as one that is not there.
    facts = {key: value for key, value in facts.items() if value is not None}
    for key in _NEEDED:
        if key not in facts:
            raise ConfigurationError(f"'{shown(side)}' does not say {key}; needed: {listed(_NEEDED)}")
    mosaic = _plane(path)
    height, width = (side - side % 2 for side in mosaic.shape)
    try:
        return RawImage(mosaic=np.ascontiguousarray(mosaic[:height, :width]), **_facts(facts))
    except ImageError as error:
        raise ImageError(f"'{shown(side)}': {error}") from error
    except ConfigurationError as error:
        raise ConfigurationError(f"'{shown(side)}': {error}") from error


def _facts(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the YAML file says, as the arguments of a ``RawImage``."""
    black = _numbers(given, "black", "one number or four", (), (1,), (4,))
    found: dict[str, Any] = {
        "pattern": _text(given, "pattern", listed(PATTERNS)).upper(),
        "black": tuple(np.broadcast_to(black, 4).tolist()),
        "white": float(_numbers(given, "white", "one number", ())),
    }
    if "neutral" in given:
        neutral = _numbers(given, "neutral", "three numbers", (3,))
        found["neutral"] = tuple((neutral / (neutral.max() or 1)).tolist())
    if "matrix" in given:
        matrix = _numbers(given, "matrix", "three rows of three numbers", (3, 3), (9,))
        found["matrix"] = matrix.reshape(3, 3)
    if "noise" in given:
        noise = _numbers(given, "noise", _SHOT_AND_READ, (2,), (3, 2))
        found["noise"] = np.broadcast_to(noise, (3, 2)).copy()
    if "iso" in given:
        found["iso"] = float(_numbers(given, "iso", "one number", ()))
    if "orientation" in given:
        orientation = float(_numbers(given, "orientation", "a whole number from 1 to 8", ()))
        if not orientation.is_integer():
            raise _wrong(given, "orientation", "a whole number from 1 to 8")
        found["orientation"] = int(orientation)
    for key in ("make", "model", "illuminant"):
        if key in given:
            found[key] = _text(given, key, "a text")
    return found


def _numbers(
    given: Mapping[str, Any], key: str, allowed: str, *shapes: tuple[int, ...]
) -> NDArray[np.float64]:
    """Finite numbers in one of the shapes that a key may have; truth values and texts are none."""
    try:
        values = np.array(given[key])
    except ValueError:
        # Rows of several lengths.
        raise _wrong(given, key, allowed) from None
    if values.dtype.kind not in "iuf" or values.shape not in shapes or not np.isfinite(values).all():
        raise _wrong(given, key, allowed)
    return values.astype(np.float64)


def _text(given: Mapping[str, Any], key: str, allowed: str) -> str:
    if not isinstance(given[key], str | int | float) or isinstance(given[key], bool):
        raise _wrong(given, key, allowed)
    return str(given[key])


def _wrong(given: Mapping[str, Any], key: str, allowed: str) -> ConfigurationError:
    return ConfigurationError(f"{key} is {str(given[key])[:100]}; allowed: {allowed}")


def _plane(path: Path) -> NDArray[np.uint16]:
    """The numbers of a mosaic file, (H, W)."""
    try:
        if path.suffix.lower() == ".npy":
            values = np.load(path, allow_pickle=False)
        elif path.suffix.lower() == ".png":
            from PIL import Image

            with Image.open(path) as picture:
                values = np.asarray(picture)
            values = values.astype(np.uint16) if values.dtype == np.int32 else values
        else:
            with opened_tiff(path) as file:
                values = file.asarray()
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"the mosaic '{shown(path)}' cannot be read: {reason}") from error
    # In either order of bytes.
    if values.ndim != 2 or values.dtype.kind != "u" or values.dtype.itemsize > 2:
        raise ImageError(
            f"'{shown(path)}' holds {values.shape} of {values.dtype}; "
            "needed: one plane (H, W) of uint8 or uint16"
        )
    return values.astype(np.uint16)
