"""The full-reference objectives keep the contract of objectives."""

from __future__ import annotations

from typing import ClassVar

from isptune.testing import ObjectiveConformance


class TestPSNR(ObjectiveConformance):
    name = "psnr"
    batch_tolerance = 0.0


class TestSSIM(ObjectiveConformance):
    name = "ssim"
    batch_tolerance = 0.0


class TestSSIMOfLuma(ObjectiveConformance):
    name = "ssim"
    options: ClassVar[dict[str, object]] = {"channels": "luma"}
    batch_tolerance = 0.0


class TestMultiScaleSSIM(ObjectiveConformance):
    name = "ms-ssim"
    # The smallest picture that five scales allow, and sizes that are odd at several scales.
    sizes = ((161, 161), (163, 241), (230, 176))
    batch_tolerance = 0.0


class TestMultiScaleSSIMOfTwoScales(ObjectiveConformance):
    name = "ms-ssim"
    options: ClassVar[dict[str, object]] = {"scales": 2, "channels": "luma"}
    batch_tolerance = 0.0
