"""The learned context: two small generators whose vectors are expanded to k rows of the width l.

Source: the supplement of ScoreNet, section 1. Per image a (k + l)-vector comes from two heads, one on
lightweight quality scores and one on the image's embedding; it is expanded to a matrix M (k, l), which is
added to the embedding of the host's prompt. How it is expanded is not printed: see `expand`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from isptune.errors import ConfigurationError
from isptune.wording.naming import did_you_mean, listed

EXPANSIONS = ("gated", "sum", "product")
"""How a k-vector and an l-vector become a matrix, the default first."""

CLIP = 3.0
"""Standardised scores are kept within this many standard deviations."""


def expand(u: Tensor, v: Tensor, how: str = "gated") -> Tensor:
    """(N, k, l) contexts of vectors u (N, k) and v (N, l).

    - ``gated``: M_ij = (1 + u_i) v_j. Zero where v is zero, and trainable there: the default.
    - ``sum``: M_ij = u_i + v_j. A CLIP text encoder does not see u at all: its layer norms take away what is
      the same in all channels of a token. The root-mean-square norms of a LLaMA do not.
    - ``product``: M_ij = u_i v_j.

    Raises:
        ConfigurationError: there is no such expansion.
    """
    check_expansion(how, "expand")
    rows, columns = u.unsqueeze(-1), v.unsqueeze(-2)
    if how == "sum":
        return rows + columns
    return (rows if how == "product" else 1 + rows) * columns


def check_expansion(how: str, name: str) -> None:
    """Refuse an unknown expansion with a ConfigurationError."""
    if how not in EXPANSIONS:
        raise ConfigurationError(
            f"expansion of '{name}' is {how!r}; allowed: {listed(EXPANSIONS)}"
            + did_you_mean(str(how), EXPANSIONS)
        )


class Standardise(nn.Module):
    """Scores (N, K) on the scale of the training data: (score - mean) / std, times a sign, within +-3.

    Before `fit` the mean is 0 and the deviation 1. A score that did not vary in training counts as its mean,
    whatever it is later, and so does one that is not a number.

    Args:
        count: K.
        signs: +1 where more is better, -1 where less is; they are fixed. 0, where neither is, counts as +1.
    """

    mean: Tensor
    std: Tensor
    signs: Tensor

    def __init__(self, count: int, signs: Sequence[float] | None = None) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("std", torch.ones(count))
        chosen = torch.tensor([float(sign) or 1.0 for sign in (signs or [1.0] * count)])
        self.register_buffer("signs", chosen, persistent=False)

    def fit(self, scores: Tensor) -> None:
        """Take the mean and the (population) deviation of training scores (M, K), the finite ones alone."""
        wide = scores.detach().double()
        known = wide.isfinite()
        count = known.sum(0).clamp(min=1)
        mean = wide.where(known, 0.0).sum(0) / count
        centred = (wide - mean).where(known, 0.0)
        with torch.no_grad():
            self.mean.copy_(mean)
            self.std.copy_((centred.square().sum(0) / count).sqrt())

    def forward(self, scores: Tensor) -> Tensor:
        scores = scores.to(self.mean)
        # Rounding alone makes a deviation of some 1e-7 of the mean where nothing varies.
        varies = self.std > 1e-6 * self.mean.abs()
        scaled = (scores - self.mean) / self.std.where(varies, 1.0)
        return (scaled.where(varies & ~scaled.isnan(), 0.0) * self.signs).clamp(-CLIP, CLIP)


class Direction(nn.Module):
    """Embeddings (N, v) of mean square 1, whatever their length: what small layers like as an input."""

    def forward(self, embedding: Tensor) -> Tensor:
        return functional.normalize(embedding, dim=-1) * math.sqrt(embedding.shape[-1])


class Head(nn.Module):
    """inputs -> hidden (with bias, GELU) -> outputs (without): (N, outputs).

    Weights: (inputs + 1) * hidden in the first layer, hidden * outputs in the last.
    """

    def __init__(
        self, inputs: int, hidden: int, outputs: int, generator: torch.Generator, zero: bool = True
    ) -> None:
        super().__init__()
        self.first = linear(inputs, hidden, generator)
        self.last = linear(hidden, outputs, generator, bias=False, zero=zero)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(functional.gelu(self.first(inputs.to(self.first.weight))))


class Constant(nn.Module):
    """One learned vector for all images, in the place of a head that is switched off: (1, outputs)."""

    def __init__(self, outputs: int, value: float = 0.0) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.full((1, outputs), value))

    def forward(self) -> Tensor:
        return self.value


class MetricContext(Head):
    """The Metric Context Generator: lightweight scores (N, K), standardised, to (N, outputs)."""

    def __init__(
        self,
        count: int,
        outputs: int,
        generator: torch.Generator,
        hidden: int = 64,
        signs: Sequence[float] | None = None,
        zero: bool = True,
    ) -> None:
        super().__init__(count, hidden, outputs, generator, zero)
        self.standardise = Standardise(count, signs)

    def forward(self, scores: Tensor) -> Tensor:
        return super().forward(self.standardise(scores))


class ImageContext(Head):
    """The Image Context Generator: the host's embedding (N, v) to (N, outputs)."""

    def __init__(self, width: int, outputs: int, generator: torch.Generator, hidden: int = 64) -> None:
        super().__init__(width, hidden, outputs, generator)
        self.direction = Direction()

    def forward(self, embedding: Tensor) -> Tensor:
        return super().forward(self.direction(embedding))


