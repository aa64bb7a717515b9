"""The losses against plain computations, and their gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from isptune.errors import ConfigurationError
from isptune.iqa.training.losses import LOSSES, parse_losses, soft_levels, total_loss

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(12, generator=GENERATOR, dtype=torch.float64)
Y = X * 0.6 + 0.5 * torch.randn(12, generator=GENERATOR, dtype=torch.float64)
CONTENTS = torch.arange(12) // 4


def value(name: str, x: torch.Tensor = X, y: torch.Tensor = Y) -> float:
    return float(LOSSES[name](x, y, CONTENTS))


def test_plain_losses() -> None:
    x, y = X.numpy(), Y.numpy()
    assert value("mse") == pytest.approx(np.mean((x - y) ** 2))
    error = np.abs(x - y)
    expected = np.where(error <= 0.1, error**2 / 0.2, error - 0.05).mean()
    assert value("huber") == pytest.approx(expected)
    assert value("plcc") == pytest.approx(1 - stats.pearsonr(x, y).statistic)


def test_norm_in_norm() -> None:
    x, y = (v.numpy() - v.numpy().mean() for v in (X, Y))
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    assert value("norm-in-norm") == pytest.approx(np.abs(x - y).sum() / (2 * math.sqrt(12)))
    assert value("norm-in-norm", 3 * Y + 2, Y) == pytest.approx(0, abs=1e-9)


def test_fidelity() -> None:
    total, count = 0.0, 0
    for i in range(12):
        for j in range(i + 1, 12):
            p = stats.norm.cdf(float(X[i] - X[j]) / math.sqrt(2))
            q = 1.0 if Y[i] > Y[j] else 0.0
            total += 1 - math.sqrt(p * q) - math.sqrt((1 - p) * (1 - q))
            count += 1
    assert value("fidelity") == pytest.approx(total / count, abs=1e-4)


def test_ranking_counts_pairs_of_one_content() -> None:
    total, count = 0.0, 0
    for i in range(12):
        for j in range(12):
            gap = float(Y[i] - Y[j])
            if CONTENTS[i] == CONTENTS[j] and gap > 0.01:
                margin = min(gap, 0.2) * 0.5 - float(X[i] - X[j])
                total += math.log1p(math.exp(min(20 * margin, 700))) / 20
                count += 1
    assert value("ranking") == pytest.approx(total / count)


def test_relative_ignores_what_a_content_looks_like() -> None:
    shift = torch.tensor([5.0, -3.0, 0.5], dtype=torch.float64)[CONTENTS]
    assert value("relative", Y + shift, Y) == pytest.approx(0, abs=1e-12)
    assert value("relative", X + shift, Y) == pytest.approx(value("relative"))
    assert value("relative") > 0


def test_soft_levels() -> None:
    logits = torch.randn(3, 5, generator=GENERATOR, dtype=torch.float64)
    targets = torch.tensor([1.0, 0.6, 0.0], dtype=torch.float64)
    wanted = np.array([[1, 0, 0, 0, 0], [0, 0.4, 0.6, 0, 0], [0, 0, 0, 0, 1.0]])
    found = logits.softmax(-1).numpy()
    expected = np.mean([stats.entropy(w, p) for w, p in zip(wanted, found, strict=True)])
    assert float(soft_levels(logits.log_softmax(-1), targets)) == pytest.approx(expected)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_and_columns(name: str) -> None:
    x = torch.stack([X, X.flip(0), X * 2 + 0.3], dim=1).requires_grad_()
    y = torch.stack([Y, Y.roll(3), Y.flip(0)], dim=1)
    assert torch.autograd.gradcheck(lambda v: LOSSES[name](v, y, CONTENTS), (x,), eps=1e-7, atol=1e-4)
    if name not in ("fidelity", "ranking"):
        each = [value(name, x[:, k].detach(), y[:, k]) for k in range(3)]
        assert float(LOSSES[name](x.detach(), y, CONTENTS)) == pytest.approx(sum(each) / 3)


@given(st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_a_perfect_prediction_is_never_worse_than_a_random_one(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x, y = (torch.randn(12, generator=generator, dtype=torch.float64) for _ in range(2))
    # Of pairs alone, a wider spread makes up for mistakes: there the same numbers in another order are worse.
    shuffled = y[torch.randperm(len(y), generator=generator)]
    for name in LOSSES:
        other = shuffled if name in ("fidelity", "ranking") else x
        assert value(name, y, y) <= value(name, other, y) + 1e-9, name


def test_weights_and_totals() -> None:
    x, y = torch.stack([X, -X], 1), torch.stack([Y, Y], 1)
    total, parts = total_loss({"mse": 2.0, "relative-total": 0.5}, x, y, CONTENTS)
    assert parts["mse"] == pytest.approx(float(LOSSES["mse"](x, y, CONTENTS)))
    assert parts["relative-total"] == pytest.approx(float(LOSSES["relative"](x.sum(1), y.sum(1), CONTENTS)))
    assert float(total) == pytest.approx(2 * parts["mse"] + 0.5 * parts["relative-total"])


def test_names() -> None:
    assert parse_losses("mse, plcc=0.5") == {"mse": 1.0, "plcc": 0.5}
    for text, message in (
        ("mes", "there is no loss 'mes'; did you mean 'mse'?"),
        ("mse,mse", "the loss 'mse' is named twice"),
        ("mse=0", "the weight of the loss 'mse' is '0'; allowed: numbers above 0"),
        ("mse=0_5", "the weight of the loss 'mse' is '0_5'; allowed: numbers above 0"),
        ("mse=x", "the weight of the loss 'mse' is 'x'; allowed: numbers above 0"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            parse_losses(text)
        assert str(caught.value) == message
    with pytest.raises(ConfigurationError) as caught:
        total_loss({"mse": 1}, torch.zeros(4), torch.zeros(3), torch.zeros(4))
    assert str(caught.value) == "the learner gave scores of the shape (4,) for targets of the shape (3,)"
    with pytest.raises(ConfigurationError) as caught:
        total_loss({"soft-levels": 1}, torch.zeros(4), torch.zeros(4), torch.zeros(4))
    assert str(caught.value) == "the loss 'soft-levels' is for learners that rate in levels"
