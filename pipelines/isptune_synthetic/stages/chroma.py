"""Stages that change the chroma, a and b of CIE Lab, and leave the lightness alone."""

from __future__ import annotations

import functools
import math
from typing import ClassVar

import torch
from torch import Tensor

from isptune.contracts.distortion import keep_identity
from isptune.contracts.requirements import Memory
from isptune.contracts.stage import per_sample
from isptune.stages.memory import room
from isptune.stages.strips import given_back, is_plain
from isptune_synthetic.colour import Planes, cube_roots, from_cube_roots, of_planes
from isptune_synthetic.definition import by_kornia
from isptune_synthetic.filtering import gaussian_kernels, separable
from isptune_synthetic.options import CHANNEL_ORDERS, checked_choice, checked_switch
from isptune_synthetic.pointwise import pointwise
from isptune_synthetic.stages.base import SyntheticStage

_HIGHEST_DIFFUSION = 12.0
# The width of the reference's Gaussian, in pixels, is 1.5 p + 2: 3.5 where p, the gain, is 1.
_SIGMA_SLOPE, _SIGMA_OFFSET = 1.5, 2.0
_SIGMA_AT_1 = _SIGMA_SLOPE + _SIGMA_OFFSET
_RADIUS = math.ceil(2 * (_SIGMA_SLOPE * _HIGHEST_DIFFUSION + _SIGMA_OFFSET))


