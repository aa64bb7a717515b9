"""The generators by themselves: expansions, standardisation, counts of weights, the first weights."""

from __future__ import annotations

import pytest
import torch

from isptune.errors import ConfigurationError
from isptune_scorenet.contexts import (
    EXPANSIONS,
    FactoredContext,
    FullContext,
    ImageContext,
    MetaNet,
    MetricContext,
    Standardise,
    expand,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def count(module: torch.nn.Module) -> int:
    return sum(value.numel() for value in module.parameters())


@pytest.mark.parametrize("how", EXPANSIONS)
def test_expansions_are_those_of_the_formulas(how: str) -> None:
    u, v = torch.randn(3, 4, generator=generator()), torch.randn(3, 5, generator=generator(1))
    found = expand(u, v, how)
    assert found.shape == (3, 4, 5)
    for n in range(3):
        for i in range(4):
            for j in range(5):
                expected = {
                    "gated": (1 + u[n, i]) * v[n, j],
                    "sum": u[n, i] + v[n, j],
                    "product": u[n, i] * v[n, j],
                }[how]
                assert found[n, i, j] == expected


def test_one_vector_serves_all_images() -> None:
    u, v = torch.randn(1, 4), torch.randn(6, 5)
    assert torch.equal(expand(u, v), expand(u.expand(6, -1), v))


def test_an_unknown_expansion_is_refused() -> None:
    with pytest.raises(ConfigurationError) as caught:
        expand(torch.zeros(1, 2), torch.zeros(1, 3), "gatd")
    assert str(caught.value) == (
        "expansion of 'expand' is 'gatd'; allowed: gated, sum, product; did you mean 'gated'?"
    )


# 24 scores, CLIP RN50's embedding of 1024, k = 16, l = 512, hidden 64.
SIZES = (24, 1024, 16, 512)


def test_weights_of_the_factored_context() -> None:
    contexts = FactoredContext(*SIZES, generator())
    last = contexts.metric.last.weight.numel() + contexts.image.last.weight.numel()
    assert last == 64 * (16 + 512) == 33_792
    first = 64 * (24 + 1) + 64 * (1024 + 1)
    assert first == 1_600 + 65_600
    assert count(contexts) == last + first == 100_992


def test_weights_of_the_full_matrix() -> None:
    contexts = FullContext(*SIZES, generator())
    assert contexts.head.last.weight.numel() == 64 * 16 * 512 == 524_288
    assert count(contexts) == 524_288 + 64 * (24 + 1024 + 1) == 591_424


def test_weights_of_the_ablations() -> None:
    assert count(FactoredContext(0, *SIZES[1:], generator())) == 16 + 65_600 + 64 * 512
    assert count(FactoredContext(24, 0, *SIZES[2:], generator())) == 1_600 + 64 * 16 + 512
    assert count(FactoredContext(0, 0, *SIZES[2:], generator())) == 16 + 512
    assert count(FullContext(0, *SIZES[1:], generator())) == 65_600 + 524_288
    assert count(FullContext(0, 0, *SIZES[2:], generator())) == 16 * 512


def test_weights_of_the_meta_net() -> None:
    assert count(MetaNet(1024, 512, generator(), zero=False)) == 98_880


def test_generators_by_themselves() -> None:
    assert MetricContext(24, 16, generator())(torch.rand(5, 24)).shape == (5, 16)
    assert ImageContext(32, 20, generator())(torch.rand(5, 32)).shape == (5, 20)


@pytest.mark.parametrize("expansion", [*EXPANSIONS, "full"])
@pytest.mark.parametrize("metrics", [0, 3])
@pytest.mark.parametrize("embedding", [0, 8])
def test_contexts_begin_at_zero_and_have_gradients(expansion: str, metrics: int, embedding: int) -> None:
    sizes = (metrics, embedding, 4, 5, generator())
    contexts = FullContext(*sizes) if expansion == "full" else FactoredContext(*sizes, expansion=expansion)
    scores = torch.rand(6, 3, generator=generator(1)) if metrics else None
    seen = torch.randn(6, 8, generator=generator(2)) if embedding else None
    found = contexts(scores, seen)
    assert found.shape[1:] == (4, 5)
    assert len(found) == (6 if metrics or embedding else 1)
    assert torch.equal(found, torch.zeros_like(found))
    (found * torch.randn(found.shape, generator=generator(3))).sum().backward()
    reached = [name for name, value in contexts.named_parameters() if value.grad.abs().max() > 0]
    assert reached, "nothing would be learned"
    # After the first step the last layers are no longer zero, and everything takes part.
    with torch.no_grad():
        for value in contexts.parameters():
            value.sub_(0.1 * value.grad)
    contexts.zero_grad()
    (contexts(scores, seen) * torch.randn(found.shape, generator=generator(3))).sum().backward()
    last = [name for name, value in contexts.named_parameters() if not value.grad.abs().max() > 0]
    if expansion == "gated" and metrics:
        # The gate's own first layer follows one step later: its last one was still zero.
        last = [name for name in last if not name.startswith("metric.first")]
    assert not last


def test_first_weights_follow_the_seed_and_leave_global_generators_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = (FactoredContext(*SIZES, generator(seed)) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.image.first.weight, again.image.first.weight)
    assert not torch.equal(first.image.first.weight, other.image.first.weight)
    # torch's own bounds.
    assert first.image.first.weight.abs().max() <= 1024**-0.5


def test_standardisation_by_training_scores() -> None:
    training = torch.randn(200, 3, generator=generator()) * torch.tensor([2.0, 1e-3, 50.0]) + 7
    layer = Standardise(3, [1, -1, 0])
    layer.fit(training)
    found = layer(training)
    expected = (training - training.mean(0)) / training.std(0, correction=0) * torch.tensor([1.0, -1.0, 1.0])
    torch.testing.assert_close(found, expected.clamp(-3, 3), rtol=1e-3, atol=1e-3)
    assert set(layer.state_dict()) == {"mean", "std"}
    far = layer(torch.tensor([[1e9, 1e9, -1e9], [float("inf"), float("-inf"), 7.0]]))
    assert far[0].tolist() == [3.0, -3.0, -3.0]
    assert far[1, :2].tolist() == [3.0, 3.0]


def test_scores_that_are_no_numbers_or_never_varied_count_as_the_mean() -> None:
    training = torch.rand(50, 3, generator=generator())
    training[:, 1] = 0.1
    training[::2, 2] = float("nan")
    layer = Standardise(3)
    layer.fit(training)
    assert bool(layer.mean.isfinite().all())
    assert float(layer.mean[2]) == pytest.approx(float(training[1::2, 2].mean()), rel=1e-5)
    found = layer(torch.tensor([[float("nan"), 5.0, 0.5]]))
    assert found[0, :2].tolist() == [0.0, 0.0]
    assert float(found[0, 2]) != 0.0
