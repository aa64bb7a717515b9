"""Texts are no formulas, and no setting of a notebook keeps a figure from being drawn."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import isptune
from isptune.cli import main
from isptune.figures import (
    ComparedRuns,
    convergence,
    draw_before_after,
    draw_comparison,
    draw_convergence,
    draw_gallery,
    draw_pareto,
    draw_recovered_levels,
    recovered_levels,
    save,
    stage_gallery,
)
from isptune.figures.front import ParetoPoints
from isptune.runs.description import Truth
from isptune.runs.history import History

# What matplotlib would read as broken mathematics, and stop at.
NAME = "IMG_$1_$2^{$.png"


def curves() -> Any:
    scores = np.array([0.5, 0.1, 0.001])
    history = History(np.arange(1, 4), np.zeros((3, 1)), scores[:, None], ("score",), (False,), None, scores)
    return convergence([history])


def pareto(count: int) -> ParetoPoints:
    labels = tuple(f"{NAME}{number}" for number in range(count))
    scores = np.random.default_rng(0).random((4, count))
    return ParetoPoints(labels, (True,) * count, scores, scores, scores[:, 0])


FIGURES: dict[str, Callable[[], Any]] = {
    "convergence": lambda: draw_convergence(curves(), NAME, NAME),
    "comparison": lambda: draw_comparison([ComparedRuns(NAME, NAME, curves())] * 2, NAME),
    "levels": lambda: draw_recovered_levels(
        recovered_levels([("psnr", Truth((NAME,), (NAME,), (1.0,), (1.0,)), [0.5])]), NAME
    ),
    "before and after": lambda: draw_before_after({NAME: torch.rand(3, 40, 40)}, {NAME: NAME}, NAME),
    "plane": lambda: draw_pareto(pareto(2), NAME),
    "parallel": lambda: draw_pareto(pareto(3), NAME),
    "gallery": lambda: draw_gallery(
        stage_gallery(torch.rand(3, 40, 40), [isptune.create_stage("darken")]), NAME
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_dollar_is_a_dollar(name: str, tmp_path: Path, texts: Callable[[Any], list[str]]) -> None:
    figure = FIGURES[name]()
    assert save(figure, tmp_path / "figure.png").stat().st_size > 1000
    shown = "".join(texts(figure))
    assert "$1_$2" in shown
    # Nor does matplotlib write formulas of its own, which would now be shown as they are.
    assert "\\math" not in shown


@pytest.mark.filterwarnings("error")
def test_names_that_no_font_knows(tmp_path: Path, texts: Callable[[Any], list[str]]) -> None:
    name = "caf\udce9.png"
    figure = draw_before_after({"start": torch.rand(3, 40, 40)}, {"start": "日本.png\ntwo"}, name)
    save(figure, tmp_path / "figure.png")
    assert {"caf\\xe9.png", "日本.png", "two"} <= set(texts(figure))
    figure = draw_comparison([ComparedRuns(name, name, curves())] * 2, name)
    assert "caf\\xe9.png" in texts(figure)


@pytest.fixture
def fresh_matplotlib() -> Iterator[Callable[[], None]]:
    """Forget matplotlib, which reads ``MPLBACKEND`` as it is imported; the first one is back afterwards."""

    def forget() -> dict[str, ModuleType]:
        names = [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]
        return {name: sys.modules.pop(name) for name in names}

    kept = forget()
    yield forget
    forget()
    sys.modules.update(kept)


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "nonsense", "svg"])
def test_figures_need_no_backend_and_leave_the_users(
    backend: str, monkeypatch: pytest.MonkeyPatch, fresh_matplotlib: Callable[[], None], tmp_path: Path
) -> None:
    monkeypatch.setenv("MPLBACKEND", backend)
    assert save(draw_convergence(curves()), tmp_path / "figure.png").stat().st_size > 1000
    assert os.environ["MPLBACKEND"] == backend
    known = sys.modules["matplotlib"].rcParams._get("backend")
    assert (known == "svg") == (backend == "svg")
    assert "matplotlib.pyplot" not in sys.modules


@pytest.mark.draws
def test_verbs_draw_whatever_the_backend_is_called(
    monkeypatch: pytest.MonkeyPatch, fresh_matplotlib: Callable[[], None], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    tune = "tune chart:64x48 --objective psnr --population 4 --budget 4 --optimizer random --out run"
    for backend, line in (
        ("module://matplotlib_inline.backend_inline", tune),
        ("nonsense", "plot run --out plot.png"),
        ("nonsense", "gallery chart:64x48 --stage darken --size 32 --out gallery"),
    ):
        monkeypatch.setenv("MPLBACKEND", backend)
        with pytest.raises(SystemExit) as end:
            main(line.split())
        assert end.value.code == 0, line
        # Plugins that import matplotlib themselves find a backend, too.
        assert sys.modules["matplotlib"].rcParams._get("backend") == "agg"
        fresh_matplotlib()
    drawn = ["gallery/gallery.png", "run/convergence.png", "run/before_after.png", "plot.png"]
    assert all(Path(name).stat().st_size > 1000 for name in drawn)
