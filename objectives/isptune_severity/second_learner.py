"""The second version of ``severity`` as a learner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from isptune.errors import ConfigurationError
from isptune.iqa.training import Features, Learner
from isptune.iqa.training.losses import LOSSES
from isptune.plugins.option_types import Seed, Size
from isptune_severity.families import FAMILIES
from isptune_severity.second_network import SecondNetwork, carried

# Of the losses of the weighted sum.
_TOTAL = {"huber": 0.5, "ranking": 6.0, "relative": 4.0, "plcc": 0.5}
# The families of the default chain, which the first version has learnt from ten times the pictures.
_CHAIN = ("blur", "exposure", "saturation", "luma_noise", "chroma_noise", "halos")
# In the logarithm: deviations from a thousandth to three.
_SPREADS = (-7.0, 1.1)


class SecondSeverity(Learner):
    """A small network that predicts the severity of 15 families of faults, and how far it may be off.

    Args:
        widths: channels of the three levels.
        hidden: of the head.
        dropout: in the head, while it is trained.
        trunk: ``"frozen"`` trains the head alone, on features that are computed once; ``"trained"`` trains
            all of it.
        warm: begin with the embedded first version.
        anchor: weight of a loss that keeps what the first version knows well, the default chain, blur, noise
            and saturation, near what it says of it.
        seed: of the initial weights.
    """

    labels = FAMILIES
    higher_is_better = False
    losses = "huber=0.5,relative=1"
    data: ClassVar[str] = "isptune_severity.data:SeverityData"

    def __init__(
        self,
        widths: Annotated[Sequence[Size], Field(min_length=3, max_length=3)] = (32, 64, 96),
        hidden: Size = 256,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.4,
        trunk: Literal["frozen", "trained"] = "trained",
        warm: bool = False,
        anchor: Annotated[float, Field(ge=0)] = 10.0,
        seed: Seed = 0,
    ) -> None:
        super().__init__()
        if len(widths) != 3 or min(widths) < 1:
            raise ConfigurationError(
                f"widths of 'severity-isp' is {list(widths)!r}; allowed: three numbers above 0"
            )
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.network = SecondNetwork(widths, hidden, dropout)
        self._is_warm, self._anchor = warm, anchor
        if warm:
            self._take_first_version()
        self.network.to(memory_format=torch.channels_last)
        self.caches_features = trunk == "frozen"
        if self.caches_features:
            self.network.stem.requires_grad_(False)
            self.network.levels.requires_grad_(False)
        # Of |error| / deviation on pictures that were held out, at the shares 0.01 to 0.99.
        self.quantiles: Tensor
        self.register_buffer("quantiles", torch.ones(99, len(FAMILIES) + 1))
        self._configuration = {
            "widths": [int(width) for width in widths],
            "hidden": hidden,
            "dropout": dropout,
            "anchor": anchor,
            "trunk": trunk,
            "seed": seed,
        }
        self._spreads: Tensor | None = None
        self._moved: Tensor | None = None

    def _take_first_version(self) -> None:
        from isptune_severity.objective import embedded

        state = embedded(1).network.state_dict()
        own = {key if key.startswith(("stem.", "levels.")) else f"first.{key}": state[key] for key in state}
        self.network.load_state_dict(own, strict=False)

    def encode(self, images: Tensor) -> Features:
        if not self.caches_features:
            return {"images": images}
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(images.device.type, dtype=torch.bfloat16):
            return {"features": self.network.features(images).float()}

    def fit(self, features: Features) -> None:
        """Standardise the head's inputs."""
        if "features" in features:
            found = features["features"]
        else:
            found = torch.cat([self.network.features(part) for part in features["images"].split(64)])
        self.network.mean.copy_(found.mean(0))
        self.network.deviation.copy_(found.std(0) + 1e-3)

    def forward(self, features: Features) -> Tensor:
        found = self._columns(features)
        severities, self._spreads = self.both({"features": found})
        if self.training:
            self._moved = severities - self.network.first(found) @ carried()
        return severities

    def both(self, features: Features) -> tuple[Tensor, Tensor]:
        """(N, 15) severities, and (N, 16) logarithms of deviations before calibration."""
        severities, spreads = self.network.judged(self._columns(features))
        return severities, spreads.clamp(*_SPREADS)

    def side_by_side(self, columns: Tensor) -> Tensor:
        """(N, 31) of (N, F) inputs of the head: what `both` gives, in one tensor."""
        return torch.cat(self.both({"features": columns}), dim=1)

    def _columns(self, features: Features) -> Tensor:
        if "features" in features:
            return features["features"]
        return self.network.features(features["images"].contiguous(memory_format=torch.channels_last))

    def own_loss(self, predictions: Tensor, targets: Tensor, contents: Tensor) -> Tensor:
        """Losses of the weighted sum, and the likelihood of the errors under the deviations."""
        weights = self.network.weights
        total, wanted = predictions @ weights, targets @ weights
        loss = predictions.new_zeros(())
        for name, weight in _TOTAL.items():
            loss = loss + weight * LOSSES[name](total, wanted, contents)
        assert self._spreads is not None
        errors = torch.cat([predictions - targets, (total - wanted)[:, None]], dim=1).abs().detach()
        spreads = self._spreads.float()
        loss = loss + 0.2 * (errors * torch.exp(-spreads) + spreads).mean()
        return loss + self._anchor * self._away(targets, contents)

    def _away(self, targets: Tensor, contents: Tensor) -> Tensor:
        """How far what the first version knows well is from what it says of it."""
        assert self._moved is not None
        others = [column for column, family in enumerate(FAMILIES) if family not in _CHAIN]
        chain = [column for column, family in enumerate(FAMILIES) if family in _CHAIN]
        groups, index = torch.unique(contents, return_inverse=True)
        shown = targets.new_zeros(len(groups), len(FAMILIES)).index_add(0, index, targets.abs())
        # It does not know underexposure: what shows exposure alone is not held.
        known = ((shown[:, chain] > 0).sum(1) >= 5) | (shown[:, FAMILIES.index("exposure")] == 0)
        own = ((shown[:, others].sum(1) == 0) & known)[index]
        if not bool(own.any()):
            return targets.new_zeros(())
        moved, still = self._moved[own], torch.zeros_like(self._moved[own])
        total = moved @ self.network.weights
        of_total = LOSSES["relative"](total, torch.zeros_like(total), contents[own])
        return of_total + 0.3 * LOSSES["huber"](moved, still, contents[own])

    def calibrate(self, batches: Iterator[tuple[Features, Tensor]]) -> None:
        """Set what the deviations are multiplied by, on pictures that were held out."""
        ratios = []
        with torch.no_grad():
            for features, targets in batches:
                severities, spreads = self.both(features)
                weights = self.network.weights
                total = ((severities - targets) @ weights)[:, None]
                errors = torch.cat([severities - targets, total], dim=1).abs()
                ratios.append(errors * torch.exp(-spreads))
        shares = torch.linspace(0.01, 0.99, 99)
        self.quantiles.copy_(torch.quantile(torch.cat(ratios).float(), shares, dim=0))

    def encoding(self) -> dict[str, Any]:
        """The head does not change what the convolutions and the fixed statistics give."""
        first = "first version" if self._is_warm else self._configuration["seed"]
        return {"learner": "severity-isp", "widths": self._configuration["widths"], "first weights": first}

    def configuration(self) -> dict[str, Any]:
        return dict(self._configuration)
