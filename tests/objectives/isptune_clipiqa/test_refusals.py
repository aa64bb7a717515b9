"""What is refused, word for word."""

from __future__ import annotations

import json

import pytest
import torch

import isptune
from isptune.errors import ConfigurationError, IsptuneError, MissingPackageError
from isptune.testing.pictures import picture
from isptune_clipiqa.tiny import write_tiny

CONFIGURATION, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"


def refusal(kind=ConfigurationError, name="clipiqa", **options) -> str:
    with pytest.raises(kind) as caught:
        isptune.create_objective(name, **options)
    return str(caught.value)


@pytest.fixture
def damaged(tiny, tmp_path):
    """A copy of the tiny ViT's folder, to be damaged."""
    for file in (CONFIGURATION, WEIGHTS):
        (tmp_path / file).write_bytes((tiny("vit") / file).read_bytes())
    return tmp_path


PAIR = "allowed: a pair of texts such as ['Good photo.', 'Bad photo.'], or a list of such pairs"
NAMES = "sharpness, noise, brightness, colour, contrast"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"prompts": "Good photo."}, "the option prompts of the objective 'clipiqa' is 'Good photo.'; allowed: a list (each a text or a list (each a text))"),
        ({"prompts": ["Good photo."]}, f"prompts of 'clipiqa' is ['Good photo.']; {PAIR}"),
        ({"prompts": []}, f"prompts of 'clipiqa' is []; {PAIR}"),
        ({"prompts": [["a", "b"], ["c", ""]]}, f"prompts of 'clipiqa' is [['a', 'b'], ['c', '']]; {PAIR}"),
        ({"prompts": ["a", "b"], "attributes": "all"}, "'clipiqa' takes prompts or attributes, not both"),
        ({"attributes": ["sharpnes"]}, "there is no attribute 'sharpnes' of 'clipiqa'; did you mean 'sharpness'?"),
        ({"attributes": ["beauty"]}, f"there is no attribute 'beauty' of 'clipiqa'; known: {NAMES}"),
        ({"attributes": ["noise", "noise"]}, "attributes of 'clipiqa' gives 'noise' twice"),
        ({"attributes": []}, f"attributes of 'clipiqa' is []; allowed: 'all', a list of {NAMES}, or a mapping of labels to pairs of texts"),
        ({"attributes": 3}, "the option attributes of the objective 'clipiqa' is 3; allowed: a text, a list (each a text), a mapping or null"),
        ({"attributes": {"mood": "Happy"}}, "the attribute 'mood' of 'clipiqa' is 'Happy'; allowed: a pair of texts such as ['Sharp photo.', 'Blurry photo.']"),
        ({"dtype": "float23"}, "dtype of 'clipiqa' is 'float23'; did you mean 'float32'?"),
        ({"dtype": "int8"}, "dtype of 'clipiqa' is 'int8'; allowed: float32, float64, bfloat16, float16"),
        ({"resize": 224}, "the option resize of the objective 'clipiqa' is 224; allowed: a text"),
        ({"positional_embedding": "yes"}, "the option positional_embedding of the objective 'clipiqa' is 'yes'; allowed: true or false"),
        ({"model": "RN5-quickgelu"}, "open_clip has no model 'RN5-quickgelu' for 'clipiqa'; did you mean 'RN50-quickgelu'?"),
        ({"model": "zzzzzz"}, "open_clip has no model 'zzzzzz' for 'clipiqa'; allowed: a name of open_clip.list_models()"),
        ({"pretrained": "opnai"}, "open_clip has no weights 'opnai' of the model 'RN50-quickgelu' for 'clipiqa'; did you mean 'openai'?"),
        ({"pretrained": "xxx"}, "open_clip has no weights 'xxx' of the model 'RN50-quickgelu' for 'clipiqa'; known: openai, yfcc15m, cc12m"),
        ({"checkpoint": "no/such/folder"}, "there is no folder 'no/such/folder' for the checkpoint of 'clipiqa'; allowed: a folder, or the name of a repository of the Hugging Face hub such as 'owner/name'"),
    ],
)  # fmt: skip
def test_options(options, expected) -> None:
    assert refusal(**options) == expected


