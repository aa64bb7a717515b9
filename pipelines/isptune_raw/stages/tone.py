"""Tones of encoded pictures, for the whole picture and by neighbourhood."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from isptune import Float, Memory, Stage
from isptune.stages import is_plain, per_sample
from isptune_raw.scales import guided


class ToneCurve(Stage):
    """One curve for all channels: lifted or lowered shadows, and contrast about middle grey."""

    shadows = Float(-0.2, 0.4, default=0.0, description="how much dark tones are lifted")
    contrast = Float(0.8, 1.25, log=True, default=1.0)
    memory = Memory(images=3.0, images_with_gradients=7.0)

    def forward(self, images: Tensor, shadows: Tensor, contrast: Tensor) -> Tensor:
        rest = 1 - images
        # Highest at one quarter, 0 at black and at white.
        lifted = images + per_sample(shadows, images) * images * (rest * rest * rest)
        return (0.5 + per_sample(contrast, images) * (lifted - 0.5)).clamp(0.0, 1.0)


class LocalTone(Stage):
    """Contrast of details against a smooth base with sharp edges: a guided filter at a quarter size."""

    amount = Float(-0.5, 1.0, default=0.0, description="of the contrast that is added")
    memory = Memory(images=3.0, images_with_gradients=7.0)

    def forward(self, images: Tensor, amount: Tensor) -> Tensor:
        if is_plain(images, amount) and not bool(amount.any()):
            return images.clamp(0.0, 1.0)
        luma = luma_of(images)
        height, width = luma.shape[-2:]
        small = functional.avg_pool2d(luma, 4, ceil_mode=True, count_include_pad=False)
        radius = min(4, *(side - 1 for side in small.shape[-2:]))
        slope, offset = guided(small, small, radius, luma.new_full((1, 1, 1, 1), 0.01))
        slope, offset = (
            functional.interpolate(part, size=(height, width), mode="bilinear", align_corners=False)
            for part in (slope, offset)
        )
        details = luma - (slope * luma + offset)
        return (images + per_sample(amount, images) * details).clamp(0.0, 1.0)


def luma_of(images: Tensor) -> Tensor:
    """(N, 1, H, W) luma of encoded RGB (N, 3, H, W), ITU-R BT.601 as JPEG has it."""
    red, green, blue = images.unbind(1)
    return (0.299 * red + 0.587 * green + 0.114 * blue)[:, None]
