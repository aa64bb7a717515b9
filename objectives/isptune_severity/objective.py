"""``severity`` as an objective."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from isptune.contracts.coverage import Coverage, stage_names
from isptune.contracts.objective import Objective, check_images
from isptune.contracts.requirements import Memory
from isptune.errors import ConfigurationError
from isptune.iqa.training.checkpoint import load_learner, trained_coverage
from isptune_severity.computing import Computing
from isptune_severity.learner import Severity
from isptune_severity.network import FAMILIES, SMALLEST

EMBEDDED = "severity.safetensors"


class SeverityObjective(Objective):
    """Severity of seven families of distortion at native resolution, by a small network; no download.

    ``scores`` gives (N, 7): blur, exposure, saturation, noise, sharpening, compression and contrast, each 0
    for a typical pristine picture and 1 for a stage's highest level; lower is better, and below 0 a picture
    is better than typical. ``score`` is the mean over the families.

    No reference is needed and nothing is resized. The weights are part of the package; how they were trained,
    on what, and where they fail stands in MODEL_CARD.md beside them. They were trained on the distortions of
    isptune's own synthetic stages: tuning those is the best case.

    Args:
        checkpoint: a file or directory that ``isptune train severity`` wrote; the embedded one by default.
        dtype: float32, float64 or bfloat16 of the network. ``auto`` takes bfloat16 for the convolutions where
            the processor has instructions for it (``torch.cpu.get_capabilities``) and no gradients are asked
            for, and float32 everywhere else. The two rank photographs alike (rank correlation above 0.9999),
            but scores differ by some 1e-4: a run notes which it took, and is resumed with that.
        compiled: use compiled loops and fused operators for scores without gradients on a CPU, in float32 or
            bfloat16. False computes as before version 0.2, to the last bit, and takes four times as long.

    Raises:
        ConfigurationError: the checkpoint is another learner's or cannot be read, or a picture is smaller
            than 32 pixels.

    Example:
        >>> import isptune, torch
        >>> isptune.create_objective("severity").scores(torch.rand(2, 3, 64, 96)).shape
        torch.Size([2, 7])
    """

    higher_is_better = False
    is_differentiable = True
    labels = FAMILIES
    # Measured by benchmarks/blind_spots.py.
    coverage: Coverage | None = Coverage(
        trained_on=(*Severity.synthetic["chain"], *Severity.synthetic["others"]),
        validated_on=stage_names(
            "chromatic_aberration color_diffusion demosaic_artifacts jitter jpeg2000 white_balance_gain"
        ),
        blind_to=stage_names(
            "color_block color_shift darken gamma_error jpeg motion_blur nonlinear_contrast "
            "patch_displacement pixelate vignetting"
        ),
    )
    memory = Memory(images=12.0, images_with_gradients=30.0)

    def __init__(
        self,
        checkpoint: str | Path | None = None,
        dtype: Literal["auto", "float32", "float64", "bfloat16"] = "auto",
        compiled: bool = True,
    ) -> None:
        self.name = self.name or "severity"
        if checkpoint is None:
            with resources.as_file(resources.files("isptune_severity") / EMBEDDED) as file:
                learner = load_learner(file)
        else:
            learner = load_learner(checkpoint)
            self.coverage = trained_coverage(checkpoint)
        if learner.name != "severity":
            raise ConfigurationError(
                f"the checkpoint '{checkpoint}' of '{self.name}' is of the learner '{learner.name}'; "
                "allowed: a file that 'isptune train severity' wrote"
            )
        self._computing = Computing(learner, dtype, compiled, self.name)

    @classmethod
    def coverage_with(cls, options: Mapping[str, Any]) -> Coverage | None:
        """That of the embedded weights, or what a checkpoint was trained on."""
        checkpoint = options.get("checkpoint")
        return cls.coverage if checkpoint is None else trained_coverage(str(checkpoint))

    def to(self, device: torch.device | str) -> SeverityObjective:
        self._computing.to(device)
        return self

    def settled(self) -> Mapping[str, Any]:
        return self._computing.settled()

    def settle(self, noted: Mapping[str, Any] | None) -> None:
        self._computing.settle(noted)

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return self.scores(images).mean(dim=1)

    def scores(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        images = check_images(images, self.name)
        if min(images.shape[-2:]) < SMALLEST:
            raise ConfigurationError(
                f"'{self.name}' needs pictures of at least {SMALLEST}x{SMALLEST} pixels, "
                f"got {images.shape[-1]}x{images.shape[-2]}"
            )
        found = self._computing.judged(images, self._computing.learner.network.judged)
        return found.to(images.device, torch.promote_types(images.dtype, torch.float32))
