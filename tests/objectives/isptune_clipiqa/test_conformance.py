"""The conformance suite on tiny checkpoints of every family."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch

import isptune
from isptune.testing import ObjectiveConformance
from isptune.testing.pictures import spoilt


class OnTiny(ObjectiveConformance):
    kind: ClassVar[str] = ""
    settings: ClassVar[dict] = {}
    name = "clipiqa"

    @pytest.fixture(autouse=True)
    def _checkpoint(self, tiny, context):
        learned = {"context": context} if self.name == "clipiqa+" else {}
        self.options = {"checkpoint": tiny(self.kind), **learned, **self.settings}

    def test_orientation_is_true(self) -> None:
        # Random weights do not know which picture is good. What can be known is that the score is the
        # share of the first text: with the texts exchanged it is the share of the other.
        if self.name == "clipiqa+" or "attributes" in self.settings:
            pytest.skip("the texts are fixed")
        pictures = torch.cat([self.good(64, 64), spoilt(self.good(64, 64))])
        given = isptune.create_objective("clipiqa", **self.options).score(pictures)
        exchanged = isptune.create_objective(
            "clipiqa", **self.options, prompts=("Bad photo.", "Good photo.")
        ).score(pictures)
        torch.testing.assert_close(given + exchanged, torch.ones(2), rtol=0, atol=1e-6)


class TestResNet(OnTiny):
    kind = "rn50"
    # The network is float32: finite differences need a large step and are as rough.
    supports_float64 = False
    difference_step = 1e-3
    gradient_tolerance = 5e-2


class TestResNetInDoublePrecision(OnTiny):
    kind = "rn50"
    settings: ClassVar[dict] = {"dtype": "float64"}


class TestResNetWithPositions(OnTiny):
    kind = "rn50"
    settings: ClassVar[dict] = {"dtype": "float64", "positional_embedding": True, "attributes": "all"}


class TestViT(OnTiny):
    kind = "vit"
    settings: ClassVar[dict] = {"dtype": "float64"}


class TestViTResized(OnTiny):
    kind = "vit"
    settings: ClassVar[dict] = {"dtype": "float64", "resize": "native"}


class TestSigLIP(OnTiny):
    kind = "siglip"
    settings: ClassVar[dict] = {"dtype": "float64"}


class TestPlus(OnTiny):
    kind = "rn50"
    name = "clipiqa+"
    settings: ClassVar[dict] = {"dtype": "float64"}
