"""LLaMA whose norms, keys and values are split by modality, as mPLUG-Owl2 has it.

A sequence is a row of segments, each of one modality, so the split is by slices and needs no mask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isptune_qalign.network.configuration import OwlConfig
from isptune_qalign.network.layers import ACTIVATIONS, RMSNorm, join_heads, split_heads

TEXT, IMAGE = 0, 1

Segments = Sequence[tuple[int, int]]
"""(modality, length) of each stretch of a sequence, in order."""


class Multiway(nn.Module):
    """The same layer twice: for text (0) and for images (1)."""

    def __init__(self, make: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.multiway = nn.ModuleList([make(), make()])

    def forward(self, x: Tensor, segments: Segments) -> Tensor:
        if len(segments) == 1:
            return self.multiway[segments[0][0]](x)
        parts = x.split([length for _, length in segments], dim=1)
        return torch.cat(
            [self.multiway[kind](part) for (kind, _), part in zip(segments, parts, strict=True)], dim=1
        )


def rotary_angles(
    places: range,
    width: int,
    theta: float,
    scaling: Mapping[str, Any] | None,
    longest: int,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Cosines and sines (T, width) of the rotary embedding (Su et al., "RoFormer", 2021), in float64.

    Args:
        places: of T tokens in the whole sequence.
        width: of a head.
        theta: the base.
        scaling: ``linear`` divides the positions by its factor; ``dynamic`` raises the base once a sequence
            is longer than ``longest``.
        longest: the positions that the model was trained with.
        device: where the result is.
    """
    wide = torch.arange(places.start, places.stop, dtype=torch.float64, device=device)
    kind = (scaling or {}).get("type", (scaling or {}).get("rope_type", "default"))
    if scaling and kind == "linear":
        wide = wide / scaling["factor"]
    if scaling and kind == "dynamic" and places.stop > longest:
        factor = scaling["factor"]
        theta *= (factor * places.stop / longest - (factor - 1)) ** (width / (width - 2))
    exponents = torch.arange(0, width, 2, dtype=torch.float64, device=device) / width
    angles = torch.outer(wide, theta**-exponents).repeat(1, 2)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """(N, heads, T, width) with every pair (i, i + width / 2) turned by its angle."""
    cosine, sine = angles
    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat([-second, first], dim=-1) * sine


class LanguageAttention(nn.Module):
    """Causal self-attention; what came before may be given as keys and values."""

    def __init__(self, config: OwlConfig) -> None:
        super().__init__()
        self.heads, self.key_value_heads = config.num_attention_heads, config.key_value_heads
        width, bias = config.width_of_head, config.attention_bias
        outer, inner = config.hidden_size, width * config.key_value_heads
        self.q_proj = nn.Linear(outer, width * self.heads, bias=bias)
        self.k_proj = Multiway(lambda: nn.Linear(outer, inner, bias=bias))
        self.v_proj = Multiway(lambda: nn.Linear(outer, inner, bias=bias))
        self.o_proj = nn.Linear(width * self.heads, outer, bias=bias)

    def forward(
        self,
        x: Tensor,
        segments: Segments,
        angles: tuple[Tensor, Tensor],
        mask: Tensor,
        past: tuple[Tensor, Tensor] | None,
        last: bool,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The attended (N, T, width), of the last position alone if ``last``, and the new keys and values."""
        key = rotate(split_heads(self.k_proj(x, segments), self.key_value_heads), angles)
        value = split_heads(self.v_proj(x, segments), self.key_value_heads)
        new = key, value
        if past is not None:
            before = (part.expand(len(x), -1, -1, -1) for part in past)
            key, value = (torch.cat(pair, dim=2) for pair in zip(before, new, strict=True))
        if last:
            x, angles, mask = x[:, -1:], (angles[0][-1:], angles[1][-1:]), mask[-1:]
        query = rotate(split_heads(self.q_proj(x), self.heads), angles)
        attended = F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, enable_gqa=self.heads != self.key_value_heads
        )
        return self.o_proj(join_heads(attended)), new


class LanguageMLP(nn.Module):
    """LLaMA's gated MLP."""

    def __init__(self, config: OwlConfig) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[config.hidden_act]
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(self.activation(self.gate_proj(x)) * self.up_proj(x))


class LanguageLayer(nn.Module):
    """A pre-norm block."""

    def __init__(self, config: OwlConfig) -> None:
        super().__init__()
        self.self_attn = LanguageAttention(config)
        self.mlp = LanguageMLP(config)
        self.input_layernorm = Multiway(lambda: RMSNorm(config.hidden_size, config.rms_norm_eps))
        self.post_attention_layernorm = Multiway(lambda: RMSNorm(config.hidden_size, config.rms_norm_eps))

    def forward(
        self,
        x: Tensor,
        segments: Segments,
        angles: tuple[Tensor, Tensor],
        mask: Tensor,
        past: tuple[Tensor, Tensor] | None = None,
        last: bool = False,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        attended, new = self.self_attn(self.input_layernorm(x, segments), segments, angles, mask, past, last)
        if last:
            x, segments = x[:, -1:], ((segments[-1][0], 1),)
        x = x + attended
        return x + self.mlp(self.post_attention_layernorm(x, segments)), new
