"""The hosts against their objectives, and their context against the models' own, whole forward passes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import isptune
from isptune.errors import ConfigurationError
from isptune.plugins.registry import learners
from isptune_clipiqa.loading import load_clip
from isptune_qalign.levels import level_score
from isptune_scorenet import make_host


def clip_scores(folder: Path, texts: list[str], images: Tensor, contexts: Tensor, before: bool) -> Tensor:
    """Scores by open_clip's own encode_text on all 77 places, one image after the other.

    Learned tokens take the places of as many "X" before the words, as in CoOp's own code.
    """
    clip = load_clip("clipiqa", "", "", folder)
    embedding = getattr(clip.model, "text", clip.model).token_embedding
    rows = contexts.shape[1]
    tokens = clip.tokenizer([f"{'X ' * rows}{text}" if before else text for text in texts])
    features = isptune.create_objective("clipiqa", checkpoint=folder).features(images)
    found = []
    for feature, context in zip(features, contexts, strict=True):

        def changed(module: object, inputs: object, embedded: Tensor, context: Tensor = context) -> Tensor:
            embedded = embedded.clone()
            embedded[:, 1 : 1 + rows] = context if before else embedded[:, 1 : 1 + rows] + context
            return embedded

        handle = embedding.register_forward_hook(changed)
        with torch.no_grad():
            encoded = torch.nn.functional.normalize(clip.model.encode_text(tokens), dim=-1)
        handle.remove()
        logits = clip.model.logit_scale.exp() * encoded @ feature
        found.append(logits.reshape(-1, 2).softmax(-1)[:, 0].mean())
    return torch.stack(found).detach()


@pytest.mark.parametrize("kind", ["clipiqa", "vit", "siglip"])
@pytest.mark.parametrize("placement", ["added", "before"])
def test_clip_in_context_is_the_whole_text_encoder_image_by_image(
    folders: dict[str, Path], images: Tensor, kind: str, placement: str
) -> None:
    pairs = [["Good photo.", "Bad photo."], ["High contrast photo.", "A low contrast picture of it."]]
    host = make_host("clipiqa", {"checkpoint": folders[kind], "prompts": pairs})
    assert host.places == 3
    rows = 3 if placement == "added" else 16
    contexts = torch.randn(6, rows, host.width, generator=torch.Generator().manual_seed(1))
    expected = clip_scores(folders[kind], [*pairs[0], *pairs[1]], images, contexts, placement == "before")
    features = host.encode(images)
    found = host.score_in_context(features, contexts, placement)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert (found - host.score(features)).abs().max() > 1e-3
    # One context for all of the images.
    one = host.score_in_context(features, contexts[:1], placement)
    same = host.score_in_context(features, contexts[:1].expand(6, -1, -1), placement)
    torch.testing.assert_close(one, same, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("placement", ["added", "before"])
def test_qalign_in_context_is_a_whole_pass_image_by_image(
    folders: dict[str, Path], images: Tensor, placement: str
) -> None:
    host = make_host("qalign", {"checkpoint": folders["qalign"]})
    objective = host.objective
    network, ids = objective.network, objective.input_ids
    place = ids[0].tolist().index(-200)
    assert host.places == place - 1
    rows = 14
    contexts = torch.randn(6, rows, host.width, generator=torch.Generator().manual_seed(1))
    found = host.score_in_context(host.encode(images), contexts, placement)
    # Tokens before the prompt's words are any others, whose embeddings are replaced.
    given = torch.cat([ids[:, :1], torch.full((1, rows), 5), ids[:, 1:]], 1) if placement == "before" else ids
    expected = []
    for pixels, context in zip(objective.pixel_values(images), contexts, strict=True):

        def changed(module: object, inputs: tuple[Tensor], embedded: Tensor, context: Tensor = context):
            if not torch.equal(inputs[0], given[:, : given[0].tolist().index(-200)]):
                return embedded
            embedded = embedded.clone()
            own = 0 if placement == "before" else embedded[:, 1 : 1 + rows]
            embedded[:, 1 : 1 + rows] = own + context
            return embedded

        handle = network.model.embed_tokens.register_forward_hook(changed)
        logits = network.states(given, pixels[None]).logits[:, -1]
        handle.remove()
        expected.append(level_score(logits[:, objective.level_ids], objective.level_weights))
    torch.testing.assert_close(found, torch.cat(expected), rtol=1e-4, atol=1e-5)
    assert (found - objective.score(images)).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["clipiqa", "qalign"])
def test_a_host_by_itself_is_its_objective(folders: dict[str, Path], images: Tensor, name: str) -> None:
    host = make_host(name, {"checkpoint": folders[name]})
    expected = isptune.create_objective(name, checkpoint=folders[name]).score(images)
    assert torch.equal(host.score(host.encode(images)), expected)
    assert host.encode(images)["embedding"].shape == (6, host.embedding_width)


@pytest.mark.parametrize("name", ["clipiqa", "qalign"])
def test_what_is_added_equally_to_all_channels(folders: dict[str, Path], images: Tensor, name: str) -> None:
    """Layer norms of CLIP take it away, root-mean-square norms of a LLaMA do not: u of the expansion 'sum'."""
    host = make_host(name, {"checkpoint": folders[name]})
    features = host.encode(images)
    context = torch.tensor([1.0, -2.0, 3.0]).reshape(1, 3, 1).expand(1, 3, host.width)
    change = (host.score_in_context(features, context) - host.score(features)).abs().max()
    if name == "clipiqa":
        assert change < 1e-5
    else:
        assert change > 1e-3


@pytest.mark.parametrize("name", ["clipiqa", "qalign"])
def test_a_host_is_frozen_and_no_part_of_the_module_tree(
    folders: dict[str, Path], images: Tensor, name: str
) -> None:
    host = make_host(name, {"checkpoint": folders[name]})
    assert not list(host.parameters())
    assert not host.state_dict()
    weights = [value for network in host.networks() for value in network.parameters()]
    assert len(weights) > 20
    assert not any(value.requires_grad for value in weights)
    assert not any(network.training for network in host.train().networks())
    dtype = weights[0].dtype
    assert host.double().encode(images)["embedding"].dtype == torch.float32
    assert next(host.networks()[0].parameters()).dtype == dtype


@pytest.mark.parametrize("name", ["clipiqa", "qalign"])
def test_a_host_follows_its_learner_to_a_device_and_to_no_dtype(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    learner = learners.create("cocoop", host=name, host_options={"checkpoint": folders[name]})
    moved: list[str] = []
    monkeypatch.setattr(learner.host.objective, "to", lambda device: moved.append(str(device)))
    learner.to("cpu").double().float()
    assert not moved
    learner.to("meta")
    assert moved == ["meta"]
    assert learner.host.device.type == "meta"


def test_refusals(folders: dict[str, Path]) -> None:
    cases = [
        (("clip-iqa", {}), "there is no host 'clip-iqa'; did you mean 'clipiqa'?"),
        (("weighted", {}), "there is no host 'weighted'; known: clipiqa, qalign"),
        (
            ("clipiqa", {"prompt": 1}),
            "the host 'clipiqa' has no option 'prompt'; did you mean 'prompts'?; its options: model, "
            "pretrained, checkpoint, prompts, attributes, dtype, resize, positional_embedding",
        ),
        (
            ("qalign", {"checkpoint": "nowhere"}),
            "there is no folder 'nowhere' for the checkpoint of 'qalign'; "
            "allowed: a folder, or the name of a repository of the Hugging Face hub such as 'owner/name'",
        ),
    ]
    for given, message in cases:
        with pytest.raises(ConfigurationError) as caught:
            make_host(*given)
        assert str(caught.value) == message
