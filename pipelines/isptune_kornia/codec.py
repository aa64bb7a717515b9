"""Kornia's JPEG codec."""

from __future__ import annotations

from kornia.enhance import jpeg_codec_differentiable
from torch import Tensor

from isptune.contracts.requirements import Memory
from isptune.contracts.stage import Stage
from isptune.parameters import Float


class JpegCodecDifferentiable(Stage):
    """JPEG with rounding replaced by cubic steps (Reich et al. 2024).

    Kornia gives gradients, but its steps jump at every half: they are stand-ins, and nearly nothing around a
    quality of 24. The stage 'jpeg' has the pictures of libjpeg to the last bit.
    """

    is_differentiable = False
    memory = Memory(images=12.0)
    jpeg_quality = Float(1.0, 99.0, default=95.0, description="the quality")

    def forward(self, images: Tensor, jpeg_quality: Tensor) -> Tensor:
        return jpeg_codec_differentiable(images, jpeg_quality.to(images)).clamp(0, 1)
