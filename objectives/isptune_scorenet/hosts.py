"""Hosts: frozen models that score a picture against a prompt, whose embedding takes a learned context."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from isptune.contracts.objective import Objective
from isptune.errors import ConfigurationError, MissingPackageError
from isptune.plugins import check_options, missing_packages
from isptune.plugins.checkpoints import MissingCheckpointError
from isptune.wording.naming import did_you_mean, listed

HOSTS = ("clipiqa", "qalign")
"""The names of the hosts: objectives whose prompt can be learned."""

ADDED, BEFORE = "added", "before"
PLACEMENTS = (ADDED, BEFORE)
"""Context added to the prompt's own embedding, or as tokens of its own before the prompt's words."""

MOST = 16
"""The most rows of context that a prompt gets by default, as in CoOp."""


class Host(nn.Module):
    """A frozen scorer behind two questions: what it sees in images, and what it says of that.

    Its weights are no parameters or submodules of it: a learner's ``parameters()`` and ``state_dict()`` hold
    none of them, they keep their own dtype, and large ones go straight to the device of their first use. They
    follow ``to(device)`` of the learner all the same.

    Attributes:
        name: of the host, one of ``HOSTS``.
        options: with which its objective was made.
        objective: the objective itself, unchanged.
        places: the tokens of the prompt that can take context: its words without begin, end and padding; the
            fewest where there are several texts. Q-Align's are those before the picture.
        width: l, of a token's embedding.
        embedding_width: v, of the image's embedding.
        device: where the weights are, or will be once they are loaded.
    """

    name: str = ""
    objective: Objective
    options: dict[str, Any]
    places: int
    width: int
    embedding_width: int

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__()
        self.options = dict(options)
        self.device = torch.device("cpu")

    @abstractmethod
    def encode(self, images: Tensor) -> dict[str, Tensor]:
        """Features of images (N, 3, H, W) in [0, 1], ``embedding`` (N, v) among them.

        Differentiable with respect to the images where the objective is.
        """

    @abstractmethod
    def score(self, features: Mapping[str, Tensor]) -> Tensor:
        """(N,) scores in [0, 1] of the unchanged host, by the operations of its objective.

        To the last bit what the objective gives for the images, where the batch is the same.
        """

    @abstractmethod
    def score_in_context(
        self, features: Mapping[str, Tensor], context: Tensor, placement: str = ADDED
    ) -> Tensor:
        """(N,) scores in [0, 1] with a context (N, k, l), or (1, k, l) for all images.

        Args:
            features: what ``encode`` gave.
            context: ``added`` to the embeddings of the first k of the prompt's words, or put as k tokens
                ``before`` all of its words.
            placement: which of the two.
        """

    @abstractmethod
    def networks(self) -> tuple[nn.Module, ...]:
        """The frozen networks, for whoever wants to look; loaded where they were not yet."""

    @property
    def dtype(self) -> torch.dtype:
        """Of the features, and of what is learned: float32, or float64 where the host computes so."""
        return torch.float64 if self.options.get("dtype") == "float64" else torch.float32

    def rows(self, wanted: int | None, placement: str, option: str, name: str) -> int:
        """k: what is asked for, or 16 (``added``: at most what the prompt has).

        Raises:
            ConfigurationError: the prompt has no words, or fewer than are asked for.
        """
        most = self.places if placement == ADDED else None
        if most == 0:
            raise ConfigurationError(
                f"the prompt of '{self.name}' has no words that '{name}' could add a context to"
            )
        if wanted is None:
            return MOST if most is None else min(MOST, most)
        if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1 or (most and wanted > most):
            raise ConfigurationError(
                f"{option} of '{name}' is {wanted!r}; allowed: "
                + (
                    f"1 to {most}, the tokens of the shortest prompt of '{self.name}'"
                    if most
                    else "whole numbers from 1"
                )
            )
        return wanted

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Host:
        # What torch does to every tensor of a module is asked of a tensor here, for the device alone.
        device = fn(torch.empty(0, device=self.device)).device
        if device != self.device:
            self.device = device
            self.objective.to(device)
        return self


def make_host(name: str, options: Mapping[str, Any] | None = None) -> Host:
    """The host of that name; its options are those of the objective of the same name.

    Raises:
        ConfigurationError: there is no such host, or the objective refuses an option.
        MissingPackageError: a package that the host needs is not installed.
        IsptuneError: the host's weights are not on this machine and cannot be fetched.
    """
    if name not in HOSTS:
        raise ConfigurationError(
            f"there is no host '{name}'" + (did_you_mean(str(name), HOSTS) or f"; known: {listed(HOSTS)}")
        )
    chosen = dict(options or {})
    # What is written to a checkpoint is plain data.
    if isinstance(chosen.get("checkpoint"), Path):
        chosen["checkpoint"] = str(chosen["checkpoint"])
    # A host's package is read when that host is asked for.
    if name == "clipiqa":
        from isptune_scorenet.clip_host import ClipHost

        return ClipHost(chosen)
    from isptune_scorenet.qalign_host import QAlignHost

    return QAlignHost(chosen)


def made(factory: type[Objective], name: str, options: Mapping[str, Any]) -> Any:
    """An objective from options that are checked first.

    Raises:
        ConfigurationError: it has no such option.
        MissingPackageError: a package is not installed.
    """
    missing = missing_packages(factory.packaging.requires)
    if missing:
        raise MissingPackageError(
            f"the host '{name}' needs the package {listed(missing)}, which is not installed; "
            f"install it with: pip install 'isptune[{factory.packaging.extra}]'"
        )
    check_options(f"the host '{name}'", factory, options)
    try:
        return factory(**options)
    except MissingCheckpointError as error:
        raise error.elsewhere("host_options={checkpoint: FOLDER}") from error
