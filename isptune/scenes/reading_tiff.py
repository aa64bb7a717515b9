"""Reading TIFF: grey, palette, RGB and CMYK of any number of bits, and floating point."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isptune.errors import ImageError
from isptune.scenes.colours import Decoded

if TYPE_CHECKING:
    import tifffile

_ORIENTATION, _ICC_PROFILE = 274, 34675
# Photometric interpretations by their number of channels.
_CHANNELS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4}
# Pages as narrow as this hold channels side by side.
_FEWEST = 16
_MODELS = {0: "GRAY", 1: "GRAY", 2: "RGB", 3: "RGB", 5: "CMYK"}


@contextmanager
def opened_tiff(path: Path) -> Iterator[tifffile.TiffFile]:
    """A TIFF to read from. What tifffile logs of odd tags is no message for isptune's users."""
    import tifffile

    log = logging.getLogger("tifffile")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        with tifffile.TiffFile(path) as file:
            yield file
    finally:
        log.setLevel(level)


def read_tiff(path: Path, check_size: Callable[[Path, int, int], None]) -> Decoded:
    """A TIFF's first page.

    Raises:
        ImageError: signed samples, floating point outside of [0, 1], another photometric interpretation.
    """
    with opened_tiff(path) as file:
        page = file.pages.first
        if page.imagewidth <= _FEWEST and len(file.pages) > 1:
            # An array of more than four channels that was written without saying what they are.
            raise ImageError(
                f"'{path}' is a stack of {len(file.pages)} pages of {page.imagewidth}x{page.imagelength} "
                f"pixels, or a picture of {page.imagewidth} channels; grey, palette, RGB and CMYK are read"
            )
        check_size(path, page.imagewidth, page.imagelength)
        photometric = int(page.photometric)
        if photometric == 6 and int(page.compression) == 7:
            # JPEG inside: its decoder has turned YCbCr into RGB.
            photometric = 2
        samples = np.asarray(page.asarray())
        extra = [int(kind) for kind in page.extrasamples]
        colour_map = page.colormap
        depth = _depth(page.bitspersample, samples)
        planar = int(page.planarconfig) == 2
        orientation = _orientation(page.tags.get(_ORIENTATION))
        profile = _profile(page.tags.get(_ICC_PROFILE))
    samples = samples.reshape(samples.shape[-3:]) if samples.ndim > 3 else samples
    if planar and samples.ndim == 3:
        samples = samples.transpose(1, 2, 0)
    if samples.ndim == 2:
        samples = samples[:, :, None]
    if photometric not in _CHANNELS:
        raise ImageError(
            f"'{path}' is a TIFF of photometric interpretation {photometric}; "
            "grey, palette, RGB and CMYK are read"
        )
    count = _CHANNELS[photometric]
    if samples.shape[2] < count:
        raise ValueError(f"{count} channels expected, {samples.shape[2]} found")
    if photometric in (0, 1) and samples.shape[2] > 2:
        raise ImageError(
            f"'{path}' is a TIFF of {samples.shape[2]} channels that does not say what they are; "
            "grey, palette, RGB and CMYK are read"
        )
    # Only an extra channel that says it is alpha counts as such: 1 is premultiplied, 2 is not.
    has_alpha = bool(extra) and extra[0] in (1, 2) and samples.shape[2] > count
    wanted = samples[:, :, : count + has_alpha]
    if photometric == 3:
        colours = _palette(colour_map)[samples[:, :, 0].astype(np.intp)]
        alpha = _unit_samples(path, wanted[:, :, 1:], depth) if has_alpha else None
    else:
        colours = _colours(_unit_samples(path, wanted[:, :, :count], depth, inverted=photometric == 0), count)
        alpha = _unit_samples(path, wanted[:, :, count:], depth) if has_alpha else None
    return Decoded(
        colours, alpha, has_alpha and extra[0] == 1, orientation, _MODELS[photometric], profile=profile
    )


def _depth(bits: Any, samples: NDArray[Any]) -> int:
    """Bits of a sample. Samples of unlike sizes, such as 5, 6 and 5, come spread over the type's range."""
    sizes = bits if isinstance(bits, tuple) else (bits,)
    return int(sizes[0]) if len(set(sizes)) == 1 else 8 * samples.dtype.itemsize


def _orientation(tag: Any) -> int:
    """1 to 8, of whatever type it was written with; 1 where it says nothing."""
    value = 1 if tag is None else tag.value
    if isinstance(value, (bytes, tuple, list)):
        # The place for padding depends on the byte order.
        value = next((part for part in value if part), 1) if all(isinstance(p, int) for p in value) else 1
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else 1


def _profile(tag: Any) -> bytes | None:
    """The profile's bytes; empty where the tag is not of a kind that holds some."""
    if tag is None:
        return None
    return tag.value if isinstance(tag.value, bytes) else b""


def _palette(colour_map: Any) -> NDArray[np.float32]:
    """Colours (N, 3) in [0, 1], equal to the last bit to those of the same palette in a PNG.

    A TIFF's palette holds 16 bits a colour. Writers that have 8 make 16 of them by * 257, as they should, or
    by * 256, as Pillow and libtiff do; some old ones write the 8 as they are.
    """
    if colour_map is None:
        raise ValueError("the palette is missing")
    colours: NDArray[Any] = np.asarray(colour_map).T
    highest = 65535
    if colours.max() <= 255:
        highest = 255
    elif not (colours % 256).any():
        colours, highest = colours // 256, 255
    return np.divide(colours, highest, dtype=np.float32)


def _unit_samples(path: Path, samples: NDArray[Any], depth: int, inverted: bool = False) -> NDArray[Any]:
    """Samples in [0, 1]: integers over their highest value, floating point as it is; or 1 minus that."""
    if samples.dtype.kind == "f":
        if not np.isfinite(samples).all() or samples.min() < 0 or samples.max() > 1:
            raise ImageError(f"'{path}' holds floating point outside [0, 1]")
        return 1 - samples if inverted else samples
    if samples.dtype.kind not in "ub":
        raise ImageError(
            f"'{path}' holds samples of type {samples.dtype}; unsigned or floating point is read"
        )
    highest = 2**depth - 1
    if inverted:
        # Before the division, so that a picture is the same to the last bit in both ways of storing it.
        samples = highest - samples.astype(np.uint64)
    # Up to 16 bits a float32 holds v / (2^bits - 1) correctly rounded; beyond, the division needs more.
    return np.divide(samples, highest, dtype=np.float32 if depth <= 16 else np.float64)


def _colours(samples: NDArray[Any], channels: int) -> NDArray[Any]:
    """RGB (H, W, 3) of grey, RGB or CMYK (H, W, 1, 3 or 4) in [0, 1]."""
    if channels == 4:
        return (1 - samples[:, :, :3]) * (1 - samples[:, :, 3:])
    return np.repeat(samples, 3, axis=2) if channels == 1 else samples
