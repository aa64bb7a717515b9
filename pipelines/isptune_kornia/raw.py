"""Kornia's Bayer mosaics: made from linear light, and demosaiced."""

from __future__ import annotations

from collections.abc import Callable

from kornia.color import CFA, raw_to_rgb, rgb_to_raw
from torch import Tensor
from torch.nn import functional

from isptune.contracts.requirements import Memory
from isptune.contracts.stage import Stage
from isptune.errors import ConfigurationError
from isptune.wording.naming import did_you_mean, listed

# By the upper left 2 x 2 pixels, in rows. Kornia names a pattern by the second row, as OpenCV does.
PATTERNS = {"rggb": CFA.BG, "grbg": CFA.GB, "bggr": CFA.RG, "gbrg": CFA.GR}


class _Mosaic(Stage):
    """What both have in common: the pattern, and an odd side; ``operator`` is Kornia's."""

    operator: Callable[[Tensor, CFA], Tensor]

    def __init__(self, *, pattern: str = "rggb") -> None:
        super().__init__()
        if pattern not in PATTERNS:
            raise ConfigurationError(
                f"the pattern of a mosaic is {pattern!r}; allowed: {listed(PATTERNS)}"
                f"{did_you_mean(str(pattern), PATTERNS)}"
            )
        self.pattern = pattern

    def forward(self, images: Tensor) -> Tensor:
        # Kornia takes even sides; a mirrored row or column keeps the pattern.
        height, width = images.shape[-2:]
        even = functional.pad(images, (0, width % 2, 0, height % 2), mode="reflect")
        return self.operator(even, PATTERNS[self.pattern])[..., :height, :width]


class RgbToRaw(_Mosaic):
    """Linear light to the mosaic of a Bayer sensor; it has no parameter.

    Args:
        pattern: colours of the upper left 2 x 2 pixels by rows: rggb, grbg, bggr or gbrg.
    """

    domain_in = "linear"
    domain_out = "mosaic"
    memory = Memory(images=2.0, images_with_gradients=3.0)

    operator = staticmethod(rgb_to_raw)


class RawToRgb(_Mosaic):
    """A Bayer mosaic to linear light by bilinear demosaicing; it has no parameter.

    Args:
        pattern: colours of the upper left 2 x 2 pixels by rows: rggb, grbg, bggr or gbrg.
    """

    domain_in = "mosaic"
    domain_out = "linear"
    memory = Memory(images=3.0, images_with_gradients=5.0)

    operator = staticmethod(raw_to_rgb)
