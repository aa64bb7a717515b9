"""Any program as a pipeline: what it is given, what is refused, and what becomes of its failures."""

from __future__ import annotations

import json
import struct
import sys
from dataclasses import replace

import pytest
import torch

import isptune
from isptune.errors import ConfigurationError, EvaluationError, MissingPackageError
from isptune.scenes import chart, write_image
from isptune.testing import PipelineConformance
from isptune_raw import RawView, raw_scenes, simulate

GAIN = {"gain": {"type": "float", "low": 0.0, "high": 1.0, "default": 1.0}}


def command(argv, parameters=GAIN, isolated=False, **options):
    options = {"input": "png", "output": "png", "scenes": ["chart:64x48"], **options}
    made = isptune.create_pipeline("command", argv=argv, parameters=parameters, **options)
    if not isolated:
        made.development = replace(made.development, isolated=False)
    return made


def script(folder, text):
    """A program for the shell: $1 is the input, $2 the output, $3 and on what else it is given."""
    path = folder / "my isp.sh"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def develop(pipeline, **values):
    names = {name.replace("__", "."): value for name, value in values.items()}
    scene = pipeline.scenes[0]
    return pipeline.develop({**pipeline.space.to_dicts(pipeline.space.start())[0], **names}, scene)


class TestCommand(PipelineConformance):
    """A program that chooses among pictures, by the size of its input and a parameter."""

    @pytest.fixture(autouse=True)
    def program(self, tmp_path):
        for width, height in ((64, 48), (48, 56), (48, 48)):
            header = struct.pack(">II", width, height)
            for gain in range(1, 9):
                picture = tmp_path / f"{''.join(map(str, header))}-{gain}.png"
                write_image(picture, chart(width, height) * gain / 8)
        size = """od -An -tu1 -j16 -N8 "$1" | tr -d ' \\n'"""
        self.argv = [script(tmp_path, f'cp "$4/$({size})-$3.png" "$2"'), "{input}", "{output}", "{gain}"]
        self.argv.append(str(tmp_path))

    def make(self):
        gain = {"gain": {"type": "int", "low": 1, "high": 8}}
        return command(self.argv, gain, scenes=["chart:64x48", "chart:48x56"])


@pytest.fixture(autouse=True)
def only_temporary(tmp_path_factory, monkeypatch):
    """Nothing is left in the folder of temporary files, and nothing is written where the tests run."""
    temporary, here = tmp_path_factory.mktemp("temporary"), tmp_path_factory.mktemp("here")
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.chdir(here)
    yield
    assert [*temporary.iterdir()] == []
    assert [*here.iterdir()] == []


def test_the_picture_that_it_writes(tmp_path):
    pipeline = command([script(tmp_path, 'cp "$1" "$2"'), "{input}", "{output}", "{gain}"])
    assert float((develop(pipeline) - pipeline.scenes[0].payload).abs().max()) < 1e-4


HOSTILE = [
    "; touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "a b",
    "'\"",
    "two\nlines",
    "-rf",
    "{gain}",
    "%s",
    "",
]


def test_values_and_paths_pass_through_no_shell(tmp_path):
    parameters = {"text": {"type": "choice", "options": HOSTILE}, **GAIN}
    told = tmp_path / "told"
    argv = [
        script(tmp_path, f'cp "$1" "$2"; shift 2; printf "%s\\0" "$@" > "{told}"'),
        *("{input}", "{output}", "{text}", "--{text}={gain}", "{gain} | cat", "&&", "touch pwned", "{ x }"),
    ]
    pipeline = command(argv, parameters)
    for text in HOSTILE:
        develop(pipeline, text=text, gain=0.5)
        assert told.read_text().split("\0")[:-1] == [
            *(text, f"--{text}=0.5", "0.5 | cat", "&&", "touch pwned", "{ x }")
        ]


@pytest.mark.parametrize(
    "name", ["a b.png", "'q\".png", "; touch pwned.png", "two\nlines.png", "-x.png", "{gain}.png"]
)
def test_hostile_names_of_scenes(tmp_path, name):
    write_image(tmp_path / "plain.png", chart(64, 48))
    (tmp_path / "plain.png").rename(tmp_path / name)
    pipeline = command(
        [script(tmp_path, 'cp "$1" "$2"'), "{input}", "{output}", "{gain}"], scenes=[str(tmp_path / name)]
    )
    assert develop(pipeline).shape == (3, 48, 64)


