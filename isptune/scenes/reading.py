"""Reading pictures: PNG, JPEG, WebP, BMP and TIFF, 8 and 16 bit, to RGB in [0, 1]."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isptune.errors import ImageError
from isptune.naming import did_you_mean

FORMATS = "PNG, JPEG, WebP, BMP or TIFF"
MINIMUM_SIDE = 32
MAXIMUM_PIXELS = 200_000_000
RAW_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "iiq", "kdc", "mos"),
        *("mrw", "nef", "nrw", "orf", "pef", "raf", "raw", "rw2", "srw"),
    )
)


def read_image(path: str | Path) -> Tensor:
    """Read a picture as RGB in [0, 1].

    The format is told by the file's content, not by its suffix: PNG, JPEG, WebP, BMP or TIFF, of the first
    frame or page. 8-bit and 16-bit integers keep their full precision (v / 255, v / 65535); TIFF may hold
    any number of bits and floating point in [0, 1]. Grey becomes three equal channels and a palette its
    colours; transparent pixels are laid over white, in encoded values, as a browser shows them. The EXIF or
    TIFF orientation is applied. An embedded colour profile is ignored: the numbers are taken as sRGB, and
    CMYK is turned into RGB by (1 - c)(1 - k).

    Args:
        path: the file.

    Returns:
        (3, H, W) float32, contiguous, on the CPU.

    Raises:
        ImageError: the file is missing, a folder, empty, not one of these formats, a camera's raw file,
            damaged, smaller than 32 pixels on a side, or larger than 200 megapixels.

    Example:
        >>> image = read_image("photo.jpg")  # doctest: +SKIP
        >>> image.shape, float(image.max()) <= 1.0  # doctest: +SKIP
        (torch.Size([3, 2592, 3888]), True)
    """
    path = Path(path)
    kind = _kind(path, _first_bytes(path))
    # Decoders meet any bytes at all and raise whatever their authors thought of, so the net is wide here.
    try:
        pixels, orientation = _read_tiff(path) if kind == "tiff" else _read_with_pillow(path, kind)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(f"'{path}' does not fit into memory") from error
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"'{path}' is damaged or cut short: {reason[:160]}") from error
    pixels = np.ascontiguousarray(upright(pixels, orientation).transpose(2, 0, 1), dtype=np.float32)
    return torch.from_numpy(pixels)


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Rows and columns (H, W, ...) as they are to be seen, for an EXIF orientation of 1 to 8.

    Other values mean "not known" and leave the picture as it is.
    """
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _first_bytes(path: Path) -> bytes:
    """The file's first bytes, or the sentence that says why there are none."""
    try:
        if path.is_dir():
            raise ImageError(f"'{path}' is a folder, where an image file is needed")
        if not path.exists():
            if not path.parent.is_dir():
                raise ImageError(f"'{path}': there is no folder '{path.parent}'")
            near = did_you_mean(path.name, (entry.name for entry in path.parent.iterdir()))
            raise ImageError(f"'{path}': there is no such file{near}")
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise ImageError(f"'{path}' cannot be read: {error.strerror or error}") from error
    if not head:
        raise ImageError(f"'{path}' is an empty file (0 bytes)")
    return head


def _kind(path: Path, head: bytes) -> str:
    if path.suffix.lower() in RAW_SUFFIXES:
        # Many raw files are TIFFs inside, and reading them so would give their thumbnail.
        raise ImageError(f"'{path}' is a camera's raw file; develop it to PNG or TIFF first")
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith(b"BM"):
        return "bmp"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    raise ImageError(f"'{path}' is not an image that can be read ({FORMATS})")


def _check_size(path: Path, width: int, height: int) -> None:
    """Refuse what is too small to be judged and what is too large to be decoded, before decoding it."""
    if min(width, height) < MINIMUM_SIDE:
        raise ImageError(
            f"'{path}' is {width}x{height} pixels; a scene needs at least {MINIMUM_SIDE}x{MINIMUM_SIDE}"
        )
    if width * height > MAXIMUM_PIXELS:
        raise ImageError(
            f"'{path}' is {width}x{height} pixels; at most {MAXIMUM_PIXELS // 1_000_000} megapixels are read"
        )


def _read_with_pillow(path: Path, kind: str) -> tuple[NDArray[Any], int]:
    from PIL import BmpImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

    # The plugin's class rather than Image.open: that one refuses pictures of 200 megapixels, which phones
    # take, unless a global limit is changed.
    openers: dict[str, Any] = {
        "png": PngImagePlugin.PngImageFile,
        "jpeg": JpegImagePlugin.JpegImageFile,
        "webp": WebPImagePlugin.WebPImageFile,
        "bmp": BmpImagePlugin.BmpImageFile,
    }
    with openers[kind](path) as picture:
        _check_size(path, *picture.size)
        orientation = int(picture.getexif().get(0x0112, 1))
        # The 25th byte of a PNG holds its bit depth. Pillow reduces 16-bit colour to 8 bit.
        with path.open("rb") as file:
            deep = kind == "png" and file.read(25)[24] == 16
        if deep:
            return _read_deep_png(path), orientation
        picture.load()
        if "A" in picture.getbands() or "transparency" in picture.info:
            return over_white(np.asarray(picture.convert("RGBA")) / np.float32(255)), orientation
        return np.asarray(picture.convert("RGB")) / np.float32(255), orientation


