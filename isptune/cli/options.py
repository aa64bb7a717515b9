"""Options that several verbs share, and how ``KEY=VALUE`` is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from isptune.errors import ConfigurationError

BENCHMARK_NAME = "bench.yaml"


def key_values(pairs: Iterable[str], option: str) -> dict[str, Any]:
    """``KEY=VALUE`` texts as a mapping; values are read as YAML.

    Raises:
        ConfigurationError: a text without ``=``, a repeated key, or a value that is not YAML.
    """
    import yaml

    from isptune.yaml_files import AmbiguousNumberError, read_value

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


def absolute_scene(source: str) -> str:
    """A scene path or glob that still means the same from another folder; ``chart`` as it is."""
    if source == "chart" or source.startswith("chart:"):
        return source
    return str(Path(source).expanduser().absolute())


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


def absolute_folder(source: str) -> str:
    """An existing folder as a path that means the same from another one; other text as it is."""
    folder = Path(source).expanduser()
    return str(folder.absolute()) if source.strip() and folder.is_dir() else source


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


def absolute_checkpoints(options: Any) -> Any:
    """Options, however deeply they are nested, in which every ``checkpoint`` that is a folder is absolute."""
    if isinstance(options, dict):
        return {
            key: absolute_folder(value)
            if key == "checkpoint" and isinstance(value, str)
            else absolute_checkpoints(value)
            for key, value in options.items()
        }
    return [absolute_checkpoints(value) for value in options] if isinstance(options, list) else options


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


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout, everything else on stderr."
)
