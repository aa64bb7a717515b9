"""A search that begins at candidates of several runs, also of other searches; and of tables."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

import isptune
from isptune import Choice, Float, Int, ParameterSpace, Pipeline, Scene
from isptune.errors import ConfigurationError
from isptune.tuning.settings import parse_config
from isptune.tuning.start_runs import Source, interleaved

Maker = Callable[..., Any]


class Paint(Pipeline):
    """Paints (a, b, b), times a gain."""

    memory = isptune.Memory(images=1.0)

    def __init__(self, **declared: Any) -> None:
        self.name = "paint"
        self.options: dict[str, object] = {}
        self.space = ParameterSpace({"a": Float(0, 1), "b": Float(0, 1, default=0.5), **declared})
        self.scenes = [Scene.of_picture("plain", torch.zeros(3, 4, 4))]

    def render(self, values: Tensor, scene: Scene | int) -> Tensor:
        colour = self.space.check(values)[:, [0, 1, 1]]
        return colour.reshape(-1, 3, 1, 1).expand(-1, -1, 4, 4)


def run(target: Maker, out: str, pipeline: Pipeline | None = None, **options: Any) -> isptune.TuneResult:
    return isptune.tune(pipeline or Paint(), target(), out=out, **{"budget": 8, "population": 4, **options})


def begun(result: isptune.TuneResult, count: int) -> list[dict[str, Any]]:
    assert result.out is not None
    space = isptune.Run.read(result.out).space
    rows = space.to_dicts(space.to_values(torch.from_numpy(result.history.candidates[:count])))
    return [{k: round(v, 9) if isinstance(v, float) else v for k, v in row.items()} for row in rows]


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {k: round(v, 9) if isinstance(v, float) else v for k, v in row.items()}


@pytest.fixture
def two(target: Maker, red: Maker) -> tuple[isptune.TuneResult, isptune.TuneResult]:
    """A run for each of two objectives, in ``day`` and ``night``."""
    return run(target, "day", optimizer="random"), run(red, "night", optimizer="random", seed=3)


def test_the_best_of_each_run_in_turn_whatever_their_scores(
    two: Any, target: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    day, night = two
    for given in (["day", "night"], [Path("day"), {"a": 0.5}, "night"], "*[yh]t*"):
        config = parse_config({"start": given, "population": 4})
        assert isinstance(config.start, list)
    assert parse_config({"start": "*", "population": 4}).start == [day.best_parameters, night.best_parameters]
    result = run(target, "next", start=["day", "night"], optimizer="random")
    assert begun(result, 2) == [rounded(day.best_parameters), rounded(night.best_parameters)]
    assert caplog.messages == [
        "the search begins at 2 candidates, the best of each run in turn: day 1, night 1"
    ]
    # What was read is kept, and where; a resumed run needs no other one.
    data = yaml.safe_load(Path("next/run.yaml").read_text())
    assert data["start"] == [day.best_parameters, night.best_parameters]
    assert data["start_from"] == ["day", "night"]
    log = Path("next/evaluations.jsonl")
    whole = [json.loads(line)["candidates"] for line in log.read_text().splitlines()]
    log.write_text(log.read_text().splitlines(keepends=True)[0])
    for folder in ("day", "night"):
        Path(folder).rename(f"{folder}-gone")
    run_again(target)
    assert [json.loads(line)["candidates"] for line in log.read_text().splitlines()] == whole


def run_again(target: Maker) -> None:
    data = yaml.safe_load(Path("next/run.yaml").read_text())
    run(target, "next", start=data["start"], optimizer="random", resume=True)


def test_near_candidates_of_runs_come_once_and_given_ones_stay() -> None:
    space = ParameterSpace({"a": Float(0, 10), "gain": Float(1, 100, log=True), "look": Choice(("x", "y"))})
    first = Source("one", [{"a": a, "gain": 10.0, "look": "x"} for a in (5.0, 5.04, 5.2, 9.0)], space)
    # Above 1% of a range, or another choice, is another place; the gain is compared in its logarithm.
    rows = [
        {"a": 5.01, "gain": 10.1, "look": "x"},
        {"a": 5.01, "gain": 10.0, "look": "y"},
        {"a": 5.0, "gain": 11.0, "look": "x"},
    ]
    second = Source("two", rows, space)
    given = Source("", [{"a": 5.0}, {"a": 5.0}])
    found = [(one.place, one.row) for one in interleaved([first, second, given], 20)]
    assert found == [
        ("one", first.rows[0]), ("two", rows[1]), ("", {"a": 5.0}),
        ("one", first.rows[2]), ("two", rows[2]), ("", {"a": 5.0}), ("one", first.rows[3]),
    ]  # fmt: skip
    # Every run has its best one in it.
    assert [one.place for one in interleaved([first, second, given], 1)] == ["one", "two", ""]


def test_a_run_of_another_search_is_fitted_and_what_was_done_is_said(
    target: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    run(
        target,
        "before",
        Paint(old=Float(0, 1), gain=Int(1, 9, default=7), look=Choice(("x", "z"), default="z")),
    )
    best = isptune.Run.read("before").best_parameters
    new = Paint(new=Float(2, 4, default=3), gain=Int(1, 4, default=1), look=Choice(("x", "y"), default="y"))
    settings = {"a": {"fix": 0.125}}
    with caplog.at_level(logging.WARNING, logger="isptune"):
        result = run(target, "after", new, start="before", parameters=settings)
    assert begun(result, 1) == [
        rounded({"a": 0.125, "b": best["b"], "new": 3.0, "gain": min(4, best["gain"]),
                 "look": best["look"] if best["look"] == "x" else "y"})
    ]  # fmt: skip
    assert len(caplog.messages) == 1
    said = caplog.messages[0]
    assert said.startswith(
        "the start 'before' has 'old', which this search leaves out; it has no value for 'new' (3)"
    )
    assert said.endswith("it has other values of 'a', which this search fixes or ties")
    # Of a run that is resumed the same holds.
    caplog.clear()
    run(target, "after", new, start="before", parameters=settings, resume=True)
    assert caplog.messages == [said]


def test_values_outside_of_what_is_searched_are_moved(
    target: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    run(target, "before", start={"a": 0.25, "b": 0.5}, budget=4)
    result = run(target, "after", start="before", parameters={"a": {"range": [0.875, 1.0]}}, budget=4)
    assert begun(result, 1)[0]["a"] == 0.875
    assert caplog.messages == [
        "the start 'before' has values of 'a' ([0.875, 1]) outside of what is searched, which are moved to its end"
    ]


def test_a_run_that_shares_nothing_is_refused(target: Maker, flat: Maker) -> None:
    class Other(Paint):
        def __init__(self) -> None:
            super().__init__()
            self.space = ParameterSpace({"c": Float(0, 1), "d": Float(0, 1)})

        def render(self, values: Tensor, scene: Scene | int) -> Tensor:
            return values[:, [0, 1, 1]].reshape(-1, 3, 1, 1).expand(-1, -1, 4, 4)

    run(target, "before", budget=4)
    with pytest.raises(ConfigurationError) as caught:
        run(target, "after", Other(), start=["before"])
    assert str(caught.value) == (
        "the start 'before' is of other parameters (a, b) than this search (c, d); give a run that shares at "
        "least one"
    )
    assert not Path("after").exists()


def test_files_beside_runs_are_taken_to_the_letter(two: Any, target: Maker) -> None:
    Path("rows.yaml").write_text("- {a: 0.125}\n- {c: 1}\n")
    with pytest.raises(ConfigurationError) as caught:
        run(target, "next", start=["day", "rows.yaml"], population=8)
    assert str(caught.value) == (
        "candidate 2 of the start 'rows.yaml' does not fit the search: there is no parameter 'c'; the parameters "
        "are a, b"
    )
    with pytest.raises(ConfigurationError) as caught:
        parse_config({"start": ["day", "own"]})
    assert str(caught.value) == (
        "in the configuration, entry 2 of start is 'own'; allowed: the folder of a run, a YAML or JSON file, or "
        "values by parameter; that word stands alone"
    )


def test_a_table_begins_with_its_common_setting(target: Maker) -> None:
    from isptune.conditions.table import ParameterTable, TableEntry

    run(target, "table/common", budget=4)
    entries = [TableEntry({"iso": 100.0}, "iso-100", {"a": 0.25, "b": 0.75}, "own", "", 1, {})]
    table = ParameterTable(
        Path("table"), ("iso",), Paint().space, "target", False, {"a": 0.5, "b": 0.5}, entries=entries
    )
    Path("table/table.json").write_text(json.dumps(table.to_dict()))
    Path("table/table.yaml").write_text("isptune_table: 1\n")
    result = run(target, "after", start="table")
    assert begun(result, 2) == [{"a": 0.5, "b": 0.5}, {"a": 0.25, "b": 0.75}]