def _read_deep_png(path: Path) -> NDArray[Any]:
    """(H, W, 3) of a PNG of 16 bits a sample."""
    import imagecodecs

    samples = imagecodecs.png_decode(path.read_bytes())
    if samples.dtype != np.uint16:
        raise ValueError(f"16 bits a sample expected, {samples.dtype} found")
    return _colours(samples / np.float32(65535), alpha=samples.ndim == 3 and samples.shape[2] in (2, 4))


def _colours(samples: NDArray[Any], alpha: bool, premultiplied: bool = False) -> NDArray[Any]:
    """Grey or RGB samples (H, W), (H, W, C) in [0, 1], with alpha as their last channel or not, as RGB."""
    if samples.ndim == 2:
        samples = samples[:, :, None]
    colours = samples[:, :, : samples.shape[2] - int(alpha)]
    if colours.shape[2] == 1:
        colours = np.repeat(colours, 3, axis=2)
    if not alpha:
        return colours
    return over_white(np.concatenate([colours, samples[:, :, -1:]], axis=2), premultiplied)


def over_white(samples: NDArray[Any], premultiplied: bool = False) -> NDArray[Any]:
    """RGBA (H, W, 4) in [0, 1] laid over white, as RGB (H, W, 3)."""
    colours, alpha = samples[:, :, :3], samples[:, :, 3:]
    if premultiplied:
        return np.clip(colours + (1 - alpha), 0, 1)
    # Opaque pixels keep their value to the last bit.
    return np.where(alpha == 1, colours, colours * alpha + (1 - alpha))


def _read_tiff(path: Path) -> tuple[NDArray[Any], int]:
    """(H, W, 3) and the orientation of a TIFF's first page."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        _check_size(path, page.imagewidth, page.imagelength)
        orientation = page.tags.get(274)
        photometric = int(page.photometric)
        if photometric == 6 and int(page.compression) == 7:
            # JPEG inside: its decoder has turned YCbCr into RGB.
            photometric = 2
        samples = np.asarray(page.asarray())
        extra = [int(kind) for kind in page.extrasamples]
        colour_map = page.colormap
        bits = page.bitspersample
        planar = int(page.planarconfig) == 2
    samples = samples.reshape(samples.shape[-3:]) if samples.ndim > 3 else samples
    if planar and samples.ndim == 3:
        samples = samples.transpose(1, 2, 0)
    if photometric == 3:
        if colour_map is None:
            raise ValueError("the palette is missing")
        # A palette of 16-bit colours; some writers put 8-bit values there.
        colours = colour_map.T / np.float32(65535 if colour_map.max() > 255 else 255)
        pixels = colours[samples]
    else:
        pixels = _tiff_colours(path, _unit_samples(path, samples, bits), photometric, extra)
    return pixels, int(orientation.value) if orientation is not None else 1


def _unit_samples(path: Path, samples: NDArray[Any], bits: Any) -> NDArray[Any]:
    """Samples of a TIFF in [0, 1]: integers over their highest value, floating point as it is."""
    if samples.dtype.kind == "f":
        if not np.isfinite(samples).all() or samples.min() < 0 or samples.max() > 1:
            raise ImageError(f"'{path}' holds floating point outside [0, 1]")
        return samples
    if samples.dtype.kind not in "ub":
        raise ImageError(
            f"'{path}' holds samples of type {samples.dtype}; unsigned or floating point is read"
        )
    depth = int(bits[0] if isinstance(bits, tuple) else bits)
    # Up to 16 bits a float32 holds v / (2^bits - 1) correctly rounded; beyond, the division needs more.
    return np.divide(samples, 2**depth - 1, dtype=np.float32 if depth <= 16 else np.float64)


def _tiff_colours(path: Path, samples: NDArray[Any], photometric: int, extra: list[int]) -> NDArray[Any]:
    """RGB of a TIFF's samples in [0, 1], by its photometric interpretation and its extra channels."""
    channels = {0: 1, 1: 1, 2: 3, 5: 4}
    if photometric not in channels:
        raise ImageError(
            f"'{path}' is a TIFF of photometric interpretation {photometric}; "
            "grey, palette, RGB and CMYK are read"
        )
    if samples.ndim == 2:
        samples = samples[:, :, None]
    count = channels[photometric]
    if samples.shape[2] < count:
        raise ValueError(f"{count} channels expected, {samples.shape[2]} found")
    colours = samples[:, :, :count]
    if photometric == 0:
        colours = 1 - colours
    if photometric == 5:
        colours = (1 - colours[:, :, :3]) * (1 - colours[:, :, 3:])
    # Only an extra channel that says it is alpha counts as such: 1 is premultiplied, 2 is not.
    if extra and extra[0] in (1, 2) and samples.shape[2] > count:
        colours = np.concatenate([colours, samples[:, :, count : count + 1]], axis=2)
        return _colours(colours, alpha=True, premultiplied=extra[0] == 1)
    return _colours(colours, alpha=False)
