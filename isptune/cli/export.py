"""``isptune export``: the parameters that a run found, as a file that an ISP reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isptune.cli.condition_table import holds_table, table_text, write_files
from isptune.cli.directories import require_runs
from isptune.errors import ConfigurationError
from isptune.storage.places import Place
from isptune.wording.naming import did_you_mean, listed

if TYPE_CHECKING:
    from isptune.runs.run import Run

# What needs no pipeline, ``settings_files.PLAIN_FORMS``; of other names a run's pipeline is asked.
_PLAIN = ("json", "yaml", "toml", "ini", "c-header")
_OWN = ("pp3", "xmp", "own")


@click.command("export", short_help="Write the parameters that a run found for the ISP.")
@click.argument("directory", metavar="RUN")
@click.option(
    "--format",
    "form",
    required=True,
    metavar="NAME",
    help=f"{', '.join((*_PLAIN, *_OWN))}, or a text file in which {{NAME}} stands for a parameter's value.",
)
@click.option(
    "--member",
    type=int,
    default=0,
    metavar="N",
    help="Of several objectives, the place on the Pareto front, 0 the best compromise. Default: 0.",
)
@click.option(
    "--at",
    multiple=True,
    metavar="NAME=VALUE",
    help="Of a table over conditions, the setting under this one, such as iso=640. May be repeated.",
)
@click.option(
    "--out",
    default=None,
    metavar="FILE",
    help="The file to write; of a table, also a folder for a file each. Default: print it on stdout.",
)
def command(directory: str, form: str, member: int, at: tuple[str, ...], out: str | None) -> int:
    """Write the best parameters of RUN in the form that the ISP reads.

    pp3 is a profile of RawTherapee, xmp a sidecar of darktable, own what the run's program reads; they are
    for runs of these pipelines. The other forms are for every run, finished or not.

    RUN may be the folder of a table over conditions (isptune tune --conditions): json, yaml and csv hold all
    of it, and --at one setting, between the table's conditions as well.

    \b
    Examples:
      isptune export runs/first --format json
      isptune export runs/first --format c-header --out tuning.h
      isptune export runs/by-iso --format json --at iso=640
    """
    target = None if out is None else Place(out)
    if holds_table(directory):
        return _export_table(directory, form, at, target)
    if at:
        raise ConfigurationError(
            f"--at is for a table over conditions, and '{directory}' is a run: leave it out"
        )
    require_runs([directory])
    if target is not None:
        _check_target(target.path, out)
    template = _template(form)

    from isptune.parameters.settings_files import filled_template, written_settings
    from isptune.runs.run import Run

    run = Run.read(directory).require_best()
    values = _member(run, member)
    if template is not None:
        text = filled_template(template, values)
        if text == template:
            raise ConfigurationError(
                f"the template '{form}' names no parameter of the run: write {{NAME}} where the value of one "
                f"belongs; they are {listed(values)}"
            )
    elif form in _PLAIN:
        text = written_settings(values, form)
    else:
        text = _of_pipeline(directory, values, form)
    if target is None:
        click.echo(text, nl=not text.endswith("\n"))
        return 0

    from isptune.storage.writing import write_whole

    write_whole(target.path, text, ConfigurationError)
    click.echo(f"wrote {out}")
    return 0


def _export_table(directory: str, form: str, at: tuple[str, ...], target: Place | None) -> int:
    """Write a table over conditions, or one setting of it."""
    template = None if form == "csv" else _template(form)

    def one(folder: str, values: dict[str, Any]) -> str:
        from isptune.parameters.settings_files import filled_template, written_settings

        if form == "csv":
            return ",".join(values) + "\n" + ",".join(map(str, values.values())) + "\n"
        if template is not None:
            return filled_template(template, values)
        return written_settings(values, form) if form in _PLAIN else _of_pipeline(folder, values, form)

    if target is not None and target.path.is_dir() and not at:
        for path in write_files(directory, target.path, form, one):
            click.echo(f"wrote {path}")
        return 0
    text = table_text(directory, form, at, one)
    if target is None:
        click.echo(text, nl=not text.endswith("\n"))
        return 0

    from isptune.storage.writing import write_whole

    _check_target(target.path, str(target.path))
    write_whole(target.path, text, ConfigurationError)
    click.echo(f"wrote {target.path}")
    return 0


def _check_target(path: Path, out: str | None) -> None:
    """Refuse to write over what a run is made of, whichever run's it is."""
    from isptune.runs.directory import CONFIG_NAME, LOG_NAME, RESULT_NAME

    folder = path.resolve().parent
    own = (CONFIG_NAME, LOG_NAME, RESULT_NAME, "table.yaml", "table.json")
    if path.resolve().name in own and ((folder / CONFIG_NAME).exists() or holds_table(folder)):
        raise ConfigurationError(f"--out is '{out}', which belongs to the run there; choose another name")


def _template(form: str) -> str | None:
    """The text of a template; None where a form is named.

    Raises:
        ConfigurationError: it is neither the name of a form nor a file.
    """
    if form in (*_PLAIN, *_OWN):
        return None
    path = Path(form)
    if not path.is_file():
        known = (*_PLAIN, *_OWN)
        raise ConfigurationError(
            f"--format is '{form}', neither a form nor a file{did_you_mean(form, known)}; "
            f"allowed: {listed(known)}, or a text file with {{NAME}} in it"
        )
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(f"the template '{form}' cannot be read: {reason}") from error


def _member(run: Run, member: int) -> dict[str, Any]:
    """The parameters of one member of the front; the first is the best."""
    front = run.front
    if not 0 <= member < len(front):
        raise ConfigurationError(
            f"--member is {member}; allowed: 0 to {len(front) - 1}, the run's front has {len(front)}"
        )
    parameters: dict[str, Any] = run.best_parameters if member == 0 else front[member]["parameters"]
    return parameters


def _of_pipeline(directory: str, values: dict[str, Any], form: str) -> str:
    """What the run's pipeline, made again, makes of its parameters."""
    from isptune.tuning.best_of_run import best_of_run

    pipeline, _ = best_of_run(directory, scenes=None)
    return pipeline.settings_file(values, form)
