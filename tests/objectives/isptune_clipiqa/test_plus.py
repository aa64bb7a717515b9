"""CLIP-IQA+ against a computation written here, and the forms of its context."""

from __future__ import annotations

import open_clip
import pytest
import torch

import isptune
from isptune.errors import ConfigurationError
from isptune.testing.pictures import picture, spoilt
from isptune_clipiqa import loading
from isptune_clipiqa.tiny import write_tiny_context

WITHOUT_CONTEXT = (
    "'clipiqa+' needs the option context, the file of learned prompts: "
    "'CLIP-IQA+_learned_prompts-603f3273.pth', which the authors (github.com/IceClear/CLIP-IQA) and "
    "pyiqa (huggingface.co/chaofengc/IQA-PyTorch-Weights) publish"
)


def batch():
    return torch.cat([picture(96, 128), spoilt(picture(96, 128, 1))])


def independent(folder, learned):
    """Scores from the embeddings laid out one by one, the text transformer written out."""
    with loading.undisturbed():
        model = open_clip.create_model(f"local-dir:{folder}").eval().requires_grad_(False)
    table, features = model.token_embedding.weight, []
    for index, word in enumerate(("good", "bad")):
        (word_number,), (photo,), (dots,) = (
            open_clip.get_tokenizer("RN50").encode(text) for text in (word, "photo", "..")
        )
        context = learned if learned.ndim == 2 else learned[index]
        rows = [table[49406], *context[:8], table[word_number], table[photo], table[dots]]
        rows += [*context[8:], table[49407]]
        end = len(rows) - 1
        assert end == 20
        # What follows the end is never seen: attention looks back only.
        rows = torch.stack(rows) + model.positional_embedding[: end + 1]
        for block in model.transformer.resblocks:
            entering = block.ln_1(rows)
            query, keys, values = (entering @ block.attn.in_proj_weight.T + block.attn.in_proj_bias).chunk(
                3, dim=-1
            )
            size = rows.shape[1] // block.attn.num_heads
            heads = []
            for at in range(0, rows.shape[1], size):
                weights = query[:, at : at + size] @ keys[:, at : at + size].T / size**0.5
                later = torch.ones_like(weights, dtype=torch.bool).triu(1)
                weights = weights.masked_fill(later, -torch.inf).softmax(dim=-1)
                heads.append(weights @ values[:, at : at + size])
            rows = rows + block.attn.out_proj(torch.cat(heads, dim=-1))
            rows = rows + block.mlp(block.ln_2(rows))
        features.append(model.ln_final(rows)[end] @ model.text_projection)
    texts = torch.nn.functional.normalize(torch.stack(features), dim=-1)
    mean, std = (
        torch.tensor(values).reshape(1, 3, 1, 1)
        for values in (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    )
    scorer = isptune.create_objective("clipiqa", checkpoint=folder)  # its image tower is tested elsewhere
    seen = torch.nn.functional.normalize(scorer._tower((batch() - mean) / std), dim=-1)
    return torch.sigmoid(model.logit_scale.exp() * seen @ (texts[0] - texts[1]))


@pytest.mark.parametrize("kind", ["rn50", "vit"])
@pytest.mark.parametrize("shared", [False, True])
def test_clipiqa_plus_on_random_weights(tiny, tmp_path, kind, shared) -> None:
    learned = torch.load(write_tiny_context(tmp_path / "context.pth", seed=5), weights_only=True)
    if shared:
        learned = learned[0]
        torch.save(learned, tmp_path / "context.pth")
    scorer = isptune.create_objective("clipiqa+", context=tmp_path / "context.pth", checkpoint=tiny(kind))
    expected = independent(tiny(kind), learned)
    torch.testing.assert_close(scorer.score(batch()), expected, rtol=1e-4, atol=1e-6)
    assert expected.min() > 0.001
    assert expected.max() < 0.999


def test_its_tokens_stand_where_pyiqas_stand() -> None:
    tokens = open_clip.tokenize(["X " * 16 + "Good photo..", "X " * 16 + "Bad photo.."])
    assert tokens.argmax(dim=-1).tolist() == [20, 20]
    assert (tokens[:, 1:17] == tokens[0, 1]).all()


def test_every_form_of_a_context_file(tiny, context, tmp_path) -> None:
    from safetensors.torch import save_file

    bare = torch.load(context, weights_only=True)
    forms = {
        "parameter.pth": torch.nn.Parameter(bare),
        "key.pth": {"prompt_learner.ctx": bare, "prompt_learner.token_prefix": torch.zeros(2, 1, 32)},
        "params.pth": {"params": {"prompt_learner.ctx": bare}},
        "state.pth": {"state_dict": {"ctx": bare}},
    }
    for file, content in forms.items():
        torch.save(content, tmp_path / file)
    save_file({"ctx": bare}, tmp_path / "context.safetensors")
    expected = isptune.create_objective("clipiqa+", context=context, checkpoint=tiny("rn50")).score(batch())
    for file in [*forms, "context.safetensors"]:
        scorer = isptune.create_objective("clipiqa-plus", context=tmp_path / file, checkpoint=tiny("rn50"))
        assert scorer.name == "clipiqa+"
        assert torch.equal(scorer.score(batch()), expected), file


def refusal(**options) -> str:
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective("clipiqa+", **options)
    return str(caught.value)


def test_without_a_context() -> None:
    assert refusal() == WITHOUT_CONTEXT


class Harmful:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (torch.zeros(2, 8, 32), "the context '{}' of 'clipiqa+' has the shape (2, 8, 32); allowed: (2, 16, width), (16, width)"),
        (torch.zeros(3, 16, 32), "the context '{}' of 'clipiqa+' has the shape (3, 16, 32); allowed: (2, 16, width), (16, width)"),
        (torch.zeros(16), "the context '{}' of 'clipiqa+' has the shape (16,); allowed: (2, 16, width), (16, width)"),
        (torch.zeros(2, 16, 512), "the context of 'clipiqa+' has tokens of the width 512, the text encoder of the model 32; choose the model that the context was trained with"),
        ([1, 2], "the context '{}' of 'clipiqa+' holds no tensor of learned tokens"),
        (torch.zeros(2, 16, 32).long(), "the context '{}' of 'clipiqa+' holds no tensor of learned tokens"),
        ({"weights": torch.zeros(2, 16, 32)}, "the context '{}' of 'clipiqa+' has 0 entries named ctx; it needs one"),
        (Harmful(), "the context '{}' of 'clipiqa+' is refused: it is no plain file of tensors, or damaged"),
    ],
)  # fmt: skip
def test_contexts_that_do_not_fit(tiny, tmp_path, capsys, content, expected) -> None:
    file = tmp_path / "context.pth"
    torch.save(content, file)
    assert refusal(context=file, checkpoint=tiny("rn50")) == expected.format(file)
    assert capsys.readouterr().out == ""


def test_contexts_that_cannot_be_read(tiny, context, tmp_path) -> None:
    assert refusal(context="nowhere.pth") == "there is no file 'nowhere.pth' for the context of 'clipiqa+'"
    cut = tmp_path / "cut.pth"
    cut.write_bytes(context.read_bytes()[:2000])
    assert refusal(context=cut).startswith(
        f"the context '{cut}' of 'clipiqa+' cannot be read (RuntimeError: "
    )
    text = tmp_path / "text.pth"
    text.write_text("not tensors")
    assert refusal(context=text) == (
        f"the context '{text}' of 'clipiqa+' is refused: it is no plain file of tensors, or damaged"
    )
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_text("not tensors")
    assert refusal(context=wrong).startswith(
        f"the context '{wrong}' of 'clipiqa+' cannot be read (SafetensorError: "
    )
