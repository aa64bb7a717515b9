"""The figures of a benchmark by name: one of them, or all that it has enough in it for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from isptune.benchmark.cell_results import Benchmark
from isptune.errors import ImageError, UnknownNameError
from isptune.figures import of_benchmark
from isptune.figures.agreement_figure import draw_agreements
from isptune.figures.curves_figure import draw_loss_curves, draw_profiles, draw_targets_reached
from isptune.figures.differences_figure import draw_differences
from isptune.figures.look import Look, looks
from isptune.figures.strips_figure import draw_final_losses
from isptune.figures.style import save
from isptune.storage.writing import make_folder
from isptune.wording.naming import did_you_mean, listed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    Drawing = Callable[[Benchmark, str | None], Figure]

SUFFIXES = (".png", ".pdf")
"""How the figures of a folder are written."""


def _looks(benchmark: Benchmark) -> dict[str, Look]:
    return looks(of_benchmark.objectives_of(benchmark))


def _convergence(benchmark: Benchmark, title: str | None) -> Figure:
    return draw_loss_curves(of_benchmark.loss_curves(benchmark), _looks(benchmark), title)


def _losses(benchmark: Benchmark, title: str | None) -> Figure:
    return draw_final_losses(of_benchmark.final_losses_by_optimizer(benchmark), _looks(benchmark), title)


def _ecdf(benchmark: Benchmark, title: str | None) -> Figure:
    targets = of_benchmark.targets_of(benchmark)
    return draw_targets_reached(of_benchmark.targets_reached(benchmark), _looks(benchmark), targets, title)


def _profiles(benchmark: Benchmark, title: str | None) -> Figure:
    targets = of_benchmark.targets_of(benchmark)
    return draw_profiles(of_benchmark.profiles(benchmark), _looks(benchmark), targets, title)


def _agreement(benchmark: Benchmark, title: str | None) -> Figure:
    return draw_agreements(of_benchmark.losses_and_agreements(benchmark), _looks(benchmark), title)


def _differences(benchmark: Benchmark, title: str | None) -> Figure:
    return draw_differences(of_benchmark.differences(benchmark), title)


_FIGURES: dict[str, Drawing] = {
    "convergence": _convergence,
    "losses": _losses,
    "ecdf": _ecdf,
    "profiles": _profiles,
    "agreement": _agreement,
    "differences": _differences,
}

BENCHMARK_FIGURES = tuple(_FIGURES)
"""Names of the figures of a benchmark, the most telling first."""


def draw_benchmark(benchmark: Benchmark, name: str = "convergence", title: str | None = None) -> Figure:
    """Draw one figure of a benchmark.

    Args:
        benchmark: from ``isptune.benchmark.run_grid.read_benchmark``; runs that are not done are left out.
        name: ``"convergence"``, normalised l1 of the best-scored candidate against evaluations;
            ``"losses"``, where runs ended; ``"ecdf"``, the share of targets reached against evaluations;
            ``"profiles"``, performance profiles; ``"agreement"``, final normalised l1 against rank agreement
            of score and truth; ``"differences"``, objectives against one another.
        title: a heading, if any.

    Returns:
        A figure that ``save`` writes.

    Raises:
        UnknownNameError: there is no such figure.
        NothingToDrawError: the benchmark lacks what the figure needs.
    """
    try:
        return _drawing(name)(benchmark, title)
    except of_benchmark.NothingToDrawError as error:
        raise of_benchmark.NothingToDrawError(_refusal(name, error)) from None


def save_benchmark_figures(
    benchmark: Benchmark,
    folder: str | Path,
    names: Sequence[str] = BENCHMARK_FIGURES,
    title: str | None = None,
) -> tuple[list[Path], list[str]]:
    """Write figures of a benchmark as PNG and PDF, such as ``losses.png`` and ``losses.pdf``.

    Args:
        benchmark: as for ``draw_benchmark``.
        folder: made where it is missing.
        names: of the figures.
        title: a heading over each of them, if any.

    Returns:
        The files, and a sentence for each figure that the benchmark lacks something for.

    Raises:
        UnknownNameError: there is no such figure.
        NothingToDrawError: not one of the figures can be drawn.
        ImageError: the folder cannot be made or written.
    """
    figures: dict[str, Figure] = {}
    reasons: dict[str, of_benchmark.NothingToDrawError] = {}
    for name in names:
        try:
            figures[name] = _drawing(name)(benchmark, title)
        except of_benchmark.NothingToDrawError as error:
            reasons[name] = error
    left_out = [_refusal(name, error) for name, error in reasons.items()]
    if not figures:
        same = listed(dict.fromkeys(map(str, reasons.values())))
        raise of_benchmark.NothingToDrawError(
            left_out[0] if len(left_out) == 1 else f"no figure can be drawn: {same}"
        )
    folder = Path(folder)
    make_folder(folder, ImageError)
    files = [
        save(figure, folder / f"{name}{suffix}") for name, figure in figures.items() for suffix in SUFFIXES
    ]
    return files, left_out


def _drawing(name: str) -> Drawing:
    if name not in _FIGURES:
        near = did_you_mean(name, _FIGURES) or f"; the figures: {listed(_FIGURES)}"
        raise UnknownNameError(f"there is no figure '{name}'{near}")
    return _FIGURES[name]


def _refusal(name: str, reason: of_benchmark.NothingToDrawError) -> str:
    return f"the figure '{name}' cannot be drawn: {reason}"
