"""What objectives state about stages, how a run compares it with a pipeline's, and runs that went wrong."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import isptune
from isptune import Objective
from isptune.contracts.coverage import Coverage, joined
from isptune.errors import ConfigurationError
from isptune.tuning.misled import is_misled
from isptune.tuning.notices import Stages, notice, notices

Maker = Callable[..., Any]

SEES = Coverage(trained_on=("fog",), validated_on=("noise",), blind_to=("rain", "colour"))


class Wrong(Objective):
    """Higher is better, and highest where the picture is furthest from red .25, green .75."""

    coverage = Coverage(trained_on=("paint",), blind_to=("paint",))

    def __init__(self) -> None:
        self.name, self.options = "wrong", {}

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        wanted = images.new_tensor([0.25, 0.75, 0.25]).reshape(1, 3, 1, 1)
        return (images - wanted).square().mean(dim=(1, 2, 3))


@pytest.mark.parametrize(
    ("stage", "family", "judged"),
    [
        ("fog", "", True),
        ("white_noise", "noise", True),
        ("rain", "noise", False),
        ("tint", "colour", False),
        ("fog", "colour", True),
        ("snow", "weather", None),
        ("snow", "", None),
    ],
)
def test_a_stages_own_name_counts_before_its_family(stage: str, family: str, judged: bool | None) -> None:
    assert SEES.judges(stage, family) is judged


def test_a_stage_that_was_trained_on_can_be_a_blind_spot() -> None:
    assert Coverage(trained_on=("darken",), blind_to=("darken",)).judges("darken") is False


def test_a_coverage_of_one_text_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="blind_to of a Coverage is 'darken'; allowed: a tuple"):
        Coverage(blind_to="darken")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("fog",), None),
        ((), None),
        (("fog", "rain", "haze"), "is known to misjudge rain and was neither trained nor checked on haze"),
        (("haze", "sleet"), "was neither trained nor checked on haze, sleet"),
        (("rain", "rain"), "is known to misjudge rain"),
    ],
)
def test_the_notice_names_the_stages(names: tuple[str, ...], sentence: str | None) -> None:
    found = notice("seer", SEES, Stages(names, ("",) * len(names)))
    assert found == (
        None
        if sentence is None
        else f"the objective 'seer' {sentence}: a better score can mean a worse picture; "
        "look at the result, or choose another objective"
    )
    assert notice("seer", None, Stages(names, ("",) * len(names))) is None


def test_a_sum_sees_what_one_term_sees_and_states_nothing_where_one_states_nothing() -> None:
    other = Coverage(validated_on=("rain",), blind_to=("hail", "fog"))
    both = joined([SEES, other])
    assert both is not None
    assert both.blind_to == ("colour", "hail")
    assert [both.judges(stage) for stage in ("fog", "rain", "hail", "haze")] == [True, True, False, None]
    assert joined([SEES, None]) is None
    assert joined([]) is None


def test_a_weighted_sum_states_what_its_terms_state_before_it_is_made_and_after() -> None:
    terms = {"contrast": 1.0, "noise-level": {"weight": 2.0}}
    made = isptune.create_objective("weighted", terms=terms)
    kind = isptune.plugins.registry.objectives.get("weighted")
    assert made.coverage == kind.coverage_with({"terms": terms}) != None  # noqa: E711
    assert made.coverage.judges("gaussian_blur") is True
    assert made.coverage.judges("desaturate") is False
    assert isptune.create_objective("weighted", terms={"psnr": 1, "contrast": 1}).coverage is None
    assert kind.coverage_with({"terms": {"pnsr": 1}}) is None


def test_each_of_several_objectives_is_named(flat: Maker, target: Maker) -> None:
    pipeline = flat()
    pipeline.stage_names = ("paint", "desaturate")
    several = [Wrong(), target(), isptune.create_objective("contrast")]
    assert [text.partition(":")[0] for text in notices(several, pipeline)] == [
        "the objective 'wrong' is known to misjudge paint and was neither trained nor checked on desaturate",
        "the objective 'contrast' is known to misjudge desaturate and was neither trained nor checked on paint",
    ]


def test_families_of_another_number_than_the_names_are_refused(flat: Maker, target: Maker) -> None:
    pipeline = flat()
    pipeline.stage_names, pipeline.stage_families = ("a", "b"), ("noise",)
    with pytest.raises(ConfigurationError, match="states 2 stage_names and 1 stage_families"):
        isptune.tune(pipeline, target(), budget=10, population=10)


def test_tune_warns_in_one_line_before_the_first_generation(
    flat: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline, seen = flat(), []
    pipeline.stage_names = ("paint",)
    with caplog.at_level(logging.WARNING, logger="isptune"):
        isptune.tune(
            pipeline,
            Wrong(),
            budget=20,
            population=10,
            callbacks=[lambda _: seen.append(len(caplog.messages))],
        )
    assert caplog.messages == [notice("wrong", Wrong.coverage, Stages(("paint",), ("",)))]
    assert seen == [1, 1]


@pytest.mark.parametrize("names", [(), ("paint",)])
def test_tune_says_nothing_of_what_is_not_stated(
    flat: Maker, target: Maker, caplog: pytest.LogCaptureFixture, names: tuple[str, ...]
) -> None:
    pipeline = flat()
    pipeline.stage_names = names
    isptune.tune(pipeline, target() if names else Wrong(), budget=10, population=10)
    assert caplog.messages == []


def test_a_run_that_went_the_wrong_way_says_so(flat: Maker, target: Maker) -> None:
    misled = isptune.tune(flat(), Wrong(), budget=60, population=10)
    assert misled.misled is True
    assert misled.l1_normalised is not None
    # The middle is 0.25 and 0.125 of the range away.
    assert misled.l1_normalised > 0.1875
    assert misled.to_dict()["misled"] is True
    assert isptune.tune(flat(), target(), budget=60, population=10).misled is False


def test_several_objectives_mislead_where_none_got_worse(flat: Maker, nsga2: str) -> None:
    options: dict[str, Any] = {"optimizer": nsga2, "budget": 40, "population": 20}
    assert isptune.tune(flat(), [Wrong(), Wrong()], **options).misled is True


def test_without_a_truth_nobody_knows(blind: Maker, target: Maker) -> None:
    result = isptune.tune(blind(), target(), budget=10, population=10)
    assert result.misled is None
    assert "misled" not in result.to_dict()


@pytest.mark.parametrize(
    ("scores", "losses", "misled"),
    [
        ([1, 2], [0.1, 0.5], True),
        ([1, 2], [0.1, 0.3], False),
        # Nothing less distorted was seen: the search failed, not the score.
        ([1, 2], [0.4, 0.5], False),
        ([2, 2], [0.5, 0.1], False),
        ([np.nan, 2], [0.1, 0.5], False),
        ([np.nan, np.nan], [0.1, 0.5], None),
    ],
)
def test_misled_is_who_saw_better_and_passed_it_over(
    history: Maker, scores: list[float], losses: list[float], misled: bool | None
) -> None:
    assert is_misled(history(scores, losses), 0.3) is misled
    assert is_misled(history(-np.array(scores), losses, higher_is_better=False), 0.3) is misled
    assert is_misled(history(scores, losses), None) is None


def test_a_checkpoint_states_what_it_was_trained_on(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    from isptune.iqa.training.checkpoint import trained_coverage

    def written(facts: dict[str, Any]) -> Path:
        path = tmp_path / "model.safetensors"
        save_file({"x": torch.zeros(1)}, path, metadata={"isptune": json.dumps(facts)})
        return path

    stages = {"data": {"chain": ["gaussian_blur"], "others": ["jpeg"]}}
    assert trained_coverage(written(stages)) == Coverage(trained_on=("gaussian_blur", "jpeg"))
    assert trained_coverage(tmp_path) == Coverage(trained_on=("gaussian_blur", "jpeg"))
    assert trained_coverage(written({"data": {"opinions": "koniq"}})) is None
    assert trained_coverage(tmp_path / "nowhere") is None
    severity = isptune.plugins.registry.objectives.get("severity")
    assert severity.coverage_with({"checkpoint": str(written(stages))}).judges("vignetting") is None
