"""The score of every family against the published quick start, one PIL image at a time."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from PIL import Image

import isptune
from isptune.testing.pictures import picture, spoilt
from isptune_qalign.lmm.tiny import FAMILIES

WORDS = ["excellent", "good", "fair", "poor", "bad"]
WEIGHTS = [1.0, 0.75, 0.5, 0.25, 0.0]


def batch(height: int = 48, width: int = 80) -> torch.Tensor:
    good = picture(height, width)
    noise = torch.rand(good.shape, generator=torch.Generator().manual_seed(7))
    return torch.cat([good, spoilt(good), noise, good.flip(-1)])


def pil(image: torch.Tensor) -> Image.Image:
    return Image.fromarray(np.asarray((image * 255).round().to(torch.uint8).permute(1, 2, 0)))


def quick_start(folder, images, task="quality", options=None, backend=None) -> torch.Tensor:
    """As the page of Q-ReAlign computes it, with nothing of isptune."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    more = {} if backend is None else {"backend": backend}
    processor = AutoProcessor.from_pretrained(folder, **more)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype="auto").eval()
    question = f"How would you rate the {task} of this image?"
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]
    text = processor.apply_chat_template(messages, add_generation_prompt=True, **(options or {}))
    # Vicuna's and SmolVLM's turns are written "ASSISTANT: The ...".
    text += f" The {task} of the image is" if text.endswith(":") else f"The {task} of the image is"
    tokenizer = processor.tokenizer
    if "▁" in tokenizer.get_vocab():
        ids = [tokenizer.convert_tokens_to_ids(f"▁{word}") for word in WORDS]
    else:
        ids = [tokenizer(f" {word}").input_ids[0] for word in WORDS]
    special = not text.startswith(tokenizer.bos_token or "\0")
    scores = []
    with torch.no_grad():
        for image in images:
            inputs = processor(
                text=[text], images=[pil(image)], return_tensors="pt", add_special_tokens=special
            )
            logits = model(**inputs).logits[0, -1]
            scores.append(logits[ids].float().softmax(-1) @ torch.tensor(WEIGHTS))
    return torch.stack(scores)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_scores_are_those_of_the_quick_start(tiny, family: str) -> None:
    images = batch()
    objective = isptune.create_objective("lmm", checkpoint=str(tiny(family)))
    together = objective.score(images)
    torch.testing.assert_close(together, quick_start(tiny(family), images), rtol=1e-5, atol=1e-7)
    # The second call takes the known tokens; the third and fourth meet another size.
    assert objective.prompt._known[48, 80] is not None
    alone = torch.cat([objective.score(image[None]) for image in images])
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-7)
    other = batch(65, 97)
    torch.testing.assert_close(objective.score(other), quick_start(tiny(family), other), rtol=1e-5, atol=1e-7)
    assert len(torch.unique(together)) == 4


@pytest.mark.parametrize("family", ["qwen3_5", "llava"])
def test_pil_processors_get_pil_images(tiny, family: str) -> None:
    images = batch()
    chosen = {"processor_options": {"backend": "pil"}}
    objective = isptune.create_objective("lmm", checkpoint=str(tiny(family)), **chosen)
    assert not objective.prompt._takes_tensors
    # The video processor of Qwen knows no PIL, so the quick start is given the same image processor.
    found = objective.score(images)
    assert not torch.equal(found, isptune.create_objective("lmm", checkpoint=str(tiny(family))).score(images))
    if family == "llava":
        expected = quick_start(tiny(family), images, backend="pil")
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


def test_task_and_scale(tiny) -> None:
    images, folder = batch(), tiny("qwen3_5")
    objective = isptune.create_objective("lmm", checkpoint=str(folder), task="aesthetics", scale="1-5")
    expected = 1 + 4 * quick_start(folder, images, "aesthetics")
    torch.testing.assert_close(objective.score(images), expected, rtol=1e-5, atol=1e-7)
    assert objective.score_range == (1.0, 5.0)
    assert objective.prompt.text.count("aesthetics") == 2


