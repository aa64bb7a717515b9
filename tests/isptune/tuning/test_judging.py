"""Judges in the evaluator: what a round holds, what becomes of the scores, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from syrupy.assertion import SnapshotAssertion
from torch import Tensor

import isptune
from isptune import Choice, Float, ParameterSpace, Pipeline, Scene
from isptune.contracts.development import Development
from isptune.contracts.round import Leader, Round, identity_of
from isptune.errors import ConfigurationError, EvaluationError
from isptune.runs.judgements import Judgements
from isptune.tuning.evaluation import Evaluator
from isptune.tuning.judging import Best, Standing

Maker = Callable[..., Any]
CANDIDATES = np.array([[0.25, 0.75], [0.0, 0.0], [1.0, 0.5]])


class Reddest(isptune.Judge):
    """The mean red of the last scene; keeps the rounds that it got."""

    def __init__(self, answer: Callable[[Round], Any] | None = None) -> None:
        self.name = "reddest"
        self.options: dict[str, object] = {}
        self.answer = answer
        self.rounds: list[Round] = []

    def judge(self, round: Round) -> Any:
        self.rounds.append(round)
        return (
            [float(one.pictures[-1][0].mean()) for one in round.contenders]
            if self.answer is None
            else self.answer(round)
        )


class Partly(Pipeline):
    """Paints grey of the level; fails below 0.2 and gives NaN above 0.8."""

    has_reference = True
    memory = isptune.Memory(images=1.0)

    def __init__(self) -> None:
        self.name = "partly"
        self.options: dict[str, object] = {}
        self.space = ParameterSpace({"level": Float(0, 1)})
        self.scenes = [Scene.of_picture("grey", torch.zeros(3, 8, 8))]

    def render(self, values: Tensor, scene: Scene | int) -> Tensor:
        level = values[:, :1]
        if bool((level < 0.2).any()):
            raise ValueError("too dark")
        level = torch.where(level > 0.8, torch.nan, level)
        return level.float().reshape(-1, 1, 1, 1).expand(-1, 3, 8, 8)


class Kept(Pipeline):
    """Renders every batch into the same memory."""

    memory = isptune.Memory(images=1.0)

    def __init__(self) -> None:
        self.name = "kept"
        self.options: dict[str, object] = {}
        self.space = ParameterSpace({"level": Float(0, 1)})
        self.scenes = [Scene("grey", (8, 8))]
        self.buffer = torch.zeros(1, 3, 8, 8)

    def render(self, values: Tensor, scene: Scene | int) -> Tensor:
        return self.buffer.copy_(values.float().reshape(1, 1, 1, 1).expand(1, 3, 8, 8))


def test_a_round_holds_all_candidates_with_their_pictures(flat: Maker) -> None:
    pipeline, judge = flat(), Reddest()
    found = Evaluator(pipeline, judge).evaluate(CANDIDATES)
    (round,) = judge.rounds
    assert (round.generation, round.leader, round.notes, round.earlier) == (0, None, (), ())
    assert [one.values for one in round.contenders] == [{"a": a, "b": b} for a, b in CANDIDATES.tolist()]
    assert [one.identity for one in round.contenders] == [identity_of(one.values) for one in round.contenders]
    assert [(one.index, one.name, one.size) for one in round.scenes] == [
        (0, "scene0", (8, 8)),
        (1, "scene1", (6, 10)),
    ]
    assert torch.equal(round.scenes[1].reference, torch.zeros(3, 6, 10))
    for one, (a, b) in zip(round.contenders, CANDIDATES.tolist(), strict=True):
        assert torch.equal(
            one.picture(round.scenes[1]), torch.tensor([a, b, a]).reshape(3, 1, 1).expand(3, 6, 10)
        )
    np.testing.assert_array_equal(found.scores[:, 0], CANDIDATES[:, 0])
    np.testing.assert_array_equal(found.losses[:, 0], -CANDIDATES[:, 0])
    # All candidates of a scene in one batch: nothing is rendered for the judge alone.
    assert pipeline.batches == [3, 3]


def test_a_score_is_that_of_the_judge_to_the_last_bit(flat: Maker) -> None:
    judge = Reddest(lambda round: [0.1, 0.7, 1 / 3])
    pipeline = flat(sizes=((8, 8),) * 3)
    np.testing.assert_array_equal(
        Evaluator(pipeline, judge).evaluate(CANDIDATES).scores[:, 0], [0.1, 0.7, 1 / 3]
    )


def test_pictures_outlive_the_memory_that_they_were_rendered_into() -> None:
    found = Evaluator(Kept(), Reddest(), memory_gb=1e-9).evaluate(np.array([[0.25], [0.5], [0.75]]))
    np.testing.assert_array_equal(found.scores[:, 0], [0.25, 0.5, 0.75])


def test_judges_mix_with_other_objectives(flat: Maker, target: Maker) -> None:
    lower = Reddest()
    lower.name, lower.higher_is_better = "lowest", False
    found = Evaluator(flat(), [Reddest(), target(), lower]).evaluate(CANDIDATES)
    alone = Evaluator(flat(), target()).evaluate(CANDIDATES)
    np.testing.assert_array_equal(found.scores[:, 1], alone.scores[:, 0])
    np.testing.assert_array_equal(found.scores[:, 0], CANDIDATES[:, 0])
    np.testing.assert_array_equal(found.losses, found.scores * [-1, 1, 1])


def test_what_failed_is_no_contender_and_what_cannot_be_judged_has_failed() -> None:
    def answer(round: Round) -> Any:
        return [math.nan, math.inf, 1.0]

    first, second = Reddest(answer), Reddest()
    second.name = "second"
    levels = np.array([[0.1], [0.3], [0.5], [0.9], [0.7]])
    found = Evaluator(Partly(), [first, second]).evaluate(levels)
    assert [one.values["level"] for one in first.rounds[0].contenders] == [0.3, 0.5, 0.7]
    assert [one.values["level"] for one in second.rounds[0].contenders] == [0.7]
    assert found.statuses == ["failed", "failed", "failed", "failed", "done"]
    assert found.reasons == [
        "the pipeline 'partly' failed: ValueError: too dark on scene 'grey'",
        "the objective 'reddest' could not judge it",
        "it scored reddest inf",
        "the pipeline 'partly' failed: render gave numbers that are not finite on scene 'grey'",
        "",
    ]
    assert np.isnan(found.scores[:4]).all()
    np.testing.assert_allclose(found.scores[4], [1.0, 0.7], rtol=1e-6)
    assert np.isinf(found.losses[:4]).all()


def test_where_all_failed_nobody_is_asked() -> None:
    judge = Reddest()
    assert Evaluator(Partly(), judge).evaluate([[0.1], [0.9]]).statuses == ["failed", "failed"]
    assert judge.rounds == []


def test_equal_candidates_are_one_contender() -> None:
    pipeline, judge = Partly(), Reddest()
    pipeline.space = ParameterSpace({"level": Choice((0.3, 0.6))})
    pipeline.render = lambda values, scene: (
        (0.3 + 0.3 * values).float().reshape(-1, 1, 1, 1).expand(-1, 3, 8, 8)
    )  # type: ignore[method-assign]
    found = Evaluator(pipeline, judge).evaluate([[0.1], [0.9], [0.2]])
    assert [one.values for one in judge.rounds[0].contenders] == [{"level": 0.3}, {"level": 0.6}]
    np.testing.assert_allclose(found.scores[:, 0], [0.3, 0.6, 0.3], rtol=1e-6)


def test_developed_pictures_are_judged(tmp_path: Path) -> None:
    class Camera(Pipeline):
        name = "camera"
        development = Development(isolated=False)

        def __init__(self) -> None:
            self.options: dict[str, object] = {}
            self.space = ParameterSpace({"gain": Float(0, 1)})
            self.scenes = [Scene(f"scene {index}", (8, 8), index=index) for index in range(2)]
            self.made: list[tuple[float, int]] = []

        def develop(self, values: dict[str, Any], scene: Scene) -> Any:
            self.made.append((values["gain"], scene.index))
            if values["gain"] > 0.8 and scene.index:
                raise OSError("too hot")
            return np.full((8, 8, 3), values["gain"] / (1 + scene.index))

    camera, judge = Camera(), Reddest()
    with Evaluator(camera, judge) as evaluator:
        found = evaluator.evaluate([[0.5], [0.9], [0.25]])
        best = {"reddest": Best(np.array([0.5]), 3.0)}
        judge.answer = lambda round: [float(round.leader.picture(1).mean())]
        later = evaluator.evaluate([[0.75]], standing=Standing(1, best))
    assert found.statuses == ["done", "failed", "done"]
    np.testing.assert_array_equal(found.scores[::2, 0], [0.25, 0.125])
    assert judge.rounds[0].scenes[0].reference is None
    assert later.scores.tolist() == [[0.25]]
    # The leader was developed before.
    assert sorted(camera.made) == sorted({*camera.made})


def test_the_leader_is_rendered_by_itself_where_it_is_asked_for(flat: Maker) -> None:
    pipeline, judge = flat(), Reddest()
    evaluator = Evaluator(pipeline, judge)
    best = {"reddest": Best(CANDIDATES[0], 2.5)}
    evaluator.evaluate(CANDIDATES[1:], standing=Standing(1, best))
    assert pipeline.batches == [2, 2]
    leader = judge.rounds[0].leader
    assert isinstance(leader, Leader)
    assert (leader.score, leader.values) == (2.5, {"a": 0.25, "b": 0.75})
    judge.answer = lambda round: [float(image.max()) for image in round.leader.pictures]
    for generation in (2, 3):
        assert (
            evaluator.evaluate(CANDIDATES[1:], standing=Standing(generation, best)).scores.tolist()
            == [[0.75]] * 2
        )
    # Once a scene, and kept while it leads.
    assert pipeline.batches == [2, 2, *[2, 2, 1, 1], *[2, 2]]
    assert len(leader.pictures) == 2
    assert leader.pictures[0:1][0].shape == (3, 8, 8)


def test_a_leader_that_cannot_be_rendered_is_the_pipelines_mistake() -> None:
    judge = Reddest(lambda round: [float(round.leader.picture(0).max()) for _ in round.contenders])
    standing = Standing(1, {"reddest": Best(np.array([0.1]), 1.0)})
    with pytest.raises(EvaluationError) as failure:
        Evaluator(Partly(), judge).evaluate([[0.5]], standing=standing)
    assert str(failure.value) == "the pipeline 'partly' failed: ValueError: too dark"


def test_notes_reach_the_generation_that_they_were_made_in(flat: Maker, target: Maker) -> None:
    def answer(round: Round) -> Any:
        round.note({"said": len(round.notes)})
        return [0.0 for _ in round.contenders]

    judges = [Reddest(answer), Reddest(answer)]
    judgements = Judgements()
    evaluator = Evaluator(flat(), judges)
    for generation in (0, 1, 1):
        evaluator.evaluate(CANDIDATES, standing=Standing(generation, {}, judgements))
    assert judgements.notes("reddest", 1) == ({"said": 0}, {"said": 1})
    assert judgements.notes("reddest (2)", 0) == ({"said": 0},)
    last = judges[1].rounds[-1]
    assert last.notes == ({"said": 0},)
    assert last.earlier == (({"said": 0},),)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [0.5, 1],
        torch.zeros(3, 1),
        0.5,
        [0.5, None, 1],
        ["a", "b", "c"],
        [True, False, True],
        [[1], [2, 3], 4],
        map(float, "123"),
        {"a": 1},
    ],
)
def test_what_is_no_score_for_each_is_refused(flat: Maker, answer: Any, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(EvaluationError) as failure:
        Evaluator(flat(), Reddest(lambda round: answer)).evaluate(CANDIDATES)
    assert str(failure.value) == snapshot


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor, lambda x: np.array(x, np.int32)])
def test_scores_may_be_of_any_kind(flat: Maker, kind: Callable[[Any], Any]) -> None:
    found = Evaluator(flat(), Reddest(lambda round: kind([1, 0, 2]))).evaluate(CANDIDATES)
    assert found.scores.tolist() == [[1], [0], [2]]


def test_a_judge_that_raises_stops_the_evaluation(flat: Maker, tmp_path: Path) -> None:
    def answer(round: Round) -> Any:
        round.note({"said": 1})
        raise OSError("the observer has gone")

    sentence = "the objective 'reddest' failed: OSError: the observer has gone"
    with pytest.raises(EvaluationError) as failure:
        Evaluator(flat(), Reddest(answer)).evaluate(CANDIDATES)
    assert str(failure.value) == sentence
    judgements = Judgements(tmp_path / "judgements.jsonl", "abc")
    with pytest.raises(EvaluationError) as failure:
        Evaluator(flat(), Reddest(answer)).evaluate(CANDIDATES, standing=Standing(0, {}, judgements))
    assert (
        str(failure.value) == f"{sentence}; what was answered is kept, go on with: isptune resume {tmp_path}"
    )
    assert judgements.notes("reddest", 0) == ({"said": 1},)


def test_a_judge_without_memory_is_one_sentence(flat: Maker) -> None:
    def answer(round: Round) -> Any:
        raise MemoryError

    with pytest.raises(EvaluationError) as failure:
        Evaluator(flat(), Reddest(answer)).evaluate(CANDIDATES)
    assert str(failure.value) == "the objective 'reddest' failed: there is not enough memory"


def test_a_note_that_is_none_is_the_judges_mistake(flat: Maker, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(EvaluationError) as failure:
        Evaluator(flat(), Reddest(lambda round: round.note({"share": math.nan}))).evaluate(CANDIDATES)
    assert str(failure.value) == snapshot


def test_gradients_are_refused(flat: Maker, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Evaluator(flat(), Reddest()).evaluate(CANDIDATES, gradients=True)
    assert str(refusal.value) == snapshot


def test_a_judge_that_needs_a_reference_is_refused_without_one() -> None:
    pipeline, judge = Kept(), Reddest()
    judge.needs_reference = True
    with pytest.raises(ConfigurationError) as refusal:
        Evaluator(pipeline, judge)
    assert str(refusal.value).startswith(
        "the objective 'reddest' compares with a reference, which the pipeline 'kept'"
    )
