"""Every sentence, word for word: options, files that are missing or broken, architectures that cannot be run."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from syrupy.assertion import SnapshotAssertion

import isptune
from isptune.errors import ConfigurationError, MissingPackageError
from isptune.testing.pictures import picture


@pytest.fixture
def folder(tiny, tmp_path: Path) -> Path:
    """A copy of a checkpoint that a test may break."""
    return Path(shutil.copytree(tiny("qwen3_5"), tmp_path / "broken"))


def refused(kind: type[Exception] = ConfigurationError, **options) -> str:
    with pytest.raises(kind) as caught:
        isptune.create_objective("lmm", **options).score(picture(32, 32))
    return str(caught.value)


def write_config(folder: Path, **changes) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


# Options.


def test_a_checkpoint_is_needed() -> None:
    assert refused() == (
        "the objective 'lmm' needs the option 'checkpoint' (a folder, or the name of a repository of the "
        "Hugging Face hub) or 'preset' (q-realign-mini, q-realign, q-realign-pro)"
    )


@pytest.mark.parametrize(
    "options",
    [
        {"preset": "q-realign-lite"},
        {"preset": "blip"},
        {"task": "beauty"},
        {"dtype": "int8"},
        {"scale": "0-100"},
        {"batched": 4},
        {"quantization": "2bit"},
        {"prompt": " "},
        {"answer": 3},
        {"processor_options": [1]},
        {"chat_template_options": "x"},
        {"processor_options": {"max_pixel": 9}},
        {"processor_options": {"backend": "cv2"}},
        {"levels": ["good"]},
        {"processor_options": {"trust_remote_code": True}},
        {"answer": "It is "},
    ],
    ids=str,
)
def test_options(tiny, options, snapshot: SnapshotAssertion) -> None:
    assert refused(checkpoint=str(tiny("qwen3_5")), **options) == snapshot


def test_presets_have_fixed_words(tiny, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective("q-realign", prompt="Is it sharp?")
    assert str(caught.value) == snapshot


@pytest.mark.parametrize("package", ["bitsandbytes", "accelerate"])
def test_quantization_needs_packages(tiny, monkeypatch, package: str) -> None:
    known = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda one, *rest: None if one == package else known(one, *rest)
    )
    assert refused(MissingPackageError, checkpoint=str(tiny("qwen3_5")), quantization="4bit") == (
        f"quantization of 'lmm' needs the package {package}, which is not installed; "
        "install it with: pip install 'isptune[quantized]'"
    )


def test_a_family_that_needs_a_package(tiny, monkeypatch) -> None:
    from transformers.models.smolvlm import processing_smolvlm

    checkpoint = str(tiny("smolvlm"))
    monkeypatch.setattr(processing_smolvlm, "num2words", None)
    assert refused(MissingPackageError, checkpoint=checkpoint) == (
        f"the processor of the checkpoint '{checkpoint}' of 'lmm' needs the package num2words, which is not "
        "installed; install it with: pip install num2words"
    )


# Files.


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
def test_missing_files(folder: Path, file: str) -> None:
    (folder / file).unlink()
    assert refused(checkpoint=str(folder)) == (
        f"the checkpoint '{folder}' of 'lmm' lacks {file}; copy the whole folder of the published checkpoint"
    )


def test_missing_preprocessor(folder: Path) -> None:
    (folder / "processor_config.json").unlink()
    assert refused(checkpoint=str(folder)) == (
        f"the checkpoint '{folder}' of 'lmm' lacks preprocessor_config.json; "
        "copy the whole folder of the published checkpoint"
    )


def shard(folder: Path) -> None:
    """The weights in two files with an index, as large checkpoints are published."""
    weights = load_file(folder / "model.safetensors")
    half = len(weights) // 2
    names = list(weights)
    parts = {
        "model-00001-of-00002.safetensors": names[:half],
        "model-00002-of-00002.safetensors": names[half:],
    }
    for file, held in parts.items():
        save_file({name: weights[name] for name in held}, folder / file, {"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: file for file, held in parts.items() for name in held}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()


def test_shards(tiny, folder: Path) -> None:
    expected = isptune.create_objective("lmm", checkpoint=str(tiny("qwen3_5"))).score(picture(32, 32))
    shard(folder)
    found = isptune.create_objective("lmm", checkpoint=str(folder)).score(picture(32, 32))
    # The last bit may differ: kernels choose their order of sums by where in memory the weights begin.
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert refused(checkpoint=str(folder)) == (
        f"the checkpoint '{folder}' of 'lmm' lacks model-00002-of-00002.safetensors; "
        "copy the whole folder of the published checkpoint"
    )


def test_an_index_without_a_map(folder: Path) -> None:
    shard(folder)
    (folder / "model.safetensors.index.json").write_text("{}")
    assert refused(checkpoint=str(folder)) == (
        f"the file model.safetensors.index.json of the checkpoint '{folder}' of 'lmm' has no 'weight_map'; "
        "copy it again"
    )


def test_a_shard_that_is_cut_off(folder: Path) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    for kept in (len(whole) - 1, len(whole) // 2):
        path.write_bytes(whole[:kept])
        assert refused(checkpoint=str(folder)) == (
            f"the file model.safetensors of the checkpoint '{folder}' of 'lmm' is cut off: "
            f"it has {kept} bytes of {len(whole)}; copy it again"
        )
    path.write_bytes(whole[:100])
    promised = 8 + int.from_bytes(whole[:8], "little")
    assert refused(checkpoint=str(folder)) == (
        f"the file model.safetensors of the checkpoint '{folder}' of 'lmm' is cut off: "
        f"it has 100 bytes of {promised}; copy it again"
    )


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"])
def test_a_file_that_is_no_shard(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    assert refused(checkpoint=str(folder)) == (
        f"the file model.safetensors of the checkpoint '{folder}' of 'lmm' is not a safetensors file "
        f"({len(content)} bytes); copy it again"
    )


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json", "processor_config.json"])
def test_corrupt_json(folder: Path, file: str) -> None:
    (folder / file).write_text('{"a": 1,\n "b"')
    assert refused(checkpoint=str(folder)) == (
        f"the file {file} of the checkpoint '{folder}' of 'lmm' is not valid JSON "
        "(line 2, column 5: Expecting ':' delimiter); copy it again"
    )
    (folder / file).write_text("[]")
    assert refused(checkpoint=str(folder)) == (
        f"the file {file} of the checkpoint '{folder}' of 'lmm' holds no mapping; copy it again"
    )
    (folder / file).write_bytes(b"\xff\xfe\x00")
    assert refused(checkpoint=str(folder)) == (
        f"the file {file} of the checkpoint '{folder}' of 'lmm' is not text; copy it again"
    )


def test_a_corrupt_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text('{"version": "1.0", ')
    sentence = refused(checkpoint=str(folder))
    start = f"the processor of the checkpoint '{folder}' of 'lmm' cannot be loaded: "
    assert sentence.startswith(start)
    assert "\n" not in sentence
    assert len(sentence) < len(start) + 350


def test_weights_that_are_not_there(folder: Path) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    gone = sorted(name for name in weights if "visual.merger" in name)
    save_file({name: held for name, held in weights.items() if name not in gone}, path, {"format": "pt"})
    assert len(gone) > 3
    assert refused(checkpoint=str(folder)) == (
        f"the checkpoint '{folder}' of 'lmm' lacks {len(gone)} weights of its architecture "
        f"({', '.join(gone[:3])} and {len(gone) - 3} more); copy the whole folder of the published checkpoint"
    )


def test_weights_that_do_not_fit(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["intermediate_size"] = 128
    (folder / "config.json").write_text(json.dumps(config))
    assert refused(checkpoint=str(folder)) == (
        f"the weights of the checkpoint '{folder}' of 'lmm' do not fit its config.json; "
        "copy the whole folder of the published checkpoint"
    )


def test_no_chat_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    assert refused(checkpoint=str(folder)) == (
        "the checkpoint of 'lmm' has no chat template (chat_template.jinja); "
        "choose one that was trained to answer questions"
    )


def test_a_chat_template_that_refuses(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{{ raise_exception('text only') }}")
    assert refused(checkpoint=str(folder)) == (
        "the chat template of the checkpoint of 'lmm' refuses one image and a question: "
        "TemplateError: text only"
    )


# Architectures.


def test_no_model_type(folder: Path) -> None:
    (folder / "config.json").write_text("{}")
    assert refused(checkpoint=str(folder)) == (
        f"the file config.json of the checkpoint '{folder}' of 'lmm' names no model_type"
    )


def test_code_of_a_repository_is_never_run(folder: Path) -> None:
    ran = folder / "ran"
    (folder / "modeling_other.py").write_text(f"open({str(ran)!r}, 'w')")
    write_config(
        folder,
        model_type="internvl_chat",
        auto_map={"AutoConfig": "configuration_other.Other", "AutoModel": "modeling_other.Other"},
    )
    assert refused(checkpoint=str(folder)) == (
        f"the checkpoint '{folder}' of 'lmm' is of the model type 'internvl_chat', which only code of its "
        "repository can run (configuration_other, modeling_other); such code is never run: "
        "choose a checkpoint of a class of transformers"
    )
    assert not ran.exists()


def test_a_native_class_is_taken_although_code_is_named(tiny, folder: Path) -> None:
    (folder / "modeling_other.py").write_text("raise SystemExit")
    write_config(folder, auto_map={"AutoModelForImageTextToText": "modeling_other.Other"})
    found = isptune.create_objective("lmm", checkpoint=str(folder)).score(picture(32, 32))
    expected = isptune.create_objective("lmm", checkpoint=str(tiny("qwen3_5"))).score(picture(32, 32))
    assert torch.equal(found, expected)


def test_an_unknown_model_type(folder: Path) -> None:
    write_config(folder, model_type="qwen9_vl")
    assert refused(checkpoint=str(folder)) == (
        f"the checkpoint '{folder}' of 'lmm' is of the model type 'qwen9_vl', which transformers "
        f"{transformers.__version__} does not know; a newer one may: pip install -U transformers"
    )


def test_a_model_that_takes_no_images(folder: Path) -> None:
    write_config(folder, model_type="llama")
    assert refused(checkpoint=str(folder)) == (
        f"the checkpoint '{folder}' of 'lmm' is of the model type 'llama', which is no image-text-to-text model; "
        "allowed: a checkpoint that answers questions about images, such as those of Qwen-VL, LLaVA, SmolVLM, "
        "InternVL or Gemma 3"
    )
