"""The loop and the run directory: counts, reproducibility, resume by replay, and damaged logs."""

from __future__ import annotations

import json
import logging
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import isptune
from isptune.errors import ConfigurationError, IsptuneError, RunDirectoryError
from isptune.runs.directory import LOG_NAME
from isptune.tracking import Progress

Maker = Callable[..., Any]


def lines(out: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(out) / LOG_NAME).read_text().splitlines()]


def without_seconds(out: str | Path) -> list[str]:
    found = lines(out)
    for line in found:
        del line["seconds"]
    return [json.dumps(line) for line in found]


def run(flat: Maker, target: Maker, **options: Any) -> isptune.TuneResult:
    settings: dict[str, Any] = {"budget": 120, "population": 30, "seed": 0, "out": "run"}
    return isptune.tune(flat(), target(), **{**settings, **options})


def test_the_budget_is_exactly_what_is_evaluated_and_logged(flat: Maker, target: Maker) -> None:
    result = run(flat, target, budget=300)
    logged = lines("run")
    assert [len(line["candidates"]) for line in logged] == [30] * 10
    assert [line["generation"] for line in logged] == list(range(10))
    assert result.evaluations == 300 == len(result.history.scores)
    assert list(logged[0]) == ["run", "generation", "candidates", "scores", "statuses", "levels", "seconds"]


def test_the_result_is_the_best_logged_candidate_with_its_hidden_truth(flat: Maker, target: Maker) -> None:
    result = run(flat, target)
    scores = np.concatenate([line["scores"] for line in lines("run")])
    candidates = np.concatenate([line["candidates"] for line in lines("run")])
    best = candidates[scores.argmin()]
    assert result.best_score == scores.min()
    assert list(result.best_parameters.values()) == best.tolist()
    distance = abs(best - [0.25, 0.75])
    assert result.levels == pytest.approx({"a": distance[0], "b": distance[1]})
    assert result.l1 == pytest.approx(distance.mean())
    assert result.l1_normalised == pytest.approx((distance / [1.0, 2.0]).mean())
    written = json.loads(Path("run/result.json").read_text())
    assert written == json.loads(json.dumps(result.to_dict()))
    assert {"best_parameters", "best_score", "evaluations", "seconds", "out", "levels", "l1"} < set(written)


def test_run_yaml_holds_settings_versions_and_scene_digests(flat: Maker, target: Maker) -> None:
    run(flat, target, seed=5)
    data = yaml.safe_load(Path("run/run.yaml").read_text())
    assert (data["budget"], data["population"], data["seed"]) == (120, 30, 5)
    assert data["pipeline"]["name"] == "flat"
    assert data["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert len(data["scene_digests"]) == 2


def test_one_seed_one_log_another_seed_another(flat: Maker, target: Maker) -> None:
    for out, seed in (("a", 3), ("b", 3), ("c", 4)):
        random.seed(len(out) + seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        run(flat, target, seed=seed, out=out)
    assert without_seconds("a") == without_seconds("b")
    assert lines("a")[0]["candidates"] != lines("c")[0]["candidates"]


def test_global_random_state_is_left_alone(flat: Maker, target: Maker) -> None:
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    run(flat, target)
    assert before == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())


@pytest.mark.parametrize("optimizer", ["es", "cma", "adam", "random"])
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.75, 1.0])
def test_a_run_cut_at_any_byte_resumes_to_the_same_log(
    flat: Maker, target: Maker, optimizer: str, kept: float, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"optimizer": optimizer, "population": 6, "budget": 60}
    run(flat, target, out="whole", **options)
    run(flat, target, out="cut", **options)
    log = Path("cut") / LOG_NAME
    content = log.read_bytes()
    left = content[: int(len(content) * kept)]
    log.write_bytes(left)
    with caplog.at_level(logging.WARNING, "isptune"):
        result = run(flat, target, out="cut", resume=True, **options)
    torn = len(left) - (left.rfind(b"\n") + 1)
    if torn:
        assert f"dropped a torn last line of {torn} bytes from 'cut/{LOG_NAME}'" in caplog.text
    assert without_seconds("cut") == without_seconds("whole")
    assert result.evaluations == 60


