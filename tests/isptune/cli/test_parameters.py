"""--fix, --range and --tie, parameters: in files, and the list of a pipeline's parameters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from syrupy.assertion import SnapshotAssertion
from torch import Tensor

from isptune import Bool, Choice, Float, Int, ParameterSpace, Pipeline, Scene
from isptune.cli.key_values import parameter_settings, with_parameters
from isptune.errors import ConfigurationError
from isptune.plugins.registry import pipelines
from isptune.runs import DESCRIBED

Call = Callable[..., tuple[int, str, str]]
SMALL = ("chart:48x48", "--objective", "psnr", "--budget", "30")


class Developer(Pipeline):
    """Parameters of every kind, to be listed; it renders nothing."""

    def __init__(self) -> None:
        self.space = ParameterSpace(
            {
                "gamma": Float(1, 3, default=2.2, description="Of the tone curve."),
                "wb.red": Float(0.5, 4, log=True),
                "denoise.method": Choice(("none", "wavelet"), default="none"),
                "denoise.radius": Int(1, 9, default=3, unit="px", active_if={"method": "wavelet"}),
                "denoise.fast": Bool(),
            }
        )
        self.scenes: list[Scene] = []

    def render(self, values: Tensor, scene: Scene | int) -> Tensor:
        raise NotImplementedError


@pytest.fixture
def developer(monkeypatch: pytest.MonkeyPatch) -> None:
    pipelines.register("developer")(Developer)


def test_options_of_the_command_line_narrow_the_search(call: Call, in_an_empty_folder: None) -> None:
    asked = ("--fix", "blur=0.3", "--tie", "brightening=desaturation", "--range", "noise=0:0.25")
    code, out, err = call("tune", *SMALL, *asked, "--out", "run")
    assert (code, "generation 1/1" in err) == (0, True)
    for text in ("fixed", "tied to desaturation", "[0, 0.25]"):
        assert text in out
    line = json.loads(Path("run/evaluations.jsonl").read_text().splitlines()[0])
    assert {len(candidate) for candidate in line["candidates"]} == {3}
    data = yaml.safe_load(Path("run/run.yaml").read_text())
    assert data["parameters"] == {
        "blur": {"fix": 0.3}, "noise": {"range": [0, 0.25]}, "brightening": {"tie": "desaturation"},
    }  # fmt: skip
    assert data["space"]["noise"] == {"type": "float", "low": 0.0, "high": 0.25}
    # A report and a resumption go through the same space.
    assert call("report", "run", "--out", "report.html")[0] == 0
    page = Path("report.html").read_text()
    assert "tied to desaturation" in page
    assert call("resume", "run")[0] == 0
    # What 0.1 wrote says nothing of its plugins.
    for key in DESCRIBED:
        data.pop(key, None)
    data["isptune_run"] = 1
    Path("run/run.yaml").write_text(yaml.safe_dump(data))
    assert call("resume", "run")[0] == 0


def test_options_win_over_the_configuration_and_a_moved_default_is_said(
    call: Call, in_an_empty_folder: None
) -> None:
    Path("config.yaml").write_text(
        "scenes: ['chart:48x48']\nobjective: psnr\nbudget: 30\npipeline: {name: synthetic, options: {maps: "
        "identity}}\nparameters: {blur: {tie: noise, range: [1, 2]}, '*ing': {fix: null}}\n"
    )
    code, out, err = call("tune", "--config", "config.yaml", "--fix", "noise", "--range", "blur=1:3",
                          "--tie", "desaturation=brightening", "--json")  # fmt: skip
    assert (code, err.splitlines()[-1]) == (
        2,
        "isptune: error: parameter 'blur' cannot be tied to 'noise': it is in [1, 3] px, and 'noise' fixed at 0",
    )
    code, out, err = call(
        "tune", "--config", "config.yaml", "--fix", "blur=2", "--range", "noise=0.05:0.1", "--json"
    )
    assert code == 0
    assert "isptune: the default of 'noise' is 0, outside its range [0.05, 0.1]; it starts at 0.05\n" in err
    best = json.loads(out)["best_parameters"]
    assert (best["blur"], best["brightening"], best["sharpening"]) == (2.0, 0.0, 0.0)
    assert 0.05 <= best["noise"] <= 0.1


@pytest.mark.parametrize(
    "asked",
    [
        ["--fix", "blur=9"],
        ["--fix", "blr=1"],
        ["--range", "blur=1:0"],
        ["--range", "blur=1"],
        ["--range", "blur=0:"],
        ["--tie", "blur"],
        ["--tie", "blur=blur"],
        ["--fix", "blur", "--fix", "blur=1"],
        ["--fix", "blur", "--tie", "blur=noise"],
        ["--fix", "*"],
    ], ids=" ".join,
)  # fmt: skip
def test_a_mistake_is_one_sentence_and_nothing_is_written(
    call: Call, in_an_empty_folder: None, asked: list[str], snapshot: SnapshotAssertion
) -> None:
    code, out, err = call("tune", *SMALL, *asked, "--out", "run")
    assert (code, out, err) == (2, "", snapshot)
    assert not Path("run").exists()


def test_values_are_read_as_numbers_and_options() -> None:
    found = parameter_settings(["a=1e-3", "b.*"], ["c=-1:2.5", "d=fast:fine:3"], ["e=f"])
    assert found == {
        "a": {"fix": 0.001}, "b.*": {"fix": None}, "c": {"range": [-1, 2.5]},
        "d": {"range": ["fast", "fine", 3]}, "e": {"tie": "f"},
    }  # fmt: skip
    data = {"parameters": {"e": {"fix": 1, "default": 2}, "g": {"fix": 1}}}
    with_parameters(data, found)
    assert data["parameters"]["e"] == {"default": 2, "tie": "f"}
    assert data["parameters"]["g"] == {"fix": 1}
    with pytest.raises(ConfigurationError, match="--range gives 'a' twice"):
        parameter_settings([], ["a=0:1", "a=1:2"], [])


def test_a_grid_narrows_the_search_of_all_its_runs(call: Call, in_an_empty_folder: None) -> None:
    Path("grid.yaml").write_text(
        "objectives: [psnr]\noptimizers: [random]\nscenes: ['chart:48x48']\nseeds: 1\nbudget: 30\n"
        "parameters: {blur: {fix: 0.3}}\n"
    )
    more = ("--tie", "noise=sharpening", "--engine", "in-process", "--no-report", "--out", "bench")
    assert call("bench", "grid.yaml", *more)[0] == 0
    (run,) = Path("bench").rglob("run.yaml")
    assert yaml.safe_load(run.read_text())["space"]["noise"]["tied"] == "sharpening"
    (cell,) = Path("bench").rglob("cell.json")
    best = json.loads(cell.read_text())["best_parameters"]
    assert best["blur"] == 0.3
    assert best["noise"] == best["sharpening"]
    code, _, err = call("bench", "grid.yaml", "--fix", "blr", "--engine", "in-process", "--out", "other")
    assert (code, err.splitlines()[-1].startswith("isptune: error: there is no parameter 'blr'")) == (2, True)
    assert not Path("other").exists()


def test_the_list_of_a_pipelines_parameters(
    call: Call, developer: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = call("list", "parameters", "developer")
    assert code == 0
    assert [line.rstrip() for line in out.splitlines()] == [
        "parameters of developer",
        "name   kind   range   default  unit  active if  what it is",
        "gamma  float  [1, 3]  2.2                       Of the tone curve.",
        "",
        "parameters of developer, group wb",
        "name    kind        range     default  unit  active if  what it is",
        "wb.red  float, log  [0.5, 4]  -",
        "",
        "parameters of developer, group denoise",
        "name            kind    range          default  unit  active if                  what it is",
        "denoise.method  choice  none, wavelet  none",
        "denoise.radius  int     [1, 9]         3        px    denoise.method is wavelet",
        "denoise.fast    bool    true or false  false",
        "",
    ]
    monkeypatch.setenv("COLUMNS", "40")
    assert max(map(len, call("list", "parameters", "developer")[1].splitlines())) <= 40
    entries = json.loads(call("list", "parameters", "developer", "--json")[1])
    assert entries[3] == {
        "name": "denoise.radius", "group": "denoise", "type": "int", "low": 1, "high": 9, "default": 3,
        "unit": "px", "active_if": {"denoise.method": "wavelet"}, "description": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    "asked",
    [
        ["parameters", "synthetc"],
        ["parametrs"],
        ["parameters", "gausian_blur"],
        ["parameters", "kornia:unsharp"],
        ["parameters", "jpeg", "--pipeline-option", "a=1"],
        ["stages", "--pipeline-option", "a=1"],
    ], ids=" ".join,
)  # fmt: skip
def test_mistakes_of_the_list(call: Call, asked: list[str], snapshot: SnapshotAssertion) -> None:
    assert call("list", *asked) == (2, "", snapshot)


def test_the_list_needs_a_pipeline(call: Call) -> None:
    code, _, err = call("list", "parameters")
    assert code == 2
    assert err.startswith(
        "isptune: error: isptune list parameters needs the name of a pipeline or of a stage; the pipelines: "
    )
    assert err.endswith("; 'isptune list stages' shows the stages\n")


def test_the_parameters_of_a_stage(call: Call) -> None:
    code, out, err = call("list", "parameters", "kornia:unsharp_mask")
    assert (code, err) == (0, "")
    assert [line.rstrip() for line in out.splitlines()] == [
        "parameters of kornia:unsharp_mask",
        "name         kind        range               default  unit  what it is",
        "kernel_size  choice      3, 5, 7, 9, 13, 21  5        px    the side of the kernel",
        "sigma        float, log  [0.3, 5]            1.5      px    the width of the blur",
        "",
    ]
    (level,) = json.loads(call("list", "parameters", "gaublur", "--json")[1])
    assert (level["name"], level["low"], level["high"], level["unit"]) == ("level", 0, 5, "px")
    assert call("list", "parameters", "kornia:raw_to_rgb")[1] == (
        "the stage 'kornia:raw_to_rgb' has no parameter\n"
    )


def test_a_run_begins_where_it_is_asked_to(call: Call, in_an_empty_folder: None) -> None:
    assert call("tune", *SMALL, "--out", "first")[0] == 0
    assert call("tune", *SMALL, "--start", "first", "--optimizer", "cma", "--out", "second")[0] == 0
    best = json.loads(Path("first/result.json").read_text())["best_parameters"]
    data = yaml.safe_load(Path("second/run.yaml").read_text())
    assert data["start"][0] == best
    assert len(data["start"]) == 15
    line = json.loads(Path("second/evaluations.jsonl").read_text())
    assert line["candidates"][0] == pytest.approx(list(best.values()))
    # Where nothing is asked, nothing is written.
    assert "start" not in yaml.safe_load(Path("first/run.yaml").read_text())


def test_a_start_that_cannot_be_costs_nothing(call: Call, in_an_empty_folder: None) -> None:
    Path("empty").mkdir()
    Path("start.yaml").write_text("blurr: 0.5\n")
    for start, message in (
        ("empty", "'empty' holds no run: there is no run.yaml in it"),
        (
            "start.yaml",
            "the start 'start.yaml' does not fit the search: there is no parameter 'blurr'; did you mean 'blur'?; the "
            "parameters are blur, brightening, desaturation, noise, sharpening",
        ),
        (
            "ownn",
            "in the options, start is 'ownn', and there is no such file or folder; did you mean 'own'?; allowed: "
            "'default', 'own', the folder of a run, a YAML or JSON file, or values by parameter, or a list of "
            "such",
        ),
    ):
        assert call("tune", *SMALL, "--start", start, "--out", "run") == (
            2,
            "",
            f"isptune: error: {message}\n",
        )
    assert not Path("run").exists()


def test_a_grid_begins_where_it_is_asked_to(call: Call, in_an_empty_folder: None) -> None:
    Path("start.yaml").write_text("blur: 0.25\nnoise: 0.75\n")
    grid = {
        "objectives": "psnr", "optimizers": ["es", "random"], "scenes": "chart:48x48", "seeds": 1, "budget": 4,
        "population": 4, "start": "start.yaml",
    }  # fmt: skip
    Path("grid.yaml").write_text(yaml.safe_dump(grid))
    code, _, err = call("bench", "grid.yaml", "--engine", "in-process", "--no-report", "--out", "bench")
    assert code == 0, err
    assert yaml.safe_load(Path("bench/bench.yaml").read_text())["start"] == [{"blur": 0.25, "noise": 0.75}]
    for log in Path("bench").rglob("evaluations.jsonl"):
        assert json.loads(log.read_text())["candidates"][0] == pytest.approx([0.25, 0.5, 0.5, 0.75, 0.5])
