"""What options say: ``KEY=VALUE``, names between commas, and settings of parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from isptune.errors import ConfigurationError
from isptune.storage.places import absolute_folder
from isptune.wording.naming import listed


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


def pipeline_settings(pairs: Iterable[str], references: Sequence[str]) -> dict[str, Any]:
    """What ``--pipeline-option`` and ``--reference``, which is short for one of them, say together.

    Raises:
        ConfigurationError: a pair cannot be read, or references are given in both ways.
    """
    found = key_values(pairs, "--pipeline-option")
    if references and "reference" in found:
        raise ConfigurationError(
            "--reference and --pipeline-option reference say the same; give only one of them"
        )
    return {**found, "reference": [*references]} if references else found


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


def names_between_commas(given: Sequence[str], option: str = "--objective") -> list[str]:
    """Names from repeated options and comma-separated lists.

    Raises:
        ConfigurationError: a name is empty or given twice.
    """
    names = [name.strip() for text in given for name in text.split(",")]
    for number, name in enumerate(names):
        if not name:
            raise ConfigurationError(f"{option} '{','.join(given)}' has an empty name in it")
        if name in names[:number]:
            raise ConfigurationError(f"{option} gives '{name}' twice")
    return names


def add_guard_options(data: dict[str, Any], pairs: Sequence[str]) -> None:
    """Add what ``--guard-option`` says to the guards of a configuration.

    Raises:
        ConfigurationError: an option that names none of them, or one of two of the same name.
    """
    if not pairs:
        return
    given = data.get("guard") or []
    given = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else [given]
    guards: list[dict[str, Any]] = [
        dict(one) if isinstance(one, dict) else {"name": str(one).strip()} for one in given
    ]
    names = [str(guard.get("name")) for guard in guards]
    if len(set(names)) < len(names):
        raise ConfigurationError(
            "--guard-option cannot tell guards of one name apart; write each with its options into a file "
            "for --config: guard: [{name: NAME, options: {KEY: VALUE}}, NAME]"
        )
    for name, options in settings_by_name(names, pairs, None, "guard").items():
        guard = guards[names.index(name)]
        before = guard.get("options") or {}
        # Options that are no mapping are for the configuration's own check to refuse.
        if isinstance(before, dict):
            guard["options"] = {**before, **options}
    data["guard"] = guards


def settings_by_name(
    names: Sequence[str], pairs: Sequence[str], checkpoint: str | None, kind: str = "objective"
) -> dict[str, dict[str, Any]]:
    """The options of each objective, from ``NAME.KEY=VALUE``, or ``KEY=VALUE`` where there is one objective.

    Args:
        names: of the objectives.
        pairs: what the options say.
        checkpoint: what ``--checkpoint`` says.
        kind: what they are in the run, ``"objective"`` or ``"guard"``.

    Raises:
        ConfigurationError: an option that names no objective, or a checkpoint for several.
    """
    own: dict[str, list[str]] = {name: [] for name in names}
    for pair in pairs:
        # Names may hold dots and begin with each other: the longest that fits is meant.
        key = pair.partition("=")[0]
        fitting = max((name for name in names if key.startswith(f"{name}.")), key=len, default=None)
        if fitting is not None:
            own[fitting].append(pair[len(fitting) + 1 :])
        elif len(names) == 1:
            own[names[0]].append(pair)
        else:
            raise ConfigurationError(
                f"--{kind}-option takes NAME.KEY=VALUE where there is not one {kind}, got '{pair}'; "
                f"the {kind}s: {listed(names) or 'none'}"
            )
    if len(names) == 1:
        if kind == "guard":
            return {names[0]: key_values(own[names[0]], "--guard-option")}
        return {names[0]: objective_settings(own[names[0]], checkpoint)}
    if checkpoint is not None:
        raise ConfigurationError(
            "--checkpoint is for one objective; for one of several give "
            "--objective-option NAME.checkpoint=DIR-OR-NAME"
        )
    return {name: key_values(own[name], f"--{kind}-option") for name in names}


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
