"""Whether what was found for one condition is better there than the common setting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isptune.conditions.groups import Group
from isptune.conditions.table import COMMON, OWN, TableEntry
from isptune.contracts.pipeline import Pipeline
from isptune.parameters import ParameterSpace
from isptune.tuning.session import Session

Numbers = NDArray[np.float64]


def judged_entry(
    session: Session,
    space: ParameterSpace,
    group: Group,
    common: Mapping[str, Any],
    found: Mapping[str, Any],
) -> TableEntry:
    """The entry of a condition: what was found, or the common setting where that is better.

    Args:
        session: of the condition's run.
        space: of the run over all scenes, with the factory's defaults.
        group: the condition and its pictures.
        common: the common setting.
        found: the best of the condition's run.
    """
    unit = space.to_unit(space.from_dicts([{}, common, found])).numpy()
    tuned = _means(session, session.pipeline, space, unit)
    held = None if session.held_out is None else _means(session, session.held_out, space, unit)
    sides = [(held, "held-out"), (tuned, "tuned")]
    higher = bool(session.scoring.orientations[0])
    why = next(filter(None, (_worse(one, higher, side) for one, side in sides if one is not None)), "")
    return TableEntry(
        group.condition,
        group.folder,
        dict(common if why else found),
        COMMON if why else OWN,
        why,
        len(group.tuned),
        _named(tuned),
        None if held is None else _named(held),
    )


def _worse(scores: Numbers, higher: bool, side: str) -> str:
    """Why what was found is not taken; empty where it is at least as good."""
    _, common, own = scores.tolist()
    if not np.isfinite(own):
        return f"its own fails on a {side} scene"
    if np.isfinite(common) and (own < common if higher else own > common):
        return f"its own is worse on the {side} scenes ({own:.4g} against {common:.4g})"
    return ""


def _named(scores: Numbers) -> dict[str, float | None]:
    found = [float(one) if np.isfinite(one) else None for one in scores]
    return dict(zip(("start", COMMON, OWN), found, strict=True))


def _means(session: Session, pipeline: Pipeline, space: ParameterSpace, unit: Numbers) -> Numbers:
    """(3,) mean scores over the pipeline's scenes; NaN for what fails on one."""
    with session.evaluator(pipeline, space) as evaluator:
        found: Numbers = evaluator.by_scene(unit)[:, :, 0].mean(axis=0)
    return found
