"""Stages on the mosaic, in the phase RGGB, and the one that makes three colours of it."""

from __future__ import annotations

import torch
from torch import Tensor

from isptune import Choice, Float, Memory, Stage
from isptune.stages import is_plain, keep_unchanged, per_sample
from isptune_raw.demosaicing import METHODS
from isptune_raw.planes import Planes, joined, padded, split
from isptune_raw.scales import box, hat
from isptune_raw.sensor import SensorStage

# Standard deviations of the details of white noise at each scale of hats.
_DETAIL_NOISE = (0.80039, 0.27288, 0.11978, 0.05777, 0.02862)

# What is divided by is at least that: the noise of any sensor is far more.
_LEAST_SHOT, _LEAST_ENERGY = 1e-8, 1e-12


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

    Square roots make the noise the same at every brightness (Anscombe 1948). The four planes of the mosaic
    then become their mean and three differences, and each is split into five scales by the "a trous" hat
    wavelet that dcraw uses. Where the energy of the details around a pixel is that of noise alone they are
    taken away; where it is more, they keep the share that is not noise: a local Wiener filter, as in Mihcak,
    Kozintsev, Ramchandran and Moulin (1999). At ISO 1600 values about 2 are best in most pictures.
    """

    domain_in = domain_out = "mosaic"
    luma = Float(
        0.0, 5.0, default=0.0, description="noise taken out of brightness, in multiples of its variance"
    )
    chroma = Float(
        0.0, 5.0, default=0.0, description="noise taken out of colours, in multiples of its variance"
    )
    memory = Memory(images=8.0, images_with_gradients=39.0)

    def forward(self, images: Tensor, luma: Tensor, chroma: Tensor) -> Tensor:
        unchanged = (luma == 0) & (chroma == 0)
        if is_plain(images, luma, chroma) and bool(unchanged.all()):
            return images
        root_noise, offset = self._noise(images)
        noisy = stabilised(torch.cat(split(images), dim=1), offset)
        strength = torch.stack([luma, chroma, chroma, chroma], dim=1).to(images).reshape(-1, 4, 1, 1)
        variance = strength * root_noise
        finer = _turned(noisy)
        kept = torch.zeros_like(finer)
        for level, noise in enumerate(_DETAIL_NOISE):
            coarser = hat(finer, 2**level)
            kept = kept + _kept(finer - coarser, noise**2 * variance)
            finer = coarser
        smooth = _turned_back(finer + kept)
        # The square of a mean is less than the mean of squares, by the variance that was taken out.
        lost = hat(hat((noisy - smooth).square()), 2)
        red, first, second, blue = (linear_again(smooth, offset) + lost).split(1, dim=1)
        return keep_unchanged(images, joined(Planes(red, first, second, blue)), unchanged)

    def _noise(self, images: Tensor) -> tuple[float, Tensor]:
        """The variance of roots, a mean over the planes, and what is added before the root, (1, 4, 1, 1)."""
        gains = torch.tensor([*self.sensor.gains[:2], *self.sensor.gains[1:]], dtype=torch.float64)
        noise = self.sensor.noise[[0, 1, 1, 2]]
        # Both after white balance. A sensor of no shot noise is taken for one of very little.
        shot = (gains * noise[:, 0]).clamp_min(_LEAST_SHOT)
        offset = gains.square() * noise[:, 1] / shot + 0.375 * shot
        # The noise of a root is a quarter of the shot noise.
        return float(shot.mean()) / 4, offset.reshape(1, 4, 1, 1).to(images)


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


def stabilised(values: Tensor, offset: Tensor) -> Tensor:
    """Roots of ``values + offset``; below 0 the tangent at 0 goes on, so that no noise is cut off."""
    least = offset.sqrt()
    return torch.where(values > 0, (values.clamp_min(0) + offset).sqrt(), least + values / (2 * least))


def linear_again(roots: Tensor, offset: Tensor) -> Tensor:
    """The reverse of ``stabilised``."""
    least = offset.sqrt()
    return torch.where(roots > least, roots.square() - offset, (roots - least) * (2 * least))


def _kept(details: Tensor, noise: Tensor) -> Tensor:
    """Details less the share of noise in their energy around each pixel."""
    energy = box(details.square(), 2)
    return details * ((energy - noise).clamp_min(0) / energy.clamp_min(_LEAST_ENERGY))


def _turned(planes: Tensor) -> Tensor:
    """Planes (N, 4, h, w) as twice their mean and three differences: an orthonormal change."""
    red, first, second, blue = planes.unbind(1)
    greens, others = first + second, red + blue
    rows, columns = first - second, red - blue
    return torch.stack(
        [(greens + others) / 2, (greens - others) / 2, (rows + columns) / 2, (rows - columns) / 2], dim=1
    )


def _turned_back(turned: Tensor) -> Tensor:
    mean, green_less, row_less, column_less = turned.unbind(1)
    both, apart = (mean + green_less) / 2, (row_less + column_less) / 2
    others, red_less = (mean - green_less) / 2, (row_less - column_less) / 2
    return torch.stack([others + red_less, both + apart, both - apart, others - red_less], dim=1)
