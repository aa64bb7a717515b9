"""The contract of an objective: what turns images into scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from isptune.contracts.coverage import Coverage
from isptune.contracts.requirements import Memory, Packaged
from isptune.contracts.scene import Scene
from isptune.errors import ConfigurationError
from isptune.wording.naming import listed
from isptune.wording.showing import html_table, short


class Objective(Packaged, ABC):
    """An image-quality measure; subclass it, set the class facts and write ``score``.

    Class facts:
        higher_is_better: the orientation of ``score``.
        needs_reference: a full-reference measure, which a pipeline without pristine images cannot serve.
        is_differentiable: gradients of ``score`` with respect to the images.
        score_range: (lowest, highest) possible score; infinite ends where there is no bound.
        labels: the names of the K columns of ``scores``, for a vector-valued objective.
        label_orientations: (K,) the columns' orientation, where it is not the one of ``score``: +1 where
            higher is better, -1 where lower is, 0 where neither is and the column is no objective.
        label_weights: (K,) where ``score`` is the sum of the columns times these weights, whatever the
            picture: a search may then model each label by itself. None where it is any other function of
            them.
        chart_kinds: the kinds of test charts on which it measures, of which each scene must show one; empty
            where it scores any picture.
        is_judge: it ranks the candidates of a run together and scores no pictures by themselves, see
            ``isptune.contracts.judge.Judge``.
        coverage: the stages that it was trained and checked on, and those that it is known to misjudge, which
            a run compares with the pipeline's before it starts; None states nothing.
        default_optimizer: the registered optimizer that a run takes where none is named; None for the one of
            all runs.
        memory: what ``score`` holds per sample at its peak, for the memory budget.
        packaging: what has to be installed or downloaded.
        aliases: further names.

    A sample's score must not depend on what else is in the batch. Pre-processing (resizing, colour
    spaces) belongs to the objective and stands in its docstring. The conformance suite
    ``isptune.testing.ObjectiveConformance`` checks all of it.
    """

    higher_is_better: bool = True
    needs_reference: bool = False
    is_differentiable: bool = False
    is_judge: bool = False
    chart_kinds: tuple[str, ...] = ()
    score_range: tuple[float, float] = (-float("inf"), float("inf"))
    labels: tuple[str, ...] = ()
    label_orientations: tuple[int, ...] | None = None
    label_weights: tuple[float, ...] | None = None
    aliases: ClassVar[tuple[str, ...]] = ()
    default_optimizer: ClassVar[str | None] = None
    coverage: Coverage | None = None
    memory: Memory = Memory()

    name: str = ""
    options: dict[str, Any]

    def __repr__(self) -> str:
        return short("Objective", self.name or type(self).__name__, *self._shown_facts())

    def _repr_html_(self) -> str:
        return html_table(
            "", ["objective", "facts"], [[self.name or type(self).__name__, ", ".join(self._shown_facts())]]
        )

    def _shown_facts(self) -> list[str]:
        low, high = self.score_range
        facts = [f"{'higher' if self.higher_is_better else 'lower'} is better"]
        facts += [f"scores in [{low:g}, {high:g}]"] if np.isfinite([low, high]).all() else []
        facts += ["needs a reference"] if self.needs_reference else []
        facts += [f"measures on charts ({listed(self.chart_kinds)})"] if self.chart_kinds else []
        facts += ["differentiable"] if self.is_differentiable else []
        return facts + ([f"labels {listed(self.labels)}"] if self.labels else [])

    @abstractmethod
    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        """Score a batch.

        Args:
            images: (N, 3, H, W) RGB in [0, 1].
            reference: (1, 3, H, W) or (N, 3, H, W), the pristine images; needed where
                ``needs_reference`` says so, ignored elsewhere.

        Returns:
            (N,) scores, in the order of the images.
        """

    def scores(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        """(N, K) scores of a vector-valued objective, one column per entry of ``labels``.

        They are in the orientation of ``score`` unless ``label_orientations`` says otherwise.
        """
        raise ConfigurationError(f"the objective '{self.name}' gives one score per image, not several")

    def score_of(self, scores: Tensor) -> Tensor:
        """(N,) what ``score`` gives for pictures whose ``scores`` (N, K) are known.

        Where there are ``label_weights``: their sum, in float64 and column by column. Override it where
        ``score`` rounds otherwise, so that both give the same number.
        """
        assert self.label_weights is not None
        total = torch.zeros(len(scores), dtype=torch.float64, device=scores.device)
        for column, weight in zip(scores.to(torch.float64).unbind(dim=1), self.label_weights, strict=True):
            total = total + column * weight
        return total.to(scores.dtype)

    def maps(self, images: Tensor) -> Tensor:
        """(N, K, h, w) of what ``labels`` name, place by place: where in a picture each is how strong.

        Write it in an objective with labels, in one unit for all of them, so that they compare. Place (i, j)
        stands for a part of the picture at that place of an even grid of h x w. A run that has ended keeps
        the maps of its start and of what it found, and the report shows those that were worst at the start.
        """
        raise ConfigurationError(f"the objective '{self.name}' gives no maps")

    @property
    def has_maps(self) -> bool:
        """Whether it writes ``maps``."""
        return bool(self.labels) and type(self).maps is not Objective.maps

    def for_scene(self, scene: Scene) -> Objective:
        """The objective that scores the pictures of one scene; by default itself.

        Override it where a score depends on what is known of the scene, such as where its charts lie. It is
        called once for each scene, before anything is rendered.

        Returns:
            Itself, or another object of the same facts on the same device, which scores that scene alone.

        Raises:
            ConfigurationError: the scene lacks what is needed; one sentence that names it.
        """
        return self

    @classmethod
    def coverage_with(cls, options: Mapping[str, Any]) -> Coverage | None:
        """The ``coverage`` that an object made with these options will have, told without making one.

        Override it where an option, such as other weights, changes what can be stated.
        """
        return cls.coverage

    def settled(self) -> Mapping[str, Any]:
        """What decides the scores and was left to a default that depends on the machine or on the version.

        A run notes it, and ``settle`` gets it when the run is resumed, perhaps elsewhere or by a later
        version.
        """
        return {}

    def settle(self, noted: Mapping[str, Any] | None) -> None:
        """Compute as a run began that is now resumed.

        Args:
            noted: what ``settled`` gave; None where the run noted nothing, being of an earlier version.
        """

    def to(self, device: torch.device | str) -> Objective:
        """Move models and buffers to a device and return the objective itself."""
        return self

    def require_reference(self, images: Tensor, reference: Tensor | None) -> Tensor:
        """The reference checked against the batch, for full-reference objectives.

        Raises:
            ConfigurationError: there is none, or its size is not the images'.
        """
        name = self.name or type(self).__name__
        if reference is None:
            raise ConfigurationError(f"the objective '{name}' needs a reference image")
        if reference.ndim == 3:
            reference = reference.unsqueeze(0)
        if reference.shape[-2:] != images.shape[-2:] or reference.shape[0] not in (1, images.shape[0]):
            raise ConfigurationError(
                f"the objective '{name}' needs a reference of the images' size "
                f"{images.shape[-1]}x{images.shape[-2]}, got {reference.shape[-1]}x{reference.shape[-2]} "
                f"({reference.shape[0]} for {images.shape[0]} images)"
            )
        return reference.to(device=images.device, dtype=images.dtype)


def require_scores(scores: Any, method: str, shape: tuple[int, ...]) -> None:
    """Refuse what an objective gave with a ValueError where it is no tensor of that shape.

    Args:
        scores: what it gave.
        method: ``"score"`` or ``"scores"``.
        shape: one row per image.
    """
    if isinstance(scores, Tensor) and tuple(scores.shape) == shape:
        return
    got = f"the shape {tuple(scores.shape)}" if isinstance(scores, Tensor) else f"a {type(scores).__name__}"
    tensor = "" if isinstance(scores, Tensor) else "a torch tensor of the shape "
    raise ValueError(f"{method} gave {got} for {shape[0]} images instead of {tensor}{shape}")


def check_images(images: Tensor, name: str) -> Tensor:
    """The batch itself, refused with a ConfigurationError where it is not (N, 3, H, W) floating point."""
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise ConfigurationError(
            f"'{name}' needs images of the shape (N, 3, H, W) in floating point, "
            f"got {tuple(images.shape)} of {str(images.dtype).removeprefix('torch.')}"
        )
    return images
