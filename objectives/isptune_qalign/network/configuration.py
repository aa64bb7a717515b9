"""What config.json of an mPLUG-Owl2 checkpoint says about its sizes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isptune.errors import ConfigurationError
from isptune_qalign.network.layers import ACTIVATIONS

MODEL_TYPE = "mplug_owl2"


@dataclass(frozen=True)
class VisionConfig:
    """The vision transformer."""

    hidden_size: int = 1024
    intermediate_size: int = 4096
    num_hidden_layers: int = 24
    num_attention_heads: int = 16
    image_size: int = 448
    patch_size: int = 14
    num_channels: int = 3
    hidden_act: str = "quick_gelu"
    layer_norm_eps: float = 1e-6

    @property
    def tokens(self) -> int:
        """Patches and the class token."""
        return (self.image_size // self.patch_size) ** 2 + 1


@dataclass(frozen=True)
class AbstractorConfig:
    """The visual abstractor: learned queries that look at the patches."""

    hidden_size: int = 1024
    encoder_hidden_size: int = 1024
    intermediate_size: int = 2816
    num_hidden_layers: int = 6
    num_attention_heads: int = 16
    num_learnable_queries: int = 64
    layer_norm_eps: float = 1e-6


@dataclass(frozen=True)
class OwlConfig:
    """The language model, and the two parts that see."""

    vision: VisionConfig = VisionConfig()
    abstractor: AbstractorConfig = AbstractorConfig()
    vocab_size: int = 32000
    hidden_size: int = 4096
    intermediate_size: int = 11008
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    hidden_act: str = "silu"
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10000.0
    rope_scaling: Mapping[str, Any] | None = None
    max_position_embeddings: int = 4096
    attention_bias: bool = False
    tie_word_embeddings: bool = False
    bos_token_id: int = 1

    @property
    def key_value_heads(self) -> int:
        return self.num_key_value_heads or self.num_attention_heads

    @property
    def width_of_head(self) -> int:
        return self.head_dim or self.hidden_size // self.num_attention_heads

    @property
    def tokens_per_image(self) -> int:
        """The queries and the learned end-of-image token."""
        return self.abstractor.num_learnable_queries + 1


def read_config(folder: str | Path, name: str = "qalign") -> OwlConfig:
    """The configuration in a checkpoint folder.

    Raises:
        ConfigurationError: config.json is missing, is not JSON, belongs to another architecture, or holds a
            value that the architecture cannot have.
    """
    path = Path(folder) / "config.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise ConfigurationError(f"the checkpoint '{folder}' of '{name}' lacks config.json") from None
    except ValueError as error:
        raise ConfigurationError(f"'{path}' is not valid JSON: {error}") from None
    if not isinstance(data, dict) or data.get("model_type") != MODEL_TYPE:
        found = data.get("model_type") if isinstance(data, dict) else None
        raise ConfigurationError(
            f"the checkpoint '{folder}' of '{name}' has the model_type {found!r} instead of '{MODEL_TYPE}'"
            + ("; 'lmm' scores with models of other architectures" if found else "")
        )
    return parse_config(data, str(path))


def parse_config(data: Mapping[str, Any], where: str = "config.json") -> OwlConfig:
    """The configuration in plain data as config.json holds it; see `read_config`."""
    visual = data.get("visual_config") or {}
    vision = _section(VisionConfig, visual.get("visual_model") or {}, f"{where}, visual_model")
    abstractor = _section(
        AbstractorConfig, visual.get("visual_abstractor") or {}, f"{where}, visual_abstractor"
    )
    # transformers 5 writes the rotary embedding's parameters as one mapping.
    rope = dict(data.get("rope_parameters") or {})
    merged = {**data}
    if rope:
        if merged.get("rope_theta") is None:
            merged["rope_theta"] = rope.get("rope_theta")
        if rope.get("rope_type", "default") != "default":
            merged["rope_scaling"] = rope
    config = _section(OwlConfig, merged, where, vision=vision, abstractor=abstractor)
    _check(config, where)
    return config


def _section(kind: type[Any], data: Mapping[str, Any], where: str, **given: Any) -> Any:
    """A dataclass from the keys that it has; numbers are checked, what is absent keeps its default."""
    values = dict(given)
    for field, default in ((f, getattr(kind, f, None)) for f in kind.__dataclass_fields__ if f not in given):
        value = data.get(field)
        if value is None:
            continue
        if isinstance(default, bool):
            right = isinstance(value, bool)
        elif isinstance(default, float):
            right = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
        elif isinstance(default, int) or field in ("num_key_value_heads", "head_dim"):
            right = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        else:
            right = isinstance(value, Mapping if field == "rope_scaling" else str)
        if not right:
            raise ConfigurationError(f"in {where}, {field} is {value!r}, which is no valid value for it")
        values[field] = value
    return kind(**values)


def _check(config: OwlConfig, where: str) -> None:
    vision, abstractor = config.vision, config.abstractor
    problems = []
    for part, width, heads in (
        ("hidden_size", config.hidden_size, config.num_attention_heads),
        ("visual_model.hidden_size", vision.hidden_size, vision.num_attention_heads),
        ("visual_abstractor.hidden_size", abstractor.hidden_size, abstractor.num_attention_heads),
    ):
        if not (part == "hidden_size" and config.head_dim) and width % heads:
            problems.append(f"{part} {width} is not a multiple of its {heads} attention heads")
    if config.num_attention_heads % config.key_value_heads:
        problems.append(
            f"the {config.num_attention_heads} attention heads are not a multiple of the "
            f"{config.key_value_heads} key and value heads"
        )
    if abstractor.encoder_hidden_size != abstractor.hidden_size:
        problems.append("visual_abstractor.encoder_hidden_size differs from its hidden_size")
    if abstractor.encoder_hidden_size != vision.hidden_size:
        problems.append("visual_abstractor.encoder_hidden_size differs from visual_model.hidden_size")
    if vision.image_size % vision.patch_size:
        problems.append(f"image_size {vision.image_size} is not a multiple of patch_size {vision.patch_size}")
    for activation in (config.hidden_act, vision.hidden_act):
        if activation not in ACTIVATIONS:
            problems.append(f"hidden_act '{activation}' is none of {', '.join(ACTIVATIONS)}")
    if config.rope_scaling is not None:
        kind = config.rope_scaling.get("type", config.rope_scaling.get("rope_type"))
        factor = config.rope_scaling.get("factor")
        if kind not in ("default", "linear", "dynamic"):
            problems.append(f"rope_scaling of the type {kind!r} is not one of default, linear, dynamic")
        elif kind != "default" and not (isinstance(factor, (int, float)) and factor >= 1):
            problems.append(f"rope_scaling has the factor {factor!r} instead of a number from 1 up")
    if problems:
        raise ConfigurationError(f"in {where}, {problems[0]}")
