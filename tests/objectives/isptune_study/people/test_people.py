"""Runs that people judge: with simulated ones, killed and resumed, and over HTTP."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import isptune
from isptune.errors import ConfigurationError, EvaluationError
from isptune.testing import JudgeConformance
from isptune_study.people import Answerer, Asker, People, Question
from isptune_study.people.page import Page
from isptune_study.serving.running import listening

SCENE = "chart:64x48"


def by_reference(question: Question) -> float:
    """Prefers what is nearer to the reference."""
    reference = question.scene.reference
    assert reference is not None
    left, right = (
        float((one.picture(question.scene) - reference).abs().mean())
        for one in (question.left, question.right)
    )
    return 0.5 if left == right else float(left < right)


class Sighted(People):
    """People who see the reference; they may leave after so many answers."""

    def __init__(self, leave_after: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.name, self.options = "people", {}
        self.answers = 0
        self.leave_after = leave_after

    def answer(self, question: Question) -> float:
        if self.answers == self.leave_after:
            raise OSError("gone")
        self.answers += 1
        return by_reference(question)

    def make_asker(self) -> Asker:
        return Answerer(self.answer)


class TestPeople(JudgeConformance):
    options: ClassVar = {}

    def make(self) -> People:
        return Sighted()


class TestPeopleWhoCompareAll(JudgeConformance):
    contenders = 4
    scenes = 1

    def make(self) -> People:
        return Sighted(comparisons=3)


@pytest.fixture
def pipeline() -> Any:
    return isptune.create_pipeline("synthetic", scenes=[SCENE], seed=1, stages=["darken", "gaussian_blur"])


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs write their logs alone."""
    monkeypatch.setattr("isptune.tuning.sitting.write_outputs", lambda *given: None)


def lines_of(file: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in file.read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in found]


def test_a_run_is_of_pairs_and_the_best_is_what_all_answers_say(pipeline: Any, tmp_path: Path) -> None:
    people = Sighted()
    result = isptune.tune(pipeline, people, budget=40, seed=2, out=tmp_path / "run")
    lines = lines_of(tmp_path / "run" / "evaluations.jsonl")
    assert len(lines) == people.answers == 20
    # The middle is the first one, and the zero of the scale.
    assert lines[0]["candidates"][0] == [0.5, 0.5]
    assert result.history.scores[0, 0] == 0.0
    assert result.best_score == result.history.scores.max() > 0
    # The last line knows all before it anew, and what it says holds wherever the run is read.
    revised = np.array(lines[-1]["revised"])
    assert revised.shape == (38, 1)
    np.testing.assert_array_equal(result.history.scores[:38], revised)
    assert (result.history.scores[:2, 0] != np.array(lines[0]["scores"])[:, 0]).any()
    run = isptune.Run.read(tmp_path / "run")
    np.testing.assert_array_equal(run.history.scores, result.history.scores)
    assert run.best_parameters == result.best_parameters
    with torch.no_grad():
        values = pipeline.space.to_values(torch.from_numpy(result.history.candidates))
        pictures = pipeline.render(values, pipeline.scenes[0])
        faults = (pictures - pipeline.reference(pipeline.scenes[0])).abs().mean(dim=(1, 2, 3)).numpy()
    assert (faults < faults[result.history.best]).mean() < 0.15
    (remark,) = run.result.notes
    assert remark == lines[-1]["remark"]
    assert remark.startswith("20 comparisons by 1 observer: the best setting is ")
    assert remark.endswith(")")
    assert result.to_dict()["remark"] == remark


def test_a_run_that_people_leave_goes_on_where_it_was(pipeline: Any, tmp_path: Path) -> None:
    isptune.tune(pipeline, Sighted(), budget=24, seed=3, out=tmp_path / "whole")
    for leave in (0, 9):
        out = tmp_path / f"left-{leave}"
        with pytest.raises(EvaluationError, match="gone"):
            isptune.tune(pipeline, Sighted(leave), budget=24, seed=3, out=out)
        second = Sighted()
        isptune.tune(pipeline, second, budget=24, seed=3, out=out, resume=True)
        assert second.answers == 12 - leave
        for name in ("evaluations.jsonl", "judgements.jsonl"):
            found, whole = lines_of(out / name), lines_of(tmp_path / "whole" / name)
            assert found == whole


