"""Learners of a prompt's context: ScoreNet, and CoOp and CoCoOp on the same hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from isptune.contracts.requirements import Packaging
from isptune.errors import ConfigurationError
from isptune.iqa.training import Features, Learner
from isptune.plugins.option_types import Seed, Size
from isptune.wording.naming import listed
from isptune_scorenet.contexts import (
    FactoredContext,
    FullContext,
    MetaNet,
    check_expansion,
)
from isptune_scorenet.hosts import ADDED, BEFORE, PLACEMENTS, Host, make_host
from isptune_statistics.bank import Metric, MetricBank


class ContextLearner(Learner):
    """A frozen host, and a context for its prompt; a subclass gives the context.

    Scores are in [0, 1], higher being better. A context that is ``added`` and zero in all places is no
    context: an image that has such a one gets the host's own score, to the last bit what the objective gives
    for the same batch, with the gradient of the path through the context. (That path by itself gives the same
    but for the rounding of products of other shapes.)

    Args:
        host: ``"clipiqa"`` or ``"qalign"``; or a host that is already made.
        host_options: options of the objective of that name, such as its checkpoint.
        seed: of the first weights; global generators are neither used nor changed.
    """

    higher_is_better = True
    packaging = Packaging(requires=("safetensors",))
    synthetic: ClassVar[Mapping[str, Any]] = {
        "chain": ("gaussian_blur", "brighten", "desaturate", "white_noise", "high_sharpen"),
        "target": "quality",
        "crop": 256,
        "contents": 4,
        "variants": 8,
    }
    placement: str = ADDED
    encodes_in_threads = True

    def __init__(
        self, host: str | Host = "clipiqa", host_options: Mapping[str, Any] | None = None, seed: Seed = 0
    ) -> None:
        super().__init__()
        if isinstance(host, Host) and host_options:
            raise ConfigurationError(f"'{self.name}' takes host_options or a host that is made, not both")
        self.host = host if isinstance(host, Host) else make_host(host, host_options)
        self.seed = seed
        self._generator = torch.Generator().manual_seed(seed)

    def encode(self, images: Tensor) -> dict[str, Tensor]:
        return self.host.encode(images)

    def context(self, features: Features) -> Tensor:
        """(N, k, l) contexts of a batch of features, or (1, k, l) for all images."""
        raise NotImplementedError

    def forward(self, features: Features) -> Tensor:
        context = self.context(features)
        found = self.host.score_in_context(features, context, self.placement)
        if self.placement != ADDED:
            return found
        untouched = (context.detach() == 0).flatten(1).all(dim=1)
        if not bool(untouched.any()):
            return found
        with torch.no_grad():
            unchanged = self.host.score(features)
        return torch.where(untouched, unchanged + (found - found.detach()), found)

    def frozen_modules(self) -> tuple[str, ...]:
        return ("host",)

    def configuration(self) -> dict[str, Any]:
        return {"host": self.host.name, "host_options": self.host.options, "seed": self.seed}

    def encoding(self) -> dict[str, Any]:
        """What the host is, so that unlike learners on one host share its features."""
        options = self.host.options
        return {"host": self.host.name, "host_options": options, "files": _marks(options.get("checkpoint"))}

    def _ready(self) -> None:
        """What is learned is as wide as the host computes: float64 where that was chosen."""
        self.to(self.host.dtype)

    def _embedding(self, features: Features) -> Tensor:
        return features["embedding"].to(self.host.device, self.host.dtype)


class ScoreNet(ContextLearner):
    """ScoreNet: a context from lightweight quality scores and the host's view of the image.

    The supplement of ScoreNet, section 1. The Metric Context Generator makes a k-vector u of the scores,
    which are standardised on the training data, turned so that more is better where that is
    known, and kept within three deviations; the Image
    Context Generator makes an l-vector v of the host's embedding. Their expansion M (k, l) is added to the
    embeddings of the first k words of the host's own prompt; the host is frozen. The paper does not print the
    expansion and its list of scores; the default here is M_ij = (1 + u_i) v_j with last layers of zeros, so
    training starts at the unchanged host, and the bank of ``isptune_statistics``.

    "Good photo." has three tokens that take context, Q-Align's prompt 14 before the picture: k follows the
    prompt, at most 16. Trained weights: hidden * (k + l) in the last layers, 33792 for k = 16 and l = 512 in
    contrast to 524288 of the full matrix (``full``), and hidden * (K + 1) + hidden * (v + 1) in the first.

    Args:
        host, host_options, seed: as for every learner here.
        metrics: the scores, as ``isptune_statistics.bank.MetricBank`` takes them; all of the bank's own
            without.
        k: rows of context, 1 to the number of tokens of the prompt.
        expansion: ``"gated"``, ``"sum"`` or ``"product"``.
        use_metrics, use_image: False puts one learned vector in the place of a generator.
        full: one head that gives all k * l values.
        hidden: width of the generators.

    Raises:
        ConfigurationError: an option is not allowed.
    """

    name = "scorenet"

    def __init__(
        self,
        host: str | Host = "clipiqa",
        host_options: Mapping[str, Any] | None = None,
        metrics: Sequence[Metric] | None = None,
        k: Size | None = None,
        expansion: str = "gated",
        use_metrics: bool = True,
        use_image: bool = True,
        full: bool = False,
        hidden: Size = 64,
        seed: Seed = 0,
    ) -> None:
        for option, value in (("use_metrics", use_metrics), ("use_image", use_image), ("full", full)):
            if not isinstance(value, bool):
                raise ConfigurationError(f"{option} of '{self.name}' is {value!r}; allowed: true, false")
        if isinstance(hidden, bool) or not isinstance(hidden, int) or hidden < 1:
            raise ConfigurationError(f"hidden of '{self.name}' is {hidden!r}; allowed: whole numbers from 1")
        check_expansion(expansion, self.name)
        if metrics is not None and not use_metrics:
            raise ConfigurationError(f"'{self.name}' has no use for metrics where use_metrics is false")
        super().__init__(host, host_options, seed)
        host = self.host
        self.k = host.rows(k, ADDED, "k", self.name)
        self.use_metrics, self.use_image, self.full = use_metrics, use_image, full
        self.expansion, self.hidden = expansion, hidden
        self.bank = MetricBank(metrics) if use_metrics else None
        names = self.bank.names if self.bank else ()
        # Its own columns are pure functions; of other objectives nobody knows.
        self.encodes_in_threads = self.bank is None or not self.bank.has_objectives
        self.metrics = None if self.bank is None else list(names if metrics is None else metrics)
        signs = self.bank.orientation if self.bank else ()
        sizes = (
            len(names),
            host.embedding_width if use_image else 0,
            self.k,
            host.width,
            self._generator,
        )
        self.contexts: FactoredContext | FullContext
        if full:
            self.contexts = FullContext(*sizes, hidden, signs)
        else:
            self.contexts = FactoredContext(*sizes, hidden, signs, expansion)
        self._ready()

    def encode(self, images: Tensor) -> dict[str, Tensor]:
        """The host's features, and the scores (N, K) of the bank, which are constants for gradients."""
        features = self.host.encode(images)
        if self.bank is not None:
            if self.bank.device != self.host.device:
                self.bank.to(self.host.device)
            features["scores"] = self.bank(images).to(self.host.dtype)
        return features

    def fit(self, features: Features) -> None:
        if self.use_metrics:
            self.contexts.fit(features["scores"])

    def context(self, features: Features) -> Tensor:
        scores = features["scores"].to(self.host.device) if self.use_metrics else None
        return self.contexts(scores, self._embedding(features) if self.use_image else None)

    def encoding(self) -> dict[str, Any]:
        return {**super().encoding(), "metrics": self.metrics if self.use_metrics else None}

    def configuration(self) -> dict[str, Any]:
        return {
            **super().configuration(),
            "metrics": self.metrics,
            "k": self.k,
            "expansion": self.expansion,
            "use_metrics": self.use_metrics,
            "use_image": self.use_image,
            "full": self.full,
            "hidden": self.hidden,
        }


