"""The second version of ``severity`` as a learner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from isptune.errors import ConfigurationError
from isptune.iqa.training import Features, Learner
from isptune.iqa.training.losses import LOSSES
from isptune.plugins import registry
from isptune.plugins.option_types import Seed, Size
from isptune_severity.families import FAMILIES
from isptune_severity.fixed_columns import fixed_columns
from isptune_severity.second_network import SecondNetwork, carried

# Of the losses of the weighted sum, without and with the loss of differences.
_TOTAL = {"huber": 0.5, "ranking": 6.0, "relative": 4.0, "plcc": 0.5}
_TOTAL_BESIDE = {"huber": 0.5, "ranking": 3.0, "relative": 6.0, "plcc": 0.5}
# Of the loss of differences: sums of severities below this are alike.
_LEAST = 0.05
# Inputs of the head that move less than this keep their unit: a silent channel is no faint one.
_SILENT = 3e-4
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
            all of it, on pictures whose fixed statistics are computed once.
        warm: begin with the embedded first version.
        anchor: weight of a loss that keeps what the first version knows well, the default chain, blur, noise
            and saturation, near what it says of it.
        differences: weight of a loss of differences between variants of a content, in proportion to how far
            they are from pristine: so the order of nearly pristine ones counts, where a search ends.
        members: further heads on the same inputs, trained apart and put together by ``together``.
        corrections: width of what all inputs, ``optics`` among them, add to the severities, which
            ``corrections.learn`` trains; 0 for none.
        original: share of the first version's own judgement beside the heads; 0 for none.
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
        differences: Annotated[float, Field(ge=0)] = 0.0,
        members: Annotated[int, Field(ge=0, le=16)] = 0,
        corrections: Annotated[int, Field(ge=0, le=4096)] = 0,
        original: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        seed: Seed = 0,
    ) -> None:
        super().__init__()
        if len(widths) != 3 or min(widths) < 1:
            raise ConfigurationError(
                f"widths of 'severity-isp' is {list(widths)!r}; allowed: three numbers above 0"
            )
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.network = SecondNetwork(widths, hidden, dropout, members, corrections, original)
        self._is_warm, self._anchor, self._differences = warm, anchor, differences
        if warm:
            self._take_first_version()
        self.network.to(memory_format=torch.channels_last)
        self._is_frozen = trunk == "frozen"
        # What holds to the first version's judgement must not train it.
        self.network.first.requires_grad_(not anchor)
        if self._is_frozen:
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
            "differences": differences,
            "trunk": trunk,
            "members": members,
            "corrections": corrections,
            "original": original,
            "seed": seed,
        }
        self._spreads: Tensor | None = None
        self._moved: Tensor | None = None

    def _take_first_version(self) -> None:
        state = _first_version()
        own = {key if key.startswith(("stem.", "levels.")) else f"first.{key}": state[key] for key in state}
        self.network.load_state_dict(own, strict=False)

    def encode(self, images: Tensor) -> Features:
        if not self._is_frozen:
            # As whole numbers of 16 bits, less 2 ** 15, which safetensors keeps.
            pixels = (images * 65535 - 32768).round().to(torch.int16)
            fixed = fixed_columns(images, self.network.has_optics)
            return {"pixels": pixels, "fixed": fixed.to(images.device)}
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(images.device.type, dtype=torch.bfloat16):
            return {"features": self.network.features(images).float()}

    def fit(self, features: Features) -> None:
        """Standardise the head's inputs."""
        found = self._columns(features)[:, : self.network.mean.numel()]
        self.network.mean.copy_(found.mean(0))
        spread = found.std(0)
        self.network.deviation.copy_(torch.where(spread < _SILENT, 1.0, spread + 1e-3))

    def forward(self, features: Features) -> Tensor:
        found = self._columns(features)
        severities, self._spreads = self.both({"features": found})
        if self.training and self._anchor:
            self._moved = severities - self.network.first(found) @ carried()
        return severities

    def both(self, features: Features) -> tuple[Tensor, Tensor]:
        """(N, 15) severities, and (N, 16) logarithms of deviations before calibration."""
        columns = self._columns(features)
        # In half precision the head would not see the faintest differences.
        with torch.autocast(columns.device.type, enabled=False):
            severities, spreads = self.network.judged(columns)
        return severities, spreads.clamp(*_SPREADS)

    def side_by_side(self, columns: Tensor) -> Tensor:
        """(N, 31) of (N, F) inputs of the head: what `both` gives, in one tensor."""
        return torch.cat(self.both({"features": columns}), dim=1)

    def _columns(self, features: Features) -> Tensor:
        if "features" in features:
            return features["features"]
        images = (features["pixels"].float() + 32768) / 65535
        pooled = self.network.pooled(images.contiguous(memory_format=torch.channels_last))
        return torch.cat([pooled.float(), features["fixed"]], dim=1)

    def own_loss(self, predictions: Tensor, targets: Tensor, contents: Tensor) -> Tensor:
        """Losses of the weighted sum, and the likelihood of the errors under the deviations."""
        weights = self.network.weights
        total, wanted = predictions @ weights, targets @ weights
        loss = predictions.new_zeros(())
        for name, weight in (_TOTAL_BESIDE if self._differences else _TOTAL).items():
            loss = loss + weight * LOSSES[name](total, wanted, contents)
        if self._differences:
            loss = loss + self._differences * proportional(total, wanted, contents)
        assert self._spreads is not None
        errors = torch.cat([predictions - targets, (total - wanted)[:, None]], dim=1).abs().detach()
        spreads = self._spreads.float()
        loss = loss + 0.2 * (errors * torch.exp(-spreads) + spreads).mean()
        return loss + self._anchor * self._away(targets, contents) if self._anchor else loss

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
        """What is trained does not change what is kept."""
        if not self._is_frozen:
            facts: dict[str, Any] = {"of": "pixels and fixed statistics"}
        else:
            first = "first version" if self._is_warm else self._configuration["seed"]
            facts = {"widths": self._configuration["widths"], "first weights": first}
        if self.network.has_optics:
            facts["optics"] = True
        return {"learner": "severity-isp", **facts}

    def configuration(self) -> dict[str, Any]:
        return dict(self._configuration)


