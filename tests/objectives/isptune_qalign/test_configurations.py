"""The network holds for any configuration: sizes, eps, rotary base, heads, queries, layers are all read.

The independent computation in eager.py is itself held to the original code's numbers first.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from syrupy.assertion import SnapshotAssertion

import isptune_qalign
from isptune.errors import ConfigurationError
from isptune_qalign.network.configuration import parse_config
from isptune_qalign.tiny import random_weights, tiny_config, write_weights


def test_the_independent_computation_agrees_with_the_original_code(
    reference: Path, eager: ModuleType
) -> None:
    io = load_file(reference / "io.safetensors")
    config = json.loads((reference / "config.json").read_text())
    state = load_file(reference / "model.safetensors")
    for index in range(3):
        found = eager.logits(
            state, config, io["input_ids"][0].tolist(), io["pixel_values"][index : index + 1]
        )
        torch.testing.assert_close(found, io["logits_last"][index], rtol=0, atol=1e-4)


def changed(**changes: Any) -> dict[str, Any]:
    """tiny_config with changes; ``vision`` and ``abstractor`` are of those parts."""
    config = copy.deepcopy(tiny_config())
    config["visual_config"]["visual_model"] |= changes.pop("vision", {})
    config["visual_config"]["visual_abstractor"] |= changes.pop("abstractor", {})
    return config | changes


CONFIGURATIONS = {
    "as it is": changed(),
    "large eps": changed(
        rms_norm_eps=0.3, vision={"layer_norm_eps": 0.2}, abstractor={"layer_norm_eps": 0.1}
    ),
    "rotary base": changed(rope_theta=37.0),
    "linear rope scaling": changed(rope_scaling={"type": "linear", "factor": 3.0}),
    "grouped keys": changed(num_attention_heads=8, num_key_value_heads=2),
    "one key": changed(num_key_value_heads=1),
    "many layers": changed(
        num_hidden_layers=5, vision={"num_hidden_layers": 3}, abstractor={"num_hidden_layers": 1}
    ),
    "many queries": changed(abstractor={"num_learnable_queries": 23}),
    "one query": changed(abstractor={"num_learnable_queries": 1}),
    "other widths": changed(
        hidden_size=48,
        intermediate_size=100,
        num_attention_heads=3,
        num_key_value_heads=3,
        vocab_size=333,
        vision={"hidden_size": 40, "intermediate_size": 60, "num_attention_heads": 5},
        abstractor={
            "hidden_size": 40,
            "encoder_hidden_size": 40,
            "intermediate_size": 52,
            "num_attention_heads": 2,
        },
    ),
    "other pictures": changed(vision={"image_size": 48, "patch_size": 8}),
    "other activations": changed(hidden_act="gelu", vision={"hidden_act": "gelu"}),
    "biases": changed(attention_bias=True),
    "tied embeddings": changed(tie_word_embeddings=True),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_any_configuration(name: str, tmp_path: Path, eager: ModuleType) -> None:
    config = CONFIGURATIONS[name]
    state = random_weights(config, seed=5)
    (tmp_path / "config.json").write_text(json.dumps(config))
    write_weights(tmp_path, state, shards=2)
    model = isptune_qalign.load_model(tmp_path, dtype=torch.float64)
    state = {key: tensor.double() for key, tensor in state.items()}
    size = config["visual_config"]["visual_model"]["image_size"]
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randn(2, 3, size, size, generator=generator, dtype=torch.float64)
    words = torch.randint(3, config["vocab_size"], (17,), generator=generator).tolist()
    for place in (0, 6, 17):
        ids = [*words[:place], -200, *words[place:]]
        found = model(torch.tensor([ids]), pixels)
        expected = torch.stack([eager.logits(state, config, ids, frame[None]) for frame in pixels])
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    ids = [*words[:6], -200, *words[6:]]
    found = model(torch.tensor([ids]), pixels[None])
    expected = eager.logits(state, config, ids, pixels)[None]
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_rows_may_have_prompts_of_their_own(tiny: Path) -> None:
    model = isptune_qalign.load_model(tiny, dtype=torch.float64)
    pixels = torch.randn(2, 3, 56, 56, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ids = torch.tensor([[1, 5, -200, 9, 8], [1, -200, 5, 9, 8]])
    expected = torch.cat([model(ids[i : i + 1], pixels[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(model(ids, pixels), expected)


def test_keys_of_newer_configurations() -> None:
    new = parse_config(
        {**tiny_config(), "rope_theta": None, "rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}
    )
    assert (new.rope_theta, new.rope_scaling) == (5e5, None)


@pytest.mark.parametrize(
    "change",
    [
        {"hidden_size": 63},
        {"rms_norm_eps": "small"},
        {"num_key_value_heads": 3},
        {"hidden_act": "swish"},
        {"rope_scaling": {"type": "yarn", "factor": 2}},
        {"rope_scaling": {"type": "linear"}},
        {"vision": {"image_size": 57}},
        {"abstractor": {"encoder_hidden_size": 64}},
        {"vision": {"num_hidden_layers": True}},
    ],
    ids=str,
)
def test_configurations_that_cannot_be(change: dict[str, Any], snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_config(changed(**copy.deepcopy(change)))
    assert str(caught.value) == snapshot


@pytest.mark.parametrize(
    ("ids", "shape"),
    [
        ([[1, 2]], (1, 3, 56, 56)),
        ([[1, -200, -200]], (1, 3, 56, 56)),
        ([[1, -200, 512]], (1, 3, 56, 56)),
        ([[1, -200]] * 3, (2, 3, 56, 56)),
        ([[1, -200]], (1, 3, 56, 42)),
    ],
)
def test_inputs_that_cannot_be(
    tiny: Path, ids: Any, shape: tuple[int, ...], snapshot: SnapshotAssertion
) -> None:
    model = isptune_qalign.load_model(tiny)
    with pytest.raises(ConfigurationError) as caught:
        model(torch.tensor(ids), torch.zeros(shape))
    assert str(caught.value) == snapshot
