"""Losses of quality regression, by name.

Each takes predictions and targets, (N,) or (N, K), and the content of every sample (N,), and gives a scalar.
Columns are treated alike and averaged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from isptune.errors import ConfigurationError
from isptune.wording.naming import did_you_mean, listed

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def mse(predictions: Tensor, targets: Tensor, contents: Tensor) -> Tensor:
    """Mean squared error."""
    return F.mse_loss(predictions, targets)


def huber(predictions: Tensor, targets: Tensor, contents: Tensor) -> Tensor:
    """Huber's loss with its corner at 0.1, in units of 0.1: linear for larger errors."""
    return F.huber_loss(predictions, targets, delta=0.1) / 0.1


def plcc(predictions: Tensor, targets: Tensor, contents: Tensor) -> Tensor:
    """1 - Pearson's correlation over the batch, 0 for a perfect line."""
    x, y = _centred(predictions), _centred(targets)
    correlation = (x * y).sum(0) / (x.square().sum(0) * y.square().sum(0) + 1e-12).sqrt()
    return (1 - correlation).mean()


def norm_in_norm(predictions: Tensor, targets: Tensor, contents: Tensor) -> Tensor:
    """Norm-in-Norm (Li, Jiang and Jiang, ACM MM 2020) with p = 1 and q = 2.

    Both are centred and divided by their 2-norms; the mean absolute difference is scaled into [0, 1].
    """
    x, y = _centred(predictions), _centred(targets)
    x = x / (x.square().sum(0, keepdim=True) + 1e-12).sqrt()
    y = y / (y.square().sum(0, keepdim=True) + 1e-12).sqrt()
    return ((x - y).abs().sum(0) / (2 * math.sqrt(len(x)))).mean()


def fidelity(predictions: Tensor, targets: Tensor, contents: Tensor) -> Tensor:
    """The fidelity loss over all pairs of a batch (Tsai et al., SIGIR 2007; UNIQUE, TIP 2021).

    The probability that one sample is better than another is the normal distribution's at their difference
    (Thurstone's model with unit variances); targets give 1, 1/2 for a tie, or 0.
    """
    difference = predictions[:, None] - predictions[None]
    order = targets[:, None] - targets[None]
    upper = torch.triu(torch.ones(len(targets), len(targets), dtype=torch.bool, device=order.device), 1)
    found = 0.5 * (1 + torch.erf(difference[upper] / 2))
    wanted = 0.5 * (1 + order[upper].sign())
    tiny = 1e-10
    match = (found * wanted + tiny).sqrt() + ((1 - found) * (1 - wanted) + tiny).sqrt()
    return (1 - match).mean() if match.numel() else predictions.sum() * 0


def ranking(predictions: Tensor, targets: Tensor, contents: Tensor) -> Tensor:
    """Margin ranking of pairs of one content whose targets differ by more than 0.01.

    The margin is half of the targets' difference, at most 0.1; a smooth hinge of the width 0.05.
    """
    order = targets[:, None] - targets[None]
    difference = predictions[:, None] - predictions[None]
    same = (contents[:, None] == contents[None]).reshape(*order.shape[:2], *[1] * (order.ndim - 2))
    counted = (same & (order > 0.01)).to(difference)
    hinge = F.softplus((order.clamp(max=0.2) * 0.5 - difference) * 20) / 20
    return (counted * hinge).sum() / counted.sum().clamp(min=1)


def relative(predictions: Tensor, targets: Tensor, contents: Tensor) -> Tensor:
    """Huber's loss of deviations from the content's mean: what the content looks like does not count."""
    x, y = _within(predictions, contents), _within(targets, contents)
    return F.huber_loss(x, y, delta=0.05) / 0.05


