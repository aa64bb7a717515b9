"""Plugins that are named by a file or a module: made, refused in one sentence, and found again in their runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from syrupy.assertion import SnapshotAssertion

import isptune
from isptune.cli import run as command
from isptune.errors import ConfigurationError, IsptuneError, UnknownNameError
from isptune.plugins.registry import Family, Registry
from isptune.tuning.settings import parse_config

SOURCE = """
import isptune
from isptune import Float, ParameterSpace, Scene
from isptune.scenes import load_scenes

class Bright(isptune.Objective):
    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def score(self, images, reference=None):
        return images.mean(dim=(1, 2, 3)) * self.gain

class Dim(isptune.Distortion):
    def forward(self, images, level, noise=None):
        return images * (1 - level.to(images.dtype).reshape(-1, 1, 1, 1))

class MyISP(isptune.Pipeline):
    def __init__(self, scenes=("chart:64x48",)) -> None:
        self.space = ParameterSpace({"gain": Float(0, 1)})
        self.scenes = load_scenes(list(scenes))

    def render(self, values, scene):
        return self.reference(scene) * values[:, :1, None, None].float()

class Half(isptune.Objective):
    pass

class Same(isptune.Optimizer):
    def propose(self):
        import numpy
        return numpy.full((self.population, self.dimension), 0.25)

    def learn(self, candidates, losses, gradients=None):
        pass

number = 3

def five():
    return 5
"""


@pytest.fixture(autouse=True)
def plugins() -> Iterator[Path]:
    """A file and a module of the user's, in the current folder."""
    path = list(sys.path)
    forget_modules()
    Path("mine.py").write_text(SOURCE)
    Path("lab").mkdir()
    Path("lab/isp.py").write_text("from mine import *\n")
    yield Path.cwd()
    sys.path[:] = path
    forget_modules()


def forget_modules() -> None:
    for name in ("mine", "lab", "lab.isp", "bad", "outer"):
        sys.modules.pop(name, None)


CREATE: dict[str, Callable[..., Any]] = {
    "objective": isptune.create_objective,
    "pipeline": isptune.create_pipeline,
    "stage": isptune.create_stage,
    "optimizer": isptune.create_optimizer,
}


@pytest.mark.parametrize("place", ["mine.py", "{here}/mine.py", "mine", "lab.isp"])
@pytest.mark.parametrize(
    ("kind", "name", "options"),
    [
        ("objective", "Bright", {"gain": 2.0}),
        ("pipeline", "MyISP", {}),
        ("stage", "Dim", {}),
        ("optimizer", "Same", {"space": 2}),
    ],
)
def test_every_kind_is_made_from_a_file_and_from_a_module(
    place: str, kind: str, name: str, options: dict[str, Any]
) -> None:
    made = CREATE[kind](f"{place.format(here=Path.cwd())}:{name}", **options)
    assert (type(made).__name__, made.name, made.options) == (name, name, options)


def test_a_file_is_executed_once_and_again_when_it_has_changed() -> None:
    first = isptune.create_objective("mine.py:Bright")
    assert type(isptune.create_objective("./mine.py:Bright")) is type(first)
    Path("mine.py").write_text(SOURCE.replace("* self.gain", "* 100"))
    assert type(isptune.create_objective("mine.py:Bright")) is not type(first)


@pytest.mark.parametrize(
    ("kind", "name", "error"),
    [
        ("objective", "min.py:Bright", UnknownNameError),
        ("objective", "mine.py:Brigt", UnknownNameError),
        ("objective", "mine.py:Zzz", UnknownNameError),
        ("objective", "mine.py", UnknownNameError),
        ("objective", "mine.py:Dim", ConfigurationError),
        ("objective", "mine:Half", ConfigurationError),
        ("pipeline", "mine:number", ConfigurationError),
        ("pipeline", "mine.py:five", ConfigurationError),
        ("pipeline", "nowhere:MyISP", UnknownNameError),
        ("optimizer", "nevergard:DE", UnknownNameError),
        ("stage", "bad.py:Dim", IsptuneError),
        ("stage", "outer:Dim", IsptuneError),
        ("stage", "syntax.py:Dim", IsptuneError),
        ("objective", "mine.py:Bright gian", ConfigurationError),
        ("objective", "unplugged.py:Unplugged", IsptuneError),
    ],
)
def test_what_cannot_be_made_is_said_in_one_sentence(
    kind: str, name: str, error: type[Exception], snapshot: SnapshotAssertion
) -> None:
    Path("bad.py").write_text("\nimport no_such_package\n")
    Path("outer.py").write_text("import bad\n")
    Path("syntax.py").write_text("def f(:\n")
    Path("unplugged.py").write_text(
        "import mine\nclass Unplugged(mine.Bright):\n    def __init__(self):\n        raise OSError('no camera')\n"
    )
    name, _, option = name.partition(" ")
    with pytest.raises(error) as raised:
        CREATE[kind](name, **({option: 1} if option else {}))
    assert str(raised.value) == snapshot