def test_raw_scenes_are_dngs_as_the_sensor_saw_them(tmp_path):
    rawpy = pytest.importorskip("rawpy")
    kept = tmp_path / "kept.dng"
    write_image(tmp_path / "out.png", chart(64, 96))
    raw = replace(simulate(chart(64, 96)), orientation=6)
    pipeline = command(
        [
            script(tmp_path, f'cp "$1" "{kept}"; cp "{tmp_path}/out.png" "$2"'),
            "{input}",
            "{output}",
            "{gain}",
        ],
        input="dng",
        scenes=raw_scenes([raw]),
    )
    picture = develop(pipeline)
    with rawpy.imread(str(kept)) as opened:
        assert (opened.raw_image_visible == raw.mosaic).all()
        assert opened.sizes.flip == 0
    assert picture.shape == (3, 64, 96)
    assert isinstance(pipeline.scenes[0].payload, RawView)
    assert pipeline.digest(0) is not None


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("json", "parameters.json"),
        ("toml", "parameters.toml"),
        ("c-header", "parameters.h"),
        ("pp3", "parameters.pp3"),
    ],
)
def test_parameter_files(tmp_path, form, name):
    kept = tmp_path / "kept"
    argv = [
        script(tmp_path, f'cp "$1" "$2"; cp "$3" "{kept}"; basename "$3" > "{kept}.name"'),
        *("{input}", "{output}", "{parameters}"),
    ]
    pipeline = command(argv, {"tone.gain": GAIN["gain"]}, parameter_file=form)
    develop(pipeline, tone__gain=0.25)
    assert (tmp_path / "kept.name").read_text().strip() == name
    assert "0.25" in kept.read_text()
    assert kept.read_text() == pipeline.settings_file({"tone.gain": 0.25}, form)


def test_a_template_of_a_parameter_file(tmp_path):
    (tmp_path / "isp.conf").write_text("gain = {gain}; other = {x}\n")
    kept = tmp_path / "kept"
    argv = [script(tmp_path, f'cp "$1" "$2"; cp "$3" "{kept}"'), "{input}", "{output}", "{parameters}"]
    pipeline = command(argv, parameter_file={"template": str(tmp_path / "isp.conf"), "name": "my.conf"})
    develop(pipeline, gain=0.25)
    assert kept.read_text() == "gain = 0.25; other = {x}\n"
    assert pipeline.settings_file({"gain": 0.5}, "own") == "gain = 0.5; other = {x}\n"


def test_a_script_is_named_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "copy.sh").write_text('cp "$1" "$2"; test "$3" != none')
    monkeypatch.chdir(tmp_path)
    pipeline = command(["sh", "copy.sh", "{input}", "{output}", "{gain}"])
    assert develop(pipeline).shape == (3, 48, 64)


FAULTS = [
    ("kill -9 $$", "failed", "'my isp.sh' was ended by SIGKILL"),
    ("kill -SEGV $$", "failed", "'my isp.sh' was ended by SIGSEGV"),
    ("echo bad lens >&2; exit 4", "failed", "'my isp.sh' ended with exit code 4 (bad lens)"),
    ("sleep 60 & sleep 60", "timed out", "'my isp.sh' took longer than 0.5 s"),
    ("true", "failed", "'my isp.sh' ended without an error and wrote no picture"),
    ('touch "$2"', "failed", "'my isp.sh' wrote an empty file"),
    ('echo "<html>" > "$2"', "failed", "'my isp.sh' wrote a picture that cannot be read: "),
    ('cp "$4/black.png" "$2"', "failed", "'my isp.sh' gave a black picture of a scene that is not black"),
    (
        'cp "$4/small.png" "$2"',
        "failed",
        "'my isp.sh' gave a picture of 40x40 pixels; needed: 64x48, the size of what it was given",
    ),
    ('cp "$1" "$2"; echo "module skipped" >&2', "failed", "'my isp.sh' said: module skipped"),
]


@pytest.mark.parametrize(("fault", "status", "reason"), FAULTS)
def test_faults_cost_their_candidate_alone(tmp_path, fault, status, reason):
    write_image(tmp_path / "black.png", torch.zeros(3, 48, 64))
    write_image(tmp_path / "small.png", torch.full((3, 40, 40), 0.5))
    program = script(tmp_path, f'case "$3" in 0.0*) {fault} ;; *) cp "$1" "$2" ;; esac')
    pipeline = command(
        [program, "{input}", "{output}", "{gain}", str(tmp_path)],
        timeout=0.5,
        bad_words=["skipped"],
        canary=False,
    )
    start = [{"gain": 0.01}, {"gain": 0.5}, {"gain": 0.75}]
    evaluator = isptune.Evaluator(pipeline, isptune.create_objective("psnr"))
    done = evaluator.evaluate([[row["gain"]] for row in start])
    evaluator.close()
    assert done.statuses == [status, "done", "done"]
    assert f"the pipeline 'command' {status}: " in done.reasons[0]
    assert reason in done.reasons[0]
    assert "on scene 'chart:64x48'" in done.reasons[0]


