"""``isptune.Run.read``: what a run directory says, where none of its plugins can be made."""

from __future__ import annotations

import html
import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from syrupy.assertion import SnapshotAssertion

import isptune
from isptune.cli import run as command
from isptune.errors import IsptuneError, RunDirectoryError
from isptune.plugins import registry
from isptune.runs.directory import LOG_NAME
from isptune.runs.picture_files import read_picture

Maker = Callable[..., Any]
SCORE = {"label": "target", "higher_is_better": False}
EARLIER = Path(__file__).parents[2] / "data" / "runs_of_0.1"


@pytest.fixture
def tuned(flat: Maker, target: Maker) -> isptune.TuneResult:
    return isptune.tune(flat(((40, 50),)), target(), optimizer="es", budget=24, population=6, out="run")


@pytest.fixture
def nothing_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a plugin was asked for")

    for kind in (registry.pipelines, registry.objectives, registry.optimizers):
        monkeypatch.setattr(type(kind), "create", refuse)
        monkeypatch.setattr(type(kind), "get", refuse)


class TestARun:
    def test_it_says_what_the_run_found(self, tuned: isptune.TuneResult, nothing_can_be_made: None) -> None:
        run = isptune.Run.read("run")
        assert (run.labels, run.orientations, run.is_finished) == (("target",), (False,), True)
        assert run.space.names == ["a", "b"]
        assert run.config.budget == 24
        assert repr(run) == "<Run 'run': 24 of 24 evaluations, target>"
        for name in ("evaluations", "candidates", "scores", "levels", "l1", "l1_normalised", "values"):
            np.testing.assert_array_equal(getattr(run.history, name), getattr(tuned.history, name))
        for name in ("best_parameters", "best_score", "levels", "l1", "misled", "front", "seconds"):
            found, said = getattr(run.result, name), getattr(tuned, name)
            assert found == (pytest.approx(said, abs=1e-5) if name == "seconds" else said)
        assert run.truth is not None
        assert run.truth.start == tuple(tuned_start(run))
        assert [(one.name, one.width, one.height) for one in run.scenes] == [("scene0", 50, 40)]

    def test_its_pictures_are_those_of_the_pipeline(
        self, tuned: isptune.TuneResult, flat: Maker, nothing_can_be_made: None
    ) -> None:
        (held,) = isptune.Run.read("run").pictures
        pipeline = flat(((40, 50),))
        found = pipeline.render(pipeline.space.from_dicts([tuned.best_parameters]), 0)[0]
        torch.testing.assert_close(read_picture(held.found), found.float(), atol=0.51 / 255, rtol=0)
        assert read_picture(held.start).flatten()[:1].tolist() == pytest.approx([0.5], abs=0.01)
        assert held.reference is not None
        assert float(read_picture(held.reference).max()) == 0.0

    def test_plot_and_report_need_no_plugin(
        self, tuned: isptune.TuneResult, nothing_can_be_made: None, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert command(["plot", "run", "--out", "curve.png"]) == 0
        assert command(["report", "run"]) == 0
        page = Path("run/report.html").read_text()
        assert page.count('<figure class="compare"') == 1
        assert "target" in page

    def test_one_without_an_end_has_what_was_logged(
        self, tuned: isptune.TuneResult, nothing_can_be_made: None
    ) -> None:
        log = Path("run") / LOG_NAME
        log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:2]))
        shutil.rmtree("run/pictures")
        run = isptune.Run.read("run")
        assert (len(run.history), run.is_finished, run.result.stopped, run.pictures) == (12, False, True, [])
        assert command(["report", "run"]) == 0
        words = "The run holds no pictures: they are made when it ends. &#39;isptune resume "
        assert words in Path("run/report.html").read_text()

    def test_lost_pictures_are_named(self, tuned: isptune.TuneResult, snapshot: SnapshotAssertion) -> None:
        file = Path("run/pictures/scene-1-found.png")
        file.unlink()
        with pytest.raises(RunDirectoryError) as caught:
            _ = isptune.Run.read("run").pictures
        assert str(caught.value) == snapshot
        Path("run/pictures/index.json").write_text("[{}]")
        with pytest.raises(RunDirectoryError) as caught:
            _ = isptune.Run.read("run").pictures
        assert str(caught.value) == (
            "'run/pictures/index.json' is damaged; 'isptune resume run' writes it anew"
        )

    def test_no_run(self) -> None:
        with pytest.raises(RunDirectoryError) as caught:
            isptune.Run.read("nowhere")
        assert str(caught.value) == "'nowhere' holds no run: there is no such folder"


