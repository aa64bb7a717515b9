"""From images to what a learner keeps of them."""

from __future__ import annotations

import torch

from isptune.training.learner import Features, Learner


def encoded(learner: Learner, features: Features, device: torch.device) -> Features:
    """What ``encode`` makes of a batch of images; features that are no images are given back as they are."""
    if set(features) != {"images"}:
        return features
    with torch.no_grad():
        return learner.encode(features["images"].to(device))