@pytest.mark.parametrize("name", ["clipiqa", "clipiqa+"])
def test_weights_that_are_not_on_the_machine(name, context, tmp_path, monkeypatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    learned = {"context": context} if name == "clipiqa+" else {}
    assert refusal(IsptuneError, name, **learned) == (
        f"the objective '{name}' needs the checkpoint timm/resnet50_clip.openai (410 MB, MIT), which is not on this "
        "machine and could not be downloaded (HF_HUB_OFFLINE is set); on a machine with a connection run 'hf download "
        "timm/resnet50_clip.openai --local-dir resnet50_clip.openai', copy that folder here and give it as the "
        "option checkpoint"
    )
    assert refusal(IsptuneError, name, **learned, checkpoint="timm/ViT-B-16-SigLIP2").startswith(
        f"the objective '{name}' needs the checkpoint timm/ViT-B-16-SigLIP2 (1.5 GB, Apache-2.0), which is not"
    )


def test_without_a_connection_it_says_so_soon(tmp_path, monkeypatch) -> None:
    from huggingface_hub import constants

    from isptune.plugins import checkpoints

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(checkpoints, "reachable", lambda address: False)
    assert "could not be downloaded (no connection to the hub)" in refusal(IsptuneError)


def test_missing_files(damaged) -> None:
    (damaged / WEIGHTS).unlink()
    copy = "copy the whole folder of the published checkpoint"
    assert refusal(checkpoint=damaged) == (
        f"the checkpoint '{damaged}' of 'clipiqa' lacks open_clip_model.safetensors; {copy}"
    )
    (damaged / CONFIGURATION).unlink()
    assert refusal(checkpoint=damaged) == (
        f"the checkpoint '{damaged}' of 'clipiqa' lacks open_clip_config.json, open_clip_model.safetensors; {copy}"
    )


def test_damaged_configurations(damaged) -> None:
    described = f"the file 'open_clip_config.json' of the checkpoint '{damaged}' of 'clipiqa' is"
    (damaged / CONFIGURATION).write_text('{"model_cfg": ')
    assert refusal(checkpoint=damaged) == (
        f"{described} not valid JSON (JSONDecodeError: Expecting value: line 1 column 15 (char 14)); "
        "copy the published file again"
    )
    (damaged / CONFIGURATION).write_bytes(b"\xff\xfe")
    assert refusal(checkpoint=damaged).startswith(f"{described} not valid JSON (UnicodeDecodeError: ")
    for content in ([], {}, {"model_cfg": {"embed_dim": 3}}, {"architectures": ["CLIPModel"]}):
        (damaged / CONFIGURATION).write_text(json.dumps(content))
        assert refusal(checkpoint=damaged) == (
            f"{described} no configuration of open_clip: it needs 'model_cfg' with embed_dim, vision_cfg, text_cfg"
        )


def changed(folder, part, **values) -> None:
    content = json.loads((folder / CONFIGURATION).read_text())
    content["model_cfg"][part].update(values)
    (folder / CONFIGURATION).write_text(json.dumps(content))


def test_unknown_architectures(damaged) -> None:
    changed(damaged, "vision_cfg", colour="blue")
    assert refusal(checkpoint=damaged) == (
        f"open_clip cannot build the architecture of the checkpoint '{damaged}' of 'clipiqa' (TypeError: "
        "CLIPVisionCfg.__init__() got an unexpected keyword argument 'colour')"
    )


@pytest.mark.parametrize(
    "preprocessing", [{"mean": [0.5, 0.5]}, {"std": 0.5}, {"std": [0.5, 0.5, 0]}, {"mean": ["a", "b", "c"]}]
)
def test_wrong_preprocessing(damaged, preprocessing) -> None:
    content = json.loads((damaged / CONFIGURATION).read_text())
    content["preprocess_cfg"] = preprocessing
    (damaged / CONFIGURATION).write_text(json.dumps(content))
    assert refusal(checkpoint=damaged) == (
        f"the mean and std of the checkpoint '{damaged}' of 'clipiqa' must be three numbers each, std above 0"
    )


def test_weights_of_another_architecture(damaged, tiny) -> None:
    described = (
        f"the file 'open_clip_model.safetensors' of the checkpoint '{damaged}' of 'clipiqa' is of another "
        "architecture than its configuration: "
    )
    changed(damaged, "vision_cfg", patch_size=16, image_size=96)
    assert refusal(checkpoint=damaged) == (
        f"{described}'visual.conv1.weight' has the shape (48, 3, 8, 8), expected (48, 3, 16, 16)"
    )
    changed(damaged, "vision_cfg", patch_size=8, image_size=64)
    assert refusal(checkpoint=damaged) == (
        f"the file 'open_clip_model.safetensors' of the checkpoint '{damaged}' of 'clipiqa' has positions of another "
        "grid than its configuration: image_size or patch_size do not fit"
    )
    changed(damaged, "vision_cfg", image_size=48, layers=1)
    assert refusal(checkpoint=damaged) == (
        f"{described}'visual.transformer.resblocks.1.attn.in_proj_bias' is unknown, and 11 more"
    )
    changed(damaged, "vision_cfg", layers=3)
    assert refusal(checkpoint=damaged) == (
        f"{described}'visual.transformer.resblocks.2.ln_1.weight' is missing, and 11 more"
    )


def test_weights_that_cannot_be_read(damaged) -> None:
    described = f"of the checkpoint '{damaged}' of 'clipiqa' cannot be read ("
    whole = (damaged / WEIGHTS).read_bytes()
    for content in (whole[: len(whole) // 2], whole[:100], b"", b"no weights"):
        (damaged / WEIGHTS).write_bytes(content)
        message = refusal(checkpoint=damaged)
        assert message.startswith(f"the file '{WEIGHTS}' {described}SafetensorError: ")
        assert message.endswith("; copy the published file again")
    (damaged / WEIGHTS).unlink()
    pickled = damaged / "open_clip_pytorch_model.bin"
    for content in ([1, 2], {}, Harmful()):
        torch.save(content, pickled)
        message = refusal(checkpoint=damaged)
        assert message.startswith(f"the file '{pickled.name}' {described}"), message
        assert "\n" not in message


class Harmful:
    def __reduce__(self):
        return pytest.fail, ("code of a checkpoint was run",)


def test_a_checkpoint_is_a_folder(tiny) -> None:
    file = tiny("vit") / WEIGHTS
    assert refusal(checkpoint=file) == (
        f"the checkpoint '{file}' of 'clipiqa' is a file; give the folder that holds it"
    )


def test_a_missing_tokenizer(damaged) -> None:
    changed(damaged, "text_cfg", hf_tokenizer_name="timm/ViT-B-16-SigLIP2")
    assert refusal(checkpoint=damaged) == (
        f"the checkpoint '{damaged}' of 'clipiqa' lacks its tokenizer (tokenizer.json or tokenizer.model); on a "
        'machine with a connection run \'hf download timm/ViT-B-16-SigLIP2 --include "*.json" "*.model" --local-dir '
        "tokenizer' and copy the files that are lacking into the checkpoint's folder"
    )


def test_a_damaged_tokenizer(damaged) -> None:
    changed(damaged, "text_cfg", hf_tokenizer_name="timm/ViT-B-16-SigLIP2")
    (damaged / "tokenizer.json").write_text("{")
    (damaged / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    message = refusal(checkpoint=damaged)
    assert message.startswith(f"the tokenizer of the checkpoint '{damaged}' of 'clipiqa' cannot be read (")
    assert message.endswith("; copy the published files again")


def test_code_of_a_tokenizer_is_never_run(damaged) -> None:
    changed(damaged, "text_cfg", hf_tokenizer_name="timm/ViT-B-16-SigLIP2")
    (damaged / "tokenizer.json").write_text("{}")
    settings = {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["own.Own", "own.Own"]}}
    (damaged / "tokenizer_config.json").write_text(json.dumps(settings))
    (damaged / "own.py").write_text("raise SystemExit('code of a checkpoint was run')")
    assert refusal(checkpoint=damaged).startswith(
        f"the tokenizer of the checkpoint '{damaged}' of 'clipiqa' "
    )


def test_a_tokenizer_whose_package_is_missing(damaged, monkeypatch) -> None:
    import sys

    changed(damaged, "text_cfg", hf_tokenizer_name="timm/ViT-B-16-SigLIP2")
    (damaged / "tokenizer.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert refusal(MissingPackageError, checkpoint=damaged).endswith(
        "install them with: pip install transformers sentencepiece protobuf"
    )


def test_clipiqa_plus_needs_clips_tokenizer(damaged, context) -> None:
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>", "unk_token": "<unk>"}
    from tokenizers import Tokenizer, models

    Tokenizer(models.WordLevel({"<unk>": 0, "<pad>": 1}, "<unk>")).save(str(damaged / "tokenizer.json"))
    (damaged / "tokenizer_config.json").write_text(json.dumps(settings))
    changed(damaged, "text_cfg", hf_tokenizer_name="owner/name")
    assert refusal(name="clipiqa+", context=context, checkpoint=damaged) == (
        "'clipiqa+' needs a model with CLIP's own tokenizer, such as RN50-quickgelu; choose another model or checkpoint"
    )


def test_a_tower_that_takes_one_size_only(damaged) -> None:
    from open_clip import create_model
    from safetensors.torch import save_file

    from isptune_clipiqa.loading import undisturbed

    changed(
        damaged,
        "vision_cfg",
        timm_model_name="test_resnet",
        timm_pool="avg",
        timm_proj="linear",
        image_size=64,
    )
    with undisturbed():
        model = create_model(f"local-dir:{damaged}", load_weights=False)
    save_file(model.state_dict(), damaged / WEIGHTS)
    assert refusal(checkpoint=damaged) == (
        "the image tower ResNet of 'clipiqa' takes images of its training size only; set the option resize to 'native'"
    )
    scorer = isptune.create_objective("clipiqa", checkpoint=damaged, resize="native")
    assert scorer.score(picture(50, 70)).shape == (1,)


@pytest.mark.parametrize(
    ("kind", "height", "width", "smallest"),
    [("rn50", 31, 64, "32x32"), ("rn50", 64, 8, "32x32"), ("vit", 7, 64, "8x8"), ("siglip", 64, 15, "16x16")],
)
def test_images_that_are_too_small(tiny, kind, height, width, smallest) -> None:
    scorer = isptune.create_objective("clipiqa", checkpoint=tiny(kind))
    with pytest.raises(ConfigurationError) as caught:
        scorer.score(torch.zeros(1, 3, height, width))
    assert str(caught.value) == (
        f"'clipiqa' needs images of at least {smallest} pixels, got {width}x{height}"
    )
    # The smallest themselves have a score.
    side = int(smallest.split("x")[0])
    assert bool(scorer.score(picture(side, side)).isfinite().all())


def test_unknown_kinds_of_tiny_checkpoints(tmp_path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        write_tiny(tmp_path, "rn5")
    assert str(caught.value) == "there is no tiny checkpoint of the kind 'rn5'; did you mean 'rn50'?"