def soft_levels(log_probabilities: Tensor, targets: Tensor) -> Tensor:
    """The Kullback-Leibler divergence of rated levels (N, L), best first, from soft labels of targets (N,).

    A target in [0, 1] is shared between its two neighbouring levels, which lie evenly from 1 to 0, in
    proportion to their nearness (Wu et al., "Q-Align", ICML 2024, with DeQA-Score's soft labels).
    """
    count = log_probabilities.shape[-1]
    values = torch.linspace(1, 0, count, device=targets.device, dtype=log_probabilities.dtype)
    spread = (targets.clamp(0, 1)[:, None] - values).abs() * (count - 1)
    wanted = (1 - spread).clamp(min=0)
    return F.kl_div(log_probabilities, wanted, reduction="batchmean")


SOFT_LEVELS = "soft-levels"
"""The loss of learners that rate in levels; see `soft_levels`."""

LOSSES: dict[str, Loss] = {
    "mse": mse,
    "huber": huber,
    "plcc": plcc,
    "norm-in-norm": norm_in_norm,
    "fidelity": fidelity,
    "ranking": ranking,
    "relative": relative,
}
"""The losses that ``--loss`` names; ``NAME-total`` is the loss of the sum of all columns."""

_TOTAL = "-total"


def parse_losses(text: str) -> dict[str, float]:
    """``"mse,plcc"`` or ``"mse=1,plcc=0.5"`` as weights by name.

    Raises:
        ConfigurationError: an unknown name, a name twice, or a weight that is not positive.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, equals, weight = part.strip().partition("=")
        if name.removesuffix(_TOTAL) not in LOSSES and name != SOFT_LEVELS:
            known = [*LOSSES, SOFT_LEVELS]
            raise ConfigurationError(
                f"there is no loss '{name}'" + (did_you_mean(name, known) or f"; known: {listed(known)}")
            )
        if name in found:
            raise ConfigurationError(f"the loss '{name}' is named twice")
        try:
            found[name] = math.nan if "_" in weight else float(weight) if equals else 1.0
        except ValueError:
            found[name] = math.nan
        if not (math.isfinite(found[name]) and found[name] > 0):
            raise ConfigurationError(
                f"the weight of the loss '{name}' is '{weight}'; allowed: numbers above 0"
            )
    return found


def total_loss(
    weights: Mapping[str, float],
    predictions: Tensor,
    targets: Tensor,
    contents: Tensor,
    levels: Tensor | None = None,
) -> tuple[Tensor, dict[str, float]]:
    """The weighted sum, and each part's value.

    Args:
        weights: by name.
        predictions, targets: (N,) or (N, K).
        contents: (N,).
        levels: (N, L) logarithms of probabilities, of learners that rate in levels.

    Raises:
        ConfigurationError: predictions and targets are of unlike shapes, or the loss needs levels.
    """
    if predictions.shape != targets.shape:
        raise ConfigurationError(
            f"the learner gave scores of the shape {tuple(predictions.shape)} for targets of the shape "
            f"{tuple(targets.shape)}"
        )
    parts = {name: _part(name, predictions, targets, contents, levels) for name in weights}
    total = sum((weights[name] * part for name, part in parts.items()), predictions.new_zeros(()))
    return total, {name: float(part.detach()) for name, part in parts.items()}


def _part(name: str, predictions: Tensor, targets: Tensor, contents: Tensor, levels: Tensor | None) -> Tensor:
    if name == SOFT_LEVELS:
        if levels is None:
            raise ConfigurationError(f"the loss '{SOFT_LEVELS}' is for learners that rate in levels")
        return soft_levels(levels.float(), targets)
    if name.endswith(_TOTAL) and predictions.ndim > 1:
        predictions, targets = predictions.sum(1), targets.sum(1)
    return LOSSES[name.removesuffix(_TOTAL)](predictions, targets, contents)


def _centred(values: Tensor) -> Tensor:
    return values - values.mean(0, keepdim=True)


def _within(values: Tensor, contents: Tensor) -> Tensor:
    """Values less the mean of their content."""
    groups, index = torch.unique(contents, return_inverse=True)
    flat = values.reshape(len(values), -1)
    sums = flat.new_zeros(len(groups), flat.shape[1]).index_add(0, index, flat)
    counts = torch.bincount(index, minlength=len(groups)).to(flat)[:, None]
    return (flat - (sums / counts)[index]).reshape(values.shape)
