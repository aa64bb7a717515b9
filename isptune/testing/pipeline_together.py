"""The part of the conformance suite for pipelines that develop several candidates in one call."""

from __future__ import annotations

import numpy as np
import pytest

from isptune.testing.checks import worded
from isptune.testing.pipeline_subject import PipelineSubject
from isptune.tuning.developed import as_picture


class PipelineTogether(PipelineSubject):
    """What a pipeline that writes ``develop_many`` must keep; ``PipelineConformance`` holds it."""

    def test_candidates_developed_together_are_those_developed_alone(self) -> None:
        pipeline = self.make()
        together = pipeline.development.together
        if together == 1:
            pytest.skip("the pipeline develops one candidate at a time")
        assert pipeline.develops_many, (
            f"development.together is {together} and there is no develop_many, expected both or none; write "
            "develop_many(values, scene)"
        )
        pipeline.warm_up()
        rows = pipeline.space.to_dicts(self._values(pipeline, min(3, together)))
        rows = [*pipeline.space.to_dicts(pipeline.space.start()), *rows][:together]
        for scene in pipeline.scenes:
            with worded(f"develop_many, given {len(rows)} candidates", "take any number up to together"):
                given = list(pipeline.develop_many(rows, scene))
            assert len(given) == len(rows), (
                f"develop_many gives {len(given)} pictures of {len(rows)} candidates, expected one of each; "
                "give None where there is none"
            )
            for index, (values, one) in enumerate(zip(rows, given, strict=True)):
                assert not isinstance(one, Exception | None), (
                    f"develop_many gives {one!r} for the candidate {values}, expected a picture; let it make "
                    "what develop makes"
                )
                found = as_picture(one, scene.height, scene.width)
                alone = as_picture(pipeline.develop(values, scene), scene.height, scene.width)
                distance = float(np.abs(found - alone).max())
                assert distance <= self.repeat_tolerance, (
                    f"candidate {index} among others on '{scene.name}' is {distance:.3g} from the same "
                    f"developed alone, expected at most {self.repeat_tolerance:g}; let nothing of one "
                    "candidate reach the next, and keep their order"
                )