def test_with_another_optimizer_each_candidate_meets_the_leader(pipeline: Any, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = isptune.tune(
        pipeline, Sighted(), optimizer="es", population=4, budget=12, out=out, optimizer_options={"mu": 2}
    )
    notes = [line["note"] for line in lines_of(out / "judgements.jsonl")]
    # Before there is a leader all meet the start.
    assert len(notes) in (11, 12)
    assert len({note["first"] for note in notes} | {note["second"] for note in notes}) in (12, 13)
    assert result.best_score == result.history.scores.max()


def test_what_fails_is_not_asked_about_and_loses(tmp_path: Path) -> None:
    class Fragile(isptune.Pipeline):
        """Gives no picture where its parameter is large."""

        space = isptune.ParameterSpace({"level": isptune.Float(0.0, 1.0)})
        has_reference = True

        def __init__(self) -> None:
            self.name, self.options = "fragile", {}
            base = isptune.create_pipeline("synthetic", scenes=[SCENE], seed=0)
            self.scenes, self._base = base.scenes, base

        def reference(self, scene: Any) -> torch.Tensor:
            return self._base.reference(scene)

        def render(self, values: torch.Tensor, scene: Any) -> torch.Tensor:
            found = (self.reference(scene) - values.reshape(-1, 1, 1, 1).float() / 2).clamp(0, 1)
            return torch.where(values.reshape(-1, 1, 1, 1) > 0.5, torch.nan, found)

    result = isptune.tune(Fragile(), Sighted(), budget=24, seed=1, out=tmp_path / "run", max_failures=1.0)
    failed = np.isnan(result.history.scores[:, 0])
    assert (failed == (result.history.candidates[:, 0] > 0.5)).all()
    assert failed.any()
    assert failed[-8:].mean() < 0.3
    assert result.best_parameters["level"] < 0.3


class Browser:
    """A page that answers over HTTP."""

    def __init__(self, link: str) -> None:
        self.url, _, self.token = link.partition("/#")

    def __call__(self, path: str, data: Any = None) -> Any:
        content = self.raw(path, data)
        return json.loads(content)

    def raw(self, path: str, data: Any = None) -> bytes:
        body = None if data is None else json.dumps(data).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        with urllib.request.urlopen(
            urllib.request.Request(self.url + path, body, headers), timeout=10
        ) as said:
            return bytes(said.read())

    def answer(self, count: int) -> int:
        """Answer so many pairs, the left one always better: how many were given before it was over."""
        for given in range(count):
            found = self("/api/next")
            while found["state"] == "wait":
                time.sleep(0.02)
                found = self("/api/next")
            if found["state"] == "done":
                return given
            trial = found["trials"][0]
            assert self.raw(f"/api/images/{trial['left']['image']}").startswith(b"\x89PNG")
            assert (trial["left"]["width"], trial["left"]["height"]) == (64, 48)
            assert self.raw(f"/api/images/{trial['reference']['image']}").startswith(b"\x89PNG")
            answer = {"trial": trial["trial"], "share": 1, "key": f"key-{trial['trial']:08d}", "seconds": 1.5}
            assert self("/api/answers", answer)["new"] is True
            assert self("/api/answers", answer)["new"] is False
        return count


def in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(work()), daemon=True)
    thread.start()
    return thread, found


def link_in(caplog: pytest.LogCaptureFixture, name: str) -> str:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for record in reversed(caplog.records):
            said = record.getMessage()
            if said.startswith(f"{name} compares"):
                return said.split(" at ")[1]
        time.sleep(0.02)
    raise AssertionError("no link was said")


def test_people_answer_over_http_and_their_link_stays(
    pipeline: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isptune_study.people.page._FAREWELL_SECONDS", 1.0)
    people = People(observers=["Ada", "Bea"])
    people.name, people.options = "people", {}
    out = tmp_path / "run"

    def stop(progress: isptune.Progress) -> Any:
        return isptune.STOP if progress.generation == 3 else None

    def tune(**more: Any) -> isptune.TuneResult:
        return isptune.tune(pipeline, people, budget=12, seed=1, out=out, **more)

    thread, found = in_thread(lambda: tune(callbacks=[stop]))
    link = link_in(caplog, "Ada")
    page = Browser(link)
    facts = page("/api/study")
    assert (facts["kind"], facts["observer"], facts["best"]) == ("search", "Ada", True)
    assert page.answer(3) == 3
    thread.join(20)
    assert found[0].stopped
    caplog.clear()
    thread, found = in_thread(lambda: tune(resume=True))
    again = link_in(caplog, "Ada")
    # Of the same port, too: it is the link that was sent.
    assert again == link
    page = Browser(again)
    best = page("/api/best")
    assert best["default"]["image"] != best["current"]["image"] or found == []
    assert page.raw(f"/api/images/{best['current']['image']}").startswith(b"\x89PNG")
    assert page("/api/study")["progress"] == {"answered": 3, "total": None}
    assert page.answer(3) == 3
    # The run ends a moment after the last answer; until then the page waits.
    assert page.answer(1) == 0
    assert page("/api/next")["state"] == "done"
    thread.join(20)
    notes = [line["note"] for line in lines_of(out / "judgements.jsonl")]
    answers = [note for note in notes if "share" in note]
    assert [note["observer"] for note in answers] == ["Ada"] * 6
    assert all(note["share"] == float(note["left"] == note["first"]) for note in answers)
    assert found[0].evaluations == 12


def test_a_port_that_was_taken_meanwhile_is_said(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    page = Page(["Ada"], "127.0.0.1", 0, "Title", "Question?", references=True)
    with closing(listening("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        served = page._served_at(app, port)
        served._socket.close()
    assert served.port != port
    assert caplog.messages == [
        f"the links of before are not valid any more, as port {port} is in use by another program; "
        "choose another port"
    ]


@pytest.mark.parametrize(
    ("observers", "said"),
    [
        ([], "observers of 'people' is []; allowed: at least one name"),
        (["Ada", " Ada"], "observers of 'people' names 'Ada' twice; allowed: different names"),
        (["a\nb"], "observers of 'people' holds 'a\\nb'; allowed: names of 1 to 80 printable characters, none of = + - @ at the begin"),
        (["=1+1"], "observers of 'people' holds '=1+1'; allowed: names of 1 to 80 printable characters, none of = + - @ at the begin"),
    ],
)  # fmt: skip
def test_names_that_cannot_be_are_refused(observers: list[str], said: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        isptune.create_objective("people", observers=observers)
    assert str(refusal.value) == said