def test_a_registered_family_wins_over_a_module_of_its_name() -> None:
    class Lab(Family):
        def names(self) -> list[str]:
            return ["isp"]

        def get(self, name: str) -> Any:
            return dict

    registry = Registry("objective", "isptune.no_such_group")
    registry.register("lab")(Lab())
    assert registry.get("lab:isp") is dict
    with pytest.raises(UnknownNameError, match="^there is no objective named 'lab:MyISP'"):
        registry.get("lab:MyISP")


def test_runs_of_files_are_recorded_absolutely_and_work_from_any_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = Path.cwd()
    Path("run.yaml").write_text(
        "objective: {name: 'mine.py:Bright', options: {gain: 2}}\npipeline: mine.py:MyISP\n"
        "optimizer: mine.py:Same\n"
    )
    arguments = ["--config", "run.yaml", "--budget", "4", "--population", "2", "--out", "run"]
    assert command(["tune", "chart:64x48", *arguments]) == 0
    noted = yaml.safe_load(Path("run/run.yaml").read_text())
    assert [noted[kind]["name"] for kind in ("pipeline", "objective", "optimizer")] == [
        f"{here}/mine.py:MyISP",
        f"{here}/mine.py:Bright",
        f"{here}/mine.py:Same",
    ]
    assert "best Bright: " in capsys.readouterr().out
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    log = (here / "run/evaluations.jsonl").read_bytes()
    (here / "run/evaluations.jsonl").write_bytes(log[: log.index(b"\n") + 1])
    for verb in (
        ["resume", "../run"],
        ["plot", "../run", "--out", "plot.png"],
        ["report", "../run", "--out", "report.html"],
        ["render", "chart:64x48", "--run", "../run", "--out", "best.png"],
    ):
        assert command(verb) == 0, capsys.readouterr().err
    assert (here / "run/evaluations.jsonl").read_bytes().count(b"\n") == 2
    assert "0.25" in capsys.readouterr().out


def test_files_within_options_are_recorded_absolutely() -> None:
    component = parse_config(
        {
            "pipeline": {
                "name": "synthetic",
                "options": {"stages": ["mine.py:Dim", {"name": "mine.py:Dim"}]},
            },
            "objective": {
                "name": "weighted",
                "options": {"terms": {"mine.py:Bright": 2.0, "no.py:Bright": 1}},
            },
        }
    )
    place = f"{Path.cwd()}/mine.py"
    assert component.pipeline.settled().options == {"stages": [f"{place}:Dim", {"name": f"{place}:Dim"}]}
    assert component.objective.settled().options == {"terms": {f"{place}:Bright": 2.0, "no.py:Bright": 1}}
    pipeline = isptune.create_pipeline("synthetic", scenes=["chart:64x48"], stages=["mine.py:Dim"])
    assert pipeline.space.names == ["Dim"]


def test_a_learner_of_a_file_is_made_again_from_its_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    from isptune.iqa.training.checkpoint import load_learner, save_learned
    from isptune.plugins.registry import learners

    Path("mine.py").write_text(
        "import torch\nfrom isptune.iqa.training.learner import Learner\n\n"
        "class Line(Learner):\n"
        "    def __init__(self, slope: float = 1.0) -> None:\n"
        "        super().__init__()\n"
        "        self.slope = torch.nn.Parameter(torch.tensor(slope))\n\n"
        "    def configuration(self):\n"
        "        return {}\n"
    )
    made = learners.create("mine.py:Line", slope=3.0)
    save_learned("trained/model.safetensors", made, {})
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert load_learner("../trained").slope.tolist() == 3.0  # type: ignore[union-attr, operator]


