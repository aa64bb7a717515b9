"""Options made from the settings of runs and grids: each has its sentence and its default from the model."""

from __future__ import annotations

import inspect
from importlib import import_module

import click
import pytest
from pydantic import BaseModel

import isptune
from isptune.benchmark.grid import BenchConfig
from isptune.cli.shared_options import default_in_words, sentence_of
from isptune.tuning.settings import RunConfig
from isptune.tuning.settings.shared import SharedSettings

# Settings that a command line gives in other ways: arguments, options of parameters, or a file alone.
OTHERWISE = {"tune": {"scenes", "parameters"}, "bench": {"name", "targets", "parameters"}}


@pytest.mark.parametrize(("verb", "model"), [("tune", RunConfig), ("bench", BenchConfig)])
def test_every_setting_has_an_option_with_its_sentence_and_default(verb: str, model: type[BaseModel]) -> None:
    command = import_module(f"isptune.cli.{verb}").command
    options = {one.name: one for one in command.params if isinstance(one, click.Option)}
    written = set(model.order)  # type: ignore[attr-defined]
    assert written == {name for name, field in model.model_fields.items() if not field.exclude}
    for name in written - OTHERWISE[verb]:
        parts = [sentence_of(model, name), *(["May be repeated"] if options[name].multiple else [])]
        default = default_in_words(model, name)
        assert options[name].help == ". ".join([*parts, *([f"Default: {default}"] if default else [])]) + "."
        assert parts[0].startswith(model.model_fields[name].description or "no sentence")


@pytest.mark.parametrize("name", SharedSettings.model_fields)
def test_what_runs_and_grids_share_is_written_once(name: str) -> None:
    for told in (sentence_of, default_in_words):
        assert told(RunConfig, name) == told(BenchConfig, name) == told(SharedSettings, name)


def test_the_call_from_python_has_the_same_defaults() -> None:
    parameters = inspect.signature(isptune.tune).parameters
    for name in set(RunConfig.order) & set(parameters) - {"pipeline", "objective", "optimizer", "parameters"}:
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
