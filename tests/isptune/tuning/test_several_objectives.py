"""Runs of several objectives: one rendering for all, logs, resumption, fronts, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from syrupy.assertion import SnapshotAssertion

import isptune
from isptune.errors import ConfigurationError, RunDirectoryError
from isptune.runs.directory import LOG_NAME, Generation
from isptune.runs.outputs import write_outputs
from isptune.tracking import Progress
from isptune.tracking.run_facts import scalars
from isptune.tuning.evaluation import Evaluator
from isptune.tuning.fronts import by_compromise, non_dominated
from isptune.tuning.scoring import Scoring
from isptune.tuning.settings import RunConfig, parse_config

Maker = Callable[..., Any]


def without_seconds(out: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (Path(out) / LOG_NAME).read_text().splitlines()]
    for line in found:
        del line["seconds"]
    return found


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are for the tests of the command line; here they would take most of the time."""
    monkeypatch.setattr(
        "isptune.tuning.sitting.write_outputs", lambda *parts: write_outputs(*parts[:3], None)
    )


@pytest.fixture
def run(flat: Maker, target: Maker, red: Maker, nsga2: str) -> Maker:
    def tune(**options: Any) -> isptune.TuneResult:
        settings: dict[str, Any] = {"budget": 120, "population": 12, "optimizer": nsga2, "out": "run"}
        return isptune.tune(flat(), [target(), red()], **{**settings, **options})

    return tune


