"""Stages that put pixels where they do not belong."""

from __future__ import annotations

import torch
from torch import Tensor

from isptune.contracts.distortion import keep_identity
from isptune.contracts.requirements import Memory
from isptune.stages.memory import room
from isptune.stages.strips import given_back, is_plain
from isptune_synthetic.resampling import warp
from isptune_synthetic.stages.base import SyntheticStage

_ROUNDS = 5
_PATCHES = 100
_PATCH_SIDE = 16
_MARGIN = 16
_FARTHEST = 8


def jitter(images: Tensor, amount: Tensor, field: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Move every pixel a little at random, five times over, by bilinear interpolation.

    Each round reads every pixel from a place that is off by ``amount`` times a normal number to either axis
    ("jitter" of ARNIQA after KADID-10k). The five rounds read one random field, each from another row on: at
    any pixel their numbers are independent, in a fifth of the memory.

    Corrected against the reference code: borders are replicated, where it shows black pixels when a number
    is farther below zero than any is above; and it exchanges the widths by which it pads and crops rows and
    columns, which moves the whole picture by a pixel whenever the two differ (at about 1 px).

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        amount: (N,) standard deviation of a round's displacement in pixels, 0 to 1.
        field: (2, H, W) standard normal numbers, the same for every sample.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Example:
        >>> import torch
        >>> field = torch.randn(2, 32, 48, generator=torch.Generator().manual_seed(0))
        >>> jitter(torch.rand(1, 3, 32, 48), torch.tensor([0.5]), field).shape
        torch.Size([1, 3, 32, 48])
    """
    amounts = amount.to(device=images.device, dtype=images.dtype)
    field = field.to(device=images.device, dtype=images.dtype)
    starts = [number * images.shape[-2] // _ROUNDS for number in range(_ROUNDS)]
    if not is_plain(images, amount, field):
        moved = []
        for image, own in zip(images, amounts, strict=True):
            for start in starts:
                image = warp(image, field, own, start)
            moved.append(image)
        result = keep_identity(images, torch.stack(moved).clamp(0, 1), amount)
        return given_back(result, out)
    if out is None:
        out = room(images.shape, images.dtype)
    scratch = room(images.shape[1:], images.dtype)
    for index, at_zero in enumerate((amount == 0).tolist()):
        image, target = images[index], out[index]
        if not at_zero:
            for number, start in enumerate(starts):
                # To and fro between two buffers; the first round alone reads the input.
                source = image if number == 0 else (scratch if number % 2 else target)
                warp(source, field, amounts[index], start, out=target if number % 2 else scratch)
            image = scratch.clamp_(0, 1)
        if target.data_ptr() != image.data_ptr():
            target.copy_(image)
    return out


def patch_displacement(images: Tensor, count: Tensor, places: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Copy patches of 16 x 16 px over others up to 8 px away, one after the other.

    "noneccpatch" of ARNIQA after KADID-10k, with its distribution of places (16 px of margin, where the
    picture has room for that). Between two whole counts the last patch is blended in, so the result is
    continuous in the count.

    Corrected against the reference code: a patch is copied as it was, where it writes over what it still
    has to read when both places overlap, and smears it.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        count: (N,) number of patches, 0 to 100, fractions included.
        places: (100, 4) uniform random numbers, the same for every sample.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Example:
        >>> import torch
        >>> places = torch.rand(100, 4, generator=torch.Generator().manual_seed(0))
        >>> patch_displacement(torch.rand(1, 3, 64, 96), torch.tensor([20.0]), places).shape
        torch.Size([1, 3, 64, 96])
    """
    height, width = images.shape[-2:]
    counts = count.to(device=images.device, dtype=images.dtype)
    copies = _copies(places, height, width)
    # Where each pixel's value comes from. Only the pixels that some patch reaches can differ from themselves.
    source = torch.arange(height * width, dtype=torch.int32).reshape(height, width)
    reached = torch.cat([source[target].flatten() for _, target in copies]).unique().long()
    results = []
    for index, patches in enumerate(count.tolist()):
        # The patch after the whole ones is blended in; at the highest count that is the last one.
        whole = min(int(patches), len(copies) - 1)
        for start, target in copies[:whole]:
            source[target] = source[start].clone()
        before = source.flatten()[reached]
        start, target = copies[whole]
        source[target] = source[start].clone()
        after = source.flatten()[reached]
        source.view(-1)[reached] = reached.int()
        pixels = images[index].flatten(1)
        earlier, later = (pixels[:, place.to(pixels.device)] for place in (before, after))
        values = torch.lerp(earlier, later, counts[index] - whole).clamp(0, 1)
        results.append((pixels, values))
    places_reached = reached.to(images.device)
    if not is_plain(images, count):
        changed = [pixels.index_copy(1, places_reached, values) for pixels, values in results]
        return given_back(torch.stack(changed).reshape(images.shape), out)
    if out is None:
        out = room(images.shape, images.dtype)
    if out.data_ptr() != images.data_ptr():
        out.copy_(images)
    for target_image, (_, values) in zip(out, results, strict=True):
        target_image[:, reached // width, reached % width] = values
    return out


def _copies(places: Tensor, height: int, width: int) -> list[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """The rectangles that each patch is copied from and to."""
    copies = []
    for across, down, right, below in places.double().tolist():
        columns = _from_and_to(across, right, width)
        rows = _from_and_to(down, below, height)
        copies.append(((rows[0], columns[0]), (rows[1], columns[1])))
    return copies


def _from_and_to(place: float, way: float, length: int) -> tuple[slice, slice]:
    side = min(_PATCH_SIDE, length)
    room = length - side
    # A picture with no room for the reference's margins has narrower ones.
    margin = _MARGIN if length >= _PATCH_SIDE + 2 * _MARGIN else room // 4
    start = margin + round(place * (room - 2 * margin))
    target = min(max(round(start + (way - 0.5) * 2 * _FARTHEST), 0), room)
    return slice(start, start + side), slice(target, target + side)


class Jitter(SyntheticStage):
    """Small random displacements of every pixel; the level is their standard deviation in pixels, 0 to 1."""

    family = "local"
    level_range = (0.0, 1.0)
    level_unit = "px"
    parameter_name = "jitter"
    reference_range = (0.0, 1.0)
    is_stochastic = True
    memory = Memory(images=2.1, images_with_gradients=22.0)

    def draw(self, height: int, width: int, generator: torch.Generator) -> Tensor:
        """(2, height, width) standard normal numbers in float32."""
        return torch.randn(2, height, width, generator=generator)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return jitter(images, level, self.noise_for(images, noise), out=out)


class PatchDisplacement(SyntheticStage):
    """Patches copied over their surroundings; the level is their number, 0 to 100."""

    family = "local"
    level_range = (0.0, float(_PATCHES))
    level_unit = "patches"
    parameter_name = "patches"
    aliases = ("noneccpatch",)
    reference_range = (0.0, float(_PATCHES))
    is_stochastic = True
    memory = Memory(images=1.4, images_with_gradients=4.0)

    def draw(self, height: int, width: int, generator: torch.Generator) -> Tensor:
        """(100, 4) uniform numbers in float32: where each patch is, and which way it goes."""
        return torch.rand(_PATCHES, 4, generator=generator)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return patch_displacement(images, level, self.noise_for(images, noise), out=out)
