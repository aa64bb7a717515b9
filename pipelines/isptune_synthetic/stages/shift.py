"""Stages in which the colour planes no longer lie upon each other."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from isptune.contracts.distortion import keep_identity
from isptune.contracts.requirements import Memory
from isptune.stages.memory import room
from isptune.stages.strips import given_back, is_plain
from isptune_synthetic.definition import by_kornia
from isptune_synthetic.filtering import gaussian_kernels, separable
from isptune_synthetic.resampling import resample
from isptune_synthetic.stages.base import SyntheticStage

_FARTHEST_SHIFT = 12.0
_EDGE_SIGMA = 4.0
_KEPT_SHARE = 0.99
_LARGEST_ABERRATION = 5.0


def color_shift(images: Tensor, amount: Tensor, direction: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Shift the green plane down and to the right, more so the nearer an edge is.

    ``G + E (shifted G - G)``, where E is the magnitude of the grey picture's gradient, blurred (sigma 4 px)
    and stretched to [0, 1] ("colorshift" of ARNIQA after KADID-10k). At whole amounts the shift is the
    reference's, rounded to whole pixels in rows and columns; between them the two pictures are blended, so
    that the result is continuous in the amount.

    Corrected against the reference code: the border is replicated, where it pads rows by the columns' shift
    and lets the far side of the picture in; and E is limited to its 1st and 99th percentiles, where it takes
    a sort's indices for the values and sets E to 0 and 1 at two pixels of every row.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        amount: (N,) length of the shift in pixels, 0 to 12.
        direction: (2,) rows and columns, at least 0, of any length.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Example:
        >>> import torch
        >>> color_shift(torch.rand(1, 3, 32, 48), torch.tensor([3.0]), torch.tensor([1.0, 1.0])).shape
        torch.Size([1, 3, 32, 48])
    """
    amounts = amount.to(device=images.device, dtype=images.dtype)
    down, right = direction.double().tolist()
    length = math.hypot(down, right) or 1.0
    plain = is_plain(images, amount)
    if plain:
        if out is None:
            out = room(images.shape, images.dtype)
        if out.data_ptr() != images.data_ptr():
            out.copy_(images)
    results = []
    for index, pixels in enumerate(amount.tolist()):
        if plain and pixels == 0:
            continue
        # The next whole amount is blended in; at the highest one that is itself.
        whole = min(int(pixels), int(_FARTHEST_SHIFT) - 1)
        edges = _edges(images[index])
        green = images[index, 1]
        nearer, farther = (
            _shifted(green, round(number * down / length), round(number * right / length))
            for number in (whole, whole + 1)
        )
        shifted = torch.lerp(nearer, farther, amounts[index] - whole)
        shifted = torch.lerp(green, shifted, edges).clamp(0, 1)
        if plain:
            assert out is not None
            out[index, 1] = shifted
        else:
            results.append(torch.stack((images[index, 0], shifted, images[index, 2])))
    if plain:
        assert out is not None
        return out
    return given_back(keep_identity(images, torch.stack(results), amount), out)


def _shifted(plane: Tensor, down: int, right: int) -> Tensor:
    padded = functional.pad(plane[None, None], (right, 0, down, 0), mode="replicate")
    return padded[0, 0, : plane.shape[0], : plane.shape[1]]


def _edges(image: Tensor) -> Tensor:
    """(H, W) in [0, 1]: how near an edge is; 0 everywhere in a picture without any."""
    edges = _blurred(_gradient_magnitude(image))
    low, high = edges.amin(), edges.amax()
    edges = (edges - low) / torch.where(high > low, high - low, 1.0)
    rank = max(round(edges.numel() * _KEPT_SHARE), 1)
    lowest = edges.flatten().kthvalue(edges.numel() - rank + 1)[0]
    highest = edges.flatten().kthvalue(rank)[0]
    return torch.maximum(torch.minimum(edges, highest), lowest)


