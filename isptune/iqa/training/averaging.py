"""A running average of a learner's weights, which judges steadier than the weights of the last step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from isptune.iqa.training.learner import Learner


class WeightAverage:
    """The exponentially falling average of what a learner has learnt.

    Args:
        learner: whose weights are averaged, from those that it has now.
        share: what of the average is kept at each step; 0 for none.
    """

    def __init__(self, learner: Learner, share: float) -> None:
        self._learner, self._share, self._steps = learner, share, 0
        self._kept = {key: value.detach().clone() for key, value in self._own()} if share else {}

    def _own(self) -> Iterator[tuple[str, Tensor]]:
        for key, value in self._learner.named_parameters():
            if value.requires_grad:
                yield key, value

    def step(self) -> None:
        """Take in the weights after a step; the first steps count more: the beginning is forgotten."""
        if not self._share:
            return
        self._steps += 1
        share = min(self._share, self._steps / (self._steps + 9))
        with torch.no_grad():
            for key, value in self._own():
                self._kept[key].lerp_(value, 1 - share)

    def state(self) -> dict[str, Tensor]:
        """What `load` puts back."""
        if not self._share:
            return {}
        return {"steps": torch.tensor(self._steps), **{key: value.cpu() for key, value in self._kept.items()}}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        if self._share:
            self._steps = int(state["steps"])
            for key, value in self._kept.items():
                value.copy_(state[key])

    @contextmanager
    def taken(self) -> Iterator[None]:
        """The learner has the average's weights inside."""
        before = {key: value.detach().clone() for key, value in self._own()} if self._share else {}
        self.put()
        try:
            yield
        finally:
            with torch.no_grad():
                for key, value in self._own():
                    if key in before:
                        value.copy_(before[key])

    def put(self) -> None:
        """Give the learner the average's weights for good."""
        with torch.no_grad():
            for key, value in self._own():
                if key in self._kept:
                    value.copy_(self._kept[key])
