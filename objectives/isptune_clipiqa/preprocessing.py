"""What happens to an image before the network: the one place for it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from isptune.errors import ConfigurationError


@dataclass(frozen=True)
class Preprocessing:
    """Resizing where it is asked for, the centre in whole patches, then the model's own mean and deviation.

    Attributes:
        mean, std: one value per channel, of the model's configuration: CLIP's own, or 0.5 for SigLIP.
        size: (height, width) to resize to by antialiased bicubic interpolation, without keeping the aspect
            ratio and without clipping the overshoot; None leaves the image as it is.
        multiple: (height, width) of a patch. A remainder of less than one patch is cut off, half of it on
            either side, because resampling would change the very quality that is measured.
        minimum: the smallest height and width that the network takes.
        name: the objective's name, for messages.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: tuple[int, int] | None
    multiple: tuple[int, int]
    minimum: tuple[int, int]
    name: str

    def __call__(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] to (N, 3, H', W'), normalised.

        Raises:
            ConfigurationError: the images are smaller than the network takes.
        """
        height, width = images.shape[-2:]
        if self.size is not None:
            if (height, width) != self.size:
                images = functional.interpolate(
                    images, self.size, mode="bicubic", align_corners=False, antialias=True
                )
        elif height < self.minimum[0] or width < self.minimum[1]:
            raise ConfigurationError(
                f"'{self.name}' needs images of at least {self.minimum[1]}x{self.minimum[0]} pixels, "
                f"got {width}x{height}"
            )
        images = centre_in_multiples(images, self.multiple)
        mean, std = (torch.tensor(values).to(images).reshape(1, -1, 1, 1) for values in (self.mean, self.std))
        return (images - mean) / std


def centre_in_multiples(images: Tensor, multiple: tuple[int, int]) -> Tensor:
    """The largest centred part whose height and width are multiples of a patch's; (N, 3, H', W')."""
    height, width = images.shape[-2:]
    rows, columns = height % multiple[0], width % multiple[1]
    top, left = rows // 2, columns // 2
    return images[..., top : top + height - rows, left : left + width - columns]
