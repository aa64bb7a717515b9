"""Level tokens of a checkpoint's tokenizer, presets, and the tiny checkpoints themselves."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from syrupy.assertion import SnapshotAssertion

import isptune
from isptune.errors import ConfigurationError, IsptuneError
from isptune.testing.pictures import picture
from isptune_qalign.lmm import objective as module
from isptune_qalign.lmm.tiny import FAMILIES, write_tiny


@pytest.mark.parametrize("family", list(FAMILIES))
def test_levels_are_single_distinct_tokens(tiny, family: str, caplog) -> None:
    objective = isptune.create_objective("lmm", checkpoint=str(tiny(family)))
    tokenizer = objective.prompt.processor.tokenizer
    words = [token.strip("Ġ▁") for token in tokenizer.convert_ids_to_tokens(list(objective.level_ids))]
    assert words == ["excellent", "good", "fair", "poor", "bad"]
    assert len(set(objective.level_ids)) == 5
    assert objective.prompt.shared == ()
    assert caplog.records == []


def test_words_of_several_tokens_are_scored_by_the_first_that_differs(tiny, caplog) -> None:
    images = torch.cat([picture(48, 80), picture(48, 80).flip(-1)])
    objective = isptune.create_objective(
        "lmm", checkpoint=str(tiny("qwen3_5")), levels=["superb", "middling", "awful"]
    )
    assert caplog.messages == [
        "lmm: the level 'superb' is not a single token ('Ġ', 's', 'u', 'p', 'e', 'r' and 1 more); "
        "it is scored by 's', the first token that differs"
    ]
    scores = objective.score(images)
    # The same with the space that the words share written into the prompt by hand.
    processor, model = objective.prompt.processor, objective._model
    inputs = processor(
        text=[objective.prompt.text + " "] * 2,
        images=[[image] for image in (images * 255).round().to(torch.uint8)],
        return_tensors="pt",
    )
    assert processor.tokenizer.convert_ids_to_tokens(inputs["input_ids"][0])[-1] == "Ġ"
    with torch.no_grad():
        logits = model(**inputs).logits[:, -1]
    ids = processor.tokenizer.convert_tokens_to_ids(["s", "m", "a"])
    expected = logits[:, ids].softmax(-1) @ torch.tensor([1.0, 0.5, 0.0])
    torch.testing.assert_close(scores, expected, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(objective.score(images), expected, rtol=1e-5, atol=1e-7)


def test_words_that_begin_alike_are_refused(tiny, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective("lmm", checkpoint=str(tiny("qwen3_5")), levels=["superb", "awful", "super"])
    assert str(caught.value) == snapshot


def test_levels_with_weights(tiny) -> None:
    folder, images = str(tiny("qwen3_5")), picture(48, 80)
    mapping = isptune.create_objective("lmm", checkpoint=folder, levels={"good": 1, "bad": 0})
    listed = isptune.create_objective("lmm", checkpoint=folder, levels=["good", "bad"], weights=[1, 0])
    turned = isptune.create_objective("lmm", checkpoint=folder, levels=["bad", "good"], weights=[1, 0])
    assert torch.equal(mapping.score(images), listed.score(images))
    torch.testing.assert_close(turned.score(images), 1 - listed.score(images))


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("q-realign-mini", "q-future/Q-ReAlign-Mini-0.8B"),
        ("q-realign", "q-future/Q-ReAlign-Lite-4B"),
        ("q-realign-pro", "q-future/Q-ReAlign-Pro-9B"),
    ],
)
def test_presets_name_their_checkpoint(tiny, monkeypatch, name: str, repository: str) -> None:
    asked = []

    def found(source, **facts):
        asked.append((source, facts["name"], facts["patterns"]))
        return tiny("qwen3_5")

    monkeypatch.setattr(module, "find_checkpoint", found)
    images = picture(48, 80)
    expected = isptune.create_objective("lmm", checkpoint=str(tiny("qwen3_5"))).score(images)
    for registered, options in ((name, {}), ("lmm", {"preset": name})):
        objective = isptune.create_objective(registered, **options)
        assert torch.equal(objective.score(images), expected)
    patterns = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")
    assert asked[1:] == [(repository, name, patterns), (repository, "lmm", patterns)]
    downloads = isptune.create_objective(name).packaging.downloads
    assert [one.repository for one in downloads] == [repository]


def test_presets_take_a_folder(tiny) -> None:
    folder, images = str(tiny("qwen3_5")), picture(48, 80)
    one = isptune.create_objective("q-realign", checkpoint=folder, task="aesthetics", scale="1-5")
    same = isptune.create_objective("lmm", checkpoint=folder, task="aesthetics", scale="1-5")
    assert torch.equal(one.score(images), same.score(images))


def test_a_preset_that_is_not_here(monkeypatch, tmp_path, snapshot: SnapshotAssertion) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(IsptuneError) as caught:
        isptune.create_objective("q-realign")
    assert str(caught.value) == snapshot


def test_tiny_checkpoints_follow_their_seed_alone(tmp_path) -> None:
    state = torch.get_rng_state()
    folders = [write_tiny(tmp_path / str(index), "llava", seed) for index, seed in enumerate((0, 0, 1))]
    assert torch.equal(torch.get_rng_state(), state)
    files = [(folder / "model.safetensors").read_bytes() for folder in folders]
    assert files[0] == files[1] != files[2]
    assert (folders[0] / "tokenizer.json").read_bytes() == (folders[1] / "tokenizer.json").read_bytes()


def test_tiny_checkpoints_are_small_and_hold_no_code(tiny) -> None:
    for family in FAMILIES:
        files = list(tiny(family).iterdir())
        assert sum(file.stat().st_size for file in files) < 1_600_000
        assert {file.suffix for file in files} <= {".json", ".jinja", ".safetensors"}


def test_tiny_from_the_command_line(tmp_path) -> None:
    command = [sys.executable, "-m", "isptune_qalign.lmm.tiny", str(tmp_path / "a"), "--family", "llava"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{tmp_path / 'a'}\n"
    assert done.stderr == ""
    assert (tmp_path / "a" / "model.safetensors").is_file()


def test_unknown_tiny_family(tmp_path, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigurationError) as caught:
        write_tiny(tmp_path, "blip")
    assert str(caught.value) == snapshot


def test_importing_costs_no_model_library() -> None:
    code = "import sys, isptune_qalign.lmm; print('transformers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
