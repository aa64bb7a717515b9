"""YAML files: what users write wrong, in one sentence each."""

from __future__ import annotations

from pathlib import Path

import pytest

from isptune.errors import ConfigurationError
from isptune.yaml_files import read_mapping


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a.yaml"


def test_a_mapping(file: Path) -> None:
    file.write_text("a: {b: 1}\nc: [x, y]\n")
    assert read_mapping(file, "it", ConfigurationError) == {"a": {"b": 1}, "c": ["x", "y"]}
    file.write_text("# nothing\n")
    assert read_mapping(file, "it", ConfigurationError) == {}


def test_keys_may_come_again_elsewhere_and_through_a_merge(file: Path) -> None:
    file.write_text("base: &base {a: 1, b: 2}\nother: {<<: *base, a: 3}\n")
    found = read_mapping(file, "it", ConfigurationError)
    assert found["other"] == {"a": 3, "b": 2}
    file.write_text("base: &b {x: 1}\ndeep: {deeper: &a {<<: *b, x: 2}}\nc: {<<: *a}\n")
    assert read_mapping(file, "it", ConfigurationError)["c"] == {"x": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("budget: 60\nseed: 1\nbudget: 90\n", "it has the key 'budget' twice, in the lines 1 and 3"),
        ("a:\n  b: 1\n  b: 1\n", "it has the key 'b' twice, in the lines 2 and 3"),
        ("name: [\n", "it is not valid YAML at line 2, column 1: expected the node content, but found"),
        ("a: 2020-13-45\n", "it is not valid YAML: month must be in 1..12"),
        ("- 1\n", "it must hold a mapping of settings"),
        ("1: 2\n", "it must hold a mapping of settings"),
        ("[a]: 2\n", "it is not valid YAML at line 1, column 1: found unhashable key"),
    ],
)
def test_what_is_refused(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_mapping(file, "it", ConfigurationError)
    assert str(caught.value).startswith(message)


def test_files_that_cannot_be_read(file: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_mapping(file, "it", ConfigurationError)
    assert str(caught.value) == "cannot read it: No such file or directory"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError) as caught:
        read_mapping(file, "it", ConfigurationError)
    assert str(caught.value) == "cannot read it: it is not text"
