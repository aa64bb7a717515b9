"""The registered full-reference objectives: thin classes over ``isptune_fidelity.functional``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from torch import Tensor

from isptune.contracts.objective import Objective, check_images
from isptune.contracts.requirements import Memory
from isptune_fidelity import functional


class PSNR(Objective):
    """Peak signal-to-noise ratio in dB, capped at 140.

    ``10 log10(1 / MSE)`` over all pixels and the three channels, of a data range of 1. The cap is an MSE
    of 1e-14: identical images must score a finite number, because a score that is not finite counts as
    the worst. Range [0, 140] dB for images in [0, 1], higher is better. Images of any size.

    Example:
        >>> import isptune, torch
        >>> pristine = torch.rand(1, 3, 48, 64)
        >>> objective = isptune.create_objective("psnr")
        >>> objective.score(pristine, pristine).tolist()
        [140.0]
    """

    needs_reference = True
    is_differentiable = True
    score_range = (0.0, 140.0)
    memory = Memory(images=1.2)

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        images = check_images(images, self.name or "psnr")
        return functional.psnr(images, self.require_reference(images, reference))


class _Compiled(Objective):
    """Of whose scores compiled loops take the sums in another order than PyTorch's operators did before."""

    compiled = True

    def settled(self) -> Mapping[str, Any]:
        return {"compiled": self.compiled}

    def settle(self, noted: Mapping[str, Any] | None) -> None:
        # Runs that noted nothing computed by PyTorch's operators.
        self.compiled = bool(noted and noted.get("compiled"))


class SSIM(_Compiled):
    """Structural similarity with an 11 x 11 Gaussian window (Wang et al. 2004).

    See ``isptune_fidelity.functional.ssim`` for the formula. Range [-1, 1], higher is better. Images of at
    least 11 px on each side; nothing is resized.

    Args:
        channels: ``"rgb"`` (the default), the mean of the three channels, which sees errors of colour;
            ``"luma"``, BT.601 luma alone, as in the paper.
    """

    needs_reference = True
    is_differentiable = True
    score_range = (-1.0, 1.0)
    # With gradients a sample keeps 12 images' worth (measured), for which the evaluator counts three times
    # this number. Without gradients the work goes in strips and hardly needs memory.
    memory = Memory(images=4.5)

    def __init__(self, channels: Literal["rgb", "luma"] = "rgb") -> None:
        self.channels = functional.check_channels(channels)

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        images = check_images(images, self.name or "ssim")
        reference = self.require_reference(images, reference)
        return functional.ssim(images, reference, self.channels, self.compiled)


class MultiScaleSSIM(_Compiled):
    """Structural similarity over five scales (Wang et al. 2003).

    See ``isptune_fidelity.functional.ms_ssim`` for the formula. Range [0, 1], higher is better. Five
    scales need at least 161 px on each side, four 81, three 41, two 21, one 11; smaller images are
    refused, never padded or resized.

    Args:
        scales: 1 to 5; the weights of fewer than five are divided by their sum.
        channels: ``"rgb"`` (the default) or ``"luma"``, as for ``ssim``.
    """

    needs_reference = True
    is_differentiable = True
    score_range = (0.0, 1.0)
    # As for SSIM, plus the coarser scales.
    memory = Memory(images=5.0)

    def __init__(
        self,
        scales: Annotated[int, Field(ge=1, le=5)] = len(functional.SCALE_WEIGHTS),
        channels: Literal["rgb", "luma"] = "rgb",
    ) -> None:
        self.scales = functional.check_scales(scales)
        self.channels = functional.check_channels(channels)

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        images = check_images(images, self.name or "ms-ssim")
        reference = self.require_reference(images, reference)
        return functional.ms_ssim(images, reference, self.scales, self.channels, self.compiled)
