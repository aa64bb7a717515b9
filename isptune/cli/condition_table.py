"""Parameter tables on the command line: run, printed, exported."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isptune.cli.tables import Column, console_for_tables, print_table
from isptune.errors import ConfigurationError
from isptune.wording.naming import listed
from isptune.wording.showing import value_text

if TYPE_CHECKING:
    from isptune.conditions.table import ParameterTable, TableEntry
    from isptune.conditions.tuning import RunOne
    from isptune.tracking import Tracker
    from isptune.tuning.result import TuneResult
    from isptune.tuning.session import Session
    from isptune.tuning.settings import RunConfig

TABLE_NAME = "table.yaml"

# What writes a setting, given the folder of a run whose pipeline knows the form.
Written = Callable[[str, dict[str, Any]], str]


def holds_table(directory: str | Path) -> bool:
    """Whether a folder is a table's."""
    return (Path(directory) / TABLE_NAME).is_file()


def table_settings(
    data: dict[str, Any], share: Sequence[str], smooth: float | None, given: str | None
) -> bool:
    """Put the options of a table into the settings; whether a table was asked for.

    Raises:
        ConfigurationError: only a table has them.
    """
    if given is not None:
        data["conditions"] = given
    if share:
        data["share"] = list(share)
    if smooth is not None:
        data["smooth"] = smooth
    wanted = "conditions" in data
    for key in ("share", "smooth", "scene_conditions"):
        if key in data and not wanted:
            raise ConfigurationError(
                f"{key} belongs to a table over conditions, and none is asked for; give --conditions iso"
            )
    return wanted


def parsed_table(data: dict[str, Any], where: str) -> RunConfig:
    """The checked settings of a table."""
    from isptune.conditions.settings import TableConfig
    from isptune.tuning.settings import parse_config

    if "isptune_table" in data:
        from isptune.conditions.tuning import settings_in

        # The table.yaml of another table may serve.
        data = settings_in(data)
    return parse_config(data, where, TableConfig)


def tune_and_print_table(
    config: RunConfig, out: str | Path, *, as_json: bool, trackers: Sequence[Tracker] = ()
) -> int:
    """Tune a table; see ``run_and_print_table``."""
    from isptune.conditions.settings import TableConfig
    from isptune.conditions.tuning import tune_table

    assert isinstance(config, TableConfig)
    return run_and_print_table(
        lambda run: tune_table(config, out, run), out, as_json=as_json, trackers=trackers
    )


def resume_and_print_table(
    directory: str, how: Mapping[str, Any], *, as_json: bool, trackers: Sequence[Tracker] = ()
) -> int:
    """Go on with a table; see ``run_and_print_table`` and ``isptune.resume_table``."""
    from isptune.conditions.tuning import resume_table

    return run_and_print_table(
        lambda run: resume_table(directory, run, how), directory, as_json=as_json, trackers=trackers
    )


def run_and_print_table(
    make: Callable[[RunOne], ParameterTable],
    out: str | Path,
    *,
    as_json: bool,
    trackers: Sequence[Tracker] = (),
) -> int:
    """Tune a table or go on with it; the exit code is 0, or 128 + the signal that stopped it."""
    from isptune.cli.live import Stopped, live_progress, stoppable
    from isptune.cli.run_and_print import opening
    from isptune.tuning.sitting import run_session

    def run(session: Session, what: str) -> TuneResult:
        click.echo(f"{what}: {opening(session)}", err=True)
        if session.choice:
            click.echo(f"{what}: {session.choice}", err=True)
        for notice in session.notices:
            click.echo(f"isptune: {notice}", err=True)
        with live_progress() as live:
            return run_session(session, resume=True, callbacks=[live, *trackers])

    try:
        with stoppable():
            table = make(run)
    except Stopped as stop:
        begun = holds_table(out)
        told = f"go on with: isptune resume {out}" if begun else "nothing was written"
        click.echo(f"isptune: stopped before the table was whole; {told}", err=True)
        return stop.exit_code
    if as_json:
        click.echo(json.dumps(table.to_dict()))
    else:
        print_condition_table(table)
        click.echo(f"wrote {table.path / 'table.json'}")
        click.echo(f"read it with: isptune export {table.path} --format yaml, isptune report {table.path}")
    return 0