def tuned_start(run: isptune.Run) -> list[float]:
    """The hidden levels of the pipeline ``flat`` in the middle of its ranges."""
    middle = run.space.to_dicts(run.space.start())[0]
    return [abs(middle["a"] - 0.25), abs(middle["b"] - 0.75)]


def test_every_column_of_several(
    flat: Maker, target: Maker, red: Maker, nsga2: str, snapshot: SnapshotAssertion
) -> None:
    found = isptune.tune(flat(), [target(), red()], optimizer=nsga2, budget=24, population=6, out="run")
    run = isptune.Run.read("run")
    assert (run.labels, run.orientations) == (("target", "red"), (False, True))
    assert run.history.scores.shape == (24, 2)
    assert run.front == found.front
    with pytest.raises(IsptuneError) as caught:
        _ = run.history.score
    assert str(caught.value) == snapshot
    assert run.history.column(1).score.tolist() == run.history.scores[:, 1].tolist()
    assert run.history.column(1).higher_is_better


def test_a_pipeline_with_scenes_of_its_own_is_called_by_them(tuned: isptune.TuneResult) -> None:
    assert isptune.Run.read("run").description.own_scenes
    assert command(["report", "run"]) == 0
    page = Path("run/report.html").read_text()
    assert "Tuning report: target on scene0" in page
    assert "The run was started from Python with objects that no name stands for" in page
    assert "isptune tune" not in page


def test_the_command_of_a_report_makes_the_run_again(capsys: pytest.CaptureFixture[str]) -> None:
    Path("own.py").write_text(OWN)
    options = ["--pipeline", "own.py:Own", "--objective", "contrast", "--budget", "4", "--population", "2"]
    assert command(["tune", *options, "--optimizer", "random", "--out", "first"]) == 0
    assert command(["report", "first"]) == 0
    page = Path("first/report.html").read_text()
    assert "Tuning report: contrast on bench" in page
    text = html.unescape(page[page.index("isptune tune") :].partition("</code>")[0])
    assert command(shlex.split(text.replace("\\\n", " "))[1:]) == 0
    first, again = (isptune.Run.read(out).history.scores for out in ("first", "first-again"))
    assert first.tolist() == again.tolist()


OWN = """
import numpy as np
import isptune

class Own(isptune.Pipeline):
    development = isptune.Development(isolated=False)

    def __init__(self):
        self.space = isptune.ParameterSpace({"gain": isptune.Float(0.5, 1.0)})
        self.scenes = [isptune.Scene("bench", (8, 8), payload=np.linspace(0, 1, 192).reshape(8, 8, 3))]

    def develop(self, values, scene):
        return scene.payload * values["gain"]
"""


