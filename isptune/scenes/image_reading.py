"""Reading pictures: PNG, JPEG, WebP, BMP and TIFF, 8 and 16 bit, to RGB in [0, 1]."""

from __future__ import annotations

import io
import os
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isptune.errors import ImageError
from isptune.scenes.colours import Decoded
from isptune.scenes.metadata import read_metadata
from isptune.scenes.reading_tiff import read_tiff
from isptune.scenes.sources import FORMATS, RAW_SUFFIXES
from isptune.storage.paths import shortened, what_is_missing

MINIMUM_SIDE = 32
MAXIMUM_PIXELS = 200_000_000
_JPEG_LS = 0xF7


def read_image(path: str | Path) -> Tensor:
    """Read a picture as RGB in [0, 1].

    The format is told by the file's content, not by its suffix: PNG, JPEG, WebP, BMP or TIFF, of the first
    frame or page. 8-bit and 16-bit integers keep their full precision (v / 255, v / 65535); JPEG may hold
    12 bits, TIFF any number of them and floating point in [0, 1]. Grey becomes three equal channels and a
    palette its colours.

    A matrix or grey ICC profile that is not sRGB's, such as Display P3 or Adobe RGB, is converted to sRGB in
    floating point, relative colorimetric, and cut at sRGB's edge; one of look-up tables or of CMYK is
    ignored, and CMYK is turned into RGB by (1 - c)(1 - k). Transparent pixels are laid over white, in encoded
    values, as a browser shows them. A notice that names the file says each of the three. The EXIF or TIFF
    orientation is applied. Metadata that is damaged, odd or long never stops a picture of whole pixels.

    Args:
        path: the file.

    Returns:
        (3, H, W) float32, contiguous, on the CPU.

    Raises:
        ImageError: the file is missing, a folder, empty, not one of these formats, a camera's raw file,
            damaged, smaller than 32 pixels on a side, or larger than 200 megapixels.

    Example:
        >>> image = read_image("photo.jpg")
        >>> image.shape, image.dtype, bool(image.max() <= 1)
        (torch.Size([3, 480, 640]), torch.float32, True)
    """
    path = Path(path)
    kind = _kind(path, _first_bytes(path))
    # Decoders meet any bytes at all and raise whatever their authors thought of, so the net is wide here.
    try:
        decoded = read_tiff(path, _check_size) if kind == "tiff" else _read_coded(path, kind)
        pixels = np.ascontiguousarray(decoded.as_seen(path).transpose(2, 0, 1), dtype=np.float32)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(f"'{path}' does not fit into memory") from error
    except Exception as error:
        reason = (" ".join(str(error).split()) or type(error).__name__)[:160]
        if isinstance(error, NotImplementedError) or re.search(
            r"(?i)unsupported|not supported|cannot handle", reason
        ):
            raise ImageError(f"'{path}' is of a kind that cannot be read: {reason}") from error
        raise ImageError(f"'{path}' is damaged or cut short: {reason}") from error
    return torch.from_numpy(pixels)


def _first_bytes(path: Path) -> bytes:
    """The file's first bytes, or the sentence that says why there are none."""
    if os.path.isdir(path):
        raise ImageError(f"'{path}' is a folder, where an image file is needed")
    if not os.path.exists(path):
        raise ImageError(f"'{shortened(str(path))}': {what_is_missing(path)}")
    if not os.path.isfile(path):
        raise ImageError(f"'{path}' is a pipe or a device; save the picture to a file first")
    try:
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


def _read_coded(path: Path, kind: str) -> Decoded:
    """A PNG, JPEG, WebP or BMP. The decoders only see what decides about its pixels."""
    found = read_metadata(path.read_bytes(), kind)
    # The 25th byte of a PNG holds its bit depth. Pillow reduces 16-bit colour to 8 bit.
    if kind == "png" and found.pixels[24:25] == b"\x10":
        decoded = _deep_png(path, found.pixels)
    elif found.frame is not None and (found.frame[1] != 8 or found.frame[0] == _JPEG_LS):
        decoded = _deep_jpeg(path, found.pixels, found.frame)
    else:
        decoded = _with_pillow(path, found.pixels, kind)
    decoded.orientation, decoded.profile, decoded.space = found.orientation, found.profile, found.space
    return decoded


def _with_pillow(path: Path, data: bytes, kind: str) -> Decoded:
    """8 bits and less."""
    from PIL import BmpImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

    # The plugin's class rather than Image.open: that one refuses pictures of 200 megapixels, which phones
    # take, unless a global limit is changed.
    openers: dict[str, Any] = {
        "png": PngImagePlugin.PngImageFile,
        "jpeg": JpegImagePlugin.JpegImageFile,
        "webp": WebPImagePlugin.WebPImageFile,
        "bmp": BmpImagePlugin.BmpImageFile,
    }
    with openers[kind](io.BytesIO(data)) as picture:
        _check_size(path, *picture.size)
        picture.load()
        key = picture.info.get("transparency")
        if kind == "png" and picture.mode == "L" and data[24] in (2, 4) and isinstance(key, int):
            # Pillow spreads grey of few bits over 8, but not the grey that is transparent.
            picture.info["transparency"] = key * 255 // (2 ** data[24] - 1)
        model = {"CMYK": "CMYK", "L": "GRAY", "LA": "GRAY", "1": "GRAY"}.get(picture.mode, "RGB")
        if "A" in picture.getbands() or "transparency" in picture.info:
            samples = np.asarray(picture.convert("RGBA")) / np.float32(255)
            return Decoded(samples[:, :, :3], samples[:, :, 3:], model=model)
        return Decoded(np.asarray(picture.convert("RGB")) / np.float32(255), model=model)


def _deep_png(path: Path, data: bytes) -> Decoded:
    """16 bits a sample."""
    import imagecodecs

    _check_size(path, *struct.unpack_from(">II", data, 16))
    samples = imagecodecs.png_decode(data)
    if samples.dtype != np.uint16:
        raise ValueError(f"16 bits a sample expected, {samples.dtype} found")
    samples = samples.reshape(*samples.shape[:2], -1) / np.float32(65535)
    channels = samples.shape[2]
    colours = samples[:, :, : 1 if channels <= 2 else 3]
    return Decoded(
        np.repeat(colours, 3, axis=2) if channels <= 2 else colours,
        samples[:, :, -1:] if channels in (2, 4) else None,
        model="GRAY" if channels <= 2 else "RGB",
    )


def _deep_jpeg(path: Path, data: bytes, frame: tuple[int, int, int, int, int]) -> Decoded:
    """Another number of bits than 8, such as the 12 of medical and film scanners."""
    import imagecodecs

    marker, bits, width, height, channels = frame
    _check_size(path, width, height)
    what = f"a JPEG{'-LS' if marker == _JPEG_LS else ''} of {bits} bits a sample and {channels} channels"
    if marker == _JPEG_LS or channels not in (1, 3):
        raise ImageError(f"'{path}' is {what}, which is not read; convert it to PNG or TIFF")
    # This decoder fills up what is cut off.
    if b"\xff\xd9" not in data[data.find(b"\xff\xda") :]:
        raise ValueError("the end of the picture is missing")
    samples = imagecodecs.jpeg8_decode(data).reshape(height, width, channels)
    samples = samples / np.float32(2**bits - 1)
    return Decoded(np.repeat(samples, 3 // channels, axis=2), model="GRAY" if channels == 1 else "RGB")
