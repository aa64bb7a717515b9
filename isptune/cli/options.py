"""Options that several verbs share, and how ``KEY=VALUE`` is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from isptune.errors import ConfigurationError
from isptune.storage.places import absolute_folder

BENCHMARK_NAME = "bench.yaml"


def key_values(pairs: Iterable[str], option: str) -> dict[str, Any]:
    """``KEY=VALUE`` texts as a mapping; values are read as YAML.

    Raises:
        ConfigurationError: a text without ``=``, a repeated key, or a value that is not YAML.
    """
    import yaml

    from isptune.storage.yaml_files import AmbiguousNumberError, read_value

    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise ConfigurationError(f"{option} takes KEY=VALUE, got '{pair}'")
        if key in found:
            raise ConfigurationError(f"{option} gives '{key}' twice")
        try:
            # YAML writes them .nan and .inf.
            plain = text.lower().lstrip("+-") in ("nan", "inf", "infinity")
            found[key] = float(text) if plain else read_value(text)
        except AmbiguousNumberError as error:
            raise ConfigurationError(f"in {option} {key}={text}, {error}") from None
        except yaml.YAMLError:
            raise ConfigurationError(f"the value of {option} {key}={text} is not valid YAML") from None
    return found


def without_underscores(kind: click.ParamType) -> click.ParamType:
    """A click type of numbers that refuses '_' in them, which Python reads and nobody means."""
    if not isinstance(kind, (click.types.IntParamType, click.types.FloatParamType)):
        return kind

    class Plain(type(kind)):  # type: ignore[misc]
        def convert(self, value: Any, param: Any, ctx: Any) -> Any:
            if isinstance(value, str) and "_" in value:
                self.fail(f"'{value}' has '_' in a number; write {value.replace('_', '')}", param, ctx)
            return super().convert(value, param, ctx)

    plain = Plain.__new__(Plain)
    plain.__dict__.update(kind.__dict__)
    return plain


def objective_settings(pairs: Iterable[str], checkpoint: str | None) -> dict[str, Any]:
    """What ``--objective-option`` and ``--checkpoint``, which is short for one of them, say together.

    Raises:
        ConfigurationError: a pair cannot be read, or the checkpoint is empty or given twice, differently.
    """
    found = key_values(pairs, "--objective-option")
    if checkpoint is None:
        return found
    if not checkpoint.strip():
        raise ConfigurationError("--checkpoint takes a folder or the name of a repository, got an empty text")
    given = found.setdefault("checkpoint", checkpoint)
    if absolute_folder(str(given)) != absolute_folder(checkpoint):
        raise ConfigurationError(
            f"--checkpoint is '{checkpoint}' and --objective-option checkpoint is '{given}'; "
            "give only one of them"
        )
    found["checkpoint"] = checkpoint
    return found


def benchmark_among(directories: Iterable[str], what: str) -> Path | None:
    """The benchmark's directory where one is given; None where all are of runs.

    Args:
        directories: that a command takes.
        what: the command makes of a benchmark, such as ``"a report of its own"``.

    Raises:
        ConfigurationError: a benchmark is given together with others.
    """
    folders = [Path(directory) for directory in directories]
    benchmark = next((folder for folder in folders if (folder / BENCHMARK_NAME).is_file()), None)
    if benchmark is not None and len(folders) > 1:
        raise ConfigurationError(f"'{benchmark}' is a benchmark, which has {what}: give it alone")
    return benchmark


def require_runs(directories: Iterable[str]) -> None:
    """Refuse folders that hold no run, before anything is imported to read it.

    Raises:
        RunDirectoryError: the first of them.
    """
    from isptune.runs.directory import CONFIG_NAME, require_file

    for directory in directories:
        require_file(Path(directory), CONFIG_NAME, "run")


checkpoint_option = click.option(
    "--checkpoint",
    metavar="DIR-OR-NAME",
    help="The objective's checkpoint: a folder, or a repository OWNER/NAME of the Hugging Face hub. "
    "Short for --objective-option checkpoint=...",
)


def plugin_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--pipeline-option`` and its siblings."""
    for kind in ("optimizer", "objective", "pipeline"):
        function = click.option(
            f"--{kind}-option",
            f"{kind}_options",
            multiple=True,
            metavar="KEY=VALUE",
            help=f"An option of the {kind}; the value is read as YAML. May be repeated.",
        )(function)
    return function


