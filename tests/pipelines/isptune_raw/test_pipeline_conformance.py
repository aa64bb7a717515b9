"""The pipeline ``raw`` keeps the contract of pipelines."""

from __future__ import annotations

from typing import Any, ClassVar

from isptune.testing import PipelineConformance


class TestRaw(PipelineConformance):
    name = "raw"
    options: ClassVar[dict[str, Any]] = {"scenes": ["chart:64x48", "chart:48x64"]}
