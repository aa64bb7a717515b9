"""isptune export: what a run found, as files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import isptune
from isptune.cli import export
from isptune.parameters.settings_files import PLAIN_FORMS
from isptune.tuning.session import prepare
from isptune.tuning.settings import parse_config
from isptune.tuning.tuner import run_session


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of one objective and one of two, without figures."""
    folder = tmp_path_factory.mktemp("runs")
    chain = {"name": "chain", "options": {"stages": ["brighten", "darken"]}}
    settings = {"scenes": ["chart:64x48"], "pipeline": chain, "population": 8, "budget": 16}
    for name, more in (
        ("one", {"objective": "psnr", "optimizer": "random"}),
        ("several", {"objective": ["psnr", "contrast"], "optimizer": "nsga2"}),
    ):
        session = prepare(parse_config({**settings, **more}), folder / name)
        run_session(session, figures=False)
    return folder


def flat(text: str) -> dict[str, float]:
    return {
        f"{group}.{name}": value for group, own in json.loads(text).items() for name, value in own.items()
    }


def test_the_best_parameters_are_printed(runs, call):
    code, out, err = call("export", str(runs / "one"), "--format", "json")
    assert (code, err) == (0, "")
    assert flat(out) == isptune.Run.read(runs / "one").best_parameters


def test_or_written_to_a_file(runs, call, in_an_empty_folder):
    code, out, _ = call("export", str(runs / "one"), "--format", "c-header", "--out", "tuning.h")
    assert (code, out) == (0, "wrote tuning.h\n")
    best = isptune.Run.read(runs / "one").best_parameters
    assert f"#define BRIGHTEN_LEVEL {best['brighten.level']!r}\n" in Path("tuning.h").read_text()


def test_a_template_is_filled(runs, call, in_an_empty_folder):
    Path("isp.conf").write_text("level: {darken.level}\nelse: {x}\n")
    code, out, _ = call("export", str(runs / "one"), "--format", "isp.conf")
    best = isptune.Run.read(runs / "one").best_parameters
    assert (code, out) == (0, f"level: {best['darken.level']!r}\nelse: {{x}}\n")


def test_a_member_of_a_front(runs, call):
    front = isptune.Run.read(runs / "several").front
    assert len(front) > 1
    for member in (0, 1):
        _, out, _ = call("export", str(runs / "several"), "--format", "json", "--member", str(member))
        assert flat(out) == front[member]["parameters"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("one", "--format", "jsn"), "--format is 'jsn', neither a form nor a file; did you mean 'json'?"),
        (
            ("one", "--format", "json", "--member", "1"),
            "--member is 1; allowed: 0 to 0, the run's front has 1",
        ),
        (
            ("one", "--format", "xmp"),
            "the parameters cannot be written as 'xmp'; allowed for this pipeline: json",
        ),
        (
            ("one", "--format", "pp3"),
            "the parameters cannot be written as 'pp3'; allowed for this pipeline: json",
        ),
        (("none", "--format", "json"), "none"),
        (("one", "--format", "json", "--out", "no/such/x.json"), "'no/such/x.json' cannot be written"),
    ],
)
def test_what_is_refused(runs, call, in_an_empty_folder, arguments, sentence):
    code, out, err = call("export", str(runs / arguments[0]), *arguments[1:])
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.startswith("isptune: error: ")
    assert err.count("\n") == 1


def test_a_template_without_parameters_is_refused(runs, call, in_an_empty_folder):
    Path("isp.conf").write_text("blur: {bluur}\n")
    code, _, err = call("export", str(runs / "one"), "--format", "isp.conf")
    assert code == 2
    assert "the template 'isp.conf' names no parameter of the run" in err


def test_a_run_is_not_written_over(runs, call):
    before = (runs / "one" / "run.yaml").read_bytes()
    code, _, err = call("export", str(runs / "several"), "--format", "json", "--out", f"{runs}/one/run.yaml")
    assert code == 2
    assert "/one/run.yaml', which belongs to the run there; choose another name" in err
    assert (runs / "one" / "run.yaml").read_bytes() == before


def test_forms_that_need_no_pipeline_are_those_that_every_pipeline_has():
    assert export._PLAIN == PLAIN_FORMS
