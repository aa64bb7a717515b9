"""The image towers of open_clip, made to take images of any size."""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from isptune.contracts.requirements import Memory
from isptune.errors import ConfigurationError


class ImageTower(nn.Module):
    """A tower of open_clip's behind one call: normalised images in, features out.

    Attributes:
        training_size: (height, width) of the images that the tower was trained on.
        multiple: (height, width) of a patch, of which images must be whole multiples.
        minimum: the smallest (height, width).
        memory: of one sample, in float32. Without gradients RN50 (20), RN50x4 (24), ViT-B/32 (7), ViT-B/16
            (14) and ViT-L/14 (23) were measured at 256 pixels, and 170, 280, 35, 130 and 440 where the
            network keeps every layer for the gradient.
    """

    multiple: tuple[int, int] = (1, 1)
    minimum: tuple[int, int] = (32, 32)
    memory: Memory = Memory(images=40.0, images_with_gradients=400.0)

    def __init__(self, visual: Any) -> None:
        super().__init__()
        self.visual = visual
        self.training_size = _pair(visual.image_size)

    def _count_images(self, width: int, layers: int) -> None:
        """Tokens hold a dozen widths: the residual, with queries, keys and values or with a hidden layer."""
        tokens = width / (3 * self.multiple[0] * self.multiple[1])
        self.memory = Memory(images=max(8.0, 2 + 12 * tokens), images_with_gradients=3 + 11 * tokens * layers)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) normalised to (N, D), not normalised to length 1."""
        features = self.visual(images)
        # Towers that serve captioning models give their tokens beside the pooled features.
        return features[0] if isinstance(features, (tuple, list)) else features


class ResNetTower(ImageTower):
    """A ModifiedResNet whose attention pool takes any number of positions.

    CLIP-IQA leaves the pool's positional embedding out; with it, its grid is interpolated.
    """

    def __init__(self, visual: Any, positional_embedding: bool) -> None:
        super().__init__(visual)
        self.positional_embedding = positional_embedding
        # The peak lies in the first stage, whose width grows with the stem's.
        images = 2 + 18 * visual.conv3.out_channels / 64
        self.memory = Memory(images=images, images_with_gradients=12 * images)

    def forward(self, images: Tensor) -> Tensor:
        visual: Any = self.visual
        maps = visual.stem(images)
        for stage in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
            maps = stage(maps)
        positions = visual.attnpool.positional_embedding if self.positional_embedding else None
        return attention_pool(visual.attnpool, maps, positions)


class ViTTower(ImageTower):
    """A VisionTransformer of open_clip's with its positions interpolated to the image's own grid."""

    def __init__(self, visual: Any) -> None:
        super().__init__(visual)
        self.multiple = self.minimum = _pair(visual.patch_size)
        self._count_images(visual.positional_embedding.shape[-1], len(visual.transformer.resblocks))

    def forward(self, images: Tensor) -> Tensor:
        visual: Any = self.visual
        grid = _grid(images, self.multiple)
        positions = resized_positions(visual.positional_embedding, _pair(visual.grid_size), grid, prefix=1)
        # The tower's own forward, whatever its pooling, with one parameter replaced for this call.
        with _linear_memory(len(positions), positions.shape[-1]):
            features = _with(visual, "positional_embedding", positions)(images)
        return features[0] if isinstance(features, (tuple, list)) else features


class TimmViTTower(ImageTower):
    """A VisionTransformer of timm's, as SigLIP and SigLIP2 use it, resampled as timm itself does it."""

    def __init__(self, visual: Any) -> None:
        super().__init__(visual)
        patches = visual.trunk.patch_embed
        self.training_size = _pair(patches.img_size)
        self.multiple = self.minimum = _pair(patches.patch_size)
        patches.strict_img_size = False
        self._count_images(visual.trunk.embed_dim, len(visual.trunk.blocks))

    def forward(self, images: Tensor) -> Tensor:
        from timm.layers import resample_abs_pos_embed

        trunk: Any = self.visual.trunk
        if trunk.dynamic_img_size:
            return super().forward(images)
        positions = resample_abs_pos_embed(
            trunk.pos_embed,
            new_size=list(_grid(images, self.multiple)),
            old_size=list(trunk.patch_embed.grid_size),
            num_prefix_tokens=0 if trunk.no_embed_class else trunk.num_prefix_tokens,
        )
        found: Tensor = _with(self.visual, "trunk.pos_embed", positions)(images)
        return found


