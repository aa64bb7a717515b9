"""Pictures to what the vision transformer takes: padded to a square, resized, normalised.

Two paths with the same result but for rounding:

- ``device``: on the images' own device, differentiable, in floating point. Rounded to 8 bits it was never
  more than 1 grey level of 255 from the exact path on photographs and on noise, and equal for 88% of values.
- ``exact``: what the original code does: 8 bits, through PIL, on the CPU.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from isptune.errors import ConfigurationError

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

_BICUBIC = 3


@dataclass(frozen=True)
class Preprocessing:
    """The numbers of the pre-processing; ``size`` is the side of the square in pixels."""

    size: int = 448
    mean: tuple[float, ...] = CLIP_MEAN
    std: tuple[float, ...] = CLIP_STD

    @property
    def background(self) -> tuple[int, ...]:
        """The grey levels of the padding: (122, 116, 104) for CLIP's mean."""
        return tuple(int(value * 255) for value in self.mean)


def read_preprocessing(folder: str | Path, size: int, name: str = "qalign") -> Preprocessing:
    """The mean and standard deviation in preprocessor_config.json, and CLIP's where a folder has none.

    Args:
        folder: of the checkpoint.
        size: what the vision transformer takes.
        name: the objective's name, for messages.

    Raises:
        ConfigurationError: the file is not JSON, or asks for other than bicubic resizing to ``size``.
    """
    path = Path(folder) / "preprocessor_config.json"
    if not path.exists():
        return Preprocessing(size)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        mean = tuple(float(value) for value in data.get("image_mean", CLIP_MEAN))
        std = tuple(float(value) for value in data.get("image_std", CLIP_STD))
        wanted = data.get("crop_size", data.get("size", size))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"'{path}' cannot be read: {error}") from None
    if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
        raise ConfigurationError(f"in '{path}', image_mean and image_std must hold three numbers each")
    sides = set(wanted.values()) if isinstance(wanted, dict) else {wanted}
    if sides != {size}:
        raise ConfigurationError(
            f"'{path}' resizes to {sorted(sides)}, but the vision transformer of '{name}' takes {size}"
        )
    if data.get("resample", _BICUBIC) != _BICUBIC:
        raise ConfigurationError(
            f"'{path}' asks for the resampling {data['resample']}; '{name}' has bicubic (3)"
        )
    return Preprocessing(size, mean, std)


def preprocess(images: Tensor, settings: Preprocessing) -> Tensor:
    """(N, 3, H, W) in [0, 1] to normalised (N, 3, size, size), differentiable, on the images' device.

    Antialiased bicubic with PIL's kernel (a = -0.5) and PIL's order: along rows, clipped, then along columns,
    clipped. Values are not rounded to 8 bits, as they are in the original.
    """
    return _normalised(resized(images, settings), settings)


def preprocess_exactly(images: Tensor, settings: Preprocessing) -> Tensor:
    """The same through PIL in 8 bits, as the original does it; not differentiable.

    Images are rounded to 8 bits first.
    """
    levels = (images.detach().clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    squares = np.stack([resized_exactly(image, settings) for image in levels])
    pixels = torch.from_numpy(squares).permute(0, 3, 1, 2).to(images.dtype).to(images.device)
    return _normalised(pixels / 255, settings)


def resized(images: Tensor, settings: Preprocessing) -> Tensor:
    """(N, 3, size, size) in [0, 1]: padded to squares and resized, in the images' dtype."""
    height, width = images.shape[-2:]
    side, size = max(height, width), settings.size
    if height != width:
        top, left = (side - height) // 2, (side - width) // 2
        background = images.new_tensor(settings.background).reshape(1, -1, 1, 1) / 255
        square = background.expand(len(images), -1, side, side).clone()
        square[..., top : top + height, left : left + width] = images
        images = square
    if side == size:
        return images.clamp(0, 1)
    for shape in ((side, size), (size, size)):
        images = F.interpolate(images, shape, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
    return images


def resized_exactly(image: np.ndarray, settings: Preprocessing) -> np.ndarray:
    """(H, W, 3) of 8 bits to (size, size, 3) of 8 bits by PIL."""
    from PIL import Image

    picture = Image.fromarray(image)
    width, height = picture.size
    side = max(width, height)
    if width != height:
        square = Image.new("RGB", (side, side), settings.background)
        square.paste(picture, ((side - width) // 2, (side - height) // 2))
        picture = square
    resampled = picture.resize((settings.size, settings.size), Image.Resampling.BICUBIC)
    return np.asarray(resampled)


def _normalised(pixels: Tensor, settings: Preprocessing) -> Tensor:
    def channels(values: Sequence[float]) -> Tensor:
        return pixels.new_tensor(list(values)).reshape(1, -1, 1, 1)

    return (pixels - channels(settings.mean)) / channels(settings.std)
