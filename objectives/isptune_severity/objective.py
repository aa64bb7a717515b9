"""``severity`` as an objective."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from isptune.compiled import can_compile
from isptune.contracts.coverage import Coverage, stage_names
from isptune.contracts.objective import Objective, check_images
from isptune.contracts.requirements import Memory
from isptune.errors import ConfigurationError
from isptune.iqa.training.checkpoint import load_learner, trained_coverage
from isptune.stages.strips import is_plain
from isptune_severity.learner import Severity
from isptune_severity.network import FAMILIES, SMALLEST

EMBEDDED = "severity.safetensors"

_DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16}

# What multiplies bfloat16 faster than float32, by the names of torch.cpu.get_capabilities.
_MULTIPLIES_BFLOAT16 = ("avx512_bf16", "amx_bf16", "arm_bf16", "bf16")


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
            bfloat16. False computes as before version 0.2, to the last bit, and four times as long.

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
        self._wanted = self._checked_dtype(dtype)
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
        self._compiled = compiled and dtype != "float64"
        self._exact = learner.requires_grad_(False).eval()
        self.to("cpu")

    @classmethod
    def coverage_with(cls, options: Mapping[str, Any]) -> Coverage | None:
        """That of the embedded weights, or what a checkpoint was trained on."""
        checkpoint = options.get("checkpoint")
        return cls.coverage if checkpoint is None else trained_coverage(str(checkpoint))

    def settled(self) -> dict[str, Any]:
        dtype = self._wanted
        if dtype == "auto":
            dtype = "bfloat16" if self._device.type == "cpu" and self._in_bfloat16 else "float32"
        return {"dtype": dtype, "compiled": self._compiled}

    def settle(self, noted: Mapping[str, Any] | None) -> None:
        if noted is None:
            earlier = "float32" if self._wanted == "auto" else self._wanted
            noted = {"dtype": earlier, "compiled": False}
        self._wanted, self._compiled = self._checked_dtype(noted.get("dtype")), bool(noted.get("compiled"))
        self.to(self._device)

    def to(self, device: torch.device | str) -> SeverityObjective:
        self._device = torch.device(device)
        explicit = self._wanted if self._wanted != "auto" else "float32"
        # Beside the compiled loops, PyTorch's operators are for gradients, which bfloat16 spoils.
        on_side = self._compiled and self._device.type == "cpu"
        self._dtype = torch.float32 if on_side else _DTYPES[explicit]
        self._learner = copy.deepcopy(self._exact).to(self._device, self._dtype)
        self._features: Any = None
        return self

    def _checked_dtype(self, dtype: Any) -> str:
        if dtype not in ("auto", *_DTYPES):
            raise ConfigurationError(
                f"dtype of '{self.name}' is '{dtype}'; allowed: auto, {', '.join(_DTYPES)}"
            )
        return str(dtype)

    @property
    def _in_bfloat16(self) -> bool:
        if self._wanted != "auto":
            return self._wanted == "bfloat16"
        found = torch.cpu.get_capabilities()
        return self._compiled and any(found.get(name) for name in _MULTIPLIES_BFLOAT16)

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return self.scores(images).mean(dim=1)

    def scores(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        images = check_images(images, self.name)
        if min(images.shape[-2:]) < SMALLEST:
            raise ConfigurationError(
                f"'{self.name}' needs pictures of at least {SMALLEST}x{SMALLEST} pixels, "
                f"got {images.shape[-1]}x{images.shape[-2]}"
            )
        there = images.to(self._device, self._dtype)
        with torch.autocast(self._device.type, enabled=False):
            if self._compiled and len(images) and is_plain(there) and can_compile(there):
                found = self._by_loops(there)
            else:
                found = self._learner({"images": there})
        return found.to(images.device, torch.promote_types(images.dtype, torch.float32))

    def _by_loops(self, images: Tensor) -> Tensor:
        # numba takes a second to import.
        from isptune_severity.compiled.features import Features, row_by_row
        from isptune_severity.compiled.fixed import statistics_of

        network = self._learner.network
        if self._features is None:
            dtype = torch.bfloat16 if self._in_bfloat16 else torch.float32
            self._features = Features(network, (statistics_of,), dtype)
        return row_by_row(network.judged, self._features.of(images))
