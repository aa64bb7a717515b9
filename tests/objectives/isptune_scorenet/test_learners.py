"""ScoreNet, CoOp and CoCoOp: where they begin, what learns, what a checkpoint holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import isptune
from isptune.errors import ConfigurationError
from isptune.iqa.training import Learner
from isptune.plugins.registry import learners
from isptune_scorenet import EXPANSIONS, make_host

HOSTS = ["clipiqa", "qalign"]
Make = Callable[..., Learner]

# Everything that starts at its host.
FROM_THE_HOST = [
    *(("scorenet", {"expansion": how}) for how in EXPANSIONS),
    ("scorenet", {"full": True}),
    ("scorenet", {"use_metrics": False}),
    ("scorenet", {"use_image": False}),
    ("scorenet", {"use_metrics": False, "use_image": False}),
    ("scorenet", {"k": 2, "hidden": 8, "metrics": ["sharpness", "noise-level"]}),
    ("coop", {"placement": "added"}),
    ("cocoop", {"placement": "added"}),
]


def encoded(learner: Learner, images: Tensor) -> dict[str, Tensor]:
    with torch.no_grad():
        features = dict(learner.encode(images))
    learner.fit(features)
    return features


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(("name", "options"), FROM_THE_HOST)
def test_step_0_is_the_host_to_the_last_bit(
    make: Make, folders: dict[str, Path], images: Tensor, host: str, name: str, options: dict
) -> None:
    learner = make(name, host, **options)
    objective = isptune.create_objective(host, checkpoint=folders[host])
    for count in (1, 2, 6):
        expected = objective.score(images[:count])
        features = encoded(learner, images[:count])
        assert torch.equal(learner(features), expected)
        # The path through the context by itself differs by rounding alone.
        through = learner.host.score_in_context(features, learner.context(features), learner.placement)
        torch.testing.assert_close(through, expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("host", HOSTS)
def test_step_0_with_other_options_of_the_host(
    make: Make, folders: dict[str, Path], images: Tensor, host: str
) -> None:
    settings: dict[str, Any] = {"dtype": "float64"}
    if host == "clipiqa":
        settings |= {"attributes": ["sharpness", "noise"], "resize": "native"}
    else:
        settings |= {"task": "aesthetics", "levels": {"good": 1.0, "poor": 0.1, "bad": 0.0}}
    learner = make("scorenet", host, settings)
    expected = isptune.create_objective(host, checkpoint=folders[host], **settings).score(images.double())
    assert expected.dtype == torch.float64
    assert torch.equal(learner(encoded(learner, images.double())), expected)


@pytest.mark.parametrize("host", HOSTS)
def test_images_with_and_without_a_context_share_a_batch(
    make: Make, disturb: Callable, images: Tensor, host: str
) -> None:
    """A context that is zero for some images only leaves these alone at the host's own score."""
    learner = disturb(make("cocoop", host, placement="added"))
    features = encoded(learner, images)
    context = learner.context(features).detach()
    context[::2] = 0
    learner.context = lambda features: context
    found, unchanged = learner(features), learner.host.score(features)
    assert torch.equal(found[::2], unchanged[::2])
    assert (found[1::2] - unchanged[1::2]).abs().min() > 1e-5


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", ["scorenet", "coop", "cocoop"])
def test_gradients_reach_exactly_what_is_learned(
    make: Make, disturb: Callable, images: Tensor, host: str, name: str
) -> None:
    learner = disturb(make(name, host))
    learner(encoded(learner, images)).square().sum().backward()
    expected = {
        "scorenet": {
            "contexts.metric.first.weight",
            "contexts.metric.first.bias",
            "contexts.metric.last.weight",
            "contexts.image.first.weight",
            "contexts.image.first.bias",
            "contexts.image.last.weight",
        },
        "coop": {"rows"},
        "cocoop": {"rows", "meta.first.weight", "meta.first.bias", "meta.last.weight", "meta.last.bias"},
    }[name]
    reached = {key for key, value in learner.named_parameters() if value.grad is not None}
    assert reached == expected == set(dict(learner.named_parameters()))
    if name != "cocoop":
        assert all(value.grad.abs().max() > 0 for value in learner.parameters())
    assert all(value.grad is None for network in learner.host.networks() for value in network.parameters())
    fitted = {"contexts.metric.standardise.mean", "contexts.metric.standardise.std"}
    assert set(learner.learned_state()) == expected | (fitted if name == "scorenet" else set())
    assert learner.frozen_modules() == ("host",)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(("name", "options"), [*FROM_THE_HOST, ("coop", {}), ("cocoop", {})])
def test_training_moves_the_scores_at_once_and_lowers_the_loss(
    make: Make, images: Tensor, host: str, name: str, options: dict
) -> None:
    learner = make(name, host, **options)
    features = encoded(learner, images)
    before = learner(features).detach()
    targets = (before + torch.tensor([0.1, 0.05, 0.15, 0.1, 0.05, 0.1])).clamp(0, 1)
    optimizer = torch.optim.Adam(learner.parameters(), lr=1e-2)
    losses = []
    for step in range(15):
        optimizer.zero_grad()
        scores = learner(features)
        if step == 1:
            assert (scores - before).abs().max() > 1e-6
        loss = (scores - targets).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert min(losses[-3:]) < 0.7 * losses[0], losses


