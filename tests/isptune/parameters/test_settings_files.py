"""Parameters as files: each form is read back by its own reader."""

from __future__ import annotations

import configparser
import json
import shutil
import subprocess
import tomllib

import pytest

from isptune.errors import ConfigurationError
from isptune.parameters.settings_files import FORMS, filled_template, written_settings
from isptune.storage.yaml_files import read_value

VALUES = {
    "top": 3,
    "tone.gamma": 1 / 3,
    "tone.small": 1.5e-7,
    "tone.on": True,
    "a.b.mode": 'he "said": #;\\ \t??/ é',
    "a.off": False,
}
NESTED = {
    "top": 3,
    "tone": {"gamma": 1 / 3, "small": 1.5e-7, "on": True},
    "a": {"b": {"mode": 'he "said": #;\\ \t??/ é'}, "off": False},
}


@pytest.mark.parametrize(
    ("form", "read"), [("json", json.loads), ("toml", tomllib.loads), ("yaml", read_value)]
)
def test_nested_forms_read_back(form, read):
    assert read(written_settings(VALUES, form)) == NESTED


@pytest.mark.parametrize("form", ["ini", "pp3"])
def test_sections_read_back(form):
    reader = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=())
    reader.read_string(written_settings(VALUES, form))
    assert {name: dict(reader[name]) for name in reader.sections()} == {
        "General": {"top": "3"},
        "tone": {"gamma": repr(1 / 3), "small": "1.5e-07", "on": "true"},
        "a.b": {"mode": VALUES["a.b.mode"]},
        "a": {"off": "false"},
    }


def test_a_c_header():
    text = written_settings({"tone.gamma": 2.5, "2nd.on": True, "mode": 'a"b\n'}, "c-header")
    assert text == (
        "#ifndef ISPTUNE_SETTINGS_H\n#define ISPTUNE_SETTINGS_H\n\n"
        '#define TONE_GAMMA 2.5\n#define _2ND_ON 1\n#define MODE "a\\"b\\012"\n\n#endif\n'
    )


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_a_compiler_reads_the_header(tmp_path):
    (tmp_path / "settings.h").write_text(written_settings(VALUES, "c-header"), encoding="utf-8")
    source = '#include <stdio.h>\n#include "settings.h"\nint main(void) { printf("%.17g|%d|%s", TONE_GAMMA, TONE_ON, A_B_MODE); }'
    (tmp_path / "main.c").write_text(source)
    subprocess.run(["cc", "-o", "main", "main.c"], cwd=tmp_path, check=True)
    told = subprocess.run([tmp_path / "main"], capture_output=True, check=True).stdout.decode()
    gamma, on, mode = told.split("|")
    assert (float(gamma), on, mode) == (1 / 3, "1", VALUES["a.b.mode"])


def test_templates():
    text = "gain={gain}, {gain.x}, {other}, {{gain}}, {a}"
    values = {"gain": 2.0, "gain.x": "{a}", "a": False}
    assert filled_template(text, values) == "gain=2.0, {a}, {other}, {2.0}, false"
    assert filled_template(text, {}) == text


@pytest.mark.parametrize(
    ("values", "form", "sentence"),
    [
        (
            {"a": 1},
            "jsn",
            "the parameters cannot be written as 'jsn'; did you mean 'json'?; allowed for this",
        ),
        ({"a": 1, "a.b": 2}, "json", "the parameter 'a.b' cannot be nested"),
        ({"a.b": 1, "a": 2}, "toml", "the parameter 'a' cannot be nested"),
        ({"a": "x\n[b]"}, "ini", "the value of 'a' has more than one line, which INI cannot hold"),
        ({"a.b": 1, "a_b": 2}, "c-header", "the parameter 'a_b' and another one are both A_B in C"),
    ],
)
def test_what_cannot_be_written_is_refused(values, form, sentence):
    with pytest.raises(ConfigurationError) as refusal:
        written_settings(values, form)
    assert sentence in str(refusal.value)


def test_all_forms_are_texts():
    assert all(isinstance(written_settings({"a.b": 1.5}, form), str) for form in FORMS)
