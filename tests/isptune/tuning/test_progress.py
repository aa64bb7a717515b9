"""The pace of a run and what shows it: lines, a notebook's bar, and short texts of objects."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import isptune
from isptune import Choice, ParameterSpace
from isptune.tracking import Progress
from isptune.tuning.pace import Pace, written
from isptune.tuning.progress import ProgressBar

Maker = Callable[..., Any]


def test_the_first_step_is_no_measure_and_old_ones_are_forgotten() -> None:
    pace = Pace()
    pace.step(60.0, 30)
    assert (pace.per_second, pace.left(300)) == (None, None)
    pace.step(2.0, 30)
    assert pace.left(300) == pytest.approx(20.0)
    for _ in range(20):
        pace.step(1.0, 30)
    assert pace.left(300) == pytest.approx(10.0)


def test_time_left_in_words() -> None:
    assert [written(seconds) for seconds in (None, 3.4, 599, 1800, 90000)] == [
        "",
        "3 s left",
        "599 s left",
        "30 min left",
        "25 h left",
    ]


def test_neither_the_first_generation_nor_a_replayed_one_counts() -> None:
    seen: list[list[str]] = []

    class Bar(ProgressBar):
        def show(self, progress: Progress, texts: list[str]) -> None:
            seen.append(texts)

    bar = Bar()
    for generation, seconds, replayed in (
        (1, 500.0, True),
        (2, 520.0, False),
        (3, 521.0, False),
        (4, 522.0, False),
    ):
        bar(Progress(generation, 4, 30 * generation, 0.5, seconds, replayed, evaluations_per_second=1.5))
    assert seen == [
        ["best 0.5", "replayed", ""],
        ["best 0.5", "1.5 evaluations/s", ""],
        ["best 0.5", "30.0 evaluations/s", "1 s left"],
        ["best 0.5", "30.0 evaluations/s", ""],
    ]


def test_progress_in_a_terminal_where_it_is_asked_for(
    flat: Maker, target: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    isptune.tune(flat(), target(), budget=12, population=6)
    assert capsys.readouterr().err == ""
    isptune.tune(flat(), target(), budget=12, population=6, progress=True)
    assert "generation 2/2  best " in capsys.readouterr().err


def test_a_notebook_has_one_output_that_is_written_anew(
    flat: Maker, target: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    class ZMQInteractiveShell: ...

    class Handle:
        def update(self, output: str) -> None:
            shown.append(output)

    def display(output: str, display_id: bool) -> Handle:
        assert display_id
        shown.append(output)
        return Handle()

    notebook, outputs = ModuleType("IPython"), ModuleType("IPython.display")
    notebook.get_ipython = ZMQInteractiveShell  # type: ignore[attr-defined]
    outputs.HTML, outputs.display = str, display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    monkeypatch.setitem(sys.modules, "IPython.display", outputs)
    isptune.tune(flat(), target(), budget=12, population=6)
    assert len(shown) == 2
    assert shown[-1].startswith('<progress value="2" max="2"></progress> generation 2 of 2 · best ')
    isptune.tune(flat(), target(), budget=12, population=6, progress=False)
    assert len(shown) == 2


def test_objects_are_short_in_a_console(flat: Maker, target: Maker, red: Maker) -> None:
    result = isptune.tune(flat(), target(), budget=12, population=6)
    assert repr(result) == (
        f"<TuneResult: best target {result.best_score:.6g}, 12 evaluations, {result.seconds:.1f} s, "
        f"l1_normalised {result.l1_normalised:.4g}>"
    )
    assert repr(result.history) == "<History: 12 evaluations>"
    assert repr(flat()) == "<Pipeline 'flat': 2 parameters, 2 scenes, differentiable>"
    assert repr(flat().scenes[0]) == "Scene('scene0', 8x8, index=0)"
    assert repr(target()) == "<Objective 'target': lower is better, differentiable>"
    assert repr(red()) == "<Objective 'red': higher is better, labels red, green>"
    assert repr(isptune.create_optimizer("es", space=2)) == (
        "<Optimizer 'es': dimension 2, population 30, seed 0>"
    )


def test_objects_are_tables_in_a_notebook(flat: Maker, target: Maker) -> None:
    result = isptune.tune(flat(), target(), budget=12, population=6)
    cells = "".join(f"<td>{name}</td><td>{value:.6g}</td>" for name, value in result.best_parameters.items())
    assert cells.replace("</td><td>b<", "</td></tr><tr><td>b<") in result._repr_html_()
    for shown in (flat(), target(), isptune.create_optimizer("es", space=2), flat().space):
        assert "<table>" in shown._repr_html_()
    space = ParameterSpace({"mode": Choice(("<b>", "fine"))})
    assert "&lt;b&gt;, fine" in space._repr_html_()


def test_a_result_draws_itself(flat: Maker, target: Maker, red: Maker) -> None:
    figure = isptune.tune(flat(), target(), budget=12, population=6).plot()
    assert figure.axes[0].get_ylabel()
    assert figure._repr_png_()[:4] == b"\x89PNG"  # type: ignore[attr-defined]
    both = isptune.tune(flat(), [target(), red()], optimizer="nsga2", budget=12, population=6)
    assert repr(both.pareto) == f"<ParetoFront: {len(both.front)} candidates in target, red>"
    assert both.plot().axes
