"""Writing pictures: PNG, JPEG, WebP and TIFF by suffix."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from isptune.errors import ImageError
from isptune.storage.writing import write_whole
from isptune.wording.naming import did_you_mean

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
DEEP_SUFFIXES = (".png", ".tif", ".tiff")


def write_image(path: str | Path, image: Tensor, bits: int = 8) -> Path:
    """Write a picture in the format of its suffix.

    PNG, TIFF (deflate) and WebP are without loss; JPEG has quality 95 and full-resolution colour. Values are
    rounded to the nearest of the 256 or 65,536 levels, so reading the file back gives the same numbers for
    a picture that was read from such a file. The file appears whole or not at all.

    Args:
        path: where to; an existing file is replaced.
        image: (3, H, W) or (1, 3, H, W) RGB in [0, 1].
        bits: 8, or 16 for PNG and TIFF.

    Returns:
        The path.

    Raises:
        ImageError: an unknown suffix, a bit depth that the format does not have, a tensor of another shape
            or outside [0, 1], a missing or unwritable folder.
        DiskFullError: there is no room for the picture.

    Example:
        >>> from isptune.scenes import chart, write_image
        >>> write_image("chart.png", chart(96, 64))
        PosixPath('chart.png')
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        near = did_you_mean(suffix, SUFFIXES) if suffix else ""
        raise ImageError(f"'{path}': pictures are written as {', '.join(SUFFIXES)}{near}")
    if bits not in (8, 16):
        raise ImageError(f"'{path}': pictures are written with 8 or 16 bits, not {bits}")
    if bits == 16 and suffix not in DEEP_SUFFIXES:
        raise ImageError(f"'{path}': 16 bits are written to PNG and TIFF only")
    samples = _samples(path, image, bits)
    if not path.parent.is_dir():
        raise ImageError(f"'{path}': there is no folder '{path.parent}'")
    if path.is_dir():
        raise ImageError(f"'{path}' is a folder, where an image file is needed")
    encoded = _encode(samples, suffix)
    return write_whole(path, encoded, ImageError)


def _samples(path: Path, image: Tensor, bits: int) -> np.ndarray:
    """(H, W, 3) unsigned integers."""
    shape = tuple(image.shape)
    if image.ndim == 4 and shape[0] == 1:
        image = image[0]
    if image.ndim != 3 or image.shape[0] != 3 or 0 in image.shape:
        raise ImageError(f"'{path}': a picture to write has the shape (3, H, W), got {shape}")
    if not image.is_floating_point():
        raise ImageError(f"'{path}': a picture to write is floating point in [0, 1], got {image.dtype}")
    image = image.detach().to(device="cpu", dtype=torch.float64)
    low, high = float(image.min()), float(image.max())
    # A rounding error beyond the ends is no mistake; NaN fails both comparisons.
    if not (low >= -1e-6 and high <= 1 + 1e-6):
        raise ImageError(
            f"'{path}': a picture to write lies in [0, 1], got values in [{low:.4g}, {high:.4g}]"
        )
    highest = 2**bits - 1
    rounded = (image.clamp(0, 1) * highest).round().permute(1, 2, 0).contiguous().numpy()
    return rounded.astype(np.uint8 if bits == 8 else np.uint16)


def _encode(samples: np.ndarray, suffix: str) -> bytes:
    buffer = io.BytesIO()
    if suffix in (".tif", ".tiff"):
        import tifffile

        tifffile.imwrite(buffer, samples, photometric="rgb", compression="zlib", metadata=None)
        return buffer.getvalue()
    if samples.dtype == np.uint16:
        import imagecodecs

        return bytes(imagecodecs.png_encode(samples, level=6))
    from PIL import Image

    picture = Image.fromarray(samples)
    if suffix == ".png":
        picture.save(buffer, format="PNG")
    elif suffix == ".webp":
        picture.save(buffer, format="WEBP", lossless=True, exact=True)
    else:
        picture.save(buffer, format="JPEG", quality=95, subsampling=0)
    return buffer.getvalue()
