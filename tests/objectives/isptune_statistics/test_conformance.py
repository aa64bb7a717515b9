"""The statistics keep the contract of objectives; each meets the distortion that it is there to see."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from isptune.testing import ObjectiveConformance
from isptune.testing.pictures import blurred


class TestSharpness(ObjectiveConformance):
    name = "sharpness"
    batch_tolerance = 0.0

    def distorted(self, images: Tensor) -> Tensor:
        return blurred(images)


class TestNoiseLevel(ObjectiveConformance):
    name = "noise-level"
    batch_tolerance = 0.0

    def distorted(self, images: Tensor) -> Tensor:
        noise = torch.randn(images.shape[1:], generator=torch.Generator().manual_seed(2)).to(images)
        return (images + 0.05 * noise).clamp(0, 1)


class TestContrast(ObjectiveConformance):
    name = "contrast"
    batch_tolerance = 0.0

    def distorted(self, images: Tensor) -> Tensor:
        return 0.5 + (images - 0.5) * 0.4


class TestColourfulness(ObjectiveConformance):
    name = "colourfulness"
    batch_tolerance = 0.0

    def distorted(self, images: Tensor) -> Tensor:
        return torch.lerp(images, images.mean(dim=1, keepdim=True), 0.6)


class TestExposure(ObjectiveConformance):
    name = "exposure"
    batch_tolerance = 0.0

    def distorted(self, images: Tensor) -> Tensor:
        return images * 0.3


class TestExposureOfNarrowWidth(TestExposure):
    options: ClassVar[dict[str, object]] = {"sigma": 0.1}


class TestClipping(ObjectiveConformance):
    name = "clipping"
    batch_tolerance = 0.0

    def distorted(self, images: Tensor) -> Tensor:
        return (images * 1.6).clamp(0, 1)
