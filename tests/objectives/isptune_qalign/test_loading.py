"""Checkpoints: every form that loads, and one sentence for each that does not."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import isptune
import isptune_qalign
from isptune.errors import IsptuneError


def logits(folder: Path, **options: object) -> torch.Tensor:
    model = isptune_qalign.load_model(folder, **options)  # type: ignore[arg-type]
    pixels = torch.randn(2, 3, 56, 56, generator=torch.Generator().manual_seed(0))
    return model(torch.tensor([[1, 5, -200, 9]]), pixels)


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    """A checkpoint to spoil."""
    return Path(shutil.copytree(tiny, tmp_path / "checkpoint"))


def message(folder: Path | str, **options: object) -> str:
    with pytest.raises(IsptuneError) as caught:
        isptune.create_objective("qalign", checkpoint=str(folder), device="cpu", **options)
    return str(caught.value)


# What loads.


def test_shards_and_one_file_are_the_same(tiny: Path, sharded: Path) -> None:
    assert torch.equal(logits(tiny), logits(sharded))


@pytest.mark.parametrize("shards", [1, 2])
def test_bin_files_are_read_as_plain_weights(copy: Path, shards: int) -> None:
    expected = logits(copy)
    state = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    if shards == 1:
        torch.save(state, copy / "pytorch_model.bin")
    else:
        weight_map = {}
        for index in range(shards):
            file = f"pytorch_model-{index}.bin"
            part = dict(list(state.items())[index::shards])
            torch.save(part, copy / file)
            weight_map |= dict.fromkeys(part, file)
        (copy / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": weight_map}))
    assert torch.equal(logits(copy), expected)


def test_the_network_is_frozen_and_in_its_dtype(tiny: Path) -> None:
    for name in ("float32", "bfloat16", "float16", "float64"):
        model = isptune_qalign.load_model(tiny, dtype=name)
        tensors = [*model.parameters(), *model.buffers()]
        assert {tensor.dtype for tensor in tensors} == {getattr(torch, name)}
        assert not any(tensor.requires_grad for tensor in tensors)
        assert not model.training


def test_old_checkpoints_hold_frequencies_that_are_computed(copy: Path) -> None:
    expected = logits(copy)
    state = load_file(copy / "model.safetensors")
    state["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(8)
    save_file(state, copy / "model.safetensors")
    assert torch.equal(logits(copy), expected)


def test_a_repository_in_the_cache_needs_no_connection(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    snapshot = tmp_path / "models--somebody--tiny-align" / "snapshots" / "0123"
    shutil.copytree(tiny, snapshot)
    refs = tmp_path / "models--somebody--tiny-align" / "refs"
    refs.mkdir()
    (refs / "main").write_text("0123")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    objective = isptune.create_objective("qalign", checkpoint="somebody/tiny-align")
    assert objective.folder == snapshot


@pytest.mark.parametrize("how", ["8bit", "4bit"])
def test_quantized_language_layers(tiny: Path, how: str) -> None:
    pytest.importorskip("bitsandbytes")
    images = torch.rand(2, 3, 60, 80, generator=torch.Generator().manual_seed(0))
    objective = isptune.create_objective("qalign", checkpoint=str(tiny), dtype="bfloat16")
    small = isptune.create_objective("qalign", checkpoint=str(tiny), dtype="bfloat16", quantization=how)
    exact, found = objective.score(images), small.score(images)
    torch.testing.assert_close(found, exact, rtol=0, atol=0.1 if how == "8bit" else 0.3)
    assert not torch.equal(found, exact)
    layers = small.network.model.layers
    bits = {module.weight.dtype for module in layers.modules() if isinstance(module, torch.nn.Linear)}
    assert bits == {torch.int8 if how == "8bit" else torch.uint8}
    assert small.network.lm_head.weight.dtype == torch.bfloat16


# What does not.


def test_no_such_folder(tmp_path: Path) -> None:
    assert message(tmp_path / "nowhere") == (
        f"there is no folder '{tmp_path / 'nowhere'}' for the checkpoint of 'qalign'; allowed: a folder, or the "
        "name of a repository of the Hugging Face hub such as 'owner/name'"
    )


def test_a_file_instead_of_a_folder(tiny: Path) -> None:
    file = tiny / "config.json"
    assert message(file) == (f"the checkpoint '{file}' of 'qalign' is a file; give the folder that holds it")


def test_no_connection(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("isptune.plugins.checkpoints.reachable", lambda address: False)
    assert message("q-future/one-align") == (
        "the objective 'qalign' needs the checkpoint q-future/one-align (16.4 GB, MIT), which is not on this "
        "machine and could not be downloaded (no connection to the hub); on a machine with a connection run "
        "'hf download q-future/one-align --local-dir one-align', copy that folder here and give it as the option "
        "checkpoint"
    )


@pytest.mark.parametrize(
    ("file", "named"),
    [
        ("config.json", "config.json"),
        ("tokenizer.model", "tokenizer.model (or tokenizer.json)"),
        ("model.safetensors", "model.safetensors (or model.safetensors.index.json with its shards)"),
    ],
)
def test_a_file_is_missing(copy: Path, file: str, named: str) -> None:
    (copy / file).unlink()
    assert message(copy) == (
        f"the checkpoint '{copy}' of 'qalign' lacks {named}; copy the whole folder of the published checkpoint"
    )


def test_a_shard_is_missing(sharded: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(sharded, tmp_path / "checkpoint"))
    (folder / "model-00002-of-00003.safetensors").unlink()
    assert message(folder) == (
        f"the checkpoint '{folder}' of 'qalign' lacks model-00002-of-00003.safetensors; "
        "copy the whole folder of the published checkpoint"
    )


def test_a_shard_is_cut_off(sharded: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(sharded, tmp_path / "checkpoint"))
    file = folder / "model-00002-of-00003.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    found = message(folder)
    assert found.startswith(f"'{file}' (0.1 MB) is cut off or is no safetensors file (SafetensorError: ")
    assert found.endswith("); fetch it again")
    assert "\n" not in found


def test_another_architecture(copy: Path) -> None:
    (copy / "config.json").write_text('{"model_type": "llava"}')
    assert message(copy) == (
        f"the checkpoint '{copy}' of 'qalign' has the model_type 'llava' instead of 'mplug_owl2'; "
        "'lmm' scores with models of other architectures"
    )
    (copy / "config.json").write_text("[1]")
    assert message(copy) == (
        f"the checkpoint '{copy}' of 'qalign' has the model_type None instead of 'mplug_owl2'"
    )
    (copy / "config.json").write_text('{"model_type": ')
    assert message(copy).startswith(f"'{copy / 'config.json'}' is not valid JSON: ")


def test_tensors_that_do_not_fit(copy: Path) -> None:
    file = copy / "model.safetensors"
    state = load_file(file)
    del state["model.norm.weight"]
    save_file(state, file)
    assert message(copy) == (f"the checkpoint '{copy}' of 'qalign' lacks 1 tensor: model.norm.weight")
    save_file({**state, "model.norm.weight": torch.ones(65)}, file)
    assert message(copy) == (
        f"the tensor 'model.norm.weight' in '{file}' has the shape (65,), but config.json asks for (64,)"
    )
    save_file({**state, "model.norm.weights": torch.ones(64)}, file)
    assert message(copy) == (
        f"the checkpoint '{copy}' of 'qalign' holds the tensor 'model.norm.weights', which mPLUG-Owl2 has not; "
        "did you mean 'model.norm.weight'?"
    )
    save_file({**state, "model.norm.weight": torch.ones(64, dtype=torch.int8)}, file)
    assert message(copy) == (
        f"the tensor 'model.norm.weight' in '{file}' is of int8; 'qalign' reads checkpoints in floating point "
        "(and quantizes them itself on request)"
    )


class Harmful:
    """What a pickle can hold beside weights."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("code of the checkpoint was run",)


