"""The network against numbers that the original code (mPLUG-Owl2 on transformers 4.36) wrote."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import isptune_qalign
from isptune_qalign.levels import level_probabilities, level_score
from isptune_qalign.network import Owl

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def io(reference: Path) -> dict[str, Tensor]:
    return load_file(reference / "io.safetensors")


@pytest.fixture(scope="module")
def model(reference: Path) -> Owl:
    return isptune_qalign.load_model(reference)


def close(found: Tensor, expected: Tensor, tolerance: float = TOLERANCE) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)


def test_logits_of_pictures(model: Owl, io: dict[str, Tensor]) -> None:
    close(model(io["input_ids"], io["pixel_values"]), io["logits_last"])


def test_every_intermediate_state(model: Owl, io: dict[str, Tensor]) -> None:
    states = model.states(io["input_ids"], io["pixel_values"])
    close(states.vision, io["vision_last_hidden_state"])
    close(states.visual_words, io["abstractor_last_hidden_state"])
    close(states.embeddings, io["inputs_embeds"])
    assert len(states.hidden) == 3
    for index, hidden in enumerate(states.hidden):
        close(hidden, io[f"llm_hidden_states.{index}"])
    close(states.logits, io["logits_all"])
    assert torch.equal(states.modality.expand(3, -1), io["modality_indicators"])


def test_level_probabilities_and_scores(model: Owl, io: dict[str, Tensor]) -> None:
    rows = model(io["input_ids"], io["pixel_values"], rows=io["level_ids"])
    close(rows, io["level_logits"])
    close(level_probabilities(rows), io["level_probs"], 1e-5)
    close(level_score(rows, io["weights_0_1"].tolist()), io["score_0_1"], 1e-5)
    close(level_score(rows, io["weights_0_1"].tolist(), "1-5"), io["score_1_5"], 4e-5)


def test_videos(model: Owl, io: dict[str, Tensor]) -> None:
    pixels, ids = io["pixel_values"], io["input_ids"]
    one = model(ids, pixels[None])
    close(one, io["video_logits_last"])
    rows = one[:, io["level_ids"]]
    close(level_score(rows, io["weights_0_1"].tolist()), io["video_score_0_1"], 1e-5)
    close(level_score(rows, io["weights_0_1"].tolist(), "1-5"), io["video_score_1_5"], 4e-5)
    modality = model.states(ids, pixels[None]).modality
    assert torch.equal(modality[None], io["video_modality_indicators"])
    # Two videos of two frames each, as a batch and as a list.
    pairs = torch.stack([pixels[:2], pixels[1:]])
    close(model(ids, pairs), io["video2_logits_last"])
    close(model(ids, list(pairs)), io["video2_logits_last"])


def test_a_list_may_hold_videos_of_unlike_lengths(model: Owl, io: dict[str, Tensor]) -> None:
    pixels, ids = io["pixel_values"], io["input_ids"]
    found = model(ids, [pixels, pixels[:2]])
    close(found[:1], io["video_logits_last"])
    close(found[1:], io["video2_logits_last"][:1])


def test_position_buffers_are_loaded_and_not_recomputed(
    reference: Path, io: dict[str, Tensor], tmp_path: Path
) -> None:
    perturbed = load_file(reference / "optional_perturbed_pos_buffers.safetensors")
    buffers = {name: tensor for name, tensor in perturbed.items() if name.endswith("pos_embed")}
    assert len(buffers) == 4
    shutil.copy(reference / "config.json", tmp_path)
    save_file({**load_file(reference / "model.safetensors"), **buffers}, tmp_path / "model.safetensors")
    model = isptune_qalign.load_model(tmp_path)
    logits = model(io["input_ids"], io["pixel_values"])
    close(logits, perturbed["logits_last"])
    assert (logits - io["logits_last"]).abs().max() > 0.01
    rows = logits[:, io["level_ids"]]
    close(level_score(rows, io["weights_0_1"].tolist()), perturbed["score_0_1"], 1e-5)


def test_float64_and_lower_precision(reference: Path, io: dict[str, Tensor]) -> None:
    for dtype, tolerance in ((torch.float64, 2e-5), (torch.bfloat16, 0.5), (torch.float16, 0.05)):
        model = isptune_qalign.load_model(reference, dtype=dtype)
        logits = model(io["input_ids"], io["pixel_values"])
        assert logits.dtype == dtype
        close(logits.float(), io["logits_last"], tolerance)


def test_names_of_the_state_dictionary_are_the_published_ones(reference: Path, model: Owl) -> None:
    published = load_file(reference / "model.safetensors")
    assert {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()} == {
        name: tuple(tensor.shape) for name, tensor in published.items()
    }


def test_the_published_sizes_make_862_tensors_and_8_billion_weights() -> None:
    with torch.device("meta"):
        model = Owl(isptune_qalign.network.OwlConfig())
    state = model.state_dict()
    assert len(state) == 862
    assert sum(tensor.numel() for tensor in state.values()) == pytest.approx(8.2e9, rel=0.01)


@pytest.mark.gpu
def test_on_a_gpu(reference: Path, io: dict[str, Tensor]) -> None:
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    model = isptune_qalign.load_model(reference, device="cuda")
    close(model(io["input_ids"], io["pixel_values"]).cpu(), io["logits_last"])