def _blurred(plane: Tensor) -> Tensor:
    radius = math.ceil(2 * _EDGE_SIGMA)
    if by_kornia(plane):
        from kornia.filters import gaussian_blur2d

        size, sigma = (2 * radius + 1,) * 2, (_EDGE_SIGMA,) * 2
        blurred: Tensor = gaussian_blur2d(plane[None, None], size, sigma, border_type="replicate")
        return blurred[0, 0]
    kernel = gaussian_kernels(torch.tensor([_EDGE_SIGMA], dtype=plane.dtype), radius)
    return separable(plane[None, None], kernel)[0, 0]


def _gradient_magnitude(image: Tensor) -> Tensor:
    from kornia.color import rgb_to_grayscale

    grey = rgb_to_grayscale(image[None])
    if by_kornia(image):
        from kornia.filters import spatial_gradient

        square = spatial_gradient(grey, mode="diff", normalized=False)[0, 0].square().sum(dim=0)
    else:
        padded = functional.pad(grey, (1, 1, 1, 1), mode="replicate")[0, 0]
        across, down = padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1]
        square = across.square() + down.square()
    # A square root has no slope at 0, where there is no edge to speak of.
    positive = square > 0
    return torch.where(positive, torch.where(positive, square, 1.0).sqrt(), 0.0)


def chromatic_aberration(images: Tensor, amount: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Magnify the red plane and shrink the blue one about the centre, as a lens with lateral colour does.

    A point at the distance d from the centre moves outwards by ``amount d / D`` in red and inwards by as
    much in blue, D being the distance of a corner. Values between pixels are interpolated by Keys' cubic, the
    border is replicated.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        amount: (N,) displacement at the corners in pixels, 0 to 5.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Example:
        >>> import torch
        >>> chromatic_aberration(torch.rand(1, 3, 32, 48), torch.tensor([2.0])).shape
        torch.Size([1, 3, 32, 48])
    """
    height, width = images.shape[-2:]
    amounts = amount.to(device=images.device, dtype=images.dtype)
    rows = torch.arange(height, device=images.device, dtype=images.dtype)
    columns = torch.arange(width, device=images.device, dtype=images.dtype)
    # A picture of one pixel has no corners; any distance does.
    corner = math.hypot((height - 1) / 2, (width - 1) / 2) or 1.0
    outwards_down, outwards_right = (rows - (height - 1) / 2) / corner, (columns - (width - 1) / 2) / corner
    plain = is_plain(images, amount)
    if plain:
        if out is None:
            out = room(images.shape, images.dtype)
        if out.data_ptr() != images.data_ptr():
            out.copy_(images)
    results = []
    for index, at_zero in enumerate((amount == 0).tolist()):
        if plain and at_zero:
            continue
        red, blue = (
            resample(
                images[index, channel],
                rows + sign * amounts[index] * outwards_down,
                columns + sign * amounts[index] * outwards_right,
                math.ceil(_LARGEST_ABERRATION),
            ).clamp(0, 1)
            # Red comes from nearer the centre, blue from farther out.
            for channel, sign in ((0, -1), (2, 1))
        )
        if plain:
            assert out is not None
            out[index, 0], out[index, 2] = red, blue
        else:
            results.append(torch.stack((red, images[index, 1], blue)))
    if plain:
        assert out is not None
        return out
    return given_back(keep_identity(images, torch.stack(results), amount), out)


class ColorShift(SyntheticStage):
    """Green plane shifted near edges; the level is the shift in pixels, 0 to 12."""

    family = "colour"
    level_range = (0.0, _FARTHEST_SHIFT)
    level_unit = "px"
    parameter_name = "shift"
    aliases = ("colorshift",)
    reference_range = (0.0, _FARTHEST_SHIFT)
    is_stochastic = True
    memory = Memory(images=4.2, images_with_gradients=14.0)

    def draw(self, height: int, width: int, generator: torch.Generator) -> Tensor:
        """(2,) uniform numbers in float32, the direction in rows and columns."""
        return torch.rand(2, generator=generator)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return color_shift(images, level, self.noise_for(images, noise), out=out)


class ChromaticAberration(SyntheticStage):
    """Lateral colour of a lens; the level is the displacement at the corners in pixels, 0 to 5."""

    family = "colour"
    level_range = (0.0, _LARGEST_ABERRATION)
    level_unit = "px"
    parameter_name = "aberration"
    memory = Memory(images=2.7, images_with_gradients=10.0)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return chromatic_aberration(images, level, out=out)
