"""Severities of renderings whose scene is known: labels for training, by comparison with the scene."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from isptune_severity.families import FAMILIES

# What white noise of the bank's highest level, 0.1 in every channel, leaves in luma and in B - Y and R - Y.
_LUMA_NOISE, _CHROMA_NOISE = 0.067, 0.1
_BLOCK = 16


def severities(images: Tensor, scene: Tensor) -> Tensor:
    """(N, K) severities in the units of the bank's highest levels.

    Args:
        images: (N, 3, H, W) renderings in [0, 1], at least 64 x 64.
        scene: (1, 3, H, W), the same content without faults.
    """
    images, scene = images.double(), scene.double()
    luma, blue, red = _opponents(images)
    own, own_blue, own_red = _opponents(scene)
    found = dict.fromkeys(FAMILIES, torch.zeros(len(images), dtype=torch.float64))
    coarse, own_coarse = F.avg_pool2d(images, 8), F.avg_pool2d(scene, 8)
    found["exposure"] = (luma.mean((1, 2)) - own.mean()).abs() / 0.3
    spread, own_spread = (F.avg_pool2d(x, 8).flatten(1).std(1) + 0.005 for x in (luma, own))
    gain = spread / own_spread
    found["contrast"] = torch.where(gain < 1, (1 - gain) / 0.9, (gain - 1) / 0.75)
    found["cast"] = _cast(coarse, own_coarse)
    found["saturation"] = _saturation(coarse, own_coarse)
    ends = ((images > 0.995) & (scene < 0.98)) | ((images < 0.004) & (scene > 0.02))
    found["clipping"] = ends.double().mean((1, 2, 3)) / 0.3
    found["shading"] = _shading(luma, own)
    edges, texture, noise, seen = _details(luma, own)
    found["luma_noise"] = noise / _LUMA_NOISE
    edge, fine = edges / gain, texture / gain
    found["blur"] = _blur(edge)
    found["smearing"] = seen * F.relu(edge.clamp(max=1) - fine.clamp(max=1)) / edge.clamp(0.1, 1) / 2
    found["halos"] = F.relu(edge - 1) / 12
    colour = [_details(x, y, own) for x, y in ((blue, own_blue), (red, own_red))]
    flat = torch.stack([part[2] for part in colour]).mean(0)
    found["chroma_noise"] = flat / _CHROMA_NOISE
    found["false_colour"] = _false_colour(blue, own_blue, red, own_red, own, flat)
    return torch.stack([found[family].clamp(0, 1.2) for family in FAMILIES], dim=1).float()


def _opponents(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    red, green, blue = images.unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma, blue - luma, red - luma


def _cast(coarse: Tensor, own: Tensor) -> Tensor:
    """By how many stops red and blue are off against green, in about linear light."""
    linear, known = (x.clamp(0, 1).pow(2.2).mean((2, 3)) + 1e-3 for x in (coarse, own))
    stops = torch.log2(linear / known)
    red, blue = stops[:, 0] - stops[:, 1], stops[:, 2] - stops[:, 1]
    return (red.abs() + blue.abs()) / 2


def _saturation(coarse: Tensor, own: Tensor) -> Tensor:
    def colour(x: Tensor) -> Tensor:
        _, blue, red = _opponents(x)
        blue, red = (p - p.mean((1, 2), keepdim=True) for p in (blue, red))
        return (blue.abs() + red.abs()).mean((1, 2)) + 0.004

    ratio = colour(coarse) / colour(own)
    return torch.where(ratio < 1, (1 - ratio) / 1.4, (ratio - 1) / 4)


def _shading(luma: Tensor, own: Tensor) -> Tensor:
    """How much the light falls or rises towards the corners."""
    logs = torch.log(F.adaptive_avg_pool2d(luma, 8) + 0.02) - torch.log(F.adaptive_avg_pool2d(own, 8) + 0.02)
    place = torch.linspace(-1, 1, 8, dtype=luma.dtype)
    radial = (place[:, None].square() + place.square()) / 2
    centred = radial - radial.mean()
    # Up to a tenth is what clipped and lifted tones make of a picture without shading.
    return F.relu(((logs * centred).sum((1, 2)) / centred.square().sum()).abs() - 0.1)


def _high(plane: Tensor) -> Tensor:
    line = plane.new_tensor([1, -2, 1])
    return F.conv2d(plane[:, None], torch.outer(line, line)[None, None] / 4)[:, 0]


def _sums(values: Tensor) -> Tensor:
    return F.avg_pool2d(values, _BLOCK).flatten(1)


def _details(plane: Tensor, own: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
    """What is left of strong and of weak details, the noise without any, and whether there are weak ones.

    Noise is what is not in proportion to the scene's details, at full and at half size: what noise reduction
    leaves is coarser than what the sensor gave.
    """
    edges = texture = present = torch.zeros(())
    noise = []
    for scale in range(2):
        if scale:
            plane, own = F.avg_pool2d(plane, 2), F.avg_pool2d(own, 2)
            guide = None if guide is None else F.avg_pool2d(guide, 2)
        seen, known = _high(plane), _high(own)
        both, power, total = _sums(seen * known), _sums(known.square()), _sums(seen.square())
        order = (power if guide is None else _sums(_high(guide).square()))[0].argsort()
        count = len(order)
        if not scale:
            strong, weak = order[int(0.8 * count) :], order[int(0.3 * count) : int(0.7 * count)]
            edges = both[:, strong].sum(1) / (power[:, strong].sum(1) + 1e-9)
            texture = both[:, weak].sum(1) / (power[:, weak].sum(1) + 1e-9)
            mean = power[0, weak].mean()
            # A deviation of half a grey level of 255 is where weak details begin to be seen.
            present = mean / (mean + 4e-6)
        flat = order[: max(1, count // 2)]
        share = both / (power + 1e-7)
        rest = (total - share * both).clamp(min=0)[:, flat].mean(1)
        # The high pass makes 1.5 of white noise, and half size halves it.
        noise.append(rest.sqrt() / 1.5 * 2**scale)
    return edges, texture, (noise[0] + noise[1]) / 2, present


def _blur(edge: Tensor) -> Tensor:
    """As the width of a Gaussian, of which 5 pixels are 1."""
    return (-torch.log(edge.clamp(0.02, 1)) / 2.25).sqrt() / 5


def _false_colour(
    blue: Tensor, own_blue: Tensor, red: Tensor, own_red: Tensor, guide: Tensor, flat: Tensor
) -> Tensor:
    """Errors of colour at edges beyond the noise of flat parts."""
    power = _sums(_high(guide).square())[0]
    strong = power.argsort()[int(0.8 * len(power)) :]
    errors = [
        _sums((_high(x) - _high(y)).square())[:, strong].mean(1)
        for x, y in ((blue, own_blue), (red, own_red))
    ]
    mean = ((errors[0] + errors[1]) / 2).sqrt() / 1.5
    return torch.sqrt(F.relu(mean.square() - flat.square())) / _CHROMA_NOISE * math.sqrt(0.5)
