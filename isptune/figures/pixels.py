"""Pictures as figures hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Pixels = NDArray[np.uint8]


def pixels_of(images: Tensor) -> Pixels:
    """(..., H, W, 3) of 8 bits, of pictures (..., 3, H, W) in [0, 1]."""
    rounded = (images.detach().cpu().float().clamp(0, 1) * 255).round().movedim(-3, -1)
    return rounded.contiguous().numpy().astype(np.uint8)
