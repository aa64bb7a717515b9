"""Reports of several objectives: the numbers and the data of the charts, against hand-made ones."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from isptune import Float, ParameterSpace
from isptune.figures.candidates import candidates_of_front
from isptune.figures.front import compromises, even_sample
from isptune.figures.records import Record, column_records, slices
from isptune.figures.sensitivity import trade_offs
from isptune.figures.shown_numbers import written
from isptune.report import charts, front_sections
from isptune.report.overview import lead_of_front
from isptune.report.page import Page
from isptune.runs.history import History

# Higher is better of the first, lower of the second. The last one fails, the fourth is dominated.
SCORES = [[1.0, 1.0], [9.0, 9.0], [5.0, 2.0], [4.0, 3.0], [np.nan, 0.0]]
LOSSES = [0.5, 0.4, 0.1, 0.2, 0.3]


def made(scores: list[list[float]], losses: list[float] | None, signs: tuple[bool, ...]) -> Record:
    values = np.array(scores)
    labels = tuple("abc"[: len(signs)])
    known = None if losses is None else np.array(losses)
    history = History(
        evaluations=np.arange(1, len(values) + 1),
        candidates=np.linspace(0, 1, len(values))[:, None],
        scores=values,
        l1=known,
        l1_normalised=known,
        labels=labels,
        orientations=signs,
    )
    best = history.best
    assert best is not None
    return Record(
        name="run",
        objective="+".join(labels),
        optimizer="nsga2",
        scene="chart",
        variant="0",
        word="map",
        seed=0,
        directory=Path("run"),
        history=history,
        l1=None if known is None else float(known[best]),
        l1_normalised=None if known is None else float(known[best]),
        parameters={"gain": float(history.candidates[best, 0])},
        scores=dict(zip(labels, values[best].tolist(), strict=True)),
        run=SimpleNamespace(  # type: ignore[arg-type]
            space=ParameterSpace({"gain": Float(0, 1)}), truth=None, result=SimpleNamespace(notes=[])
        ),
    )


@pytest.fixture
def run() -> Record:
    return made(SCORES, LOSSES, (True, False))


def test_each_objective_sees_its_own_scores(run: Record) -> None:
    first, second = column_records(run)
    assert [one.objective for one in (first, second)] == ["a", "b"]
    assert [one.history.higher_is_better for one in (first, second)] == [True, False]
    np.testing.assert_array_equal(first.history.score, [1, 9, 5, 4, np.nan])
    # The best in each alone are other candidates than the compromise, whose score and loss both keep.
    assert (first.history.best, second.history.best, run.history.best) == (1, 4, 2)
    assert [one.score for one in (first, second)] == [5, 2]
    assert [one.l1_normalised for one in (first, second)] == [0.1, 0.1]
    assert (first.scores, first.has_front) == ({"a": 5.0}, False)


def test_the_compromise_so_far(run: Record) -> None:
    found = compromises(run.history)
    assert found is not None
    assert found.evaluations.tolist() == [1, 2, 3, 4, 5]
    # Of the first two both have the ranks 1 and 2, so the earlier one counts.
    assert found.losses.tolist() == [0.5, 0.5, 0.1, 0.1, 0.1]
    few = compromises(run.history, most=2)
    assert few is not None
    assert (few.evaluations.tolist(), few.losses.tolist()) == ([1, 5], [0.5, 0.1])
    late = compromises(made([[np.nan, 1.0], [1.0, 1.0]], [0.3, 0.2], (True, True)).history)
    assert late is not None
    np.testing.assert_array_equal(late.losses, [np.nan, 0.2])
    assert compromises(made(SCORES, None, (True, False)).history) is None


def test_samples_are_even_and_hold_both_ends() -> None:
    assert even_sample(4, 10).tolist() == [0, 1, 2, 3]
    assert even_sample(9, 3).tolist() == [0, 4, 8]
    assert even_sample(0, 3).tolist() == []


def test_the_plane(run: Record) -> None:
    chart = charts.plane_chart(run.history)
    assert chart["front"] == [[5, 1, 9], [2, 1, 9]]
    assert chart["others"] == [[4], [3]]
    assert chart["stairs"] == [[1, 1, 5, 5, 9], [1, 2, 2, 9, 9]]
    assert chart["losses"] == [0.1, 0.5, 0.4]
    assert chart["names"] == ["best compromise, evaluation 3", "evaluation 1", "evaluation 2"]
    assert [chart[axis]["label"] for axis in "xy"] == ["a (higher is better)", "b (lower is better)"]
    assert chart["x"]["window"] == pytest.approx([1 - 0.48, 9 + 0.48])
    assert "losses" not in charts.plane_chart(made(SCORES, None, (True, False)).history)
    many = made([[float(n), float(n)] for n in range(3000)] + [[9999.0, -1.0]], None, (True, False))
    assert len(charts.plane_chart(many.history)["others"][0]) == 2000


def test_parallel_axes_of_the_front() -> None:
    run = made([[1.0, 1.0, 0.0], [9.0, 9.0, 0.0], [5.0, 2.0, 0.0]], LOSSES[:3], (True, False, True))
    chart = charts.parallel_chart(["a", "b", "c"], candidates_of_front(run), answer=True)
    assert chart["answer"] == "best compromise"
    assert [view["label"] for view in chart["views"]] == ["scores", "parameters"]
    assert chart["views"][0]["axes"] == [
        {"name": "a", "low": "1", "high": "9"},
        {"name": "b", "low": "9", "high": "1"},
        {"name": "c", "low": "0", "high": "0"},
    ]
    assert chart["scores"][1] == {"name": "b", "higherIsBetter": False}
    first = chart["lines"][0]
    assert first["name"] == "best compromise, evaluation 3"
    assert first["shares"] == [0.5, 0.875, 0.5]
    assert (first["scores"], first["sharesWritten"]) == ([5, 2, 0], ["5", "2", "0"])
    assert first["parametersWritten"] == ["1"]
    fewer = candidates_of_front(run, most=2)
    assert fewer.names == ("best compromise, evaluation 3", "evaluation 2")
    other = made(SCORES, LOSSES, (True, False))
    two = charts.parallel_chart(["a", "b"], candidates_of_front(other), answer=True)
    assert [view["label"] for view in two["views"]] == ["parameters"]


def test_the_hidden_loss_of_each_objective_and_of_the_compromise(run: Record) -> None:
    chart = charts.front_loss_chart(run, charts.curves(slices(column_records(run))))
    assert chart is not None
    (part,) = chart["slices"]
    assert [(one["name"], one["colour"]) for one in part["series"]] == [
        ("a", 0),
        ("b", 1),
        ("best compromise", 2),
    ]
    assert part["series"][0]["y"] == [0.5, 0.4, 0.4]
    assert part["series"][2]["y"] == [0.5, 0.5, 0.1, 0.1, 0.1]
    json.dumps(chart, allow_nan=False)
    blind = made(SCORES, None, (True, False))
    assert charts.front_loss_chart(blind, charts.curves(slices(column_records(blind)))) is None


def test_the_table_of_a_long_front_is_folded_and_cut(run: Record) -> None:
    def content(record: Record) -> str:
        page = Page("t", "l", [*record.scores, record.objective])
        front_sections.add_front(page, record)
        return page.sections[0].content

    short = content(run)
    assert "The candidates on the front, the best compromise first" in short
    assert "<details>" not in short
    assert short.count('<th scope="row"') == 3 + 1  # and one parameter
    long = content(made([[float(n), float(n)] for n in range(60)], None, (True, False)))
    assert "<details><summary>The front as a table</summary>" in long
    assert "The first 50 of 60 candidates on the front" in long
    assert long.count('<th scope="row"') == 50 + 1
    assert "normalised l1" not in long


def test_the_lead_counts_the_front(run: Record) -> None:
    assert lead_of_front(run) == (
        "Of 5 evaluations by nsga2, 3 are on the front: no other is better in one objective without being "
        "worse in another. The best compromise has a 5, b 2. Its normalised l1 is 0.1: 10 % of "
        "the stages' highest levels are left."
    )
    alone = made([[1.0, 1.0], [2.0, 2.0]], None, (True, True))
    assert lead_of_front(alone) == (
        "Of 2 evaluations by nsga2, 1 is on the front: no other is better in one objective without being "
        "worse in another. The best compromise has a 2, b 2."
    )


def quarrel(count: int = 60) -> Record:
    """A rises with the gain as B, of which lower is better, rises; one evaluation failed in B alone."""
    gains = np.linspace(0, 1, count)
    scores = np.column_stack([3 * gains, gains + 2 * (gains - 0.5) ** 2])
    scores[count // 4, 1] = np.nan
    return made(scores.tolist(), None, (True, False))


def test_trade_offs_are_those_of_the_functions() -> None:
    record = quarrel()
    fits = trade_offs(record, column_records(record))
    assert fits is not None
    best = record.history.best
    assert best is not None
    failed = len(record.history.scores) // 4
    at = record.history.candidates[best, 0]
    for fit in fits:
        assert fit.centre.tolist() == [at]
        assert failed not in fit.nearest
        np.testing.assert_array_equal(fit.nearest, fits[0].nearest)
        assert fit.step == fits[0].step
    step = np.array([-1.0, 1.0]) * fits[0].step
    np.testing.assert_allclose(fits[0].changes[0], 3 * step, rtol=1e-6)
    second = step + 2 * ((at + step - 0.5) ** 2 - (at - 0.5) ** 2)
    np.testing.assert_allclose(fits[1].changes[0], second, rtol=1e-6)


def test_the_table_of_trade_offs() -> None:
    record = quarrel()
    columns = column_records(record)
    page = Page("t", "l", [*record.scores, record.objective])
    front_sections.add_trade_offs(page, record, columns)
    fits = trade_offs(record, columns)
    assert fits is not None
    content = page.sections[0].content
    size = f"{100 * fits[0].step:.2g} %"
    for label, fit in zip("ab", fits, strict=True):
        for way, change in zip(("down", "up"), fit.changes[0], strict=True):
            assert f">{label}, {size} {way}</th>" in content
            assert f">{written(float(change))}</td>" in content
    assert "It explains of the variance of the scores: a 100 %, b 100 %." in content
    assert "–</td>" not in content
    assert list(page.charts) == ["trade-off-0", "trade-off-1"]
    assert page.charts["trade-off-1"]["colour"] == 1
    labels = [chart["y"]["label"] for chart in page.charts.values()]
    assert labels == ["score (higher is better)", "score (lower is better)"]


def test_a_short_log_has_no_trade_offs(run: Record) -> None:
    page = Page("t", "l", [*run.scores, run.objective])
    front_sections.add_trade_offs(page, run, column_records(run))
    assert "too few different evaluations to tell how much each parameter matters" in page.sections[0].content


def test_steps_out_of_the_range_and_constant_scores_have_no_change() -> None:
    record = made([[gain, 1.0] for gain in np.linspace(0, 1, 60).tolist()], None, (True, True))
    assert record.history.best == 59
    page = Page("t", "l", [*record.scores, record.objective])
    front_sections.add_trade_offs(page, record, column_records(record))
    content = page.sections[0].content
    row = content[content.index("<tbody>") : content.index("</tbody>")]
    cells = [cell.partition("<")[0] for cell in row.split(">")[1:] if "</td" in cell]
    assert cells[0] == "1"
    # Down and up of a, down and up of b.
    assert cells[1].startswith("−0.")
    assert cells[2:] == ["–", "–", "–"]
    assert "a 100 %, b does not vary." in content