def test_code_in_a_bin_file_is_not_run(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Harmful()}))
    found = message(copy)
    assert found.startswith(
        f"'{copy / 'pytorch_model.bin'}' cannot be read as plain weights (weights_only): "
    )
    assert "code of the checkpoint" not in capsys.readouterr().out


def test_an_index_that_is_none(sharded: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(sharded, tmp_path / "checkpoint"))
    index = folder / "model.safetensors.index.json"
    index.write_text("{}")
    assert message(folder) == f"'{index}' is not an index of shards: it holds no weight_map"


def test_a_tokenizer_that_is_none(copy: Path) -> None:
    (copy / "tokenizer.model").write_bytes(b"no model")
    assert message(copy).startswith(
        f"the tokenizer '{copy / 'tokenizer.model'}' of 'qalign' cannot be read: "
    )


def test_unknown_choices(tiny: Path) -> None:
    assert message(tiny, dtype="float31") == (
        "dtype of 'qalign' is 'float31'; allowed: float32, bfloat16, float16, float64; did you mean 'float32'?"
    )
    assert message(tiny, preprocessing="exactly") == (
        "preprocessing of 'qalign' is 'exactly'; allowed: device, exact; did you mean 'exact'?"
    )
    assert message(tiny, quantization="3bit") == (
        "quantization of 'qalign' is '3bit'; allowed: 8bit, 4bit; did you mean '8bit'?"
    )
    assert message(tiny, scale="0-100") == "scale of 'qalign' is '0-100'; allowed: 0-1, 1-5"


def test_levels_that_are_not_single_tokens(tiny: Path) -> None:
    found = message(tiny, levels=["splendid", "bad"])
    assert found.startswith(
        "the level 'splendid' of 'qalign' is not a single token of this checkpoint's tokenizer ("
    )
    assert found.endswith("); choose words that are")


def test_levels_that_cannot_be(tiny: Path) -> None:
    assert message(tiny, levels=["good"]) == (
        "levels of 'qalign' is ['good']; allowed: two or more different words, the best first"
    )
    assert message(tiny, weights=[1, 0]) == (
        "'qalign' got 2 weights for the 5 levels excellent, good, fair, poor, bad"
    )
    assert message(tiny, levels={"good": 2, "bad": 0}) == (
        "the weight of the level 'good' of 'qalign' is 2; allowed: numbers from 0 to 1"
    )
    assert (
        message(tiny, levels={"good": 1, "bad": 1}) == "the weights of 'qalign' are all 1; they must differ"
    )
    assert message(tiny, prompt="How good is it? It is") == (
        "the prompt of 'qalign' holds <|image|>, the picture's place, 0 times instead of once"
    )
