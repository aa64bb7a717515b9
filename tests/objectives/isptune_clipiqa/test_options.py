"""What the options do: prompts, attributes, precision, sizes; and what creation leaves alone."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import open_clip
import pytest
import torch

import isptune
from isptune.errors import ConfigurationError
from isptune.testing.pictures import picture, spoilt
from isptune_clipiqa import ATTRIBUTES
from isptune_clipiqa.loading import undisturbed
from isptune_clipiqa.preprocessing import centre_in_multiples
from isptune_clipiqa.tiny import KINDS, write_tiny
from isptune_clipiqa.towers import resized_positions


def create(folder, **options):
    return isptune.create_objective("clipiqa", checkpoint=folder, **options)


@pytest.fixture
def images():
    return torch.cat([picture(64, 80), spoilt(picture(64, 80, 1)), picture(64, 80, 2)])


def test_several_pairs_are_averaged(tiny, images) -> None:
    pairs = [["Good photo.", "Bad photo."], ["Sharp edges", "Blurry edges"], ["Clean", "Noisy"]]
    each = [create(tiny("rn50"), prompts=pair).score(images) for pair in pairs]
    together = create(tiny("rn50"), prompts=pairs)
    torch.testing.assert_close(together.score(images), torch.stack(each).mean(dim=0), rtol=1e-6, atol=1e-7)
    assert together.labels == ()


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        ("all", ("sharpness", "noise", "brightness", "colour", "contrast")),
        (["noise", "sharpness"], ("noise", "sharpness")),
        ("contrast", ("contrast",)),
        ({"mood": ["Happy photo.", "Sad photo."], "age": ["New photo.", "Old photo."]}, ("mood", "age")),
    ],
)
def test_attributes_are_named_scores(tiny, images, given, labels) -> None:
    scorer = create(tiny("vit"), attributes=given)
    assert scorer.labels == labels
    scores = scorer.scores(images)
    assert scores.shape == (3, len(labels))
    torch.testing.assert_close(scorer.score(images), scores.mean(dim=1))
    table = given if isinstance(given, dict) else ATTRIBUTES
    for column, label in enumerate(labels):
        alone = create(tiny("vit"), prompts=table[label]).score(images)
        torch.testing.assert_close(scores[:, column], alone, rtol=1e-5, atol=1e-7)


def test_texts_are_encoded_once_and_their_encoder_is_dropped(tiny, images, monkeypatch) -> None:
    calls = []
    encode = open_clip.CLIP.encode_text
    monkeypatch.setattr(
        open_clip.CLIP, "encode_text", lambda self, *given: calls.append(1) or encode(self, *given)
    )
    scorer = create(tiny("rn50"), attributes="all")
    assert len(calls) == 1
    for _ in range(3):
        scorer.to("cpu").scores(images)
    assert len(calls) == 1
    kept = sum(weights.numel() for weights in scorer._tower.parameters())
    assert kept < 500_000, "the token table alone has 1.6 million"
    assert not any(weights.requires_grad for weights in scorer._tower.parameters())


@pytest.mark.parametrize(("dtype", "tolerance"), [("bfloat16", 0.05), ("float16", 0.005), ("float64", 1e-5)])
@pytest.mark.parametrize("kind", ["rn50", "vit", "siglip"])
def test_precisions_agree(tiny, images, kind, dtype, tolerance) -> None:
    expected = create(tiny(kind)).score(images)
    found = create(tiny(kind), dtype=dtype).score(images)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", ["rn50", "vit", "siglip"])
def test_autocast_reaches_the_tower_and_not_the_softmax(tiny, images, kind) -> None:
    scorer = create(tiny(kind))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = scorer.score(images)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, scorer.score(images), rtol=0, atol=0.05)


def test_native_size_is_an_antialiased_bicubic_resize(tiny, images) -> None:
    small = torch.nn.functional.interpolate(images, (48, 48), mode="bicubic", antialias=True)
    found = create(tiny("vit"), resize="native").score(images)
    torch.testing.assert_close(found, create(tiny("vit")).score(small))
    # Any size will do then, smaller than a patch too.
    assert create(tiny("vit"), resize="native").score(picture(5, 7)).shape == (1,)


def test_the_centre_in_whole_patches() -> None:
    images = torch.arange(7 * 10.0).reshape(1, 1, 7, 10)
    assert torch.equal(centre_in_multiples(images, (4, 4)), images[..., 1:5, 1:9])
    assert torch.equal(centre_in_multiples(images, (7, 5)), images)


def test_positions_are_interpolated_in_two_dimensions() -> None:
    # A plane stays a plane away from the borders, along its own axis only.
    rows = torch.arange(8.0).reshape(8, 1).expand(8, 4)
    positions = torch.cat([torch.tensor([[-5.0]]), rows.reshape(-1, 1)])
    found = resized_positions(positions, (8, 4), (16, 6))
    assert found.shape == (1 + 16 * 6, 1)
    assert found[0] == -5
    grid = found[1:].reshape(16, 6)
    assert bool((grid - grid[:, :1]).abs().max() < 1e-5)
    torch.testing.assert_close(grid[6:10, 0], (torch.arange(6, 10) + 0.5) / 2 - 0.5, rtol=0, atol=0.02)
    assert resized_positions(positions, (8, 4), (8, 4)) is positions


def test_memory_follows_the_architecture(tiny) -> None:
    assert create(tiny("rn50")).memory.images == pytest.approx(2 + 18 / 8)
    assert create(tiny("vit")).memory.images == 8
    assert create(tiny("vit")).memory.images_with_gradients == pytest.approx(3 + 11 * 2 * 48 / 192)


def test_named_weights_come_from_the_hubs_cache(tiny, images, tmp_path, monkeypatch) -> None:
    """The way of model and pretrained, with a tiny architecture among open_clip's own."""
    from huggingface_hub import constants

    configuration = {**KINDS["rn50"]["model_cfg"], "quick_gelu": False}
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny-resnet", configuration)
    entry = {"hf_hub": "owner/tiny/", "mean": (0.4,) * 3, "std": (0.3,) * 3, "quick_gelu": True}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny-resnet", {"mine": entry})
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    repository = tmp_path / "models--owner--tiny"
    snapshot = repository / "snapshots" / "0123abc"
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123abc")
    weights = "open_clip_model.safetensors"
    (snapshot / weights).write_bytes((tiny("rn50") / weights).read_bytes())
    found = isptune.create_objective("clipiqa", model="tiny-resnet", pretrained="mine").score(images)
    # The same folder as a checkpoint: its configuration has the weights' activation, mean and deviation.
    described = {
        "model_cfg": KINDS["rn50"]["model_cfg"],
        "preprocess_cfg": {"mean": [0.4] * 3, "std": [0.3] * 3},
    }
    (snapshot / "open_clip_config.json").write_text(json.dumps(described))
    assert torch.equal(found, create(snapshot).score(images))
    assert torch.equal(found, create("owner/tiny").score(images))


