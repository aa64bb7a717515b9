"""The part of the conformance suite for pipelines that render windows of their scenes."""

from __future__ import annotations

import pytest
import torch

from isptune.contracts.scene import Scene
from isptune.testing.checks import assert_pictures, worded
from isptune.testing.pipeline_subject import PipelineSubject
from isptune.tuning.renderings import render_soundly


class PipelineWindows(PipelineSubject):
    """What a pipeline that writes ``window`` must keep; ``PipelineConformance`` holds it."""

    def test_a_window_is_a_scene_of_its_own(self) -> None:
        pipeline = self.make()
        scene = max(pipeline.scenes, key=lambda one: min(one.size))
        height, width = (min(side, 48) for side in scene.size)
        x, y = (
            16 if length >= side + 16 else 0
            for length, side in zip(scene.size[::-1], (width, height), strict=True)
        )
        before = list(pipeline.scenes)
        with worded("window", "take a scene and x, y, width and height, or leave it out"):
            found = pipeline.window(scene, (x, y, width, height))
        if found is None:
            pytest.skip("the pipeline renders no windows")
        assert isinstance(found, Scene), f"window gives a {type(found).__name__}, expected a Scene or None"
        assert (found.size, found.index) == ((height, width), scene.index), (
            f"the window of {width}x{height} of scene {scene.index} has the size {found.size} and the index "
            f"{found.index}, expected {(height, width)} and {scene.index}; give it those"
        )
        if scene.reference is not None:
            part = scene.reference[:, y : y + height, x : x + width]
            assert found.reference is not None, "a window has no reference, expected that part of its scene's"
            assert torch.equal(found.reference, part), (
                "a window's reference is not that part of its scene's; cut it out at x, y"
            )
        ratio = pipeline.work(found) / pipeline.work(scene)
        assert 0 < ratio <= 1, (
            f"a window is {ratio:g} times the work of its scene, expected less; correct work()"
        )
        assert all(one is other for one, other in zip(pipeline.scenes, before, strict=True)), (
            "window changed the pipeline's scenes, expected them as they were; give a new scene"
        )
        assert_pictures(render_soundly(pipeline, self._values(pipeline, 1), found))
