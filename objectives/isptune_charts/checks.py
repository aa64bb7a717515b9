"""What of a picture cannot be measured, in one sentence each."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from isptune.errors import ConfigurationError
from isptune_charts.edges import find_line
from isptune_charts.kinds import EdgeRegion
from isptune_charts.light import linear, luminance

# The sides of an edge differ by so much in linear light at least.
_LEAST_HEIGHT = 0.03
_MOST_CLIPPED = 0.05
_CLIPPED = 0.5 / 255
_MOST_DEGREES = 15.0


def settled_edge(region: EdgeRegion, picture: Tensor) -> EdgeRegion:
    """The region with the edge's line as a picture shows it, as far as it is not known.

    Args:
        region: where to look.
        picture: (3, H, W), as good a one as there is.

    Raises:
        ConfigurationError: the edge is too flat, clipped, too steep or too straight to be measured.
    """
    left, top, right, bottom = region.box
    cut = picture[:, top:bottom, left:right].double()
    bright = luminance(linear(cut))
    if region.upright is None:
        upright = bool(bright.mean(dim=0).diff().abs().sum() >= bright.mean(dim=1).diff().abs().sum())
        region = replace(region, upright=upright)
    bright = bright if region.upright else bright.T
    where = f"the slanted edge at {left}, {top}"
    third = max(1, bright.shape[1] // 6)
    height = float((bright[:, :third].mean() - bright[:, -third:].mean()).abs())
    if height < _LEAST_HEIGHT:
        raise ConfigurationError(
            f"{where} is too flat: its sides differ by {_below(height, _LEAST_HEIGHT)} in linear light; "
            f"needed: at least {_LEAST_HEIGHT}"
        )
    clipped = float(((cut <= _CLIPPED) | (cut >= 1 - _CLIPPED)).any(dim=0).double().mean())
    if clipped > _MOST_CLIPPED:
        raise ConfigurationError(
            f"{where} is clipped: {100 * clipped:.0f}% of its pixels are black or white; allowed: at most "
            f"{100 * _MOST_CLIPPED:.0f}%"
        )
    line = find_line(bright[None], region.slope)
    degrees = float(line.degrees.abs())
    if degrees > _MOST_DEGREES:
        raise ConfigurationError(
            f"{where} is too steep: it lies {degrees:.1f} degrees from "
            f"{'upright' if region.upright else 'level'}; allowed: 2 to {_MOST_DEGREES:g}"
        )
    moved = bright.shape[0] * float(line.slope.abs())
    if moved < 1:
        raise ConfigurationError(
            f"{where} is too straight: over its {bright.shape[0]} rows it moves by {moved:.2f} pixels, so "
            "that nothing lies between the pixels; needed: at least 1"
        )
    return replace(region, slope=float(line.slope), offset=float(line.offset))


def _below(value: float, least: float) -> str:
    """A number that is too small, with as many digits as show that it is."""
    return next((text for text in (f"{value:.{n}f}" for n in range(3, 9)) if float(text) < least), f"{value}")


def require_same_size(images: Tensor, size: tuple[int, int], name: str) -> None:
    """Refuse with a ConfigurationError pictures of another size than the scene whose charts are known."""
    if tuple(images.shape[-2:]) != size:
        raise ConfigurationError(
            f"the objective '{name}' knows the charts of a picture of {size[1]}x{size[0]} pixels, and got "
            f"{images.shape[-1]}x{images.shape[-2]}"
        )