class FactoredContext(nn.Module):
    """(N, k, l) from a k-vector of the scores and an l-vector of the embedding.

    The last layers have hidden * (k + l) weights: 64 * (16 + 512) = 33792 for CLIP with k = 16 and l = 512
    (about 34 k), where `FullContext` has 64 * 16 * 512 = 524288. The first layers come on top: 64 (K + 1) for
    K scores and 64 (v + 1) for an embedding of the width v (65600 for CLIP RN50, v = 1024).

    All is zero before the first step, and trains from there: the last layers are zero, but for that of the
    scores where ``product`` would leave no gradient. A head that is switched off leaves a learned vector that
    is the same for all images.

    Args:
        metrics: K, or 0 to switch the scores off.
        embedding: v, or 0 to switch the image off.
        rows, width: k and l.
        generator: of the first weights.
    """

    def __init__(
        self,
        metrics: int,
        embedding: int,
        rows: int,
        width: int,
        generator: torch.Generator,
        hidden: int = 64,
        signs: Sequence[float] | None = None,
        expansion: str = "gated",
    ) -> None:
        super().__init__()
        self.expansion = expansion
        product = expansion == "product"
        self.metric: MetricContext | Constant
        self.image: ImageContext | Constant
        if metrics:
            self.metric = MetricContext(metrics, rows, generator, hidden, signs, zero=not product)
        else:
            self.metric = Constant(rows, float(product))
        self.image = ImageContext(embedding, width, generator, hidden) if embedding else Constant(width)

    def fit(self, scores: Tensor) -> None:
        """Standardise by training scores (M, K)."""
        if isinstance(self.metric, MetricContext):
            self.metric.standardise.fit(scores)

    def forward(self, scores: Tensor | None, embedding: Tensor | None) -> Tensor:
        u = self.metric() if scores is None else self.metric(scores)
        v = self.image() if embedding is None else self.image(embedding)
        return expand(u, v, self.expansion)


class FullContext(nn.Module):
    """(N, k, l) from one head on the scores and the embedding together: hidden * k * l in the last layer.

    The ablation of the factored form; the arguments are those of `FactoredContext`.
    """

    def __init__(
        self,
        metrics: int,
        embedding: int,
        rows: int,
        width: int,
        generator: torch.Generator,
        hidden: int = 64,
        signs: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.shape = rows, width
        self.standardise = Standardise(metrics, signs) if metrics else None
        self.direction = Direction()
        inputs = metrics + embedding
        self.head = Head(inputs, hidden, rows * width, generator) if inputs else Constant(rows * width)

    def fit(self, scores: Tensor) -> None:
        """Standardise by training scores (M, K)."""
        assert self.standardise is not None
        self.standardise.fit(scores)

    def forward(self, scores: Tensor | None, embedding: Tensor | None) -> Tensor:
        parts = []
        if scores is not None and self.standardise is not None:
            parts.append(self.standardise(scores))
        if embedding is not None:
            parts.append(self.direction(embedding).to(parts[0] if parts else embedding))
        return (self.head(torch.cat(parts, -1)) if parts else self.head()).unflatten(-1, self.shape)


class MetaNet(nn.Module):
    """CoCoOp's meta-net: embeddings (N, v) of length 1 to (N, l), v -> v / 16 -> l with a ReLU between.

    Zhou et al., "Conditional Prompt Learning for Vision-Language Models", CVPR 2022. Weights:
    (v + 1) h + (h + 1) l with h = max(1, v // 16): 98880 for CLIP RN50 (v = 1024, l = 512).
    """

    def __init__(self, embedding: int, width: int, generator: torch.Generator, zero: bool) -> None:
        super().__init__()
        hidden = max(1, embedding // 16)
        self.first = linear(embedding, hidden, generator)
        self.last = linear(hidden, width, generator, zero=zero)

    def forward(self, embedding: Tensor) -> Tensor:
        direction = functional.normalize(embedding, dim=-1).to(self.first.weight)
        return self.last(functional.relu(self.first(direction)))


def linear(
    inputs: int, outputs: int, generator: torch.Generator, bias: bool = True, zero: bool = False
) -> nn.Linear:
    """torch's linear layer with torch's first weights, from a generator of its own; or with zeros."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=bias)
    bound = 0.0 if zero else 1 / math.sqrt(inputs)
    with torch.no_grad():
        for value in layer.parameters():
            value.uniform_(-bound, bound, generator=generator)
    return layer
