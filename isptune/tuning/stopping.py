"""Failed candidates: a sentence about each, and the share of them at which a run stops."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from isptune.errors import EvaluationError
from isptune.parameters import ParameterSpace, written
from isptune.runs.generation import DONE, Generation

if TYPE_CHECKING:
    from isptune.runs.directory import RunDirectory

# The reason of a candidate whose values were evaluated before, and which is not said again.
FAILED_BEFORE = "the same values failed before"

# Among fewer evaluations than this a share says little.
_FEWEST = 20


def problems_of(generation: Generation, space: ParameterSpace) -> list[str]:
    """A sentence about each candidate of a generation that failed or timed out."""
    failed = [index for index in generation.failures if generation.reasons[index] != FAILED_BEFORE]
    if not failed:
        return []
    values = space.to_values(torch.from_numpy(generation.candidates[failed]))
    return [
        f"generation {generation.number}: candidate {index} ({written(parameters)}) "
        f"{generation.statuses[index]}: {generation.reasons[index] or 'its score was not finite'}"
        for index, parameters in zip(failed, space.to_dicts(values), strict=True)
    ]


class Failures:
    """Stops a run of which too many candidates fail: a licence that ran out, a device that was unplugged.

    Args:
        most: the share of failed candidates above which the run stops; of the last generation, and of at
            least the last 20 evaluations of this sitting.
    """

    def __init__(self, most: float) -> None:
        self.most = most
        self._recent: deque[bool] = deque(maxlen=_FEWEST)

    def check(self, generation: Generation, problems: Sequence[str], directory: RunDirectory | None) -> None:
        """Look at a generation before it is logged.

        Raises:
            EvaluationError: too many candidates failed.
        """
        failed = [status != DONE for status in generation.statuses]
        if len(failed) > _FEWEST:
            self._recent = deque(maxlen=len(failed))
        self._recent.extend(failed)
        count, among = sum(self._recent), len(self._recent)
        # A last generation without a failure is no reason to stop.
        if not any(failed) or count <= self.most * among or (among < _FEWEST and not all(self._recent)):
            return
        kinds = len({generation.reasons[index] for index in generation.failures})
        more = f" (and {kinds - 1} more reasons)" if kinds > 1 else ""
        again = "" if directory is None else f"; mend it and go on with: isptune resume {directory.path}"
        raise EvaluationError(
            f"{count} of {among} candidates failed, more than the share of {self.most:g} that max_failures "
            f"allows; the first of {problems[0]}{more}{again}"
        )
