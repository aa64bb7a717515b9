"""Tuning a table: one run over all scenes, then one for each condition, near to its neighbour."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from isptune.conditions.groups import Group, group_scenes
from isptune.conditions.judging_entries import judged_entry
from isptune.conditions.settings import ISO, TableConfig
from isptune.conditions.table import COMMON, TABLE_CONFIG, TABLE_RESULT, ParameterTable
from isptune.errors import ConfigurationError, RunDirectoryError
from isptune.parameters import ParameterSpace
from isptune.runs.directory import require_file
from isptune.storage.places import Place
from isptune.storage.writing import make_folder, write_whole
from isptune.storage.yaml_files import read_mapping, written_value
from isptune.tuning.prechecks import check_components, with_population
from isptune.tuning.result import TuneResult
from isptune.tuning.session import Session, make_objective, make_pipeline, prepare
from isptune.tuning.settings import Component, RunConfig, parse_config
from isptune.tuning.sitting import run_session
from isptune.tuning.starts import beginning
from isptune.wording.naming import did_you_mean, listed

RunOne = Callable[[Session, str], TuneResult]
"""Runs a session, or goes on with it, given a few words about it."""

_FACTS = ("isptune_table", "fingerprint", "groups")


def tune_table(
    settings: Mapping[str, Any] | TableConfig, out: str | Path, run: RunOne | None = None
) -> ParameterTable:
    """Tune a table of parameters over conditions.

    First one run over all scenes finds the common setting. Then each condition, the lowest ISO first, has a
    run of its own on its scenes: the shared parameters are fixed, the search begins at the neighbour's
    setting and at the common one, and the distance from the neighbour's setting is added to every loss, times
    ``smooth`` (the first entry's neighbour is the common setting). What it finds is kept where it is at least
    as good as the common setting, on the held-out scenes where there are any and on the tuned ones; otherwise
    the common one is, with the reason. The folder holds these ordinary runs beside ``table.yaml`` and
    ``table.json``.

    Args:
        settings: as a YAML file holds them, see ``TableConfig``.
        out: the folder.
        run: runs a session; ``run_session`` if None.

    Raises:
        IsptuneError: anything in the settings that cannot be; the folder holds something already.

    Example:
        >>> import isptune, isptune_raw
        >>> from isptune.scenes import chart
        >>> for iso in (100, 1600):
        ...     raw = isptune_raw.simulate(chart(64, 48), iso=iso)
        ...     _ = isptune_raw.write_dng(Path(f"chart-{iso}.dng"), raw)
        >>> settings = {"scenes": ["chart-*.dng"], "pipeline": "raw", "objective": "noise-level"}
        >>> settings |= {"conditions": "iso", "optimizer": "random", "population": 2, "budget": 2}
        >>> def without_figures(session, what):
        ...     return run_session(session, resume=True, figures=False)
        >>> isptune.tune_table(settings, "by-iso", without_figures)
        <ParameterTable 'by-iso': iso 100, iso 1600, noise-level>
    """
    config = (
        settings if isinstance(settings, TableConfig) else parse_config(settings, "the settings", TableConfig)
    )
    place = Place(out)
    for name, what in ((TABLE_CONFIG, "table"), ("run.yaml", "run")):
        if (place.path / name).exists():
            raise RunDirectoryError(
                f"the directory '{place.path}' already holds a {what}; go on with it by "
                f"'isptune resume {place.path}' or choose another --out"
            )
    check_components(config.run())
    pipeline = make_pipeline(config.run())
    groups = group_scenes(config, pipeline)
    shared_parameters(config.share, beginning(pipeline.space, config.run()).space)
    make_folder(place.path, what="table's directory")
    noted = [vars(group) for group in groups]
    facts = {"isptune_table": 1, "fingerprint": config.fingerprint(), "groups": noted}
    write_whole(place.path / TABLE_CONFIG, written_value({**config.model_dump(), **facts}))
    return _go_on(place.path, config, groups, run or _plain_run)


def resume_table(
    out: str | Path, run: RunOne | None = None, how: Mapping[str, Any] | None = None
) -> ParameterTable:
    """Go on with a table from wherever it stopped; one that has come to its end is written anew.

    Args:
        out: the folder.
        run: runs a session; ``run_session`` if None.
        how: settings of this sitting that decide how it is computed and not what it finds, such as
            ``device``; None in it for what the table was started with.

    Raises:
        RunDirectoryError: there is none, or it was changed.
    """
    folder = Path(out)
    require_file(folder, TABLE_CONFIG, "table of parameters")
    file = folder / TABLE_CONFIG
    data = read_mapping(file, f"the table's {TABLE_CONFIG} in '{folder}'", RunDirectoryError)
    given = {key: value for key, value in (how or {}).items() if value is not None}
    config = parse_config(settings_in(data) | given, "the options" if given else f"'{file}'", TableConfig)
    try:
        groups = [Group(**group) for group in data["groups"]]
    except (KeyError, TypeError) as error:
        raise RunDirectoryError(f"'{file}' was changed after the table was started ({error})") from error
    if data.get("fingerprint") != config.fingerprint():
        raise RunDirectoryError(
            f"'{file}' was changed after the table was started; put it back as it was or start a new one"
        )
    return _go_on(folder, config, groups, run or _plain_run)


def settings_in(data: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in what a table.yaml holds."""
    return {key: value for key, value in data.items() if key not in _FACTS}


def _plain_run(session: Session, what: str) -> TuneResult:
    return run_session(session, resume=True)


def _go_on(folder: Path, config: TableConfig, groups: list[Group], run: RunOne) -> ParameterTable:
    """All runs in their order, each from where it ended, and the table of what they found."""
    tuned, held = (
        [one for group in groups for one in getattr(group, side)] for side in ("tuned", "held_out")
    )
    references = {source: one for group in groups for source, one in group.references.items()}
    # A model may be large: all runs have the same.
    made: dict[str, Any] = {
        "objective": make_objective(config.objective),
        "guards": [make_objective(one) for one in config.guard],
    }
    session = prepare(_run_of(config, Group({}, tuned, held, references)), folder / COMMON, **made)
    space = session.space
    shared = shared_parameters(config.share, space)
    common = _best(run(session, "all scenes, for the common setting"), folder / COMMON)
    table = ParameterTable(
        folder,
        tuple(config.conditions),
        space,
        session.scoring.name,
        bool(session.scoring.orientations[0]),
        common,
        tuple(shared),
        config.smooth,
    )
    latest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for group in groups:
        # Neighbours differ in their ISO alone.
        row = tuple(value for name, value in group.condition.items() if name != ISO)
        near = latest.get(row, common) if ISO in group.condition else common
        searched = _near(config, space, {name: common[name] for name in shared}, common, near)
        entry = prepare(_run_of(config, group, **searched), folder / group.folder, **made)
        found = _best(run(entry, group.name), folder / group.folder)
        table.entries.append(judged_entry(entry, space, group, common, found))
        latest[row] = table.entries[-1].parameters
    text = json.dumps(table.to_dict(), indent=2, allow_nan=False) + "\n"
    write_whole(folder / TABLE_RESULT, text)
    return table


def _best(result: TuneResult, folder: Path) -> dict[str, Any]:
    """What a run found.

    Raises:
        RunDirectoryError: it found nothing, or was stopped.
    """
    if result.stopped:
        raise RunDirectoryError(
            f"the run in '{folder}' was stopped before its end; go on with: isptune resume {folder.parent}"
        )
    if not result.best_parameters:
        raise RunDirectoryError(f"the run in '{folder}' found no candidate with a finite score")
    return result.best_parameters


def _run_of(config: TableConfig, group: Group, **own: Any) -> RunConfig:
    """An ordinary run on the scenes of a group, with settings of its own."""
    left_out = ("scenes", "reference")
    options = {key: value for key, value in config.pipeline.options.items() if key not in left_out}
    if group.references:
        options["reference"] = [group.references[source] for source in (*group.tuned, *group.held_out)]
    return config.run(
        scenes=group.tuned,
        holdout=group.held_out or None,
        pipeline=Component(name=config.pipeline.name, options=options),
        **own,
    )


def _near(
    config: TableConfig,
    space: ParameterSpace,
    shared: Mapping[str, Any],
    common: Mapping[str, Any],
    near: Mapping[str, Any],
) -> dict[str, Any]:
    """The settings of a search near to a neighbour: parameters, starts and the weight of the distance.

    The neighbour's values are the defaults of the run, from which ``stay_near`` is counted.

    Args:
        config: of the table.
        space: that is searched for all scenes together.
        shared: what stays, by name.
        common: the common setting.
        near: the neighbour's.
    """
    kept = {*space.fixed, *space.ties, *shared}
    settings = {name: dict(entry) for name, entry in _by_name(config.parameters, space).items()}
    for name in space.names:
        if name in shared:
            settings[name] = {"fix": shared[name]}
        elif name not in kept:
            settings.setdefault(name, {})["default"] = near[name]
    population = with_population(config.run()).population or 1
    begins = [{name: one[name] for name in space.names if name not in kept} for one in (near, common)]
    return {
        "parameters": settings,
        # An optimizer of one candidate begins at one place.
        "start": begins[: max(1, population // 2)],
        "start_from": [],
        "proposer": None,
        "stay_near": config.smooth,
    }


def _by_name(
    settings: Mapping[str, Mapping[str, Any]], space: ParameterSpace
) -> dict[str, Mapping[str, Any]]:
    """Settings of parameters by their whole names; a name's own stand for what a glob says of it."""
    return {
        name: entry
        for pattern, entry in settings.items()
        for name in space.names
        if name == pattern or (name not in settings and fnmatchcase(name, pattern))
    }


def shared_parameters(globs: Sequence[str], space: ParameterSpace) -> list[str]:
    """The parameters that are searched once, for all conditions.

    Args:
        globs: names of parameters, or globs of names.
        space: that is searched.

    Raises:
        ConfigurationError: a glob that names none, or nothing is left to differ.
    """
    free = [parameter.name for parameter in space.free]
    found = set()
    for pattern in globs:
        matching = [name for name in space.names if name == pattern or fnmatchcase(name, pattern)]
        if not matching:
            raise ConfigurationError(
                f"share names '{pattern}', which is no parameter{did_you_mean(pattern, space.names)}; they "
                f"are {listed(space.names)}"
            )
        found |= {name for name in matching if name in free}
    if found >= set(free):
        raise ConfigurationError(
            "share names all parameters that are searched, so that none is left to differ between conditions"
        )
    return [name for name in free if name in found]
