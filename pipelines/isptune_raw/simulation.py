"""Raw pictures with a known truth: what a sensor would have given of a photograph.

After Brooks et al., "Unprocessing images for learned raw denoising" (CVPR 2019), without its tone curve:
a forward ISP can then reach the photograph itself.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isptune.errors import ConfigurationError
from isptune_raw.cameras import Camera, camera_called
from isptune_raw.mosaic import PATTERNS, RawImage, decode, neutral_of, srgb_to_camera


def simulate(
    picture: Tensor,
    *,
    camera: str | Camera = "phone",
    iso: float = 100,
    pattern: str = "RGGB",
    exposure: float = 0.0,
    blur: float = 0.0,
    shading: bool = False,
    defects: float = 0.0,
    noise: bool = True,
    seed: int = 0,
) -> RawImage:
    """Make the raw picture that a camera would have taken of a photograph.

    Args:
        picture: (3, H, W) encoded sRGB in [0, 1]; the truth. An odd last row or column is left out.
        camera: ``"phone"``, ``"dslr"`` or ``"security"``, see ``CAMERAS``, or one of your own.
        iso: the sensitivity, 50 to 102,400, from which the noise follows.
        pattern: of the mosaic, one of ``PATTERNS``.
        exposure: in EV; above 0 highlights are clipped.
        blur: standard deviation of the lens's blur in pixels.
        shading: darken the corners as the camera's lens does.
        defects: share of pixels that are dead or hot, 0 to 0.1.
        noise: draw shot and read noise.
        seed: of noise and defects.

    Returns:
        The raw picture, whose colour matrix, white balance and noise profile are the true ones.

    Raises:
        ConfigurationError: a value that is not allowed, or an unknown camera.

    Example:
        >>> raw = simulate(torch.full((3, 64, 96), 0.5), iso=1600)
        >>> raw.pattern, raw.mosaic.shape
        ('RGGB', (64, 96))
    """
    model = camera if isinstance(camera, Camera) else camera_called(camera)
    _check("iso", iso, 50, 102_400)
    _check("exposure", exposure, -8, 8)
    _check("blur", blur, 0, 10)
    _check("defects", defects, 0, 0.1)
    if pattern not in PATTERNS:
        raise ConfigurationError(f"the pattern is {pattern!r}; allowed: {', '.join(PATTERNS)}")
    generator = np.random.default_rng(seed)
    height, width = (int(side) - int(side) % 2 for side in picture.shape[-2:])
    linear = decode(picture[:, :height, :width].detach().cpu().double().numpy())
    if blur > 0:
        linear = _blurred(linear, blur)
    neutral = neutral_of(model.matrix)
    # To camera RGB, and from there to what the sensor counts before white balance.
    seen = np.einsum("ij,jhw->ihw", srgb_to_camera(model.matrix), linear) * np.array(neutral)[:, None, None]
    values = _mosaic(seen, pattern) * 2.0**exposure
    if shading:
        values *= _shading(height, width, model.vignetting)
    profile = model.noise(iso)
    if noise:
        values = _noisy(values, pattern, profile, generator)
    black, white = model.black, model.white
    numbers = np.rint(black + values * (white - black))
    if defects > 0:
        bad = generator.random(numbers.shape) < defects
        numbers = np.where(bad, np.where(generator.random(numbers.shape) < 0.5, black, white), numbers)
    return RawImage(
        mosaic=np.clip(numbers, 0, white).astype(np.uint16),
        pattern=pattern,
        black=(float(black),) * 4,
        white=float(white),
        neutral=neutral,
        matrix=model.matrix,
        noise=profile,
        iso=float(iso),
        make="isptune",
        model=f"simulated {model.name}",
    )


def _check(name: str, value: float, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigurationError(f"{name} is {value}; allowed: {low:,} to {high:,}")


def _mosaic(planes: NDArray[np.float64], pattern: str) -> NDArray[np.float64]:
    values = np.empty(planes.shape[1:])
    for place, letter in enumerate(pattern):
        row, column = divmod(place, 2)
        values[row::2, column::2] = planes["RGB".index(letter), row::2, column::2]
    return values


def _noisy(
    values: NDArray[np.float64],
    pattern: str,
    profile: NDArray[np.float64],
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """With Gaussian noise whose variance is ``shot * x + read``."""
    drawn = generator.standard_normal(values.shape)
    for place, letter in enumerate(pattern):
        part = (slice(place // 2, None, 2), slice(place % 2, None, 2))
        shot, read = profile["RGB".index(letter)]
        drawn[part] *= np.sqrt(shot * np.clip(values[part], 0, 1) + read)
    return np.asarray(values + drawn)


def _shading(height: int, width: int, darker: float) -> NDArray[np.float64]:
    """The light that is left at each pixel: 1 in the middle, ``1 - darker`` in the corners."""
    rows = (np.arange(height) + 0.5) / height - 0.5
    columns = (np.arange(width) + 0.5) / width - 0.5
    return np.asarray(1 - darker * 2 * (rows[:, None] ** 2 + columns**2))


def _blurred(planes: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    from kornia.filters import gaussian_blur2d

    side = 2 * math.ceil(3 * sigma) + 1
    images = torch.from_numpy(np.ascontiguousarray(planes)).unsqueeze(0)
    return np.asarray(gaussian_blur2d(images, (side, side), (sigma, sigma))[0].numpy())
