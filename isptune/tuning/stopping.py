"""Failed candidates: a sentence about each, and the share of them at which a run stops."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from isptune.errors import EvaluationError
from isptune.parameters import ParameterSpace, written
from isptune.runs.generation import DONE, DROPPED, Generation
from isptune.wording.showing import counted

if TYPE_CHECKING:
    from isptune.runs.directory import RunDirectory

# The reason of a candidate whose values were evaluated before, and which is not said again.
FAILED_BEFORE = "the same values failed before"

# Among fewer evaluations than this a share says little.
_FEWEST = 20


def problems_of(generation: Generation, space: ParameterSpace) -> list[str]:
    """A sentence about each candidate of a generation that failed or timed out.

    Generations are counted from 1, as wherever a run says how far it is, candidates from 0, as in the log.
    """
    failed = [index for index in generation.failures if generation.reasons[index] != FAILED_BEFORE]
    if not failed:
        return []
    values = space.to_values(torch.from_numpy(generation.candidates[failed]))
    return [
        f"generation {generation.number + 1}: candidate {index} ({written(parameters)}) "
        f"{generation.statuses[index]}: {generation.reasons[index] or 'its score was not finite'}"
        for index, parameters in zip(failed, space.to_dicts(values), strict=True)
    ]


def told(problems: Sequence[str]) -> str:
    """What a run says while it goes on about the failures of a generation: one of them stands for all."""
    more = f" (and {len(problems) - 1} more of this generation, see the log)" if len(problems) > 1 else ""
    return f"{problems[0]}{more}"


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
        failed = [status not in (DONE, DROPPED) for status in generation.statuses]
        if len(failed) > _FEWEST:
            self._recent = deque(maxlen=len(failed))
        self._recent.extend(failed)
        count, among = sum(self._recent), len(self._recent)
        # A last generation without a new failure is no reason to stop: repeats cost nothing.
        if not problems or count <= self.most * among or (among < _FEWEST and not all(self._recent)):
            return
        kinds = {generation.reasons[index] for index in generation.failures} - {FAILED_BEFORE}
        more = f" (and {counted(len(kinds) - 1, 'other reason')})" if len(kinds) > 1 else ""
        again = "" if directory is None else f"; mend it and go on with: isptune resume {directory.path}"
        raise EvaluationError(
            f"{count} of {among} candidates failed, more than the share of {self.most:g} that max_failures "
            f"allows; the first of {problems[0]}{more}{again}"
        )