@pytest.mark.draws
def test_resuming_a_finished_run_evaluates_nothing(flat: Maker, target: Maker) -> None:
    first = run(flat, target)
    pipeline = flat()
    again = isptune.tune(pipeline, target(), budget=120, population=30, seed=0, out="run", resume=True)
    # Nor is anything drawn that is there.
    assert pipeline.batches == []
    assert [path.name for path in again.files] == [path.name for path in first.files]
    Path("run/before_after.png").unlink()
    isptune.tune(pipeline, target(), budget=120, population=30, seed=0, out="run", resume=True)
    # Single candidates, before and after, on both scenes.
    assert pipeline.batches == [1, 1, 1, 1]
    assert again.best_parameters == first.best_parameters
    assert again.seconds == pytest.approx(first.seconds, abs=1e-4)


def test_callbacks_see_every_generation_and_which_were_replayed(flat: Maker, target: Maker) -> None:
    seen: list[Progress] = []
    run(flat, target)
    log = Path("run") / LOG_NAME
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:2]))
    run(flat, target, resume=True, callbacks=[seen.append])
    assert [(p.generation, p.generations, p.evaluations, p.replayed) for p in seen] == [
        (1, 4, 30, True),
        (2, 4, 60, True),
        (3, 4, 90, False),
        (4, 4, 120, False),
    ]
    bests = [p.best_score for p in seen]
    assert bests == sorted(bests, reverse=True)  # type: ignore[type-var]


def test_an_exception_in_a_plugin_loses_nothing_that_was_logged(flat: Maker, target: Maker) -> None:
    class Failing(type(flat())):  # type: ignore[misc]
        def render(self, values: Any, scene: Any) -> Any:
            if len(self.batches) > 5:
                raise RuntimeError("the lamp went out")
            return super().render(values, scene)

    with pytest.raises(IsptuneError) as caught:
        isptune.tune(Failing(), target(), budget=120, population=30, out="run")
    assert re.fullmatch(
        r"30 of 30 candidates failed, more than the share of 0.5 that max_failures allows; the first of "
        r"generation 4: candidate 0 \(a=0.\d+, b=0.\d+\) failed: the pipeline 'flat' failed: RuntimeError: the lamp "
        r"went out on scene 'scene0'; mend it and go on with: isptune resume run",
        str(caught.value),
    )
    assert len(lines("run")) == 3
    run(flat, target, out="whole")
    run(flat, target, resume=True)
    assert without_seconds("run") == without_seconds("whole")


def test_scores_that_are_not_finite_are_logged_as_null_with_their_reason(
    flat: Maker, target: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    class Sometimes(type(target())):  # type: ignore[misc]
        def score(self, images: Any, reference: Any = None) -> Any:
            scores = super().score(images)
            return torch.where(images[:, 0, 0, 0] > 0.6, torch.full_like(scores, float("nan")), scores)

    result = isptune.tune(flat(), Sometimes(), budget=120, population=30, out="run")
    logged = lines("run")
    failed = [
        (line, index) for line in logged for index, score in enumerate(line["scores"]) if score == [None]
    ]
    assert failed
    for line, index in failed:
        assert line["statuses"][index] == "failed"
        assert line["reasons"][str(index)] == "it scored target nan on scene 'scene0'"
    assert "failed: it scored target nan on scene 'scene0'" in caplog.text
    assert result.problems
    assert result.best_score is not None
    assert result.best_score < 0.1
    again = isptune.tune(flat(), Sometimes(), budget=120, population=30, out="run", resume=True)
    assert again.problems == result.problems


def test_a_run_whose_every_score_fails_still_ends_with_its_log(flat: Maker, target: Maker) -> None:
    class Never(type(target())):  # type: ignore[misc]
        def score(self, images: Any, reference: Any = None) -> Any:
            return super().score(images) * float("nan")

    result = isptune.tune(flat(), Never(), budget=60, population=30, max_failures=1.0, out="run")
    assert (result.best_score, result.best_parameters) == (None, {})
    assert len(lines("run")) == 2
    assert json.loads(Path("run/result.json").read_text())["best_score"] is None


def refuse(message: str, **match: Any) -> Any:
    return pytest.raises(match.get("kind", RunDirectoryError), match=message)


def test_a_directory_that_holds_a_run_is_not_overwritten(flat: Maker, target: Maker) -> None:
    run(flat, target)
    with refuse(
        "^the directory 'run' already holds a run; go on with it by resume=True, or choose another folder for "
        "out$"
    ):
        run(flat, target)


def test_resume_refuses_another_configuration_and_says_what_differs(flat: Maker, target: Maker) -> None:
    run(flat, target)
    with refuse("^the run in 'run' was started with another configuration: seed was 0 and is now 1$"):
        run(flat, target, seed=1, resume=True)


def test_resume_refuses_a_log_of_another_run(flat: Maker, target: Maker) -> None:
    run(flat, target)
    run(flat, target, seed=1, out="other")
    (Path("run") / LOG_NAME).write_bytes((Path("other") / LOG_NAME).read_bytes())
    with refuse(f"^line 1 of 'run/{LOG_NAME}' belongs to a run with another configuration"):
        run(flat, target, resume=True)


def test_resume_refuses_candidates_that_the_optimizer_would_not_propose(flat: Maker, target: Maker) -> None:
    run(flat, target)
    changed = lines("run")
    changed[1]["candidates"][0][0] = np.nextafter(changed[1]["candidates"][0][0], 1)
    (Path("run") / LOG_NAME).write_text("".join(json.dumps(line) + "\n" for line in changed))
    with refuse("^line 2 of the log holds other candidates than this configuration proposes"):
        run(flat, target, resume=True)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: [rows[0], rows[1][:50] + "\n", *rows[2:]], "line 2 of 'run/.*' is damaged"),
        (lambda rows: [rows[0], "{}\n", *rows[2:]], "line 2 of 'run/.*' is damaged"),
        (lambda rows: [rows[0], *rows[2:]], "line 2 of 'run/.*' is generation 2 where 1 was expected"),
        (lambda rows: [*rows, rows[-1]], "line 5 of 'run/.*' is generation 3 where 4 was expected"),
    ],
)
def test_resume_refuses_a_damaged_log(flat: Maker, target: Maker, spoil: Any, message: str) -> None:
    run(flat, target)
    log = Path("run") / LOG_NAME
    log.write_text("".join(spoil(log.read_text().splitlines(keepends=True))))
    before = log.read_bytes()
    with refuse(f"^{message}"):
        run(flat, target, resume=True)
    assert log.read_bytes() == before