def _first_version() -> Mapping[str, Tensor]:
    from isptune_severity.objective import embedded

    found: Mapping[str, Tensor] = embedded(1).network.state_dict()
    return found


def proportional(total: Tensor, wanted: Tensor, contents: Tensor) -> Tensor:
    """Huber's loss of the differences of every two variants of a content, over the sum of the two's truths.

    So the order of the nearly pristine ones, where a search ends, counts as much as that of the others.

    Args:
        total, wanted: (N,) found and true sums of severities.
        contents: (N,) which content each is of.
    """
    upper = torch.triu(contents[:, None] == contents[None], diagonal=1)
    errors = (total[:, None] - total[None] - wanted[:, None] + wanted[None])[upper]
    scale = (wanted[:, None] + wanted[None])[upper] + _LEAST
    return torch.nn.functional.huber_loss(errors / scale, torch.zeros_like(errors), delta=0.5)


def together(
    learners: Sequence[SecondSeverity], corrections: int = 0, original: float = 0.0
) -> SecondSeverity:
    """One learner of several on the same convolutions: the first one's head counts half.

    It has to be calibrated. Their convolutions must be those of the first version, untrained.

    Args:
        learners: without corrections.
        corrections: width of those that it gets, which ``corrections.learn`` trains; 0 for none.
        original: share of the embedded first version's judgement.
    """
    first, *others = learners
    options = {**first.configuration(), "members": len(others), "corrections": corrections}
    options["original"] = original
    found: SecondSeverity = registry.learners.create("severity-isp", **options)
    found.load_state_dict(first.state_dict(), strict=False)
    for member, other in zip(found.network.members, others, strict=True):
        member.load_state_dict(other.network.state_dict(), strict=False)
    if found.network.original is not None:
        found.network.original.load_state_dict(_first_version(), strict=False)
    return found.eval()
