"""``isptune list parameters``: what a pipeline lets a search move, or a stage takes, and how."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from isptune.cli.tables import Column, console_for_tables, print_table
from isptune.errors import ConfigurationError
from isptune.wording.naming import listed, nearest
from isptune.wording.showing import value_text

if TYPE_CHECKING:
    from isptune.parameters import Parameter, ParameterSpace


def list_parameters(name: str | None, options: dict[str, Any], as_json: bool) -> None:
    """Print the parameters of a pipeline, or of a stage.

    Args:
        name: of either; a pipeline where both have it.
        options: what the pipeline is made with.
        as_json: one JSON array on stdout instead of tables.

    Raises:
        ConfigurationError: nothing is named, or options for a stage. Others are the plugin's own.
    """
    from isptune.plugins import registry

    if name is None:
        raise ConfigurationError(
            "isptune list parameters needs the name of a pipeline or of a stage; the pipelines: "
            + listed(registry.pipelines.names())
            + "; 'isptune list stages' shows the stages"
        )
    if _is_stage(name):
        if options:
            raise ConfigurationError(f"--pipeline-option is for pipelines, and '{name}' is a stage")
        declared = registry.stages.create(name).declared
        if not declared:
            click.echo("[]" if as_json else f"the stage '{name}' has no parameter")
            return
        # After the name has been found: it imports torch.
        from isptune.parameters import ParameterSpace

        space = ParameterSpace(declared)
    else:
        space = registry.pipelines.create(name, **options).space
    if as_json:
        click.echo(json.dumps(_entries(space)))
    else:
        _print(name, space)


def _is_stage(name: str) -> bool:
    """Whether a name is a stage's, or is more like one than like a pipeline's."""
    from isptune.plugins import registry

    pipelines = registry.pipelines.own_names()
    if name in pipelines:
        return False
    stages = registry.stages.own_names()
    if registry.stages.canonical(name) in stages or name.partition(":")[0] in stages:
        return True
    return nearest(name, pipelines) is None and nearest(name, stages) is not None


def _entries(space: ParameterSpace) -> list[dict[str, Any]]:
    described = space.to_dict()
    return [
        {
            "name": parameter.name,
            "group": parameter.group,
            **described[parameter.name],
            "default": parameter.default,
            "unit": parameter.unit,
            "description": parameter.description,
        }
        for parameter in space
    ]


def _print(name: str, space: ParameterSpace) -> None:
    console = console_for_tables()
    # Columns that would be empty take no room.
    facts = [
        (head, texts)
        for head, texts in (
            ("unit", [parameter.unit for parameter in space]),
            ("active if", [_conditions(parameter) for parameter in space]),
            ("what it is", [parameter.description for parameter in space]),
        )
        if any(texts)
    ]
    columns: Sequence[str | Column] = ["name", "kind", "range", "default", *(head for head, _ in facts)]
    for group in space.groups:
        rows = [
            [
                parameter.name,
                f"{parameter.kind}, log" if getattr(parameter, "log", False) else parameter.kind,
                replace(parameter, unit="").allowed,
                "-" if parameter.default is None else value_text(parameter.default),
                *(texts[place] for _, texts in facts),
            ]
            for place, parameter in enumerate(space)
            if parameter.group == group
        ]
        title = f"parameters of {name}" + (f", group {group}" if group else "")
        print_table(columns, rows, title=title, box=False, console=console)
        console.print()


def _conditions(parameter: Parameter) -> str:
    return ", ".join(
        f"{name} is {' or '.join(map(value_text, wanted))}" for name, wanted in parameter.active_if.items()
    )