class TestEvaluating:
    def test_all_objectives_score_one_rendering(self, flat: Maker, target: Maker, red: Maker) -> None:
        pipeline = flat()
        evaluation = Evaluator(pipeline, Scoring([target(), red()])).evaluate([[0.25, 0.75], [1, 0.75]])
        # One batch for each of the two scenes.
        assert pipeline.batches == [2, 2]
        assert evaluation.scores == pytest.approx(np.array([[0.0, 0.25], [0.375, 1.0]]))
        # Each keeps its own orientation: the first is better low, the second is better high.
        assert evaluation.losses == pytest.approx(np.array([[0.0, -0.25], [0.375, -1.0]]))

    def test_micro_batches_change_nothing(self, flat: Maker, target: Maker, red: Maker) -> None:
        candidates = np.random.default_rng(0).random((7, 2))
        pipeline = flat()
        small = Evaluator(pipeline, Scoring([target(), red()]), memory_gb=4e-6)
        whole = Evaluator(flat(), Scoring([target(), red()]))
        assert np.array_equal(small.evaluate(candidates).scores, whole.evaluate(candidates).scores)
        assert max(pipeline.batches) < 7

    def test_a_vector_in_its_labels_orientations(self, flat: Maker, red: Maker) -> None:
        objective = Scoring([red()], vector=True)
        assert (objective.labels, objective.orientations) == (("red", "green"), (True, False))
        evaluation = Evaluator(flat(), objective).evaluate([[0.5, 0.25]])
        assert evaluation.scores.tolist() == [[0.5, 0.25]]
        assert evaluation.losses.tolist() == [[-0.5, 0.25]]

    def test_a_row_with_a_failure_is_the_worst(self, flat: Maker, target: Maker, red: Maker) -> None:
        class Sometimes(type(red())):  # type: ignore[misc]
            def score(self, images: Any, reference: Any = None) -> Any:
                found = super().score(images)
                return torch.where(found > 0.5, torch.nan, found)

        evaluation = Evaluator(flat(), Scoring([target(), Sometimes()])).evaluate([[0.25, 0.75], [1, 0]])
        assert evaluation.losses[0] == pytest.approx([0.0, -0.25])
        assert evaluation.losses[1].tolist() == [np.inf, np.inf]
        # It meets no more scenes, so no mean of any objective is known.
        assert np.isnan(evaluation.scores[1]).all()
        assert evaluation.reasons == ["", "it scored red nan on scene 'scene0'"]

    def test_the_failing_objective_is_named(self, flat: Maker, target: Maker, red: Maker) -> None:
        class Broken(type(red())):  # type: ignore[misc]
            def score(self, images: Any, reference: Any = None) -> Any:
                raise RuntimeError("no")

        class Narrow(type(red())):  # type: ignore[misc]
            def scores(self, images: Any, reference: Any = None) -> Any:
                return images.mean(dim=(2, 3))

        found = Evaluator(flat(), Scoring([target(), Broken()])).evaluate([[0, 0]])
        assert found.reasons == ["the objective 'red' failed: RuntimeError: no on scene 'scene0'"]
        found = Evaluator(flat(), Scoring([Narrow()], vector=True)).evaluate([[0, 0]])
        assert (
            "the objective 'red' failed: ValueError: scores gave the shape (1, 3) for 1 images instead of (1, 2)"
            in found.reasons[0]
        )

    def test_gradients_are_refused(
        self, flat: Maker, target: Maker, red: Maker, snapshot: SnapshotAssertion
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            Evaluator(flat(), Scoring([target(), red()])).evaluate([[0, 0]], gradients=True)
        assert str(caught.value) == snapshot


class TestCombining:
    def test_one_objective_is_one_column(self, target: Maker) -> None:
        one = Scoring([target()])
        assert (one.labels, one.orientations, one.name) == (("target",), (False,), "target")

    def test_labels_are_different(self, target: Maker, red: Maker) -> None:
        assert Scoring([target(), target(), red()]).labels == ("target", "target (2)", "red")
        mixed = Scoring([target(), red()], vector=True)
        assert mixed.labels == ("target", "red:red", "red:green")
        assert mixed.orientations == (False, True, False)

    def test_what_it_needs_is_what_any_part_needs(self) -> None:
        parts = [isptune.create_objective(name) for name in ("psnr", "contrast")]
        both = Scoring(parts)
        assert both.working_bytes(10, gradients=False) == max(
            Scoring([part]).working_bytes(10, gradients=False) for part in parts
        )
        assert both.name == "psnr+contrast"

    def test_a_weighted_sum_knows_the_orientation_of_its_terms(self) -> None:
        weighted = isptune.create_objective("weighted", terms={"contrast": 1.0, "noise-level": 2.0})
        assert Scoring([weighted], vector=True).orientations == (True, False)

    def test_the_severities_are_all_better_low(self) -> None:
        objective = Scoring([isptune.create_objective("severity")], vector=True)
        assert len(objective.labels) == 7
        assert not any(objective.orientations)

    @pytest.mark.parametrize(
        ("names", "vector"),
        [
            (["psnr"], True),
            (["psnr", "contrast"], True),
        ],
        ids=str,
    )
    def test_refusals(self, names: list[str], vector: bool, snapshot: SnapshotAssertion) -> None:
        with pytest.raises(ConfigurationError) as caught:
            Scoring([isptune.create_objective(name) for name in names], vector)
        said, _, examples = str(caught.value).partition(", such as ")
        assert said == snapshot
        # Of some objectives it is known only once they are imported.
        assert "severity" in examples.split(", ")

    def test_columns_that_are_no_objectives_are_refused(self, red: Maker) -> None:
        objective = red()
        objective.label_orientations = (1, 0)
        with pytest.raises(ConfigurationError) as caught:
            Scoring([objective], vector=True)
        assert str(caught.value) == (
            "the scores of 'red' cannot be objectives: neither high nor low is better of green"
        )


class TestRunning:
    def test_the_log_holds_the_matrix(self, run: Maker) -> None:
        result = run()
        logged = without_seconds("run")
        assert np.array(logged[0]["scores"]).shape == (12, 2)
        scores = np.concatenate([line["scores"] for line in logged])
        assert np.array_equal(result.history.scores, scores)
        assert result.history.labels == ("target", "red")

    def test_the_front_is_that_of_all_evaluations(self, run: Maker) -> None:
        result = run()
        losses = result.history.scores * [1.0, -1.0]
        assert sorted(result.pareto.indices.tolist()) == non_dominated(losses).tolist()
        assert result.pareto.indices.tolist() == by_compromise(losses).tolist()
        best = int(result.pareto.indices[0])
        assert list(result.best_parameters.values()) == result.history.candidates[best].tolist()
        assert result.best_score is None
        assert result.best_scores == dict(
            zip(("target", "red"), result.history.scores[best].tolist(), strict=True)
        )
        # The best compromise has the truth of its own, as the whole front has.
        distance = abs(result.history.candidates[best] - [0.25, 0.75])
        assert result.l1 == pytest.approx(distance.mean())
        assert [row["evaluation"] for row in result.front] == (result.pareto.indices + 1).tolist()
        assert [row["l1"] for row in result.front] == result.history.l1[result.pareto.indices].tolist()

    def test_what_is_written(self, run: Maker) -> None:
        result = run()
        written = json.loads(Path("run/result.json").read_text())
        assert written == json.loads(json.dumps(result.to_dict()))
        assert written["pareto"][0]["parameters"] == written["best_parameters"]
        assert written["pareto"][0]["scores"] == written["best_scores"]
        assert set(written["pareto"][0]) == {
            "evaluation",
            "parameters",
            "scores",
            "levels",
            "l1",
            "l1_normalised",
        }
        data = yaml.safe_load(Path("run/run.yaml").read_text())
        assert data["objective"] == [{"name": "target", "options": {}}, {"name": "red", "options": {}}]
        assert "more_objectives" not in data
        assert "vector" not in data

    def test_a_vector_is_several_objectives(self, flat: Maker, red: Maker, nsga2: str) -> None:
        result = isptune.tune(
            flat(), red(), optimizer=nsga2, vector=True, budget=60, population=12, out="run"
        )
        assert result.pareto.labels == ("red", "green")
        # Red is better high and green better low: a single candidate beats all others, or nearly.
        assert list(result.best_parameters.values()) == pytest.approx([1.0, 0.0], abs=0.2)
        assert yaml.safe_load(Path("run/run.yaml").read_text())["vector"] is True

    @pytest.mark.parametrize("optimizer", ["nsga2", "nevergrad:DE", "cma"])
    @pytest.mark.parametrize("kept", [0.0, 0.7])
    def test_a_run_cut_at_any_byte_resumes_to_the_same_log(
        self, run: Maker, optimizer: str, kept: float
    ) -> None:
        options = {"optimizer": optimizer, "population": 6, "budget": 48}
        whole = run(out="whole", **options)
        run(out="cut", **options)
        log = Path("cut") / LOG_NAME
        log.write_bytes(log.read_bytes()[: int(log.stat().st_size * kept)])
        resumed = run(out="cut", resume=True, **options)
        assert without_seconds("cut") == without_seconds("whole")
        assert resumed.pareto.indices.tolist() == whole.pareto.indices.tolist()

    def test_a_run_killed_by_an_exception_resumes_to_the_unbroken_log(
        self, flat: Maker, target: Maker, red: Maker, nsga2: str
    ) -> None:
        class Killed(BaseException):
            pass

        def stop(progress: Progress) -> None:
            if progress.generation == 3:
                raise Killed

        options: dict[str, Any] = {"optimizer": nsga2, "budget": 80, "population": 10}
        isptune.tune(flat(), [target(), red()], out="whole", **options)
        with pytest.raises(Killed):
            isptune.tune(flat(), [target(), red()], out="cut", callbacks=[stop], **options)
        assert len(without_seconds("cut")) == 3
        isptune.tune(flat(), [target(), red()], out="cut", resume=True, **options)
        assert without_seconds("cut") == without_seconds("whole")

    def test_resuming_with_other_objectives_is_refused(
        self, run: Maker, flat: Maker, target: Maker, red: Maker, nsga2: str, snapshot: SnapshotAssertion
    ) -> None:
        run()
        with pytest.raises(RunDirectoryError) as caught:
            isptune.tune(
                flat(), [red(), target()], budget=120, population=12, optimizer=nsga2, out="run", resume=True
            )
        assert str(caught.value) == snapshot

    def test_callbacks_see_the_front_grow(self, run: Maker) -> None:
        seen: list[Progress] = []
        result = run(callbacks=[seen.append])
        assert all(progress.best_score is None for progress in seen)
        losses = result.history.scores * [1.0, -1.0]
        for progress in seen:
            assert progress.front == len(non_dominated(losses[: progress.evaluations]))
            high, low = (losses * [1.0, -1.0])[: progress.evaluations].T
            best = {"target": high.min(), "red": low.max()}
            assert progress.best_scores == best
            # What every tracker logs of it.
            told = scalars(progress)
            assert (told["score/best/target"], told["score/best/red"]) == (best["target"], best["red"])

    def test_failures_are_no_part_of_the_front(
        self, flat: Maker, target: Maker, red: Maker, nsga2: str
    ) -> None:
        class Never(type(red())):  # type: ignore[misc]
            def score(self, images: Any, reference: Any = None) -> Any:
                return super().score(images) * torch.nan

        result = isptune.tune(
            flat(),
            [target(), Never()],
            optimizer=nsga2,
            budget=24,
            population=12,
            max_failures=1.0,
            out="run",
        )
        assert result.best_parameters == {}
        assert len(result.pareto) == 0
        assert json.loads(Path("run/result.json").read_text())["pareto"] == []

    @pytest.mark.parametrize("optimizer", ["es", "adam", "random"])
    def test_an_optimizer_of_one_objective_refuses_several(
        self, run: Maker, optimizer: str, snapshot: SnapshotAssertion
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            run(optimizer=optimizer)
        assert str(caught.value) == snapshot
        assert not Path("run").exists()

    def test_a_multi_objective_optimizer_takes_one_objective(
        self, flat: Maker, target: Maker, nsga2: str
    ) -> None:
        result = isptune.tune(flat(), target(), optimizer=nsga2, budget=600, population=30)
        assert not result.has_front
        assert result.best_score is not None
        assert result.best_score < 1e-3
        assert "pareto" not in result.to_dict()


class TestConfiguration:
    def test_fingerprints_of_one_objective_are_what_they_were(self) -> None:
        settings = {"scenes": ["chart:96x64"], "budget": 60, "population": 30, "seed": 3}
        luma = {"name": "psnr", "options": {"channels": "luma"}}
        assert RunConfig().fingerprint() == "d1433750"
        assert parse_config({"objective": luma, **settings}).fingerprint() == "cee643fb"
        assert parse_config({"objective": [luma], **settings}).fingerprint() == "cee643fb"

    def test_objectives_and_vector_change_the_fingerprint(self) -> None:
        texts = [
            {"objective": "psnr"},
            {"objective": "psnr,contrast"},
            {"objective": "contrast,psnr"},
            {"objective": "psnr", "vector": True},
        ]
        assert len({parse_config(text).fingerprint() for text in texts}) == 4

    def test_a_list_and_names_with_commas_are_the_same(self) -> None:
        text, listed = (
            parse_config({"objective": "psnr, contrast"}),
            parse_config({"objective": ["psnr", "contrast"]}),
        )
        assert text == listed
        assert [component.name for component in text.objectives] == ["psnr", "contrast"]
        assert parse_config(text.model_dump()) == text

    @pytest.mark.parametrize(
        "data",
        [
            {"objective": []},
            {"objective": ["psnr", 5]},
            {"objective": ["psnr", {"name": "ssim", "options": {}, "weight": 2}]},
            {"objective": "psnr,"},
        ],
        ids=str,
    )
    def test_mistakes_are_found_at_their_place(
        self, data: dict[str, Any], snapshot: SnapshotAssertion
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            parse_config(data)
        assert str(caught.value) == snapshot


def test_a_line_of_the_log_reads_back_to_the_same_numbers() -> None:
    scores = np.array([[0.1, np.nan], [1 / 3, -2.5]])
    generation = Generation(4, np.array([[0.1, 0.2], [0.3, 0.4]]), scores, 1.5)
    line = generation.to_line("abc")
    assert json.loads(line)["scores"] == [[0.1, None], [1 / 3, -2.5]]
    run, found = Generation.from_line(line)
    assert run == "abc"
    assert np.array_equal(found.scores, scores, equal_nan=True)
    with pytest.raises(ValueError, match="inhomogeneous"):
        Generation.from_line(line.replace("[0.1, null]", "[0.1]"))