def color_diffusion(
    images: Tensor,
    amount: Tensor,
    *,
    lab: str = "bgr",
    truncate: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Let colours run: ``(a, b) <- p Gauss(1.5 p + 2) * (a, b)`` in CIE Lab, the lightness kept.

    "colordiff" of ARNIQA after KADID-10k, for ``p`` of 1 and above: borders are replicated, the Gaussian
    is cut at two sigma as in ``filtering.gaussian_kernels``. The formula has no identity, since at p = 0
    it takes all colour away. Below 1 the gain therefore stays 1 and the width alone falls, ``3.5 p``
    pixels, which meets the formula at p = 1 and leaves the picture as it is at p = 0.

    The reference code truncates its result to whole 256ths, half a step too dark on average, because it
    goes through 8-bit pictures. That is left out unless ``truncate`` asks for it.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        amount: (N,), ``p``, 0 to 12.
        lab: ``"bgr"`` computes Lab with red and blue exchanged, as the reference code does; ``"rgb"``
            computes it as CIE means it.
        truncate: round down to whole multiples of 1 / 255 in the end; no gradient comes through.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Raises:
        ConfigurationError: ``lab`` is none of the two.

    Example:
        >>> import torch
        >>> grey = torch.full((1, 3, 32, 32), 0.5)
        >>> bool((color_diffusion(grey, torch.tensor([1.0])) - grey).abs().max() < 1e-3)
        True
    """
    checked_choice("color_diffusion", "lab", lab, CHANNEL_ORDERS)
    sigma = torch.minimum(amount * _SIGMA_AT_1, amount * _SIGMA_SLOPE + _SIGMA_OFFSET)
    kernels = gaussian_kernels(sigma.to(images.device), _RADIUS).to(images.dtype)
    gain = amount.clamp_min(1.0)
    to_chroma = functools.partial(_to_chroma, lab=lab)
    from_chroma = functools.partial(_from_chroma, lab=lab, truncate=truncate)
    if not is_plain(images, amount):
        chroma = to_chroma(images)
        diffused = separable(chroma[:, ::2], kernels)
        lightness = chroma[:, 1:2]
        planes = torch.cat((diffused[:, :1], lightness, diffused[:, 1:]), dim=1)
        result = keep_identity(images, from_chroma(planes, per_sample(gain, images)), amount)
        return given_back(result, out)
    if out is None:
        out = room(images.shape, images.dtype)
    ones = torch.ones(1)
    for index, at_zero in enumerate((amount == 0).tolist()):
        # One sample at a time: its output holds the chroma, which is filtered in place.
        one = slice(index, index + 1)
        image, target = images[one], out[one]
        if at_zero:
            if target.data_ptr() != image.data_ptr():
                target.copy_(image)
            continue
        pointwise(lambda part, _: to_chroma(part), image, level=ones, out=target)
        separable(target[:, ::2], kernels[one], out=target[:, ::2])
        pointwise(from_chroma, target, level=gain[one], out=target)
    return out


def oversaturate(
    images: Tensor,
    amount: Tensor,
    *,
    lab: str = "bgr",
    truncate: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Too much colour: ``(a, b) <- (1 + l) (a, b)`` in CIE Lab, the lightness kept, clipped to [0, 1].

    "colorsat2" of ARNIQA after KADID-10k, whose factor is ``1 + l``. The reference code truncates its
    result to whole 256ths, half a step too dark on average, because it goes through 8-bit pictures, and so
    changes a picture even where its factor is 1. That is left out unless ``truncate`` asks for it.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        amount: (N,), ``l``, 0 to 8.
        lab: ``"bgr"`` computes Lab with red and blue exchanged, as the reference code does; ``"rgb"``
            computes it as CIE means it.
        truncate: round down to whole multiples of 1 / 255 in the end; no gradient comes through.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Raises:
        ConfigurationError: ``lab`` is none of the two.

    Example:
        >>> import torch
        >>> reddish = torch.tensor([0.6, 0.5, 0.5]).reshape(1, 3, 1, 1)
        >>> strong = oversaturate(reddish, torch.tensor([2.0])).flatten()
        >>> bool(strong[0] > 0.6) and bool(strong[2] < 0.5)
        True
    """
    checked_choice("oversaturate", "lab", lab, CHANNEL_ORDERS)
    formula = functools.partial(_oversaturate, lab=lab, truncate=truncate)
    return pointwise(formula, images, level=amount, out=out)


def _oversaturate(images: Tensor, amount: Tensor, *, lab: str, truncate: bool) -> Tensor:
    return _from_planes(_planes(images, lab), amount + 1, lab, truncate)


def _to_chroma(images: Tensor, *, lab: str) -> Tensor:
    return torch.stack(_planes(images, lab), dim=1)


def _from_chroma(chroma: Tensor, gain: Tensor, *, lab: str, truncate: bool) -> Tensor:
    a, y, b = chroma.unbind(1)
    return _from_planes((a, y, b), gain, lab, truncate)


def _planes(images: Tensor, lab: str) -> Planes:
    """(f(X) - f(Y), f(Y), f(Y) - f(Z)): a / 500, (L + 16) / 116 and b / 200."""
    if by_kornia(images):
        from kornia.color import rgb_to_lab

        lightness, a, b = of_planes(rgb_to_lab, images.flip(1) if lab == "bgr" else images).unbind(1)
        return a / 500, (lightness + 16) / 116, b / 200
    red, green, blue = images.unbind(1)
    x, y, z = cube_roots(blue, green, red) if lab == "bgr" else cube_roots(red, green, blue)
    return x - y, y, y - z


def _from_planes(chroma: Planes, gain: Tensor, lab: str, truncate: bool) -> Tensor:
    a, y, b = chroma
    gain = gain[:, 0]
    if by_kornia(y):
        from kornia.color import lab_to_rgb

        changed = torch.stack((y * 116 - 16, a * gain * 500, b * gain * 200), dim=1)
        result = of_planes(lab_to_rgb, changed)
        result = result.flip(1) if lab == "bgr" else result
    else:
        planes = from_cube_roots(torch.addcmul(y, a, gain), y, torch.addcmul(y, b, -gain))
        result = torch.stack(planes[::-1] if lab == "bgr" else planes, dim=1).clamp(0, 1)
    # A little slack: the rounding of a float must not take a whole number one step down.
    return (result.detach() * 255 + 1e-3).floor_().mul_(1 / 255) if truncate else result


class _ChromaStage(SyntheticStage):
    """What both have in common: which Lab, and whether the result is truncated to 8 bits."""

    registered_name: ClassVar[str]

    def __init__(self, *, lab: str = "bgr", truncate: bool = False) -> None:
        super().__init__()
        self.lab = checked_choice(self.registered_name, "lab", lab, CHANNEL_ORDERS)
        self.truncate = checked_switch(self.registered_name, "truncate", truncate)
        self.is_differentiable = not self.truncate


class ColorDiffusion(_ChromaStage):
    """Colours that run; the level is the gain p where it is above 1, and leads to the identity below.

    Args:
        lab, truncate: see ``color_diffusion``; ``truncate`` takes the gradients away.
    """

    aliases = ("colordiff",)
    registered_name = "color_diffusion"
    family = "colour"
    level_range = (0.0, _HIGHEST_DIFFUSION)
    reference_range = (1.0, _HIGHEST_DIFFUSION)
    parameter_name = "color_spread"
    memory = Memory(images=2.0, images_with_gradients=24.0)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return color_diffusion(images, level, lab=self.lab, truncate=self.truncate, out=out)


class Oversaturate(_ChromaStage):
    """Too much colour; the level is what the factor of a and b has above 1, 0 to 8.

    Args:
        lab, truncate: see ``oversaturate``; ``truncate`` takes the gradients away.
    """

    aliases = ("colorsat2",)
    registered_name = "oversaturate"
    family = "saturation"
    level_range = (0.0, 8.0)
    reference_range = (1.0, 9.0)
    parameter_name = "oversaturation"
    memory = Memory(images=1.2, images_with_gradients=20.0)

    def _level_of(self, value: float) -> float:
        return value - 1

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return oversaturate(images, level, lab=self.lab, truncate=self.truncate, out=out)
