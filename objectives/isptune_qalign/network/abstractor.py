"""The visual abstractor: learned queries that turn patches into a fixed number of words."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isptune_qalign.network.configuration import AbstractorConfig, OwlConfig
from isptune_qalign.network.layers import join_heads, split_heads


class AbstractorAttention(nn.Module):
    """Queries attend to themselves and to the patches; positions are added to queries and keys only.

    The sine-cosine positions are part of a checkpoint and are loaded, never computed.
    """

    q_pos_embed: Tensor
    k_pos_embed: Tensor

    def __init__(self, config: AbstractorConfig, patches: int) -> None:
        super().__init__()
        width = config.hidden_size
        self.heads = config.num_attention_heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(config.encoder_hidden_size, width)
        self.value = nn.Linear(config.encoder_hidden_size, width)
        self.register_buffer("q_pos_embed", torch.zeros(config.num_learnable_queries, width))
        self.register_buffer("k_pos_embed", torch.zeros(patches, width))

    def forward(self, queries: Tensor, patches: Tensor) -> Tensor:
        everything = torch.cat([queries, patches], dim=1)
        places = torch.cat([self.q_pos_embed, self.k_pos_embed])
        query = split_heads(self.query(queries + self.q_pos_embed), self.heads)
        key = split_heads(self.key(everything + places), self.heads)
        value = split_heads(self.value(everything), self.heads)
        return join_heads(F.scaled_dot_product_attention(query, key, value))


class AbstractorMLP(nn.Module):
    """A gated MLP with a norm inside."""

    def __init__(self, config: AbstractorConfig) -> None:
        super().__init__()
        self.w1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.w2 = nn.Linear(config.intermediate_size, config.hidden_size)
        self.w3 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.ffn_ln = nn.LayerNorm(config.intermediate_size, eps=config.layer_norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        return self.w2(self.ffn_ln(F.silu(self.w1(x)) * self.w3(x)))


class AbstractorOutput(nn.Module):
    """What follows the attention: its projection, added to the queries, and the MLP."""

    def __init__(self, config: AbstractorConfig) -> None:
        super().__init__()
        self.out_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm2 = nn.LayerNorm(config.hidden_size)
        self.mlp = AbstractorMLP(config)

    def forward(self, attended: Tensor, queries: Tensor) -> Tensor:
        queries = queries + self.out_proj(attended)
        return queries + self.mlp(self.norm2(queries))


class CrossAttention(nn.Module):
    """Norms, attention and output; the residual starts from the normalised queries."""

    def __init__(self, config: AbstractorConfig, patches: int) -> None:
        super().__init__()
        self.attention = AbstractorAttention(config, patches)
        self.output = AbstractorOutput(config)
        self.norm1 = nn.LayerNorm(config.hidden_size)
        self.normk = nn.LayerNorm(config.encoder_hidden_size)

    def forward(self, queries: Tensor, patches: Tensor) -> Tensor:
        queries = self.norm1(queries)
        return self.output(self.attention(queries, self.normk(patches)), queries)


class AbstractorLayer(nn.Module):
    """One layer; the module exists for its name in checkpoints."""

    def __init__(self, config: AbstractorConfig, patches: int) -> None:
        super().__init__()
        self.crossattention = CrossAttention(config, patches)

    def forward(self, queries: Tensor, patches: Tensor) -> Tensor:
        return self.crossattention(queries, patches)


class AbstractorEncoder(nn.Module):
    """The stack of layers, all of which look at the same patches."""

    def __init__(self, config: AbstractorConfig, patches: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(AbstractorLayer(config, patches) for _ in range(config.num_hidden_layers))

    def forward(self, queries: Tensor, patches: Tensor) -> Tensor:
        for layer in self.layers:
            queries = layer(queries, patches)
        return queries


class VisualAbstractor(nn.Module):
    """(N, T, vision width) tokens to (N, queries + 1, language width); the last is a learned end."""

    def __init__(self, config: OwlConfig) -> None:
        super().__init__()
        own = config.abstractor
        self.query_embeds = nn.Parameter(torch.zeros(1, own.num_learnable_queries, own.hidden_size))
        self.encoder = AbstractorEncoder(own, config.vision.tokens)
        self.visual_fc = nn.Linear(own.hidden_size, config.hidden_size)
        self.vit_eos = nn.Parameter(torch.zeros(1, 1, config.hidden_size))

    def forward(self, patches: Tensor) -> Tensor:
        count = len(patches)
        words = self.visual_fc(self.encoder(self.query_embeds.expand(count, -1, -1), patches))
        return torch.cat([words, self.vit_eos.expand(count, -1, -1)], dim=1)