def test_a_program_that_ignores_a_parameter_is_refused_before_the_run(tmp_path):
    pipeline = command([script(tmp_path, 'cp "$1" "$2"'), "{input}", "{output}", "{gain}"])
    out = tmp_path / "run"
    with pytest.raises(ConfigurationError, match="does not change with the parameter 'gain'"):
        isptune.tune(pipeline, "psnr", budget=4, population=4, out=out)
    assert not out.exists()


def test_a_program_that_fails_at_its_defaults_is_told_before_the_run(tmp_path):
    pipeline = command([script(tmp_path, "exit 9"), "{input}", "{output}", "{gain}"])
    with pytest.raises(EvaluationError, match="makes no picture of its defaults .* exit code 9"):
        isptune.tune(pipeline, "psnr", budget=4, population=4)


REFUSED = [
    (
        {"argv": "cp {input} {output}"},
        "the option argv of the pipeline 'command' is 'cp {input} {output}'; allowed: a list",
    ),
    ({"argv": []}, "allowed: a list of the program and its arguments"),
    (
        {"argv": ["{gain}", "{input}", "{output}"]},
        "argv begins with '{gain}'; allowed: the name or path of a program",
    ),
    ({"argv": ["cp", "{input}", "{output}"]}, "the parameter 'gain' stands not in argv: write '{gain}'"),
    (
        {"argv": ["cp", "{inptu}", "{output}", "{gain}"]},
        "argv has the placeholder '{inptu}'; did you mean 'input'",
    ),
    (
        {"argv": ["cp", "{input}", "{gain}"]},
        "argv has no '{output}': the program has to be told where its output is",
    ),
    (
        {"argv": ["cp", "{input}", "{output}", "{gain}", "{parameters}"]},
        "argv has '{parameters}', and there is no parameter file",
    ),
    (
        {"parameter_file": "json"},
        "argv has no '{parameters}': the program has to be told where its parameter file is",
    ),
    ({"parameter_file": "jsn"}, "the form of parameter_file is 'jsn'; did you mean 'json'"),
    ({"parameter_file": {"form": "json", "name": "../x"}}, "the name of parameter_file is '../x'"),
    ({"parameter_file": {"template": "/no/such"}}, "the template '/no/such' cannot be read: No such file"),
    ({"input": "raw"}, "input is 'raw'; allowed: dng, tif, png"),
    ({"output": "ppm"}, "output is 'ppm'"),
    ({"timeout": 0}, "timeout is 0; allowed: above 0 seconds"),
    ({"bad_words": ["("]}, "which is no regular expression"),
    ({"parameters": {"input": GAIN["gain"]}}, "a parameter cannot be called 'input'"),
    (
        {"parameters": {"gain": {"low": 0, "hihg": 1}}},
        "parameter 'gain' has the unknown key 'hihg'; did you mean",
    ),
    ({"parameters": "/no/such.yaml"}, "cannot read the parameters '/no/such.yaml': No such file"),
]


@pytest.mark.parametrize(("options", "sentence"), REFUSED)
def test_what_is_refused(options, sentence):
    with pytest.raises(ConfigurationError) as refusal:
        command(**{"argv": ["cp", "{input}", "{output}", "{gain}"], **options})
    assert sentence in str(refusal.value)


def test_a_missing_program_is_told():
    with pytest.raises(MissingPackageError, match="the program 'no-such-isp' is not there; install it"):
        command(["no-such-isp", "{input}", "{output}", "{gain}"])


def test_a_script_that_changes_is_another_program(tmp_path):
    script = tmp_path / "isp.py"
    keys = []
    for text in ("pass", "pass", "pass  # version 2"):
        if not script.exists() or script.read_text() != text:
            script.write_text(text)
        pipeline = command([sys.executable, str(script), "{input}", "{output}", "{gain}"])
        keys.append(pipeline.before_run_key(pipeline.space))
    assert keys[0] is not None
    assert keys[0] == keys[1] != keys[2]


def test_parameters_from_a_file_and_version(tmp_path):
    (tmp_path / "space.yaml").write_text(json.dumps(GAIN))
    pipeline = command(
        [sys.executable, "{input}", "{output}", "{gain}"], str(tmp_path / "space.yaml"), version=["--version"]
    )
    assert pipeline.space.names == ["gain"]
    assert [*pipeline.versions.values()] == [".".join(map(str, sys.version_info[:3]))]
