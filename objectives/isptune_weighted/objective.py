"""The objective ``weighted``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from isptune.contracts.coverage import Coverage, joined
from isptune.contracts.objective import Objective, check_images
from isptune.contracts.requirements import Memory, Packaging
from isptune.contracts.scene import Scene
from isptune.errors import ConfigurationError, IsptuneError
from isptune.plugins import registry
from isptune_weighted.terms import read_terms, term_options


class Weighted(Objective):
    """Weighted sum of other objectives, each turned so that higher is better.

    ``score = sum_i w_i o_i s_i / r_i`` with the term's score s_i, its weight w_i > 0, its orientation
    o_i = +1 where higher is better and -1 where lower is better, and r_i = 1, or, with ``normalise``, the
    width (highest - lowest) of the term's score range. Higher is better. ``scores`` gives the terms' own
    scores s_i, one column per term, labelled by ``labels``.

    A sum needs a reference if any term does, is differentiable if all terms are, and its range is the sum of
    the terms' ranges.

    Args:
        terms: a mapping of objectives to weights, or to mappings with ``weight`` (1.0 if left out),
            ``options`` and, where the key is a label of your own, ``objective``; or a list of mappings
            with ``objective``, ``weight``, ``options`` and ``label``. The mapping is enough unless an
            objective appears twice.
        normalise: divide every term by the width of its score range, which then must be finite.

    Raises:
        ConfigurationError: no terms, an unknown key, a weight that is not positive and finite, two terms of
            one label, or a range that cannot be normalised.
        UnknownNameError: a term that is not a registered objective.

    Example, in YAML::

        objective:
          name: weighted
          options:
            terms:
              psnr: 1.0
              ssim: {weight: 20, options: {channels: luma}}
              noise-level: 5

    Example:
        >>> import isptune, torch
        >>> objective = isptune.create_objective("weighted", terms={"contrast": 2, "clipping": 1})
        >>> objective.labels, objective.score_range
        (('contrast', 'clipping'), (-1.0, 1.0))
    """

    needs: ClassVar[tuple[str, ...]] = ("what its terms need",)
    # Nothing is known before the terms are: `isptune list` shows a dash, every object its own fact.
    is_differentiable: bool = None  # type: ignore[assignment]

    def __init__(self, terms: Any, normalise: bool = False) -> None:
        if not isinstance(normalise, bool):
            raise ConfigurationError(f"normalise of 'weighted' is {normalise!r}; allowed: true, false")
        self.terms = read_terms(terms, normalise)
        objectives = [term.objective for term in self.terms]
        self.labels = tuple(term.label for term in self.terms)
        self.label_orientations = tuple(1 if one.higher_is_better else -1 for one in objectives)
        self.label_weights = tuple(term.scale for term in self.terms)
        self.higher_is_better = True
        self.chart_kinds = tuple(dict.fromkeys(kind for one in objectives for kind in one.chart_kinds))
        self.needs_reference = any(objective.needs_reference for objective in objectives)
        self.is_differentiable = all(objective.is_differentiable for objective in objectives)
        ranges = [term.score_range for term in self.terms]
        self.score_range = (math.fsum(low for low, _ in ranges), math.fsum(high for _, high in ranges))
        # Terms are scored one after the other, but with gradients all their graphs are kept until the end.
        needs = [objective.memory for objective in objectives]
        self.memory = Memory(
            images=sum(one.images for one in needs),
            images_with_gradients=sum(one.images_at_peak(gradients=True, usual=3) for one in needs),
            bytes=sum(one.bytes for one in needs),
            bytes_with_gradients=sum(one.bytes_with_gradients for one in needs),
        )
        self.coverage = joined([objective.coverage for objective in objectives])
        packaging = [objective.packaging for objective in objectives]
        self.packaging = Packaging(
            weights="; ".join(one.weights for one in packaging if one.weights) or None,
            downloads=tuple(download for one in packaging for download in one.downloads),
        )

    @classmethod
    def coverage_with(cls, options: Mapping[str, Any]) -> Coverage | None:
        """What the terms state together; None where the options are refused when the sum is made."""
        try:
            terms = list(term_options(options.get("terms")))
            kinds = [(registry.objectives.get(name), given) for name, given in terms]
        except IsptuneError:
            return None
        return joined(
            [kind.coverage_with(given) if hasattr(kind, "coverage_with") else None for kind, given in kinds]
        )

    def for_scene(self, scene: Scene) -> Objective:
        """The sum of what the terms score this scene by."""
        bound = [replace(term, objective=term.objective.for_scene(scene)) for term in self.terms]
        if all(one.objective is term.objective for one, term in zip(bound, self.terms, strict=True)):
            return self
        other = copy(self)
        other.terms = bound
        return other

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        # In float64 and column by column: the sum must not depend on the number of images.
        return self.score_of(self.scores(images, reference))

    def scores(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        """(N, K) of the terms' own scores, in the terms' own units and orientations."""
        images = check_images(images, self.name or "weighted")
        pristine = self.require_reference(images, reference) if self.needs_reference else None
        columns = [term.objective.score(images, pristine) for term in self.terms]
        dtype = max((column.dtype for column in columns), key=lambda kind: torch.finfo(kind).bits)
        return torch.stack([column.to(images.device, dtype) for column in columns], dim=1)

    def settled(self) -> Mapping[str, Any]:
        found = [term.objective.settled() for term in self.terms]
        return {"terms": found} if any(found) else {}

    def settle(self, noted: Mapping[str, Any] | None) -> None:
        terms = [None] * len(self.terms) if noted is None else noted.get("terms", [{}] * len(self.terms))
        for term, one in zip(self.terms, terms, strict=True):
            term.objective.settle(one)

    def to(self, device: torch.device | str) -> Weighted:
        for term in self.terms:
            term.objective.to(device)
        return self
