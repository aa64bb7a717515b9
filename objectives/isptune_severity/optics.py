"""What shading and displaced colour planes leave behind: further fixed statistics, beside `fingerprints`.

Plain torch with gradients; the reference for the compiled loops.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

LOSSES = (-0.45, -0.2, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9)
"""Shares of the light that the corners lose, which are taken back for a try."""

SCALES = (0.015, 0.05)
"""Slopes of the logarithm of light between neighbours, four pixels apart, that count half as an edge."""

FARTHEST = 6
"""Pixels of half size that the green plane is moved for a try, down and to the right."""

RINGS = 7
SHARPNESS = 200.0
DARK = 0.03
# Encoded values follow the light by about the power 0.45, and it falls as a square.
POWER = -0.9
TINY = 1e-6
FAINT = 1e-4
# Correlations above which a displacement is one.
ENOUGH = (0.03, 0.01)


def optics_count() -> int:
    """The number of columns of `optics`."""
    return len(SCALES) * (len(LOSSES) + 1) + RINGS + 5


def optics(images: Tensor) -> Tensor:
    """(N, S) fixed statistics of pictures (N, 3, H, W), at least 32 x 32."""
    return torch.cat([_shading(images), _displaced(images)], dim=1)


def _shading(images: Tensor) -> Tensor:
    """Whether the picture has fewer slopes when light is given back to its corners, or taken from them.

    Slopes of natural pictures are few and steep. Shading adds a faint one everywhere, towards the middle,
    that goes when the right amount of it is taken back; a picture that is dark in its corners by itself has
    none. How much the mean of ``r ** 2 / (r ** 2 + scale ** 2)`` of the slopes r that are left changes for
    every loss, and the loss with the least.
    """
    small = F.avg_pool2d(images, 4)
    light = 0.299 * small[:, 0] + 0.587 * small[:, 1] + 0.114 * small[:, 2]
    logs, share = torch.log(light + DARK), light / (light + DARK)
    squares = distances(*images.shape[-2:]).to(logs)
    slopes = []
    for x, part, square in ((logs, share, squares), (logs.mT, share.mT, squares.mT)):
        slopes.append((x[:, :, 1:] - x[:, :, :-1], (part[:, :, 1:] + part[:, :, :-1]) / 2, square))
    columns, best = [], []
    tried = torch.tensor([0.0, *LOSSES]).to(logs)
    for scale in SCALES:
        costs = torch.stack([_cost(slopes, loss, scale) for loss in (0.0, *LOSSES)], dim=1)
        costs = costs - costs[:, :1]
        columns.append(costs[:, 1:])
        best.append((torch.softmax(-SHARPNESS * costs, dim=1) * tried).sum(1, keepdim=True))
    return torch.cat([*columns, *best], dim=1)


def _cost(slopes: list[tuple[Tensor, Tensor, Tensor]], loss: float, scale: float) -> Tensor:
    total = slopes[0][0].new_zeros(())
    for slope, share, squares in slopes:
        fall = POWER * torch.log1p(strength(loss) * squares)
        rest = (slope - share * (fall[:, 1:] - fall[:, :-1])).square()
        total = total + (rest / (rest + scale**2)).mean((1, 2))
    return total


def strength(loss: float) -> float:
    """k of the fall ``(1 + k d ** 2) ** -2`` of light with which the corners lose a share."""
    return float((1 - loss) ** -0.5 - 1)


@functools.cache
@torch.inference_mode(False)
def distances(height: int, width: int) -> Tensor:
    """Squares of the distances of blocks of 4 x 4 pixels from the middle; 1 for the corners' pixels."""
    corner = (height - 1) ** 2 + (width - 1) ** 2
    rows, columns = (
        (8 * torch.arange(length // 4, dtype=torch.float64) + 4 - length).square() / corner
        for length in (height, width)
    )
    return (rows[:, None] + columns).float()


def _displaced(images: Tensor) -> Tensor:
    """Whether details of the other planes lie in green once more, down and to the right, and how far.

    Correlations of green less the other two with those two at half size, less the same the other way: means
    over rings of distances; at no distance; the distance at which they are; how strong they are; and that
    distance where they are strong at all.
    """
    half = F.avg_pool2d(images, 2)
    detail = half - F.avg_pool2d(half, 5, stride=1, padding=2, count_include_pad=False)
    red, green, blue = detail.unbind(1)
    others = (red + blue) / 2
    rest = green - others
    power = others.square().mean((1, 2)) + TINY
    height, width = green.shape[1:]
    found = []
    for down in range(FARTHEST + 1):
        for right in range(FARTHEST + 1):
            rows, columns = height - down, width - right
            ahead = (rest[:, down:, right:] * others[:, :rows, :columns]).mean((1, 2))
            behind = (rest[:, :rows, :columns] * others[:, down:, right:]).mean((1, 2))
            found.append((ahead - behind) / power if down or right else ahead / power)
    both = torch.stack(found, dim=1)
    apart, rings = (part.to(both) for part in places())
    positive = F.relu(both[:, 1:])
    squares = positive.square()
    far = (squares * apart).sum(1) / (squares.sum(1) + FAINT)
    strong = positive.mean(1)
    single = [both[:, 0], far, torch.log1p(positive.sum(1))]
    single += [far * strong / (strong + enough) for enough in ENOUGH]
    return torch.cat([both[:, 1:] @ rings, torch.stack(single, dim=1)], dim=1)


@functools.cache
@torch.inference_mode(False)
def places() -> tuple[Tensor, Tensor]:
    """Of all moves but none: their lengths (T,), and what each counts in the mean of its ring (T, RINGS)."""
    line = torch.arange(FARTHEST + 1.0)
    apart = (line[:, None].square() + line.square()).sqrt().flatten()[1:]
    nearest = apart.round().clamp(max=RINGS).long() - 1
    members = F.one_hot(nearest, RINGS).float()
    return apart, members / members.sum(0)
