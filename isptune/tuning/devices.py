"""Device names: what ``--device`` accepts and what is there."""

from __future__ import annotations

import os

import torch

from isptune.errors import ConfigurationError
from isptune.wording.naming import did_you_mean, listed


def available_devices() -> list[str]:
    """The device names that work here, the fastest first; ``cpu`` is always the last."""
    names = [f"cuda:{index}" if index else "cuda" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]


def resolve_device(name: str | torch.device = "auto") -> torch.device:
    """The torch device for a name; ``auto`` is the fastest one there is.

    Raises:
        ConfigurationError: the device is unknown or not there; the message names those that are.
    """
    here = available_devices()
    text = str(name).lower()
    if text == "auto":
        return torch.device(here[0])
    if text == "cuda:0" and "cuda" in here:
        text = "cuda"
    if text not in here:
        known = ["auto", *here]
        raise ConfigurationError(
            f"there is no device '{name}' on this machine"
            + did_you_mean(text, known)
            + f"; available: {listed(known)}"
        )
    return torch.device(text)


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