def test_chat_template_options_reach_the_template(tiny) -> None:
    images, folder = batch(), tiny("qwen3_5")
    options = {"enable_thinking": False}
    objective = isptune.create_objective("lmm", checkpoint=str(folder), chat_template_options=options)
    assert "</think>" in objective.prompt.text
    expected = quick_start(folder, images, options=options)
    torch.testing.assert_close(objective.score(images), expected, rtol=1e-5, atol=1e-7)


def test_one_image_at_a_time(tiny) -> None:
    images, folder = batch(), str(tiny("qwen2_5_vl"))
    one = isptune.create_objective("lmm", checkpoint=folder, batched=False)
    together = isptune.create_objective("lmm", checkpoint=folder).score(images)
    torch.testing.assert_close(one.score(images), together, rtol=1e-5, atol=1e-7)


def test_prompts_of_several_lengths_are_run_alone(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """No known processor does this to images of one size; padding must not move a score if one does."""
    images = batch()
    objective = isptune.create_objective("lmm", checkpoint=str(tiny("llava")))
    expected = objective.score(images)
    objective.prompt._known.clear()
    processor = objective.prompt.processor

    class Ragged:
        """The processor, with an empty place before the first prompt of a batch."""

        image_processor, tokenizer = processor.image_processor, processor.tokenizer

        def __call__(self, **given):
            found = processor(**given)
            if len(found["input_ids"]) > 1:
                found["attention_mask"][0, 0] = 0
            return found

    monkeypatch.setattr(objective.prompt, "processor", Ragged())
    torch.testing.assert_close(objective.score(images), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_runs(tiny, dtype: str) -> None:
    images, folder = batch(), str(tiny("qwen3_5"))
    expected = isptune.create_objective("lmm", checkpoint=folder).score(images)
    objective = isptune.create_objective("lmm", checkpoint=folder, dtype=dtype)
    found = objective.score(images)
    assert objective._model.dtype == getattr(torch, dtype)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0, atol=0.02)


@pytest.mark.parametrize("quantization", ["8bit", "4bit"])
def test_quantized_models_run(tiny, quantization: str) -> None:
    objective = isptune.create_objective("lmm", checkpoint=str(tiny("qwen2_5_vl")), quantization=quantization)
    scores = objective.score(batch())
    assert bool(((scores > 0) & (scores < 1)).all())
    kinds = {type(module).__module__.split(".")[0] for module in objective._model.modules()}
    assert "bitsandbytes" in kinds


def test_nothing_reaches_the_terminal(tiny, capfd, caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        isptune.create_objective("lmm", checkpoint=str(tiny("qwen3_5"))).score(batch())
    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.records if record.name.startswith("isptune")] == []


def test_the_model_is_frozen_and_keeps_no_more_than_the_last_logits(tiny) -> None:
    objective = isptune.create_objective("lmm", checkpoint=str(tiny("qwen3_5")))
    assert objective.score(batch().requires_grad_()).requires_grad is False
    assert not any(parameter.requires_grad for parameter in objective._model.parameters())
    assert not objective._model.training
    assert objective._keeps_last
    assert objective._model.config._attn_implementation == "sdpa"


def test_an_empty_batch_has_no_scores(tiny) -> None:
    objective = isptune.create_objective("lmm", checkpoint=str(tiny("llava")))
    assert objective.score(torch.zeros(0, 3, 32, 32)).shape == (0,)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("family", list(FAMILIES))
def test_on_the_device(tiny, family: str) -> None:
    images, folder = batch(), str(tiny(family))
    expected = isptune.create_objective("lmm", checkpoint=folder).score(images)
    objective = isptune.create_objective("lmm", checkpoint=folder, device="cuda")
    assert {parameter.device.type for parameter in objective._model.parameters()} == {"cuda"}
    for _ in range(2):
        # Torchvision resizes 8-bit images with other rounding there: a grey level.
        torch.testing.assert_close(objective.score(images.cuda()).cpu(), expected, rtol=0, atol=5e-3)
