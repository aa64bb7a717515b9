"""What objectives left to the machine or to the version, noted by a run and taken up when it is resumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isptune.contracts.objective import Objective
from isptune.errors import RunDirectoryError
from isptune.runs.again import plain_data


def settled(objectives: Sequence[Objective]) -> dict[str, Any]:
    """What run.yaml notes of it: nothing, where no objective left anything open."""
    found = [plain_data(one.settled()) for one in objectives]
    return {"settled": found} if any(found) else {}


def settle(objectives: Sequence[Objective], data: Mapping[str, Any], file: Path) -> None:
    """Have the objectives of a run that is resumed compute as it began.

    Args:
        objectives: of the run, its guards behind them.
        data: what its run.yaml holds.
        file: where that lies, for the message.

    Raises:
        RunDirectoryError: it was damaged or changed.
        IsptuneError: an objective cannot compute so here.
    """
    noted = data.get("settled")
    if noted is None:
        for objective in objectives:
            objective.settle(None)
        return
    fits = isinstance(noted, list) and len(noted) == len(objectives)
    if not fits or not all(isinstance(one, Mapping) for one in noted):
        raise RunDirectoryError(
            f"'{file}' was changed after the run was started: its settled is no list of mappings, one for "
            "each objective; put it back as it was"
        )
    for objective, one in zip(objectives, noted, strict=True):
        objective.settle(one)
