"""Runs in threads of one process that wait for each other, so that their images are scored in one batch."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from isptune.contracts.objective import Objective


class Left(BaseException):
    """A member has to end, because the others were told to."""


@dataclass
class _Request:
    """What one member wants scored, then its scores or what was raised over them."""

    place: int
    objective: Objective
    images: Tensor
    reference: Tensor | None
    scores: Tensor | None = None
    error: Exception | None = None

    @property
    def is_answered(self) -> bool:
        return self.scores is not None or self.error is not None

    def fits(self, other: _Request) -> bool:
        """Whether both can be scored in one batch."""
        alike = (
            self.objective is other.objective
            and self.images.shape[1:] == other.images.shape[1:]
            and self.images.dtype == other.images.dtype
            and self.images.device == other.images.device
        )
        return alike and _same_reference(self.reference, other.reference)


class Meeting:
    """Members that compute one at a time, each until it needs scores; the last one scores for all.

    Args:
        members: how many threads will call ``member``.
    """

    def __init__(self, members: int) -> None:
        self.members = members
        self._turn = threading.Condition()
        self._requests: list[_Request] = []
        self._left = 0
        self._closed = False

    @contextmanager
    def member(self) -> Iterator[None]:
        """A member's time: inside nobody else computes, but while it waits for scores.

        Raises:
            Left: the meeting was closed.
        """
        with self._turn:
            try:
                self.check_open()
                yield
            finally:
                self._left += 1
                self._turn.notify_all()

    def seat(self, place: int, objective: Objective) -> Objective:
        """The objective as a member uses it: its scores come from the common batch.

        A judge is itself: it judges the generation of one run.
        """
        if objective.is_judge:
            return objective
        return _Seat(self, place, objective)

    def check_open(self) -> None:
        """Raise ``Left`` where the meeting was closed."""
        if self._closed:
            raise Left

    def close(self) -> None:
        """Have all members end at their next generation or scores."""
        # Without the lock, which the computing member holds; it and those whom it wakes will see this.
        self._closed = True
        with self._turn:
            self._turn.notify_all()

    def score(self, place: int, objective: Objective, images: Tensor, reference: Tensor | None) -> Tensor:
        """Wait until every member wants scores, or has left; then give this one's."""
        self.check_open()
        if torch.is_grad_enabled() and images.requires_grad:
            # A common graph could be gone through backwards once, and every member needs its own turn.
            return objective.score(images, reference)
        request = _Request(place, objective, images, reference)
        self._requests.append(request)
        while not request.is_answered:
            if len(self._requests) == self.members - self._left:
                self._answer()
                self._turn.notify_all()
            else:
                self._turn.wait()
                self.check_open()
        if request.error is not None:
            raise request.error
        assert request.scores is not None
        return request.scores

    def _answer(self) -> None:
        waiting = sorted(self._requests, key=lambda request: request.place)
        self._requests = []
        while waiting:
            batch = [request for request in waiting if request.fits(waiting[0])]
            waiting = [request for request in waiting if not request.fits(batch[0])]
            if len(batch) == 1 or not _scored_together(batch):
                # Alone, each gets its scores, or the exception that is its own.
                for request in batch:
                    try:
                        request.scores = request.objective.score(request.images, request.reference)
                    except Exception as error:
                        request.error = error


class _Seat(Objective):
    """An objective with all its facts, whose scores come from a meeting."""

    def __init__(self, meeting: Meeting, place: int, objective: Objective) -> None:
        for fact in Objective.__annotations__:
            if hasattr(objective, fact):
                setattr(self, fact, getattr(objective, fact))
        self._meeting, self._place, self._objective = meeting, place, objective

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return self._meeting.score(self._place, self._objective, images, reference)

    def scores(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return self._objective.scores(images, reference)

    def to(self, device: torch.device | str) -> Objective:
        self._objective = self._objective.to(device)
        return self


def _scored_together(batch: list[_Request]) -> bool:
    """Score several requests at once; whether that went well."""
    images = torch.cat([request.images for request in batch])
    try:
        found = batch[0].objective.score(images, batch[0].reference)
    except Exception:
        return False
    if found.shape != (len(images),):
        return False
    for request, scores in zip(batch, found.split([len(one.images) for one in batch]), strict=True):
        request.scores = scores
    return True


def _same_reference(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    # One per image belongs to its own images.
    return len(one) == 1 and one.shape == other.shape and torch.equal(one, other)