def image_tower(visual: Any, name: str, resize: str, positional_embedding: bool) -> ImageTower:
    """The tower that fits a model's ``visual``.

    Args:
        visual: the image part of a model of open_clip's.
        name: the objective's name, for messages.
        resize: ``"none"`` or ``"native"``; other architectures than the three above take the latter only.
        positional_embedding: whether a ResNet's attention pool adds its positions.

    Raises:
        ConfigurationError: the architecture takes only images of its training size.
    """
    from open_clip.modified_resnet import ModifiedResNet
    from open_clip.timm_model import TimmModel
    from open_clip.transformer import VisionTransformer
    from timm.models.vision_transformer import VisionTransformer as TimmVisionTransformer

    if isinstance(visual, ModifiedResNet):
        return ResNetTower(visual, positional_embedding)
    if isinstance(visual, VisionTransformer):
        return ViTTower(visual)
    trunk = visual.trunk if isinstance(visual, TimmModel) else None
    if isinstance(trunk, TimmVisionTransformer) and trunk.pos_embed is not None:
        return TimmViTTower(visual)
    if resize != "native":
        kind = type(visual if trunk is None else trunk).__name__
        raise ConfigurationError(
            f"the image tower {kind} of '{name}' takes images of its training size only; "
            "set the option resize to 'native'"
        )
    return ImageTower(visual)


def attention_pool(pool: Any, maps: Tensor, positions: Tensor | None = None) -> Tensor:
    """The attention pool of CLIP's ResNets on maps of any size.

    The mean of all positions asks, it and all positions answer.

    Args:
        pool: open_clip's AttentionPool2d, for its weights.
        maps: (N, C, h, w).
        positions: (1 + s * s, C), the embedding of the mean and of a square grid; None adds nothing.

    Returns:
        (N, D)
    """
    count, channels, height, width = maps.shape
    tokens = maps.flatten(2).transpose(1, 2)
    tokens = torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1)
    if positions is not None:
        side = round((len(positions) - 1) ** 0.5)
        tokens = tokens + resized_positions(positions, (side, side), (height, width), prefix=1).to(
            tokens.dtype
        )

    def heads(values: Tensor) -> Tensor:
        return values.reshape(count, -1, pool.num_heads, channels // pool.num_heads).transpose(1, 2)

    answered = functional.scaled_dot_product_attention(
        heads(pool.q_proj(tokens[:, :1])), heads(pool.k_proj(tokens)), heads(pool.v_proj(tokens))
    )
    return pool.c_proj(answered.transpose(1, 2).reshape(count, channels))


def resized_positions(
    positions: Tensor, old: tuple[int, int], new: tuple[int, int], prefix: int = 1
) -> Tensor:
    """Learned positions for another grid: two-dimensional, bicubic, antialiased.

    Args:
        positions: (prefix + h * w, C); the first ``prefix`` rows belong to no place and are kept.
        old, new: (rows, columns) of the grids.

    Returns:
        (prefix + h' * w', C); the positions themselves where the grid is the same.
    """
    if old == new:
        return positions
    kept, places = positions[:prefix], positions[prefix:]
    channels = places.shape[-1]
    grid = places.reshape(1, *old, channels).permute(0, 3, 1, 2)
    # Half precision is not implemented everywhere for this filter.
    grid = grid.to(torch.promote_types(grid.dtype, torch.float32))
    grid = functional.interpolate(grid, new, mode="bicubic", align_corners=False, antialias=True)
    places = grid.permute(0, 2, 3, 1).reshape(-1, channels).to(positions.dtype)
    return torch.cat([kept, places])


def _with(module: Any, name: str, value: Tensor) -> Any:
    """A module that shares everything with another but one parameter.

    ``torch.func.functional_call`` exchanges it in the module itself meanwhile, which other threads would see.
    """
    changed = copy.copy(module)
    head, _, rest = name.partition(".")
    if rest:
        changed._modules = {**module._modules, head: _with(module._modules[head], rest, value)}
    else:
        changed._parameters = {**module._parameters, head: value}
    return changed


class _Slow:
    """How many calls of any thread need the fused attention switched off, and what it was before."""

    lock = threading.Lock()
    calls = 0
    found = True


@contextlib.contextmanager
def _linear_memory(tokens: int, width: int) -> Iterator[None]:
    """Keep torch from the attention that holds tokens x tokens weights, where these would be the larger part.

    Without gradients ``nn.MultiheadAttention`` takes a fused path, which on the CPU is quadratic in memory:
    50 GB for one frame of 3840x2160 in patches of 16. The setting is put back by the last call that needs it.
    """
    if tokens <= width:
        yield
        return
    with _Slow.lock:
        if not _Slow.calls:
            _Slow.found = torch.backends.mha.get_fastpath_enabled()
            torch.backends.mha.set_fastpath_enabled(False)
        _Slow.calls += 1
    try:
        yield
    finally:
        with _Slow.lock:
            _Slow.calls -= 1
            if not _Slow.calls:
                torch.backends.mha.set_fastpath_enabled(_Slow.found)


def _grid(images: Tensor, patch: tuple[int, int]) -> tuple[int, int]:
    return images.shape[-2] // patch[0], images.shape[-1] // patch[1]


def _pair(value: Any) -> tuple[int, int]:
    height, width = value if isinstance(value, (tuple, list)) else (value, value)
    return int(height), int(width)
