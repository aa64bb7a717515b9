"""The statistics keep the contract of objectives; each meets the distortion that it is there to see."""

from __future__ import annotations

from typing import ClassVar

import torch
from skimage import data
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


class _Photographs(ObjectiveConformance):
    """Natural-scene statistics know nothing of generated pictures: the good picture is a photograph here."""

    sizes: ClassVar[tuple[tuple[int, int], ...]] = ((96, 144), (64, 80), (97, 131), (200, 290))

    def good(self, height: int, width: int) -> Tensor:
        photograph = torch.from_numpy(data.chelsea()[40 : 40 + height, 90 : 90 + width].copy())
        return photograph.permute(2, 0, 1).unsqueeze(0).float() / 255

    def distorted(self, images: Tensor) -> Tensor:
        noise = torch.randn(images.shape[1:], generator=torch.Generator().manual_seed(2)).to(images)
        return (images + 0.1 * noise).clamp(0, 1)


class TestNIQEDistance(_Photographs):
    name = "niqe-distance"


class TestStatistics(_Photographs):
    name = "statistics"
