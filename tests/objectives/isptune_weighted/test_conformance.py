"""Weighted sums keep the contract of objectives."""

from __future__ import annotations

from typing import ClassVar

from isptune.testing import ObjectiveConformance


class TestWeightedWithReference(ObjectiveConformance):
    name = "weighted"
    options: ClassVar[dict[str, object]] = {"terms": {"psnr": 1.0, "ssim": {"weight": 20}, "noise-level": 5}}
    batch_tolerance = 0.0
    # The noise-level of the reference itself is part of the score: another picture can have less.
    identical_is_best = False


class TestWeightedOfFidelityAlone(ObjectiveConformance):
    name = "weighted"
    options: ClassVar[dict[str, object]] = {"terms": {"psnr": 1, "ssim": 1}, "normalise": True}
    batch_tolerance = 0.0


class TestWeightedWithoutReference(ObjectiveConformance):
    name = "weighted"
    options: ClassVar[dict[str, object]] = {"terms": {"sharpness": 10, "exposure": 1.0}}
    batch_tolerance = 0.0


class TestWeightedWithoutGradient(ObjectiveConformance):
    name = "weighted"
    options: ClassVar[dict[str, object]] = {
        "terms": [
            {"objective": "contrast", "weight": 2},
            {"objective": "clipping", "label": "strict", "options": {"margin": 0.1}},
            {"objective": "clipping"},
        ],
        "normalise": True,
    }
    batch_tolerance = 0.0
