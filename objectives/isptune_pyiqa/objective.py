"""The objective behind every ``pyiqa:NAME``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from isptune.contracts.objective import Objective, check_images
from isptune.contracts.requirements import Memory, Packaging
from isptune.errors import ConfigurationError
from isptune_pyiqa.catalogue import LICENCE, Metric
from isptune_pyiqa.loading import isolated_randomness, load_metric

logger = logging.getLogger("isptune")

# What isptune sets itself, or what would change the meaning of a score.
_OWN_OPTIONS = (
    "as_loss",
    "check_input_range",
    "device",
    "loss_reduction",
    "loss_weight",
    "metric_mode",
    "metric_name",
    "seed",
)


class PyiqaObjective(Objective):
    """A metric of pyiqa, with the pre-processing that pyiqa gives it.

    LICENCE: pyiqa is under the PolyForm Noncommercial licence 1.0.0 (https://polyformproject.org), parts of
    it under the S-Lab licence 1.0: noncommercial use only. Weights have terms of their own.

    The orientation is pyiqa's, mended where pyiqa has it wrong; ends of ``score_range`` that pyiqa calls
    rough are infinite. Computed in float32. A metric that is not known to give the images of a batch the
    scores that they have alone is run on one image at a time. Metrics that draw random crops draw the same
    ones on every call; the global generators stay as they were. Where pyiqa's gradient is not a number at an
    image identical to its reference (a distance of 0), it is 0 here.

    Weights that are not on the machine are downloaded by pyiqa, which needs a connection, and are read
    without running code from them (``weights_only``).

    Args:
        batched: run whole batches at once (True) or one image at a time (False); by default what was found
            right for the metric.
        metric_options: pyiqa's options of the metric, such as ``{"test_y_channel": False}``.
    """

    metric: ClassVar[Metric]
    packaging = Packaging(extra="pyiqa", requires=("pyiqa",))
    # Feature stacks of networks at full resolution; an estimate on the safe side for all of them.
    memory = Memory(images=30.0)

    def __init__(self, batched: bool | None = None, metric_options: Mapping[str, Any] | None = None) -> None:
        self.name = f"pyiqa:{self.metric.name}"
        if not (batched is None or isinstance(batched, bool)):
            raise ConfigurationError(f"batched of '{self.name}' is {batched!r}; allowed: true, false")
        self.batched = self.metric.is_batched if batched is None else batched
        if not isinstance(metric_options or {}, Mapping):
            raise ConfigurationError(
                f"metric_options of '{self.name}' is {metric_options!r}; allowed: a mapping"
            )
        chosen = dict(metric_options or {})
        for option in chosen:
            if option in _OWN_OPTIONS:
                raise ConfigurationError(
                    f"metric_options of '{self.name}' cannot set '{option}': isptune does"
                )
        network = load_metric(self.metric.name, chosen, downloads=not self.metric.is_formula)
        self._network = network.requires_grad_(False).eval()
        self._device = torch.device("cpu")
        logger.warning(
            "%s comes from pyiqa, which is under the %s licence 1.0.0: noncommercial use only",
            self.name,
            LICENCE,
        )

    def to(self, device: torch.device | str) -> PyiqaObjective:
        self._device = torch.device(device)
        self._network.to(self._device)
        return self

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        images = check_images(images, self.name)
        pristine = self.require_reference(images, reference) if self.needs_reference else None
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.is_differentiable):
            inputs = images.to(self._device, torch.float32)
            if pristine is not None:
                pristine = pristine.to(self._device, torch.float32).expand_as(inputs)
                inputs = _defined_where_identical(inputs, pristine)
            size = max(1, len(inputs)) if self.batched else 1
            scores = [
                self._run(part, None if pristine is None else pristine[start : start + size])
                for start, part in zip(range(0, len(inputs), size), inputs.split(size), strict=True)
            ]
            return torch.cat(scores).to(images.device, torch.promote_types(images.dtype, torch.float32))

    def _run(self, images: Tensor, reference: Tensor | None) -> Tensor:
        """(N,) scores of a batch, or of the one image, of float32 on the network's device."""
        # As pyiqa's own wrapper does, which is passed by because it decides about gradients by itself.
        exact = torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=torch.backends.cudnn.allow_tf32
        )
        # Autocast is for the matrix products of networks; the formulas need single precision throughout.
        autocast = torch.is_autocast_enabled(self._device.type) and not self.metric.is_formula
        precision = torch.autocast(self._device.type, enabled=autocast)
        with exact, precision, isolated_randomness(self._device):
            output = self._network(images) if reference is None else self._network(images, reference)
        # Some metrics give maps beside the score.
        score = output[0] if isinstance(output, (tuple, list)) else output
        if score.numel() != len(images):
            raise RuntimeError(
                f"pyiqa's {self.metric.name} gave the shape {tuple(score.shape)} for {len(images)} images"
            )
        return score.reshape(len(images)).to(torch.float32)


def _defined_where_identical(images: Tensor, reference: Tensor) -> Tensor:
    """The images, whose gradient is made 0 where it is not finite and the image equals its reference.

    A metric such as ``sqrt(sum of squares)`` has its best value there and no derivative, of which pyiqa makes
    NaN; 0 is a subgradient.
    """
    if not (torch.is_grad_enabled() and images.requires_grad):
        return images
    identical = (images.detach() == reference).flatten(1).all(dim=1).reshape(-1, 1, 1, 1)
    images = images.clone()
    images.register_hook(
        lambda gradient: torch.where(identical & ~gradient.isfinite(), torch.zeros_like(gradient), gradient)
    )
    return images
