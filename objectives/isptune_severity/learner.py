"""``severity`` as a learner: ``isptune train severity`` makes its weights from nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from isptune.errors import ConfigurationError
from isptune.iqa.training import Features, Learner
from isptune.plugins.option_types import Seed, Size
from isptune_severity.network import FAMILIES, SeverityNetwork


class Severity(Learner):
    """A small network that predicts the severity of seven families of distortion at native resolution.

    Args:
        widths: channels of the three levels.
        hidden: of the head.
        seed: of the initial weights.
    """

    labels = FAMILIES
    caches_features = False
    higher_is_better = False
    losses = "huber=1,huber-total=1,relative=1,relative-total=1,ranking-total=2,plcc-total=1"
    synthetic: ClassVar[Mapping[str, Any]] = {
        "chain": ("gaussian_blur", "brighten", "desaturate", "white_noise", "high_sharpen"),
        "others": (
            *("lens_blur", "motion_blur", "darken", "mean_shift", "gamma_error", "highlight_clipping"),
            *("oversaturate", "chroma_noise", "impulse_noise", "multiplicative_noise", "jpeg", "quantize"),
            *("banding", "pixelate", "linear_contrast", "nonlinear_contrast"),
        ),
        "labels": FAMILIES,
    }

    def __init__(
        self,
        widths: Annotated[Sequence[Size], Field(min_length=3, max_length=3)] = (32, 64, 96),
        hidden: Size = 128,
        seed: Seed = 0,
    ) -> None:
        super().__init__()
        if len(widths) != 3 or min(widths) < 1:
            raise ConfigurationError(
                f"widths of 'severity' is {list(widths)!r}; allowed: three numbers above 0"
            )
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.network = SeverityNetwork(widths, hidden)
        self.network.to(memory_format=torch.channels_last)
        self._configuration = {"widths": [int(width) for width in widths], "hidden": hidden, "seed": seed}

    def fit(self, features: Features) -> None:
        """Standardise the head's inputs."""
        parts = [self.network.features(part) for part in features["images"].split(64)]
        found = torch.cat(parts)
        self.network.mean.copy_(found.mean(0))
        self.network.deviation.copy_(found.std(0) + 1e-3)

    def forward(self, features: Features) -> Tensor:
        return self.network(features["images"].contiguous(memory_format=torch.channels_last))

    def configuration(self) -> dict[str, Any]:
        return dict(self._configuration)