def parameter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--fix``, ``--range`` and ``--tie``."""
    for option, name, metavar, words in (
        ("--tie", "ties", "NAME=OTHER", "Give a parameter the value of another one, as tie: in a file."),
        ("--range", "ranges", "NAME=LOW:HIGH", "Search a part of a parameter's range; A:B:C of a choice."),
        (
            "--fix",
            "fixed",
            "NAME[=VALUE]",
            "Hold a parameter, or all that a glob names, at a value or at its default.",
        ),
    ):
        function = click.option(
            option, name, multiple=True, metavar=metavar, help=f"{words} May be repeated."
        )(function)
    return function


def parameter_settings(
    fixed: Iterable[str], ranges: Iterable[str], ties: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """What ``--fix``, ``--range`` and ``--tie`` say, as ``parameters`` of a configuration.

    Raises:
        ConfigurationError: a text of another form, or a parameter that one of them gives twice.
    """
    found: dict[str, dict[str, Any]] = {}
    for pair in fixed:
        # Without a value it is the default that stays.
        values = key_values([pair], "--fix") if "=" in pair else {pair: None}
        _add(found, "fix", values)
    for pair in ranges:
        name, equals, text = pair.partition("=")
        ends = [end.strip() for end in text.split(":")]
        if not equals or not name or len(ends) < 2 or not all(ends):
            raise ConfigurationError(
                f"--range takes NAME=LOW:HIGH, or the options A:B:C of a choice, got '{pair}'"
            )
        _add(found, "range", {name: [key_values([f"{name}={end}"], "--range")[name] for end in ends]})
    for pair in ties:
        name, equals, other = pair.partition("=")
        if not equals or not name or not other:
            raise ConfigurationError(f"--tie takes NAME=OTHER, got '{pair}'")
        _add(found, "tie", {name: other})
    return found


def _add(found: dict[str, dict[str, Any]], key: str, values: dict[str, Any]) -> None:
    for name, value in values.items():
        entry = found.setdefault(name, {})
        if key in entry:
            raise ConfigurationError(f"--{key} gives '{name}' twice")
        entry[key] = value


def with_parameters(data: dict[str, Any], given: dict[str, dict[str, Any]]) -> None:
    """Add settings of parameters to a configuration's; what is given wins over what stands there."""
    before = data.get("parameters") or {}
    # What is no mapping is for the configuration's own check to refuse.
    if not given or not isinstance(before, dict):
        return
    data["parameters"] = merged = dict(before)
    for name, entry in given.items():
        old = before.get(name) or {}
        if isinstance(old, dict):
            # A parameter that is to be fixed is tied no longer, and the other way round.
            kept = {key: old[key] for key in old if not {key, *entry} >= {"fix", "tie"}}
            merged[name] = {**kept, **entry}


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout, everything else on stderr."
)


def how_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that decide how a run is computed; ``isptune resume`` may give others than ``tune`` did."""
    for option in reversed(
        (
            click.option(
                "--max-failures",
                type=float,
                metavar="SHARE",
                help="Stop where more than this share of the candidates fail. Default: 0.5.",
            ),
            click.option(
                "--workers",
                type=int,
                metavar="N",
                help="Pictures that a program or device makes at the same time. Default: the pipeline's.",
            ),
            click.option(
                "--timeout",
                type=float,
                metavar="SECONDS",
                help="For one picture of a program or device. Default: the pipeline's.",
            ),
            click.option(
                "--retries",
                type=int,
                metavar="N",
                help="How often such a picture is tried again where it failed. Default: the pipeline's.",
            ),
        )
    ):
        command = option(command)
    return command
