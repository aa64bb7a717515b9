"""Plots: what to show is computed in one module and drawn in others; matplotlib loads when drawing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isptune.plots.before_after import PicturedScene as PicturedScene
    from isptune.plots.before_after import draw_before_after as draw_before_after
    from isptune.plots.before_after import draw_scenes as draw_scenes
    from isptune.plots.benchmark.catalogue import BENCHMARK_FIGURES as BENCHMARK_FIGURES
    from isptune.plots.benchmark.catalogue import draw_benchmark as draw_benchmark
    from isptune.plots.benchmark.catalogue import save_benchmark_figures as save_benchmark_figures
    from isptune.plots.comparison_figure import ComparedRuns as ComparedRuns
    from isptune.plots.comparison_figure import draw_comparison as draw_comparison
    from isptune.plots.compute import Band as Band
    from isptune.plots.compute import ConvergenceCurves as ConvergenceCurves
    from isptune.plots.compute import History as History
    from isptune.plots.compute import RecoveredLevels as RecoveredLevels
    from isptune.plots.compute import before_after_crops as before_after_crops
    from isptune.plots.compute import convergence as convergence
    from isptune.plots.compute import recovered_levels as recovered_levels
    from isptune.plots.convergence_figure import draw_convergence as draw_convergence
    from isptune.plots.gallery import Gallery as Gallery
    from isptune.plots.gallery import GalleryRow as GalleryRow
    from isptune.plots.gallery import draw_gallery as draw_gallery
    from isptune.plots.gallery import family_of as family_of
    from isptune.plots.gallery import stage_gallery as stage_gallery
    from isptune.plots.levels_figure import draw_recovered_levels as draw_recovered_levels
    from isptune.plots.pareto_compute import ParetoPoints as ParetoPoints
    from isptune.plots.pareto_compute import pareto_points as pareto_points
    from isptune.plots.pareto_figure import draw_pareto as draw_pareto
    from isptune.plots.style import save as save

_HOMES = {
    "isptune.plots.before_after": ["PicturedScene", "draw_before_after", "draw_scenes"],
    "isptune.plots.benchmark.catalogue": ["BENCHMARK_FIGURES", "draw_benchmark", "save_benchmark_figures"],
    "isptune.plots.comparison_figure": ["ComparedRuns", "draw_comparison"],
    "isptune.plots.compute": [
        "Band",
        "ConvergenceCurves",
        "History",
        "RecoveredLevels",
        "before_after_crops",
        "convergence",
        "recovered_levels",
    ],
    "isptune.plots.convergence_figure": ["draw_convergence"],
    "isptune.plots.gallery": ["Gallery", "GalleryRow", "draw_gallery", "family_of", "stage_gallery"],
    "isptune.plots.levels_figure": ["draw_recovered_levels"],
    "isptune.plots.pareto_figure": ["draw_pareto"],
    "isptune.plots.pareto_compute": ["ParetoPoints", "pareto_points"],
    "isptune.plots.style": ["save"],
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'isptune.plots' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