def test_pickled_weights_are_read_as_tensors(tiny, images, tmp_path) -> None:
    from safetensors.torch import load_file

    (tmp_path / "open_clip_config.json").write_bytes((tiny("vit") / "open_clip_config.json").read_bytes())
    torch.save(
        load_file(tiny("vit") / "open_clip_model.safetensors"), tmp_path / "open_clip_pytorch_model.bin"
    )
    assert torch.equal(create(tmp_path).score(images), create(tiny("vit")).score(images))


def test_a_tokenizer_in_the_folder_is_used(tiny, images, tmp_path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"<unk>": 0, "<pad>": 1, "good": 2, "bad": 3, "photo": 4}, "<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(tmp_path / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>", "unk_token": "<unk>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    described = json.loads((tiny("vit") / "open_clip_config.json").read_text())
    described["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = "owner/tokenizer"
    described["model_cfg"]["text_cfg"]["pool_type"] = "last"
    (tmp_path / "open_clip_config.json").write_text(json.dumps(described))
    weights = "open_clip_model.safetensors"
    (tmp_path / weights).write_bytes((tiny("vit") / weights).read_bytes())
    scorer = create(tmp_path, prompts=("good photo", "bad photo"))
    with undisturbed():
        model = open_clip.create_model(f"local-dir:{tmp_path}").eval()
    tokens = torch.full((2, 77), 1)
    tokens[:, :2] = torch.tensor([[2, 4], [3, 4]])
    expected = model.encode_text(tokens, normalize=True).detach()
    torch.testing.assert_close(scorer._texts[0], expected)
    assert scorer.score(images).shape == (3,)


def test_creation_is_quiet_and_leaves_the_logging_alone(tiny) -> None:
    code = (
        "import logging, sys, isptune\n"
        "import isptune_clipiqa\n"
        "assert 'open_clip' not in sys.modules and 'timm' not in sys.modules\n"
        "root = logging.getLogger()\n"
        "isptune.create_objective('clipiqa', checkpoint=sys.argv[1])\n"
        "assert not root.handlers and not root.filters, (root.handlers, root.filters)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny("vit"))], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_other_lines_of_the_root_logger_pass(caplog) -> None:
    with undisturbed():
        logging.getLogger().warning("mine")
    assert caplog.messages == ["mine"]


@pytest.mark.parametrize("kind", list(KINDS))
def test_tiny_checkpoints_follow_their_seed_alone(tmp_path, kind) -> None:
    before = torch.get_rng_state()
    first, second, other = (
        (write_tiny(tmp_path / str(index), kind, seed=seed) / "open_clip_model.safetensors").read_bytes()
        for index, seed in enumerate((3, 3, 4))
    )
    assert first == second != other
    assert len(first) < 5_000_000
    assert torch.equal(torch.get_rng_state(), before)


def test_tiny_checkpoints_from_the_command_line(tmp_path, monkeypatch, capsys) -> None:
    from isptune_clipiqa import tiny as module

    monkeypatch.setattr(sys, "argv", ["tiny", str(tmp_path / "x"), "--kind", "vit"])
    module.main()
    assert capsys.readouterr().out == f"{tmp_path / 'x'}\n"
    assert create(tmp_path / "x").score(picture(32, 32)).shape == (1,)


def test_prompts_that_would_be_cut_or_are_the_same(tiny) -> None:
    def refusal(**options) -> str:
        with pytest.raises(ConfigurationError) as caught:
            create(tiny("vit"), **options)
        return str(caught.value)

    # Begin and end take two of 77 tokens.
    create(tiny("vit"), prompts=["dog " * 75, "bad"])
    long = "dog " * 76
    assert refusal(prompts=["bad", long]) == (
        f"the prompt '{long[:57]}...' of 'clipiqa' is 78 tokens long, and the text encoder takes 77, begin and end "
        "among them; give a shorter text"
    )
    assert "is 615 or more tokens long" in refusal(prompts=["dog " * 5000, "bad"])
    same = (
        "the prompts 'Good photo.' and '{}' of 'clipiqa' are the same to the text encoder, so that every image would "
        "score 0.5; give two texts of opposite meaning"
    )
    assert refusal(prompts=["Good photo.", "Good photo."]) == same.format("Good photo.")
    assert refusal(prompts=["Good photo.", " good  PHOTO."]) == same.format(" good  PHOTO.")
    assert "'a' and 'A' of 'clipiqa' are the same" in refusal(attributes={"x": ["a", "b"], "y": ["a", "A"]})


def test_threads_that_score_pictures_of_unlike_sizes_do_not_meet(tiny) -> None:
    from concurrent.futures import ThreadPoolExecutor

    pictures = [picture(*size) for size in ((48, 48), (64, 64), (48, 80), (96, 40))]
    for kind in KINDS:
        scorer = create(tiny(kind))
        expected = [scorer.score(one) for one in pictures]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda one, scorer=scorer: scorer.score(one), pictures * 6))
        for index, score in enumerate(found):
            torch.testing.assert_close(score, expected[index % 4], rtol=0, atol=1e-6)
    assert torch.backends.mha.get_fastpath_enabled()


def test_its_part_of_the_gpu_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "benchmarks"))
    import gpu_parts

    rows = list(gpu_parts.clipiqa(gpu_parts.DRY))
    assert [row["case"] for row in rows] == ["64 x 64, batch 1", "64 x 64, batch 2"]
    assert all(row["of_peak"] > 0 for row in rows)