class TestRunsOf01:
    @pytest.fixture
    def earlier(self, request: pytest.FixtureRequest) -> Path:
        return Path(shutil.copytree(EARLIER / request.param, "run"))

    @pytest.mark.parametrize("earlier", ["single", "front"], indirect=True)
    def test_they_say_what_their_results_say(self, earlier: Path) -> None:
        run = isptune.Run.read(earlier)
        said = json.loads((earlier / "result.json").read_text())
        found = run.result.to_dict()
        assert {key: found[key] for key in ("best_parameters", "best_score", "evaluations")} == {
            key: said[key] for key in ("best_parameters", "best_score", "evaluations")
        }
        assert found["l1_normalised"] == pytest.approx(said["l1_normalised"], rel=1e-12)
        assert found["levels"] == pytest.approx(said["levels"], rel=1e-12)
        assert [row["evaluation"] for row in found.get("pareto", [])] == [
            row["evaluation"] for row in said.get("pareto", [])
        ]

    @pytest.mark.parametrize("earlier", ["single"], indirect=True)
    def test_a_large_model_is_not_made_for_an_orientation(
        self, earlier: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("isptune.tuning.session.make_scoring", None)
        assert isptune.Run.read(earlier).orientations == (True,)
        result = json.loads((earlier / "result.json").read_text())
        scores = isptune.Run.read(earlier).history.score
        (earlier / "result.json").write_text(json.dumps({**result, "best_score": float(scores.min())}))
        assert isptune.Run.read(earlier).orientations == (False,)

    @pytest.mark.parametrize("earlier", ["single", "front"], indirect=True)
    def test_once_resumed_they_need_no_plugin(
        self, earlier: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
    ) -> None:
        log = earlier / LOG_NAME
        whole = log.read_text()
        log.write_text("".join(whole.splitlines(keepends=True)[:2]))
        assert command(["resume", str(earlier)]) == 0
        data = yaml.safe_load((earlier / "run.yaml").read_text())
        assert [one["label"] for one in data["scores"]] == list(isptune.Run.read(earlier).labels)
        for old, new in zip(
            map(json.loads, whole.splitlines()), isptune.Run.read(earlier).generations, strict=True
        ):
            assert new.candidates.tolist() == old["candidates"]
            assert np.squeeze(new.scores).tolist() == old["scores"]
            assert new.levels is not None


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("space",), None, "it lacks 'space'"),
        (("space",), 3, "a parameter space is written as a mapping of names to descriptions"),
        (
            ("space", "a", "type"),
            "flot",
            "parameter 'a' has the unknown type 'flot'; did you mean 'float'?; ",
        ),
        (("space", "a", "low"), 9, "parameter 'a' needs finite bounds"),
        (("scores",), None, "it lacks 'scores'"),
        (("scores",), 3, "TypeError: 'int' object is not iterable"),
        (("scores",), [], "there are no scores"),
        (("scores", 0), "x", "TypeError: string indices must be integers"),
        (("scored_by",), None, "it lacks 'scored_by'"),
        (("rendered",), [3], "TypeError: 'int' object is not subscriptable"),
        (("truth",), "x", "TypeError: string indices must be integers"),
        (("truth",), [], "it notes 0 hidden levels, and the log holds 2"),
        (("scores",), [SCORE, SCORE], "it notes 2 scores, and the log holds 1"),
        (("space", "b"), None, "it notes 1 parameters that are searched, and the log holds 2"),
    ],
)
def test_what_was_changed_in_run_yaml_is_one_sentence(
    tuned: isptune.TuneResult,
    path: tuple[Any, ...],
    value: Any,
    why: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = yaml.safe_load(Path("run/run.yaml").read_text())
    # Names stand for its objects, so that it gets as far as reading them.
    data["started_from"] = "configuration"
    place = data
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    Path("run/run.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    with pytest.raises(
        RunDirectoryError, match=r"'run/run.yaml' was changed after the run was started"
    ) as caught:
        isptune.Run.read("run").result  # noqa: B018
    assert why in str(caught.value)
    for arguments in (["plot", "run", "--out", "curve.png"], ["report", "run"]):
        assert command(arguments) == 2
        assert why in capsys.readouterr().err
    assert command(["resume", "run"]) == 2
    message = capsys.readouterr().err
    # What is wrong beside its log is not looked for before its plugins are made.
    assert why in message or why.startswith("it notes")


def test_a_run_yaml_that_was_cut_is_not_taken_for_one_of_defaults(tuned: isptune.TuneResult) -> None:
    whole = Path("run/run.yaml").read_text()
    for text, message in (
        (
            "",
            "'run/run.yaml' lacks 'isptune_run', which every run writes there: it was cut or is not a run's",
        ),
        (whole.replace("isptune_run: 2", "isptune_run: 3"), "says isptune_run: 3; this isptune reads 1, 2"),
        (whole[: whole.index("scored_by")], "cannot be read (it lacks 'scored_by'); put it back as it was"),
    ):
        Path("run/run.yaml").write_text(text)
        with pytest.raises(RunDirectoryError) as caught:
            isptune.Run.read("run")
        assert message in str(caught.value)


def test_a_run_of_which_some_or_all_candidates_failed(
    flat: Maker, target: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    class Half(target):  # type: ignore[misc]
        def score(self, images: Any, reference: Any = None) -> Any:
            found = super().score(images)
            return torch.where(found > self.most, torch.nan, found)

    for most, out in ((0.3, "some"), (-1.0, "none")):
        objective = Half()
        objective.most = most
        isptune.tune(flat(), objective, budget=24, population=6, seed=1, max_failures=1.0, out=out)
    run = isptune.Run.read("some")
    assert run.history.failed == int(np.isnan(run.history.score).sum())
    assert 0 < run.history.failed < 24
    assert command(["report", "some"]) == 0
    page = Path("some/report.html").read_text()
    assert f"{run.history.failed}" in page[page.index("evaluations") : page.index("of these failed")][-80:]
    # Without a score there is no curve: no picture of empty axes.
    assert not Path("none/convergence.png").exists()
    assert command(["plot", "none", "--out", "curve.png"]) == 2
    assert "the run in 'none' has no candidate with a finite score" in capsys.readouterr().err
