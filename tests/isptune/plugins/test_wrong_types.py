"""Every option of every plugin, given values of wrong types: one sentence each, before anything is made."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from isptune.errors import ConfigurationError
from isptune.plugins import check_options, source_code, source_options
from isptune.plugins.options import Option, options_of
from isptune.plugins.registry import REGISTRIES

VALUES: list[Any] = [None, True, 7, -7, 0.5, math.nan, "abc", "", [1], ["abc"], {"abc": 1}]
MEMBERS = {"optimizers": ["nevergrad:OnePlusOne"], "objectives": ["pyiqa:brisque"]}


def names_of(kind: str) -> Iterator[str]:
    one = REGISTRIES[kind]
    one._discover()
    for name, record in one._records.items():
        if record.is_family is False:
            yield name
    yield from MEMBERS.get(kind, ())


CASES = [(kind, name) for kind in REGISTRIES for name in names_of(kind)]


def sentence_of(kind: str, name: str, option: str, value: Any) -> str | None:
    """What the registry says before the plugin is imported."""
    one = REGISTRIES[kind]
    needed = [known.name for known in one._known_options(name) or ()]
    try:
        one.precheck(name, {option: value}, needed)
    except ConfigurationError as error:
        return str(error)
    return None


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_every_option_refuses_wrong_types_in_one_sentence(kind: str, name: str) -> None:
    one = REGISTRIES[kind]
    for option in one._known_options(name) or ():
        said = [sentence_of(kind, name, option.name, value) for value in VALUES]
        refusals = [sentence for sentence in said if sentence is not None]
        assert refusals or option == Option("terms", Any, True), option
        for sentence in refusals:
            assert sentence.startswith(f"the option {option.name} of the {one.kind} '{name}' is ")
            assert "; allowed: " in sentence
            assert "\n" not in sentence
            assert len(sentence) < 260


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_an_imported_plugin_refuses_the_same(kind: str, name: str) -> None:
    one = REGISTRIES[kind]
    factory = one.get(name)
    known = [replace(option, required=False) for option in options_of(factory) or ()]
    for option in known:
        for value in VALUES:
            early = sentence_of(kind, name, option.name, value)
            late = None
            try:
                check_options(f"the {one.kind} '{name}'", known, {option.name: value})
            except ConfigurationError as error:
                late = str(error)
            assert early == late


def test_synthetic_data_refuses_wrong_types() -> None:
    source = source_code.read("isptune.iqa.training.synthetic:SyntheticSource")
    assert source is not None
    for option in source_options.options_of_source(source) or ():
        known = [Option(option.name, option.annotation)]
        said = []
        for value in VALUES:
            try:
                check_options("synthetic data", known, {option.name: value})
            except ConfigurationError as error:
                said.append(str(error))
        assert len(said) >= 6
        assert all(one.startswith(f"the option {option.name} of synthetic data is ") for one in said)
