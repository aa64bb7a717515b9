"""mPLUG-Owl2 written a second time, plainly: masks instead of segments, explicit softmax, no cache.

It works from a state dictionary and the plain data of config.json, and shares no code with the package.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


def layer_norm(x: Tensor, state: dict[str, Tensor], name: str, eps: float) -> Tensor:
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) / torch.sqrt(variance + eps) * state[f"{name}.weight"] + state[f"{name}.bias"]


def linear(x: Tensor, state: dict[str, Tensor], name: str) -> Tensor:
    y = x @ state[f"{name}.weight"].T
    return y + state[f"{name}.bias"] if f"{name}.bias" in state else y


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """(T, heads, width) each; the result is (T, heads * width)."""
    scores = torch.einsum("qhd,khd->hqk", query, key) / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = torch.exp(scores - scores.amax(-1, keepdim=True))
    weights = weights / weights.sum(-1, keepdim=True)
    return torch.einsum("hqk,khd->qhd", weights, value).reshape(len(query), -1)


def activation(name: str, x: Tensor) -> Tensor:
    if name == "quick_gelu":
        return x / (1 + torch.exp(-1.702 * x))
    if name == "silu":
        return x / (1 + torch.exp(-x))
    assert name == "gelu"
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def vision(state: dict[str, Tensor], config: dict[str, Any], image: Tensor) -> Tensor:
    root, heads, eps = "model.vision_model", config["num_attention_heads"], config["layer_norm_eps"]
    patch = config["patch_size"]
    kernel = state[f"{root}.embeddings.patch_embed.weight"].flatten(1)
    rows = [
        kernel @ image[:, y : y + patch, x : x + patch].flatten()
        for y in range(0, image.shape[1], patch)
        for x in range(0, image.shape[2], patch)
    ]
    x = torch.cat([state[f"{root}.embeddings.cls_token"][0], torch.stack(rows)])
    x = x + state[f"{root}.embeddings.position_embedding"][0]
    x = layer_norm(x, state, f"{root}.embeddings.pre_layernorm", eps)
    for index in range(config["num_hidden_layers"]):
        name = f"{root}.encoder.layers.{index}"
        normed = layer_norm(x, state, f"{name}.input_layernorm", eps)
        fused = linear(normed, state, f"{name}.self_attn.query_key_value").reshape(len(x), heads, 3, -1)
        x = x + linear(
            attend(fused[:, :, 0], fused[:, :, 1], fused[:, :, 2]), state, f"{name}.self_attn.dense"
        )
        normed = layer_norm(x, state, f"{name}.post_attention_layernorm", eps)
        inner = activation(config["hidden_act"], linear(normed, state, f"{name}.mlp.fc1"))
        x = x + linear(inner, state, f"{name}.mlp.fc2")
    return layer_norm(x, state, f"{root}.post_layernorm", eps)


def abstractor(state: dict[str, Tensor], config: dict[str, Any], patches: Tensor) -> Tensor:
    root, heads = "model.visual_abstractor", config["num_attention_heads"]
    x = state[f"{root}.query_embeds"][0]
    for index in range(config["num_hidden_layers"]):
        name = f"{root}.encoder.layers.{index}.crossattention"
        h = layer_norm(x, state, f"{name}.norm1", 1e-5)
        both = torch.cat([h, layer_norm(patches, state, f"{name}.normk", 1e-5)])
        q_pos, k_pos = (state[f"{name}.attention.{which}_pos_embed"] for which in "qk")
        query = linear(h + q_pos, state, f"{name}.attention.query")
        key = linear(both + torch.cat([q_pos, k_pos]), state, f"{name}.attention.key")
        value = linear(both, state, f"{name}.attention.value")
        seen = attend(*(part.reshape(len(part), heads, -1) for part in (query, key, value)))
        h = h + linear(seen, state, f"{name}.output.out_proj")
        normed = layer_norm(h, state, f"{name}.output.norm2", 1e-5)
        gate = activation("silu", linear(normed, state, f"{name}.output.mlp.w1"))
        gated = gate * linear(normed, state, f"{name}.output.mlp.w3")
        gated = layer_norm(gated, state, f"{name}.output.mlp.ffn_ln", config["layer_norm_eps"])
        x = h + linear(gated, state, f"{name}.output.mlp.w2")
    return torch.cat([linear(x, state, f"{root}.visual_fc"), state[f"{root}.vit_eos"][0]])


def rotated(x: Tensor, theta: float, factor: float) -> Tensor:
    """(T, heads, width) turned pair by pair, one place after the other."""
    width = x.shape[-1]
    half = width // 2
    turned = x.clone()
    for place in range(len(x)):
        for pair in range(half):
            angle = place / factor * theta ** (-2 * pair / width)
            a, b = x[place, :, pair], x[place, :, pair + half]
            turned[place, :, pair] = a * math.cos(angle) - b * math.sin(angle)
            turned[place, :, pair + half] = b * math.cos(angle) + a * math.sin(angle)
    return turned


def logits(state: dict[str, Tensor], config: dict[str, Any], ids: list[int], frames: Tensor) -> Tensor:
    """(vocabulary,) logits after a prompt with frames (F, 3, S, S) in the place of -200."""
    visual = config["visual_config"]
    words = torch.cat(
        [
            abstractor(state, visual["visual_abstractor"], vision(state, visual["visual_model"], frame))
            for frame in frames
        ]
    )
    place, table = ids.index(-200), state["model.embed_tokens.weight"]
    x = torch.cat([table[ids[:place]], words, table[ids[place + 1 :]]])
    is_image = torch.zeros(len(x), dtype=torch.bool)
    is_image[place : place + len(words)] = True
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    eps, theta = config["rms_norm_eps"], config["rope_theta"]
    factor = (config.get("rope_scaling") or {}).get("factor", 1.0)
    causal = torch.ones(len(x), len(x), dtype=torch.bool).tril()

    def rms(x: Tensor, weight: Tensor) -> Tensor:
        return x / torch.sqrt((x**2).mean(-1, keepdim=True) + eps) * weight

    def by_modality(x: Tensor, name: str, one: Any) -> Tensor:
        text, image = one(x, f"{name}.multiway.0"), one(x, f"{name}.multiway.1")
        return torch.where(is_image[:, None], image, text)

    def norm(x: Tensor, name: str) -> Tensor:
        return by_modality(x, name, lambda x, name: rms(x, state[f"{name}.weight"]))

    def split(x: Tensor, name: str) -> Tensor:
        return by_modality(x, name, lambda x, name: linear(x, state, name)).reshape(len(x), groups, -1)

    for index in range(config["num_hidden_layers"]):
        name = f"model.layers.{index}"
        normed = norm(x, f"{name}.input_layernorm")
        query = rotated(
            linear(normed, state, f"{name}.self_attn.q_proj").reshape(len(x), heads, -1), theta, factor
        )
        key = rotated(split(normed, f"{name}.self_attn.k_proj"), theta, factor)
        value = split(normed, f"{name}.self_attn.v_proj")
        key, value = (part.repeat_interleave(heads // groups, dim=1) for part in (key, value))
        x = x + linear(attend(query, key, value, causal), state, f"{name}.self_attn.o_proj")
        normed = norm(x, f"{name}.post_attention_layernorm")
        gate = activation(config["hidden_act"], linear(normed, state, f"{name}.mlp.gate_proj"))
        x = x + linear(gate * linear(normed, state, f"{name}.mlp.up_proj"), state, f"{name}.mlp.down_proj")
    x = rms(x, state["model.norm.weight"])
    head = table if config.get("tie_word_embeddings") else state["lm_head.weight"]
    return x[-1] @ head.T
