"""The registered statistics: thin classes over ``isptune_statistics.functional``.

Each is one plain property of an image, not its quality: alone they are easily gamed (noise is contrast,
clipping is contrast). Combine them with ``weighted``, or use them as features or constraints.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor

from isptune.contracts.coverage import checked_on
from isptune.contracts.objective import Objective, check_images
from isptune.contracts.requirements import Memory
from isptune.errors import ConfigurationError
from isptune_statistics import functional
from isptune_statistics.blind_spots import BLIND_TO, MEASURED


def _checked(images: Tensor, name: str, smallest: int = 1) -> Tensor:
    images = check_images(images, name)
    if min(images.shape[-2:]) < smallest:
        raise ConfigurationError(
            f"'{name}' needs images of at least {smallest} px on each side, "
            f"got {images.shape[-1]}x{images.shape[-2]}"
        )
    return images


class Sharpness(Objective):
    """Strength of edges: RMS gradient of slightly smoothed luma.

    See ``isptune_statistics.functional.sharpness`` (Tenengrad, Krotkov 1987, with Gaussian derivatives).
    Range [0, 0.52] in luma per pixel; about 0.02 to 0.05 for ordinary photographs. Higher is better. Images
    of at least 7 px on each side.
    """

    is_differentiable = True
    coverage = checked_on(MEASURED, blind_to=BLIND_TO["sharpness"])
    score_range = (0.0, functional.SHARPEST)
    memory = Memory(images=4.0)
    compiled = True

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return functional.sharpness(_checked(images, self.name or "sharpness", 7), self.compiled)

    def settled(self) -> Mapping[str, Any]:
        return {"compiled": self.compiled}

    def settle(self, noted: Mapping[str, Any] | None) -> None:
        # Runs that noted nothing took the sums in another order.
        self.compiled = bool(noted and noted.get("compiled"))


class NoiseLevel(Objective):
    """Standard deviation of the noise, estimated (Immerkaer 1996).

    See ``isptune_statistics.functional.noise_level``. Range [0, 1.67] in the images' own unit, where 1 is
    white; LOWER is better. Fine texture counts as noise, so blur lowers it too. Images of at least 3 px on
    each side.
    """

    higher_is_better = False
    is_differentiable = True
    coverage = checked_on(MEASURED, blind_to=BLIND_TO["noise-level"])
    score_range = (0.0, functional.NOISIEST)
    memory = Memory(images=2.0)

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return functional.noise_level(_checked(images, self.name or "noise-level", 3))


class Contrast(Objective):
    """RMS contrast: standard deviation of luma (Peli 1990).

    See ``isptune_statistics.functional.contrast``. Range [0, 0.5]; about 0.1 to 0.3 for ordinary photographs.
    Higher is better.
    """

    is_differentiable = True
    coverage = checked_on(MEASURED, blind_to=BLIND_TO["contrast"])
    score_range = (0.0, 0.5)
    memory = Memory(images=1.0)

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return functional.contrast(_checked(images, self.name or "contrast"))


class Colourfulness(Objective):
    """Colourfulness of Hasler and Suesstrunk (2003), on their scale of 0..255.

    See ``isptune_statistics.functional.colourfulness``. Range [0, 297.7]: 0 for grey, 33 moderately, 59
    quite, 109 extremely colourful. Higher is better.
    """

    is_differentiable = True
    coverage = checked_on(MEASURED, blind_to=BLIND_TO["colourfulness"])
    score_range = (0.0, functional.MOST_COLOURFUL)
    memory = Memory(images=2.0)

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return functional.colourfulness(_checked(images, self.name or "colourfulness"))


class Exposure(Objective):
    """Well-exposedness: nearness of the values to mid grey (Mertens et al. 2007).

    See ``isptune_statistics.functional.exposure``. Range [0, 1]: 1 for mid grey everywhere. Higher is
    better.

    Args:
        sigma: the width of the Gaussian around 0.5, above 0; the paper's is 0.2.
    """

    is_differentiable = True
    coverage = checked_on(MEASURED, blind_to=BLIND_TO["exposure"])
    score_range = (0.0, 1.0)
    memory = Memory(images=2.0)

    def __init__(self, sigma: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.2) -> None:
        if not _is_number(sigma) or not sigma > 0:
            raise ConfigurationError(f"sigma is {sigma!r}; allowed: finite numbers above 0")
        self.sigma = float(sigma)

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return functional.exposure(_checked(images, self.name or "exposure"), self.sigma)


class Clipping(Objective):
    """Fraction of the values that are clipped to black or white.

    See ``isptune_statistics.functional.clipping``. Range [0, 1]; LOWER is better. A count, so it is not
    differentiable.

    Args:
        margin: how near to 0 or 1 counts, in [0, 0.5); the default, 0.5/255, is what rounds to 0 or 255 in
            8 bits.
    """

    higher_is_better = False
    is_differentiable = False
    coverage = checked_on(MEASURED, blind_to=BLIND_TO["clipping"])
    score_range = (0.0, 1.0)
    memory = Memory(images=1.0)

    def __init__(self, margin: Annotated[float, Field(ge=0, lt=0.5)] = 0.5 / 255) -> None:
        if not _is_number(margin) or not 0 <= margin < 0.5:
            raise ConfigurationError(f"margin is {margin!r}; allowed: numbers from 0 to below 0.5")
        self.margin = float(margin)

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return functional.clipping(_checked(images, self.name or "clipping"), self.margin)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
