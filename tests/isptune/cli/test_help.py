"""What help and lists say, word for word: an example that each verb takes, every default, what to choose from."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Callable
from importlib import import_module

import click
import pytest
from syrupy.assertion import SnapshotAssertion

from isptune.cli import VERBS
from isptune.plugins.registry import REGISTRIES

Call = Callable[..., tuple[int, str, str]]

# Names to choose from are many: the help says what lists them.
CHOSEN = {
    "tune": {"pipeline": "pipelines", "objective": "objectives", "optimizer": "optimizers"},
    "render": {"pipeline": "pipelines"},
    "score": {"objectives": "objectives"},
    "evaluate": {"objectives": "objectives"},
    "bench": {"objectives": "objectives"},
    "bench trust": {"judges": "objectives", "stages": "stages"},
    "gallery": {"names": "stages"},
}


def command_of(verb: str) -> click.Command:
    command: click.Command = import_module(f"isptune.cli.{verb.replace(' ', '_')}").command
    return command


@pytest.fixture
def at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.smoke
@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help(verb: str, call: Call, snapshot: SnapshotAssertion, at_80_columns: None) -> None:
    assert call(*verb.split(), "--help") == (0, snapshot, "")


@pytest.mark.parametrize("kind", REGISTRIES)
def test_lists(kind: str, call: Call, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not what other tests register, nor how many names the installed version of a family's package has.
    one = REGISTRIES[kind]
    assert one.own_names()
    shipped = {name: record for name, record in one._records.items() if record.provider == "isptune"}
    monkeypatch.setattr(one, "_records", shipped)
    code, out, err = call("list", kind)
    assert (code, err) == (0, "")
    assert re.sub(r"\d+ offered, \d+ not", "... offered, ... not", out) == snapshot


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_an_example_that_it_takes(verb: str) -> None:
    command = command_of(verb)
    _, _, examples = inspect.cleandoc(command.help or "").partition("Examples:\n")
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    assert lines
    for line in lines:
        program, *words = shlex.split(line)
        name, arguments = words[: len(verb.split())], words[len(verb.split()) :]
        assert (program, name) == ("isptune", verb.split())
        # Parsed, not run.
        command.make_context(verb, arguments)


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_names_its_default(verb: str) -> None:
    for option in command_of(verb).params:
        if not isinstance(option, click.Option) or option.is_flag or option.required:
            continue
        value = option.default
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            shown = f"{value:g}" if isinstance(value, float) else str(value)
            said = (option.help or "").lower()
            assert f"default: {shown}" in said or "(the default)" in said, option.name


@pytest.mark.parametrize(
    ("verb", "name", "kind"), [(v, n, k) for v, of in CHOSEN.items() for n, k in of.items()]
)
def test_options_that_take_a_name_say_what_lists_them(verb: str, name: str, kind: str) -> None:
    option = next(one for one in command_of(verb).params if one.name == name)
    assert isinstance(option, click.Option)
    assert f"'isptune list {kind}'" in (option.help or "")
    assert kind in REGISTRIES


@pytest.mark.parametrize("kind", ["stages", "pipelines", "objectives"])
def test_facts_that_list_shows_are_those_of_what_is_made(kind: str) -> None:
    one = REGISTRIES[kind]
    scenes = {"scenes": ["chart:64x48"]}
    options = {"synthetic": scenes, "chain": {**scenes, "stages": ["gaussian_blur"]}}
    light = {
        "psnr",
        "ssim",
        "ms-ssim",
        "sharpness",
        "noise-level",
        "contrast",
        "exposure",
        "clipping",
        "severity",
    }
    # What is not made without a program or a device of its own.
    elsewhere = {"command", "darktable", "http", "rawtherapee", "rpi-ctt"}
    for entry in one.entries("[!np]*"):
        if entry.name in elsewhere:
            assert entry.differentiable is False
            continue
        if kind != "objectives" or entry.name in light:
            made = one.create(entry.name, **options.get(entry.name, {}))
            assert entry.differentiable in (None, made.is_differentiable), entry.name
    assert next(iter(REGISTRIES["pipelines"].entries("synthetic"))).differentiable is True


@pytest.mark.parametrize("arguments", [(), ("raw",)])
def test_no_arguments_give_the_help(arguments: tuple[str, ...], call: Call) -> None:
    code, out, err = call(*arguments)
    shown = out + err
    assert shown.startswith(f"Usage: {' '.join(('isptune', *arguments))} [OPTIONS] COMMAND [ARGS]...\n\n")
    assert "isptune: error" not in shown
    assert code in (0, 2)
