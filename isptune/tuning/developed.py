"""What a pipeline gives for a candidate: taken as a picture, or refused in one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

# Rounding may leave [0, 1] by a hair.
_SLACK = 1e-3


def as_picture(given: Any, height: int, width: int) -> NDArray[np.float32]:
    """What ``develop`` returned, as (3, H, W) float32 RGB in [0, 1].

    Args:
        given: a (3, H, W) tensor of floating point in [0, 1], or an array of the shape (H, W, 3), floating
            point in [0, 1], uint8 or uint16.
        height, width: of the scene.

    Raises:
        ValueError: it is something else; one sentence says what came and what is needed.
    """
    if isinstance(given, torch.Tensor):
        needs = f"a tensor of the shape (3, {height}, {width}) in floating point"
        if given.shape != (3, height, width) or not given.is_floating_point():
            raise ValueError(f"develop gave {_told(given)}; needed: {needs}")
        picture = given.detach().cpu().to(torch.float32).numpy()
    elif isinstance(given, np.ndarray):
        needs = f"an array of the shape ({height}, {width}, 3), floating point in [0, 1], uint8 or uint16"
        kinds = (np.uint8, np.uint16)
        if given.shape != (height, width, 3) or not (
            given.dtype in kinds or np.issubdtype(given.dtype, np.floating)
        ):
            raise ValueError(f"develop gave {_told(given)}; needed: {needs}")
        picture = given.astype(np.float32)
        if given.dtype in kinds:
            picture /= np.iinfo(given.dtype).max
        picture = np.ascontiguousarray(np.moveaxis(picture, -1, 0))
    else:
        raise ValueError(
            f"develop gave {type(given).__name__}; needed: a (3, {height}, {width}) tensor or a "
            f"({height}, {width}, 3) array"
        )
    low, high = float(picture.min()), float(picture.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("develop gave a picture with values that are not finite")
    if low < -_SLACK or high > 1 + _SLACK:
        raise ValueError(f"develop gave values from {low:g} to {high:g}; needed: [0, 1]")
    return np.clip(picture, 0.0, 1.0)


def _told(given: Any) -> str:
    kind = "a tensor" if isinstance(given, torch.Tensor) else "an array"
    return f"{kind} of the shape {tuple(given.shape)} of {str(given.dtype).removeprefix('torch.')}"