def test_the_gradient_at_a_context_of_zero_is_that_of_the_path_through_it(make: Make, images: Tensor) -> None:
    learner = make("coop", "clipiqa", {"dtype": "float64"}, placement="added")
    features = encoded(learner, images)
    found = torch.autograd.grad(learner(features).sum(), learner.rows)[0]
    step = 1e-6 * found / found.norm()
    with torch.no_grad():
        rows = learner.rows.clone()
        learner.rows.copy_(rows + step)
        ahead = learner(features).sum()
        learner.rows.copy_(rows - step)
        behind = learner(features).sum()
    assert float((ahead - behind) / 2) == pytest.approx(float((found * step).sum()), rel=1e-5)


def test_scores_are_fitted_and_clipped(make: Make, images: Tensor) -> None:
    learner = make("scorenet", metrics=["contrast", "noise-level", "mean-luma"])
    features = encoded(learner, images)
    layer = learner.contexts.metric.standardise
    torch.testing.assert_close(layer.mean, features["scores"].mean(0))
    torch.testing.assert_close(layer.std, features["scores"].std(0, correction=0))
    assert layer.signs.tolist() == [1.0, -1.0, 1.0]
    assert float(layer(1e6 * features["scores"]).abs().max()) == 3.0
    assert torch.equal(learner.bank(images), features["scores"])


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(("name", "options"), [*FROM_THE_HOST, ("coop", {"tokens": 4}), ("cocoop", {})])
def test_configuration_and_learned_state_make_the_same_learner(
    make: Make, disturb: Callable, images: Tensor, host: str, name: str, options: dict
) -> None:
    learner = disturb(make(name, host, **options))
    features = encoded(learner, images)
    plain = json.loads(json.dumps(learner.configuration()))
    again = learners.create(name, **plain)
    assert json.loads(json.dumps(again.configuration())) == plain
    again.load_learned_state(learner.learned_state())
    assert torch.equal(again(again.encode(images)), learner(features))


def test_a_seed_gives_the_same_learner_and_touches_no_global_generator(make: Make, images: Tensor) -> None:
    before = torch.get_rng_state()
    for name in ("scorenet", "coop", "cocoop"):
        one, same, other = (make(name, seed=seed).learned_state() for seed in (1, 1, 2))
        assert all(torch.equal(one[key], same[key]) for key in one)
        assert any(not torch.equal(one[key], other[key]) for key in one)
    assert torch.equal(torch.get_rng_state(), before)


def test_learned_tokens_begin_as_in_the_paper(make: Make) -> None:
    rows = make("coop").rows
    assert rows.shape == (16, 32)
    assert float(rows.detach().std()) == pytest.approx(0.02, rel=0.1)
    assert make("coop", "qalign").rows.abs().max() == 0


def test_features_are_those_of_the_contract(make: Make, images: Tensor) -> None:
    clip, align = (encoded(make("scorenet", host), images) for host in HOSTS)
    assert {key: tuple(value.shape) for key, value in clip.items()} == {
        "embedding": (6, 32),
        "scores": (6, 24),
    }
    assert {key: tuple(value.shape) for key, value in align.items()} == {
        "words": (6, 9, 64),
        "embedding": (6, 64),
        "scores": (6, 24),
    }
    torch.testing.assert_close(align["embedding"], align["words"].mean(1))
    assert set(encoded(make("coop"), images)) == {"embedding"}
    # A picture's features can be kept and scored in another batch.
    learner = make("cocoop")
    features = encoded(learner, images)
    part = learner({key: value[4:5] for key, value in features.items()})
    torch.testing.assert_close(part, learner(features)[4:5], rtol=1e-5, atol=1e-6)


def test_refusals(make: Make, folders: dict[str, Path]) -> None:
    cases: list[tuple[str, str, dict[str, Any], str]] = [
        (
            "scorenet",
            "clipiqa",
            {"k": 4},
            "k of 'scorenet' is 4; allowed: 1 to 3, the tokens of the shortest prompt of 'clipiqa'",
        ),
        (
            "scorenet",
            "clipiqa",
            {"expansion": "outer"},
            "expansion of 'scorenet' is 'outer'; allowed: gated, sum, product",
        ),
        (
            "scorenet",
            "clipiqa",
            {"full": "yes"},
            "the option full of the learner 'scorenet' is 'yes'; allowed: true or false",
        ),
        (
            "scorenet",
            "clipiqa",
            {"hidden": 0},
            "the option hidden of the learner 'scorenet' is 0; allowed: a whole number from 1 to 8192",
        ),
        (
            "scorenet",
            "clipiqa",
            {"use_metrics": False, "metrics": ["sharpness"]},
            "'scorenet' has no use for metrics where use_metrics is false",
        ),
        (
            "coop",
            "clipiqa",
            {"tokens": 0},
            "the option tokens of the learner 'coop' is 0; allowed: a whole number from 1 to 8192 or null",
        ),
        (
            "cocoop",
            "clipiqa",
            {"tokens": 73},
            "tokens of 'cocoop' is 73, but the prompts of 'clipiqa' leave room for 72 of the 77 tokens that "
            "the text encoder takes",
        ),
        (
            "coop",
            "clipiqa",
            {"placement": "after"},
            "placement of 'coop' is 'after'; allowed: added, before",
        ),
    ]
    for name, host, options, message in cases:
        with pytest.raises(ConfigurationError) as caught:
            make(name, host, **options)
        assert str(caught.value) == message
    with pytest.raises(ConfigurationError) as caught:
        learners.create(
            "coop", host=make_host("qalign", {"checkpoint": folders["qalign"], "prompt": "<|image|>Rate:"})
        )
    assert str(caught.value) == "the prompt of 'qalign' has no words that 'coop' could add a context to"
    assert make("coop", tokens=72).rows.shape == (72, 32)
