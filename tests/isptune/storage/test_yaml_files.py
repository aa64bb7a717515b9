"""YAML files: what users write wrong, in one sentence each."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from isptune.errors import ConfigurationError
from isptune.storage.yaml_files import read_mapping, read_value, written_value


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
    "text",
    [
        "budget: 60\nseed: 1\nbudget: 90\n",
        "a:\n  b: 1\n  b: 1\n",
        "name: [\n",
        "a: {\nb: 010}\n",
        "a: 08\n",
        "a: 1:30\n",
        "a: 1_000\n",
        "a: [-1_0.5]\n",
        "- 1\n",
        "1: 2\n",
        "[a]: 2\n",
    ],
)
def test_what_is_refused(file: Path, text: str, snapshot: SnapshotAssertion) -> None:
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_mapping(file, "it", ConfigurationError)
    assert str(caught.value) == snapshot


def test_files_that_cannot_be_read(file: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_mapping(file, "it", ConfigurationError)
    assert str(caught.value) == "cannot read it: No such file or directory"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError) as caught:
        read_mapping(file, "it", ConfigurationError)
    assert str(caught.value) == "cannot read it: it is not text"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e3", 1000.0), ("1e-3", 0.001), ("1.5E+2", 150.0), ("0", 0), ("-0.5", -0.5), ("0x10", 16), ("007.5", 7.5),
        ("'010'", "010"), ("2020-13-45", "2020-13-45"), ("a_1", "a_1"), ("8x256", "8x256"), ("1e3x", "1e3x"),
        ("yes", True), ("off", False), ("{on: 1, no: off, true: x}", {"on": 1, "no": False, True: "x"}),
    ],
)  # fmt: skip
def test_values(text: str, value: object) -> None:
    found = read_value(text)
    assert found == value
    assert type(found) is type(value)


def test_what_is_written_is_read_back() -> None:
    data = {"on": ["1e3", "010", "1:30", "1_0", "2024-01-01", "no", "~"], "x": [1e-7, 1e30, 10, True, None]}
    assert read_value(written_value(data)) == data


@given(st.from_regex(r"[-+]?[0-9_:.eE+-]{1,12}", fullmatch=True))
@example("00891879")
@example("010")
@example("1:30")
@example("1_000")
@example("12345e67")
def test_texts_that_look_like_numbers_are_read_back_as_texts(text: str) -> None:
    """Such as a fingerprint of eight digits that begins with a zero."""
    assert read_value(written_value({"fingerprint": text, text: [text]})) == {
        "fingerprint": text,
        text: [text],
    }


def test_a_fingerprint_that_was_written_without_quotes_is_a_text(file: Path) -> None:
    file.write_text("budget: 30\nfingerprint: 00891879\n")
    found = read_mapping(file, "the run", ConfigurationError)
    assert found == {"budget": 30, "fingerprint": "00891879"}