def test_outputs_lie_where_they_were_asked_for_whatever_a_plugin_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    Path("mine.py").write_text(
        SOURCE.replace(
            "        self.scenes =",
            f"        import os\n        os.chdir({str(away)!r})\n        self.scenes =",
        )
    )
    run = ["--pipeline", f"{tmp_path}/mine.py:MyISP", "--objective", f"{tmp_path}/mine.py:Bright"]
    budget = ["--budget", "4", "--population", "2"]
    bench = ["--seeds", "1", "--scene", "chart:64x48", "--engine", "in-process", "--no-report"]
    Path("grid.yaml").write_text(
        f"pipeline: {tmp_path}/mine.py:MyISP\nobjectives: mine.py:Bright\nbudget: 4\npopulation: 2\n"
    )
    for verb, made in (
        (["tune", "chart:64x48", *run, *budget, "--out", "run"], "run/before_after.png"),
        (["plot", "run", "--out", "plot.png"], "plot.png"),
        (["report", "run", "--out", "report.html"], "report.html"),
        (["render", "chart:64x48", "--run", "run", "--out", "best.png"], "best.png"),
        (["bench", "grid.yaml", *bench, "--out", "grid"], "grid/tables/timings.csv"),
    ):
        monkeypatch.chdir(tmp_path)
        assert command(verb) == 0, capsys.readouterr().err
        # A run is plotted and reported without its plugins.
        assert (Path.cwd() == away) == (verb[0] not in ("plot", "report"))
        assert (tmp_path / made).is_file()
    assert not list(away.iterdir())


def test_pictures_for_a_pipeline_with_scenes_of_its_own_are_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("own.py").write_text(
        "import mine\nclass Own(mine.MyISP):\n    def __init__(self) -> None:\n        super().__init__()\n"
    )
    given = ["--pipeline", "own.py:Own", "--budget", "4", "--population", "2"]
    sentence = (
        "isptune: error: the pipeline 'own.py:Own' has scenes of its own and no option 'scenes': "
        "leave out chart:96x64\n"
    )
    run = [*given, "--objective", "contrast", "--optimizer", "random"]
    Path("grid.yaml").write_text("pipeline: own.py:Own\nobjectives: [contrast]\n")
    assert command(["tune", *run, "--out", "run"]) == 0
    capsys.readouterr()
    for arguments in (
        ["tune", "chart:96x64", *run],
        ["bench", "grid.yaml", "--scene", "chart:96x64"],
    ):
        assert command(arguments) == 2
        assert capsys.readouterr().err == sentence


def test_render_of_a_pipeline_with_scenes_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    Path("own.py").write_text(
        "import isptune, mine\n"
        "class Own(mine.MyISP):\n"
        "    def __init__(self) -> None:\n"
        "        super().__init__()\n"
        "        self.scenes = [isptune.Scene.of_picture(name, scene.payload)\n"
        "                       for scene in self.scenes for name in ('first', 'second')]\n"
    )
    given = ["--pipeline", "own.py:Own"]
    run = [*given, "--objective", "contrast", "--optimizer", "random", "--budget", "4", "--population", "2"]
    assert command(["tune", *run, "--out", "run"]) == 0
    for number, arguments in enumerate(
        (given, ["second", *given], ["--run", "run"], ["first", "--run", "run"])
    ):
        assert command(["render", *arguments, "--out", f"{number}.png"]) == 0, capsys.readouterr().err
        assert Path(f"{number}.png").is_file()
    capsys.readouterr()
    for whose in (given, ["--run", "run"]):
        assert command(["render", "frist", *whose, "--out", "x.png"]) == 2
        message = capsys.readouterr().err
        assert "has scenes of its own, and none is called 'frist'; did you mean 'first'?" in message
        assert "its scenes: first, second" in message
    assert command(["render", "--out", "x.png"]) == 2
    assert capsys.readouterr().err == (
        "isptune: error: the pipeline 'synthetic' renders pictures: name one, such as photo.png or chart\n"
    )
