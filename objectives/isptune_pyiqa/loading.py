"""Creating a metric of pyiqa: quietly, with global state put back, and with one sentence where it fails."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import random
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from isptune.errors import IsptuneError
from isptune.plugins.connections import reachable
from isptune_pyiqa.failures import explained, written

logger = logging.getLogger("isptune")

# A network that swallows packets would otherwise hold the first use for minutes.
_SECONDS_TO_CONNECT = 20.0


def load_metric(metric: str, options: Mapping[str, Any], downloads: bool) -> nn.Module:
    """The network (or formula) of one metric, on the CPU, taken out of pyiqa's wrapper.

    Args:
        metric: pyiqa's name.
        options: pyiqa's options of the metric.
        downloads: whether the metric needs weights, which may have to be fetched.

    Raises:
        ConfigurationError: pyiqa refuses the options.
        IsptuneError: weights are not on this machine and cannot be fetched, or pyiqa fails otherwise.
    """
    name = f"pyiqa:{metric}"
    with _quiet(), isolated_randomness(torch.device("cpu")):
        try:
            import pyiqa
        except Exception as error:
            raise IsptuneError(
                f"the objective '{name}' cannot be created because pyiqa cannot be imported: {written(error)}"
            ) from error
        with _careful_loading(downloads) as connected:
            try:
                return pyiqa.create_metric(metric, device=torch.device("cpu"), **options).net
            except Exception as error:
                raise explained(name, metric, options, error, connected) from error


@contextlib.contextmanager
def isolated_randomness(device: torch.device) -> Iterator[None]:
    """Fixed seeds inside for the global generators that pyiqa draws crops and initial weights from.

    Outside they are left as they were found.
    """
    import numpy as np

    devices = [device] if device.type == "cuda" else []
    states = np.random.get_state(), random.getstate()
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(0)
        if devices:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(0)
        np.random.seed(0)
        random.seed(0)
        try:
            yield
        finally:
            np.random.set_state(states[0])
            random.setstate(states[1])


class _LineLogger(io.TextIOBase):
    """A stream that hands every line to the logger: stdout belongs to what the user asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._rest = ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line.strip():
                logger.info("pyiqa: %s", line.strip())
        return len(text)

    def flush(self) -> None:
        pass


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with contextlib.redirect_stdout(_LineLogger()):
        yield


@contextlib.contextmanager
def _careful_loading(downloads: bool) -> Iterator[bool]:
    """Connections that give up in time, checkpoints read as plain tensors; yields whether the hub answers.

    pyiqa asks torch.load for full pickles, which can run any code; an environment variable of PyTorch
    overrules it. Every setting is put back.
    """
    if not downloads:
        yield True
        return
    from huggingface_hub import constants

    overruled = {"TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": None}
    found = {key: os.environ.get(key) for key in overruled}
    timeout, offline = socket.getdefaulttimeout(), constants.HF_HUB_OFFLINE
    try:
        _set_environment(overruled)
        socket.setdefaulttimeout(_SECONDS_TO_CONNECT)
        # Without a connection the hub's client asks for every file six times over half a minute, even for
        # files that it has; in its offline mode it takes what it has or says at once that it has not.
        connected = offline or reachable(constants.ENDPOINT)
        constants.HF_HUB_OFFLINE = offline or not connected
        yield connected
    finally:
        _set_environment(found)
        socket.setdefaulttimeout(timeout)
        constants.HF_HUB_OFFLINE = offline


def _set_environment(values: Mapping[str, str | None]) -> None:
    for key, value in values.items():
        if value is None:
            os.environ.pop(key, None)
        else:
            os.environ[key] = value
