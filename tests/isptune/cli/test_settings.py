"""Options made from the settings of runs and grids: each has its sentence and its default from the model."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any, get_args

import pytest

import isptune
from isptune.benchmark.grid import BenchConfig
from isptune.cli.key_values import add_guard_options
from isptune.cli.shared_options import default_in_words
from isptune.errors import ConfigurationError
from isptune.tuning.described_settings import GRID, RUN, SHARED
from isptune.tuning.settings import RunConfig
from isptune.tuning.settings.shared import SharedSettings

# Settings that a command line gives in other ways: arguments, options of parameters, or a file alone.
OTHERWISE = {"tune": {"scenes", "parameters"}, "bench": {"name", "targets", "parameters"}}


MODELS: dict[str, Any] = {"tune": (RunConfig, RUN), "bench": (BenchConfig, GRID)}


@pytest.mark.parametrize("verb", MODELS)
def test_every_setting_has_a_field_and_an_option_with_its_sentence_and_default(verb: str) -> None:
    model, settings = MODELS[verb]
    fields = {name: field for name, field in model.model_fields.items() if not field.exclude}
    assert fields.keys() == settings.keys()
    for name, field in fields.items():
        assert field.description == settings[name].said
        assert field.is_required() is settings[name].required
        if field.default_factory is None and not field.is_required():
            assert field.default == settings[name].default
    options = {one.name: one for one in import_module(f"isptune.cli.{verb}").command.params}
    for name in settings.keys() - OTHERWISE[verb]:
        assert (options[name].help or "").startswith(settings[name].said)
        default = default_in_words(settings[name])
        assert (options[name].help or "").endswith(f"Default: {default}." if default else ".")
        kind = {int: "integer", float: "float", bool: "boolean", str: "text"}[settings[name].type]
        assert options[name].type.name == kind
        plain = {int, float, bool} & {
            model.model_fields[name].annotation,
            *get_args(model.model_fields[name].annotation),
        }
        assert not plain or plain == {settings[name].type} or name in ("crop", "holdout", "race")


@pytest.mark.parametrize("name", SHARED)
def test_what_runs_and_grids_share_is_written_once(name: str) -> None:
    assert RUN[name] is GRID[name] is SHARED[name]
    assert name in SharedSettings.model_fields


def test_the_call_from_python_has_the_same_defaults() -> None:
    parameters = inspect.signature(isptune.tune).parameters
    # Of lists and mappings the default in Python is None.
    others = {"pipeline", "objective", "optimizer", "parameters", "guard"}
    # Nothing said of the budget means what suits the optimizer.
    others |= {"budget"}
    assert parameters["budget"].default is None
    for name in set(RunConfig.order) & set(parameters) - others:
        assert parameters[name].default == RunConfig.model_fields[name].default, name


def test_a_grid_hands_its_settings_to_its_runs() -> None:
    from isptune.benchmark.grid import cells_of, parse_bench_config

    given = {
        "timeout": 3.5,
        "retries": 2,
        "max_failures": 0.25,
        "memory_gb": 4.0,
        "crop": "64",
        "start": "own",
    }
    grid = parse_bench_config({"objectives": "psnr", "seeds": 1, **given})
    ((_, run),) = cells_of(grid)
    assert {key: getattr(run, key) for key in given} == given
    assert given.items() <= grid.model_dump().items()
    # What is not asked for leaves no trace in files.
    assert not {"timeout", "retries", "max_failures"} & set(
        parse_bench_config({"objectives": "psnr"}).model_dump()
    )


def test_options_of_guards_are_told_apart_by_their_names() -> None:
    data: dict[str, object] = {"guard": ["exposure", {"name": "weighted", "options": {"terms": {"psnr": 1}}}]}
    add_guard_options(data, ["exposure.sigma=0.3", "weighted.terms={contrast: 2}"])
    assert data["guard"] == [
        {"name": "exposure", "options": {"sigma": 0.3}},
        {"name": "weighted", "options": {"terms": {"contrast": 2}}},
    ]
    alone: dict[str, object] = {"guard": "exposure"}
    add_guard_options(alone, ["sigma=0.3"])
    assert alone["guard"] == [{"name": "exposure", "options": {"sigma": 0.3}}]
    with pytest.raises(
        ConfigurationError, match="--guard-option takes NAME.KEY=VALUE where there is not one"
    ):
        add_guard_options({"guard": "exposure,contrast"}, ["sigma=0.3"])
    with pytest.raises(ConfigurationError, match="--guard-option cannot tell guards of one name apart"):
        add_guard_options({"guard": ["weighted", "weighted"]}, ["terms={}"])
