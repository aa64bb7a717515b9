"""``severity`` as an objective."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from isptune.contracts.coverage import Coverage, stage_names
from isptune.contracts.objective import Objective, check_images
from isptune.contracts.requirements import Memory
from isptune.errors import ConfigurationError
from isptune.iqa.training.checkpoint import load_learner, trained_coverage
from isptune_severity.computing import Computing
from isptune_severity.families import FAMILIES as SECOND_FAMILIES
from isptune_severity.families import STAGES
from isptune_severity.learner import Severity
from isptune_severity.network import FAMILIES, SMALLEST
from isptune_severity.second_learner import SecondSeverity
from isptune_severity.tiles import over_tiles

EMBEDDED = {1: "severity.safetensors", 2: "severity_isp.safetensors"}
"""The weights of each version in the package."""

USUAL: Literal[1, 2] = 1
"""The version of the embedded weights that is taken where none is asked for."""

# Measured by benchmarks/blind_spots.py.
_FIRST = Coverage(
    trained_on=(*Severity.synthetic["chain"], *Severity.synthetic["others"]),
    validated_on=stage_names(
        "chromatic_aberration color_diffusion demosaic_artifacts jitter jpeg2000 white_balance_gain"
    ),
    blind_to=stage_names(
        "color_block color_shift darken gamma_error jpeg motion_blur nonlinear_contrast "
        "patch_displacement pixelate vignetting"
    ),
)
_SECOND = Coverage(trained_on=tuple(STAGES), blind_to=stage_names("color_shift darken"))


def embedded(version: int) -> Any:
    """The learner of a version, with the weights that are part of the package."""
    with resources.as_file(resources.files("isptune_severity") / EMBEDDED[version]) as file:
        return load_learner(file)


class SeverityObjective(Objective):
    """Severity of families of distortion at native resolution, by a small network; no download.

    ``scores`` gives one severity per family, 0 for a typical pristine picture and 1 for a stage's highest
    level; lower is better, and below 0 a picture is better than typical. Version 1 has seven families: blur,
    exposure, saturation, noise, sharpening, compression and contrast, and ``score`` is their mean. Version 2
    has fifteen, was trained on renderings of ISPs as well, and says how far it may be off; ``score`` is a
    weighted mean, in which noise of luma and of chroma count once together.

    No reference is needed and nothing is resized. The weights are part of the package; how they were trained,
    on what, and where they fail stands in MODEL_CARD.md beside them. They were trained on the distortions of
    isptune's own synthetic stages: tuning those is the best case.

    Args:
        version: of the embedded weights, 1 or 2; 1 if None. A run notes which it took, and is resumed with
            that.
        checkpoint: a file or directory that ``isptune train severity`` or ``isptune train severity-isp``
            wrote, in the place of the embedded weights.
        dtype: float32, float64 or bfloat16 of the network. ``auto`` takes bfloat16 for the convolutions where
            the processor has instructions for it (``torch.cpu.get_capabilities``) and no gradients are asked
            for, and float32 everywhere else. The two rank photographs alike (rank correlation above 0.9999),
            but scores differ by some 1e-4: a run notes which it took, and is resumed with that. In version 2
            bfloat16 moves all scores alike, by some 8e-3, and their order as little.
        compiled: use compiled loops and fused operators for scores without gradients on a CPU, in float32 or
            bfloat16. False computes as before version 0.2, to the last bit, and takes four times as long.
        caution: how many deviations are added to the score: above 0 a search keeps to pictures of which the
            network is sure. Of version 2 alone.

    Raises:
        ConfigurationError: the checkpoint is another learner's or cannot be read, caution is asked of
            version 1, or a picture is smaller than 32 pixels.

    Example:
        >>> import isptune, torch
        >>> isptune.create_objective("severity").scores(torch.rand(2, 3, 64, 96)).shape
        torch.Size([2, 7])
    """

    higher_is_better = False
    is_differentiable = True
    labels: tuple[str, ...] = FAMILIES
    coverage: Coverage | None = _FIRST
    memory = Memory(images=12.0, images_with_gradients=30.0)

    def __init__(
        self,
        checkpoint: str | Path | None = None,
        dtype: Literal["auto", "float32", "float64", "bfloat16"] = "auto",
        compiled: bool = True,
        version: Literal[1, 2] | None = None,
        caution: Annotated[float, Field(ge=0, le=100)] = 0.0,
    ) -> None:
        self.name = self.name or "severity"
        if version not in (None, *EMBEDDED):
            raise ConfigurationError(f"version of '{self.name}' is {version!r}; allowed: 1, 2")
        self._checkpoint, self._asked_version, self._asked_dtype = checkpoint, version, dtype
        self.caution = caution
        self._load(version or USUAL, compiled)
        if caution and not self._says_uncertainty:
            raise ConfigurationError(
                f"caution of '{self.name}' is for version 2, which says how far it may be off; "
                "add version=2, or leave it out"
            )

    def _load(self, version: Literal[1, 2], compiled: bool) -> None:
        self._version, checkpoint = version, self._checkpoint
        learner = embedded(version) if checkpoint is None else load_learner(checkpoint)
        self.coverage = self.coverage_with({"checkpoint": checkpoint, "version": version})
        if not isinstance(learner, Severity | SecondSeverity):
            raise ConfigurationError(
                f"the checkpoint '{checkpoint}' of '{self.name}' is of the learner '{learner.name}'; "
                "allowed: a file that 'isptune train severity' wrote"
            )
        self._says_uncertainty = isinstance(learner, SecondSeverity)
        self.labels = SECOND_FAMILIES if self._says_uncertainty else FAMILIES
        self._computing = Computing(learner, self._asked_dtype, compiled, self.name)
        count = len(self.labels)
        self.label_weights = (1.0 / count,) * count
        if self._says_uncertainty:
            weights = self._weights(torch.zeros(1, dtype=torch.float64)).tolist()
            # Caution adds what is no label.
            self.label_weights = None if self.caution else tuple(weights)

    @classmethod
    def coverage_with(cls, options: Mapping[str, Any]) -> Coverage | None:
        """That of the embedded weights, or what a checkpoint was trained on."""
        checkpoint = options.get("checkpoint")
        if checkpoint is not None:
            return trained_coverage(str(checkpoint))
        return _FIRST if (options.get("version") or USUAL) == 1 else _SECOND

    def to(self, device: torch.device | str) -> SeverityObjective:
        self._computing.to(device)
        return self

    def settled(self) -> Mapping[str, Any]:
        found = self._computing.settled()
        return found if self._checkpoint is not None else {"version": self._version, **found}

    def settle(self, noted: Mapping[str, Any] | None) -> None:
        version: Any = 1 if noted is None else noted.get("version", 1)
        if version not in EMBEDDED:
            raise ConfigurationError(f"version of '{self.name}' is {version!r}; allowed: 1, 2")
        if self._checkpoint is None and self._asked_version is None and version != self._version:
            # The run began where another version was the newest.
            device = self._computing.device
            self._load(version, True)
            self._computing.to(device)
        self._computing.settle(noted)

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        if not self._says_uncertainty:
            return self.score_of(self.scores(images))
        severities, deviations = self._judged(images)
        score = self.score_of(severities)
        return score + self.caution * deviations[:, -1] if self.caution else score

    def score_of(self, scores: Tensor) -> Tensor:
        return scores @ self._weights(scores) if self._says_uncertainty else scores.mean(dim=1)

    def scores(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        if self._says_uncertainty:
            return self._judged(images)[0]
        images = self._checked(images)
        found = self._computing.judged(images, self._computing.learner.network.judged)
        return found.to(images.device, torch.promote_types(images.dtype, torch.float32))

    def uncertainty(self, images: Tensor, level: float = 0.9) -> Tensor:
        """How far severities may be off: half the width of the interval around each that holds the truth.

        Args:
            images: (N, 3, H, W) in [0, 1].
            level: the share of pictures whose truth lies in the interval, 0.01 to 0.99, as calibrated on
                photographs that were held out.

        Returns:
            (N, 16): of every family in the order of ``labels``, and of the score.

        Raises:
            ConfigurationError: version 1 does not say, or the level is outside its range.
        """
        if not self._says_uncertainty:
            raise ConfigurationError(f"'{self.name}' says how far it may be off in version 2 alone")
        if not 0.01 <= level <= 0.99:
            raise ConfigurationError(f"level of an interval is {level}; allowed: 0.01 to 0.99")
        return self._judged(images, level)[1]

    def maps(self, images: Tensor, tile: int = 96) -> Tensor:
        """(N, K, h, w) severities of overlapping tiles: where in the picture each family is worst.

        Args:
            images: (N, 3, H, W) in [0, 1].
            tile: side of a tile in pixels, at least 32; tiles overlap by half, the last ones end with the
                picture.

        Raises:
            ConfigurationError: a tile is too small.
        """
        if tile < SMALLEST:
            raise ConfigurationError(f"tile is {tile}; allowed: at least {SMALLEST} pixels")
        return over_tiles(self.scores, self._checked(images), tile)

    def _weights(self, severities: Tensor) -> Tensor:
        weights: Tensor = self._computing.learner.network.weights.to(severities)
        return weights / weights.sum()

    def _checked(self, images: Tensor) -> Tensor:
        images = check_images(images, self.name)
        if min(images.shape[-2:]) < SMALLEST:
            raise ConfigurationError(
                f"'{self.name}' needs pictures of at least {SMALLEST}x{SMALLEST} pixels, "
                f"got {images.shape[-1]}x{images.shape[-2]}"
            )
        return images

    def _judged(self, images: Tensor, level: float = 0.68) -> tuple[Tensor, Tensor]:
        """Severities, and half the widths of their intervals; the last is the score's."""
        images = self._checked(images)
        learner = self._computing.learner
        found = self._computing.judged(images, learner.side_by_side)
        severities, spreads = found.split([len(self.labels), len(self.labels) + 1], dim=1)
        widths = torch.exp(spreads) * learner.quantiles[round(level * 100) - 1]
        # The score is a mean, and the last deviation a sum's.
        widths = torch.cat([widths[:, :-1], widths[:, -1:] / learner.network.weights.sum()], dim=1)
        kind = torch.promote_types(images.dtype, torch.float32)
        return severities.to(images.device, kind), widths.to(images.device, kind)
