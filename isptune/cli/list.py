"""``isptune list``: what is registered, without creating any of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from isptune.cli.key_values import key_values
from isptune.cli.shared_options import plugin_option, switch
from isptune.cli.tables import Column, console_for_tables, print_table
from isptune.errors import ConfigurationError, UnknownNameError
from isptune.wording.naming import did_you_mean, listed

if TYPE_CHECKING:
    from isptune.plugins.registry import Entry, Registry


@click.command("list")
@click.argument("kind", required=False)
@click.argument("glob", required=False)
@plugin_option("pipeline")
@switch("--json as_json", "Print one JSON array on stdout")
def command(kind: str | None, glob: str | None, pipeline_options: tuple[str, ...], as_json: bool) -> int:
    """List names and what they need.

    KIND is stages, pipelines, objectives, optimizers or learners; the default is all of them. GLOB selects
    names: isptune list objectives "pyiqa:*". Without it, a family such as nevergrad:NAME takes one line.
    isptune list parameters NAME shows the parameters of a pipeline or a stage.

    \b
    Examples:
      isptune list objectives
      isptune list optimizers "nevergrad:*CMA*"
      isptune list parameters synthetic
      isptune list parameters kornia:unsharp_mask
    """
    from isptune.plugins.registry import REGISTRIES

    if kind in ("parameter", "parameters"):
        from isptune.cli.parameters import list_parameters

        list_parameters(glob, key_values(pipeline_options, "--pipeline-option"), as_json)
        return 0
    if pipeline_options:
        raise ConfigurationError("--pipeline-option is for: isptune list parameters PIPELINE")
    kinds = dict(REGISTRIES)
    if kind is not None:
        plural = kind if kind in kinds else f"{kind}s"
        if plural not in kinds:
            raise UnknownNameError(
                f"there is no kind '{kind}'"
                + did_you_mean(kind, [*kinds, "parameters"])
                + f"; the kinds: {listed([*kinds, 'parameters'])}"
            )
        kinds = {plural: kinds[plural]}
    found = {plural: _entries(registry, glob) for plural, registry in kinds.items()}
    if glob is not None and not any(found.values()):
        # Families are not asked for their names, which would import them.
        names = [name for registry in kinds.values() for name in registry.own_names()]
        raise UnknownNameError(f"no {kind or 'name'} matches '{glob}'" + did_you_mean(glob, names))
    if as_json:
        click.echo(json.dumps([asdict(entry) for entries in found.values() for entry in entries]))
    else:
        _print(found)
    return 0


def _entries(registry: Registry, glob: str | None) -> list[Entry]:
    """All entries that a glob matches; without one, each family as a single entry."""
    from isptune.plugins.registry import Entry

    entries = registry.entries(glob)
    if glob is not None:
        return entries
    families = registry.families()
    kept = [entry for entry in entries if entry.name.partition(":")[0] not in families]
    for prefix, family in families.items():
        members = [entry for entry in entries if entry.name.startswith(f"{prefix}:")]
        offered = sum(entry.available for entry in members)
        kept.append(
            Entry(
                name=f"{prefix}:NAME",
                kind=registry.kind,
                summary=(type(family).__doc__ or "").strip().split("\n", 1)[0],
                needs=getattr(family, "needs", ()),
                available=offered > 0,
                note=f"{offered} offered, {len(members) - offered} not: "
                f"isptune list {registry.kind}s '{prefix}:*'",
                provider=members[0].provider if members else "",
            )
        )
    return sorted(kept, key=lambda entry: entry.name)


def _print(found: dict[str, list[Entry]]) -> None:
    from rich.text import Text

    console = console_for_tables()
    for plural, entries in found.items():
        if not entries:
            continue
        rows = []
        for entry in entries:
            what = Text(entry.summary)
            if entry.note:
                style = "" if entry.available else "red"
                what.append(f"{' ' if entry.summary else ''}({entry.note})", style=style)
            rows.append(
                [
                    Text(entry.name, style="" if entry.available else "dim"),
                    Text({True: "yes", False: "no", None: "-"}[entry.differentiable]),
                    Text(", ".join(entry.needs) or "-"),
                    what,
                ]
            )
        heads: list[str | Column] = ["name", Column("differentiable", right=False), "needs", "what it is"]
        print_table(heads, rows, title=plural, box=False, console=console)
        console.print()