def test_resume_refuses_a_scene_that_has_changed(flat: Maker, target: Maker) -> None:
    run(flat, target)
    pipeline = flat()
    pipeline.scenes[1].payload += 0.5
    with refuse("^the scene 'scene1' has changed since the run in 'run' was started$"):
        isptune.tune(pipeline, target(), budget=120, population=30, out="run", resume=True)


def test_two_writers_at_once_are_refused(flat: Maker, target: Maker) -> None:
    run(flat, target)
    from isptune.runs.directory import RunDirectory

    first = RunDirectory("run")
    first.open_log(first.read_log()[1])
    with refuse("^another process is writing the run in 'run'$"):
        run(flat, target, resume=True)
    first.close()
    run(flat, target, resume=True)


def test_settings_that_cannot_be_are_refused_before_anything_is_written(flat: Maker, target: Maker) -> None:
    for options, message in (
        ({"budget": 100}, "^the budget 100 is not a multiple of the population 30; the nearest: 90 or 120$"),
        ({"budget": 20}, "^the budget 20 is not a multiple of the population 30; the nearest: 30$"),
        ({"budget": 0}, "in the call of isptune.tune, budget is 0; allowed: greater than or equal to 1"),
        ({"seed": -1}, "in the call of isptune.tune, seed is -1; allowed: greater than or equal to 0"),
        ({"optimizer": "sa"}, "there is no optimizer named 'sa'"),
        ({"optimizer_options": {"plsu": 1}}, "the optimizer 'es' has no option 'plsu'; did you mean 'plus'?"),
        ({"optimizer_options": {"seed": 3}}, "the optimizer's options cannot set seed"),
    ):
        with refuse(message, kind=(ConfigurationError, IsptuneError)):
            run(flat, target, **options)
        assert not Path("run").exists()


def test_a_directory_that_cannot_be_written_is_said(flat: Maker, target: Maker) -> None:
    Path("file").write_text("in the way")
    with refuse("^cannot write the run directory 'file/run': Not a directory$"):
        run(flat, target, out="file/run")


def test_a_run_from_python_says_how_to_go_on(flat: Maker, target: Maker) -> None:
    run(flat, target)
    with refuse(
        "^the run in 'run' was started from Python and its objective is an object that no name stands for "
        r"\(Target\); go on with it by the same call of isptune.tune and resume=True, whose result has plot\(\); "
        "commands and isptune.resume need what isptune.create_objective makes of a name and plain options$"
    ):
        isptune.resume("run")
    assert run(flat, target, resume=True).evaluations == 120
    with refuse("^'nowhere' holds no run: there is no such folder$"):
        isptune.resume("nowhere")