def print_condition_table(table: ParameterTable) -> None:
    """Parameters by condition, then what each entry is worth beside the common setting."""
    console = console_for_tables()
    heads: list[str | Column] = [
        "parameter",
        *(Column(name, number=True) for name in ("common", *(e.name for e in table.entries))),
    ]
    rows = [
        [f"{name} (shared)" if name in table.shared else name, value_text(table.common[name])]
        + [value_text(entry.parameters[name]) for entry in table.entries]
        for name in table.space.names
    ]
    print_table(heads, rows, title=f"Parameters over {listed(table.by)}", console=console)
    held = any(entry.held_out is not None for entry in table.entries)
    heads = ["condition", Column("scenes", number=True)]
    for side in ("tuned", *(("held out",) if held else ())):
        heads += [Column(f"{side}: {key}", number=True) for key in ("start", "common", "own")]
    rows = [_scores(entry, held) for entry in table.entries]
    print_table(heads, rows, title=f"{table.objective} under each condition", console=console)
    for entry in table.entries:
        if entry.why:
            console.print(f"{entry.name} keeps the common setting: {entry.why}")


def _scores(entry: TableEntry, held: bool) -> list[str]:
    sides = [entry.tuned, *([entry.held_out or {}] if held else [])]
    found = [side.get(key) for side in sides for key in ("start", "common", "own")]
    return [entry.name, str(entry.scenes), *("" if one is None else f"{one:.4g}" for one in found)]


def asked_condition(texts: Sequence[str]) -> dict[str, Any]:
    """What ``--at iso=640`` asks, by name.

    Raises:
        ConfigurationError: it is of another form.
    """
    found: dict[str, Any] = {}
    for text in (part for one in texts for part in one.split(",")):
        name, equals, value = text.partition("=")
        if not (equals and name.strip() and value.strip()):
            raise ConfigurationError(f"--at is '{text}'; allowed: NAME=VALUE, such as iso=640")
        if name.strip() in found:
            raise ConfigurationError(f"--at says {name.strip()} twice; one setting is for one condition")
        found[name.strip()] = value.strip()
    return found


def table_text(
    directory: str, form: str, at: Sequence[str], one: Callable[[str, dict[str, Any]], str]
) -> str:
    """A table, or one setting of it, as the text of a file.

    Args:
        directory: of the table.
        form: of the file; the whole table is written as json, yaml or csv.
        at: the condition that is asked for; none for all of the table.
        one: writes a single setting, given the folder of the run that is asked and the setting.

    Raises:
        ConfigurationError: a form that holds one setting alone, without a condition.
    """
    from isptune.conditions.table import COMMON, FORMS, ParameterTable

    table = ParameterTable.read(directory)
    if at:
        asked = asked_condition(at)
        found = table.at(**asked)
        _say_if_outside(table, asked)
        return one(str(table.path / COMMON), found)
    if form in FORMS:
        return table.text(form)
    raise ConfigurationError(
        f"--format is '{form}', which holds one setting, and '{directory}' holds a table; say which by --at, "
        f"such as --at {_example(table)}, give --out a folder for a file each, or write it all as "
        f"{listed(FORMS)}"
    )


def _say_if_outside(table: ParameterTable, asked: Mapping[str, Any]) -> None:
    """Say that no entry is near where an ISO was asked beyond the first or the last."""
    if "iso" not in asked:
        return
    known = [entry.condition["iso"] for entry in table.entries]
    if not min(known) <= float(asked["iso"]) <= max(known):
        click.echo(
            f"isptune: iso {asked['iso']} is outside of the table, which reaches from {min(known):g} to "
            f"{max(known):g}; what is nearest in it holds",
            err=True,
        )


def _example(table: ParameterTable) -> str:
    first = table.entries[0].condition
    return ",".join(
        f"{name}={first[name]:g}" if name == "iso" else f"{name}={first[name]}" for name in table.by
    )


def write_files(
    directory: str, folder: Path, form: str, one: Callable[[str, dict[str, Any]], str]
) -> list[Path]:
    """A file for each condition, named after it, in a folder that is there or is made."""
    from isptune.conditions.table import COMMON, ParameterTable
    from isptune.storage.writing import make_folder, write_whole

    table = ParameterTable.read(directory)
    ending = {"c-header": "h", "own": "txt"}.get(form, form if "." not in form else Path(form).suffix[1:])
    make_folder(folder, what="folder of the files")
    return [
        write_whole(
            folder / f"{entry.folder}.{ending}",
            one(str(table.path / COMMON), dict(entry.parameters)),
            ConfigurationError,
        )
        for entry in table.entries
    ]
