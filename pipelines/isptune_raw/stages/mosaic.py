"""Stages on the mosaic, in the phase RGGB, and the one that makes three colours of it."""

from __future__ import annotations

import torch
from torch import Tensor

from isptune import Choice, Float, Memory, Stage
from isptune.stages import is_plain, keep_unchanged, per_sample
from isptune_raw.demosaicing import METHODS
from isptune_raw.planes import Planes, joined, padded, split
from isptune_raw.scales import smoothed
from isptune_raw.sensor import SensorStage

# Standard deviations of the details of white noise at each scale of ``smoothed``.
_DETAIL_NOISE = (0.80039, 0.27288, 0.11978, 0.05777, 0.02862)


class BlackLevel(Stage):
    """Subtract what is left of the black level; white stays white."""

    domain_in = domain_out = "mosaic"
    offset = Float(-0.01, 0.01, default=0.0, description="what black is, as a share of white")
    memory = Memory(images=1.0, images_with_gradients=2.0)

    def forward(self, images: Tensor, offset: Tensor) -> Tensor:
        amount = per_sample(offset, images)
        return (images - amount) / (1 - amount)


class ShadingCorrection(SensorStage):
    """Brighten towards the corners by a parabola, against the lens's shading."""

    domain_in = domain_out = "mosaic"
    corners = Float(0.0, 1.0, default=0.0, description="how much brighter the corners get, as a share")
    memory = Memory(images=1.2, images_with_gradients=2.0)

    def forward(self, images: Tensor, corners: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        whole_width, whole_height = self.sensor.whole or (width, height)
        x, y = self.sensor.origin

        def squares(first: int, count: int, length: int) -> Tensor:
            places = torch.arange(first, first + count, device=images.device, dtype=torch.float64)
            return ((2 * (places + 0.5) / length - 1) ** 2 / 2).to(images.dtype)

        radius = squares(y, height, whole_height)[:, None] + squares(x, width, whole_width)
        return images * (1 + per_sample(corners, images) * radius)


class DefectCorrection(Stage):
    """Draw pixels that stand out from all neighbours of their colour to the nearest of these."""

    domain_in = domain_out = "mosaic"
    threshold = Float(
        0.005, 0.3, log=True, default=0.3, description="how far a pixel may stand out, as a share of white"
    )
    memory = Memory(images=6.0, images_with_gradients=14.0)

    def forward(self, images: Tensor, threshold: Tensor) -> Tensor:
        wide = padded(images, 2)
        height, width = images.shape[-2:]
        rows = (
            torch.maximum(wide[..., :, 4:], wide[..., :, :width]),
            torch.minimum(wide[..., :, 4:], wide[..., :, :width]),
        )
        middle = wide[..., :, 2 : 2 + width]
        # All eight neighbours two pixels away: the rows above and below whole, this row's ends.
        above = torch.maximum(rows[0], middle), torch.minimum(rows[1], middle)
        highest = torch.maximum(
            torch.maximum(above[0][..., :height, :], above[0][..., 4:, :]), rows[0][..., 2 : 2 + height, :]
        )
        lowest = torch.minimum(
            torch.minimum(above[1][..., :height, :], above[1][..., 4:, :]), rows[1][..., 2 : 2 + height, :]
        )
        beyond = images - torch.minimum(torch.maximum(images, lowest), highest)
        # A soft step, so that the threshold has a gradient.
        square = beyond.square()
        return images - beyond * square / (square + per_sample(threshold, images).square())


class WhiteBalance(SensorStage):
    """Gains of red and blue, relative to the white balance as shot; what is above white is clipped."""

    domain_in = domain_out = "mosaic"
    red = Float(0.8, 1.25, log=True, default=1.0, description="red, relative to as shot")
    blue = Float(0.8, 1.25, log=True, default=1.0, description="blue, relative to as shot")
    memory = Memory(images=2.0, images_with_gradients=4.0)

    def forward(self, images: Tensor, red: Tensor, blue: Tensor) -> Tensor:
        of_red, of_green, of_blue = self.sensor.gains
        green = torch.full_like(red, of_green)
        tile = torch.stack([red * of_red, green, green, blue * of_blue], dim=-1).to(images)
        count, _, height, width = images.shape
        blocks = images.reshape(count, 1, height // 2, 2, width // 2, 2) * tile.reshape(-1, 1, 1, 2, 1, 2)
        return blocks.reshape(images.shape).clamp_max(1.0)


class RawDenoise(SensorStage):
    """Wavelet shrinkage of brightness and of colour differences, by the sensor's own noise profile.

    The four planes of the mosaic become their mean and three differences, all of the same noise. Details of
    five scales are shrunk by a multiple of the noise that the profile has for the brightness there; scales
    are those of the "a trous" hat wavelet that dcraw uses.
    """

    domain_in = domain_out = "mosaic"
    luma = Float(0.0, 5.0, default=0.0, unit="sigma", description="shrinkage of brightness")
    chroma = Float(0.0, 5.0, default=0.0, unit="sigma", description="shrinkage of colour differences")
    memory = Memory(images=6.0, images_with_gradients=22.0)

    def forward(self, images: Tensor, luma: Tensor, chroma: Tensor) -> Tensor:
        unchanged = (luma == 0) & (chroma == 0)
        if is_plain(images) and bool(unchanged.all()):
            return images
        planes = torch.cat(split(images), dim=1)
        mean, differences = _turned(planes)
        scales = smoothed(torch.cat([mean, differences], dim=1), len(_DETAIL_NOISE))
        sigma = self._sigma(scales[1][:, :1] / 2)
        strength = torch.stack([luma, chroma, chroma, chroma], dim=1).to(images).reshape(-1, 4, 1, 1)
        result = scales[-1]
        for finer, coarser, noise in zip(scales, scales[1:], _DETAIL_NOISE, strict=False):
            most = (noise * strength) * sigma
            details = finer - coarser
            result = result + (details - torch.minimum(torch.maximum(details, -most), most))
        red, first, second, blue = _turned_back(result)
        return keep_unchanged(images, joined(Planes(red, first, second, blue)), unchanged)

    def _sigma(self, brightness: Tensor) -> Tensor:
        """The noise of each of the four turned planes, after white balance."""
        gains = torch.tensor([*self.sensor.gains[:2], *self.sensor.gains[1:]], dtype=torch.float64)
        noise = self.sensor.noise[[0, 1, 1, 2]]
        shot = float((gains * noise[:, 0]).mean())
        read = float((gains.square() * noise[:, 1]).mean())
        return (shot * brightness.clamp_min(0) + read).sqrt()


class Demosaic(Stage):
    """Three colours from the mosaic."""

    domain_in = "mosaic"
    domain_out = "linear"
    method = Choice(
        tuple(METHODS), default="edge", description="bilinear, Malvar-He-Cutler, or edge-directed"
    )
    memory = Memory(images=4.0, images_with_gradients=14.0)

    def forward(self, images: Tensor, method: Tensor) -> Tensor:
        chosen = self.chosen("method", method)
        if len(set(chosen)) == 1:
            return METHODS[chosen[0]](images)
        result = images.new_empty(images.shape[0], 3, *images.shape[-2:])
        for name in dict.fromkeys(chosen):
            which = torch.tensor(
                [index for index, one in enumerate(chosen) if one == name], device=images.device
            )
            result = result.index_copy(0, which, METHODS[name](images[which]))
        return result


def _turned(planes: Tensor) -> tuple[Tensor, Tensor]:
    """Planes (N, 4, h, w) as twice their mean (N, 1, h, w) and three differences: an orthonormal change."""
    red, first, second, blue = planes.unbind(1)
    greens, others = first + second, red + blue
    mean = (greens + others) / 2
    return mean[:, None], torch.stack(
        [(greens - others) / 2, (first - second + red - blue) / 2, (first - second - red + blue) / 2], dim=1
    )


def _turned_back(turned: Tensor) -> tuple[Tensor, ...]:
    mean, green_less, row_less, column_less = turned.unbind(1)
    both, apart = (mean + green_less) / 2, (row_less + column_less) / 2
    others, red_less = (mean - green_less) / 2, (row_less - column_less) / 2
    planes = (others + red_less, both + apart, both - apart, others - red_less)
    return tuple(plane[:, None] for plane in planes)