class CoOp(ContextLearner):
    """CoOp: one learned context (k, l) for all images.

    Zhou et al., "Learning to Prompt for Vision-Language Models", IJCV 2022. On CLIP-IQA as in the paper, with
    one context for both classes: ``tokens`` learned tokens, N(0, 0.02) at first, stand between the begin and
    the words "Good photo." and "Bad photo.". So it does not start at the host. On Q-Align the context is
    added to the prompt's own words, zero at first, and starts exactly there. ``placement`` chooses otherwise.

    Args:
        host, host_options, seed: as for every learner here.
        tokens: k; 16 by default, and at most what the prompt has where the context is added.
        placement: ``"before"`` the words of the prompt, or ``"added"`` to them; the former on CLIP-IQA and
            the latter on Q-Align by default.

    Raises:
        ConfigurationError: an option is not allowed.
    """

    name = "coop"

    def __init__(
        self,
        host: str | Host = "clipiqa",
        host_options: Mapping[str, Any] | None = None,
        tokens: Size | None = None,
        placement: str | None = None,
        seed: Seed = 0,
    ) -> None:
        if placement is not None and placement not in PLACEMENTS:
            raise ConfigurationError(
                f"placement of '{self.name}' is {placement!r}; allowed: {listed(PLACEMENTS)}"
            )
        super().__init__(host, host_options, seed)
        self.placement = placement or (BEFORE if self.host.name == "clipiqa" else ADDED)
        self.tokens = self.host.rows(tokens, self.placement, "tokens", self.name)
        rows = torch.zeros(self.tokens, self.host.width)
        if self.placement == BEFORE:
            rows.normal_(0, 0.02, generator=self._generator)
        self.rows = nn.Parameter(rows)
        self._ready()

    def context(self, features: Features) -> Tensor:
        return self.rows.unsqueeze(0)

    def configuration(self) -> dict[str, Any]:
        return {**super().configuration(), "tokens": self.tokens, "placement": self.placement}


class CoCoOp(CoOp):
    """CoCoOp: CoOp's context, with an l-vector of each image added to every row.

    Zhou et al., "Conditional Prompt Learning for Vision-Language Models", CVPR 2022. A small network (v ->
    v / 16 -> l) makes the vector of the image's embedding, taken at length 1. Where the context is added to
    the prompt's words, its last layer is zero at first, so that training starts exactly at the host. The
    options are those of ``coop``.
    """

    name = "cocoop"

    def __init__(
        self,
        host: str | Host = "clipiqa",
        host_options: Mapping[str, Any] | None = None,
        tokens: Size | None = None,
        placement: str | None = None,
        seed: Seed = 0,
    ) -> None:
        super().__init__(host, host_options, tokens, placement, seed)
        self.meta = MetaNet(
            self.host.embedding_width, self.host.width, self._generator, zero=self.placement == ADDED
        )
        self._ready()

    def context(self, features: Features) -> Tensor:
        return self.rows + self.meta(self._embedding(features)).unsqueeze(1)


def _marks(checkpoint: Any) -> list[tuple[str, int, int]]:
    """Names, sizes and times of a checkpoint's files: another one may come to lie in its place."""
    folder = Path(str(checkpoint))
    if checkpoint is None or not folder.is_dir():
        return []
    facts = [(path.name, path.stat()) for path in sorted(folder.iterdir()) if path.is_file()]
    return [(name, fact.st_size, fact.st_mtime_ns) for name, fact in facts]
