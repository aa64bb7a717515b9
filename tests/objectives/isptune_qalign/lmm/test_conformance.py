"""The conformance suite on two families with random weights."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch

from isptune.testing import ObjectiveConformance


class _Conformance(ObjectiveConformance):
    name = "lmm"
    family: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _checkpoint(self, tiny) -> None:
        self.options = {"checkpoint": str(tiny(self.family))}

    def test_orientation_is_true(self) -> None:
        """Random weights prefer no picture for its quality: what can be asked is that pictures differ."""
        objective = self.make()
        for height, width in self.sizes:
            images, reference = self._batch(height, width)
            scores = self._score(objective, images, reference)
            assert len(torch.unique(scores)) == len(scores)


class TestQwen3_5(_Conformance):
    family = "qwen3_5"


class TestGemma3(_Conformance):
    family = "gemma3"
