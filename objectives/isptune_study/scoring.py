"""The scores of a study: opinions with intervals by scene, observers, agreement, and what to know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from isptune.errors import ConfigurationError
from isptune.wording.naming import listed
from isptune_study.agreement import Agreement, agreement
from isptune_study.answers import Answers
from isptune_study.designs import DESIGNS
from isptune_study.laws import law_of
from isptune_study.plates import PlatesRead
from isptune_study.scaling import Scale, fit
from isptune_study.screening import Screened, screen
from isptune_study.win_counts import WinCounts, all_the_same, count_wins, wins_by_observer

_UNEVEN = 2
"""An image of a round meets one other, of a circle two: so much meetings differ where an observer stopped."""


@dataclass(frozen=True, eq=False)
class SceneScores:
    """Opinions of the images of one scene.

    Attributes:
        scene: its name; empty where there is one alone.
        answers: to tests, of the observers who count.
        scale: fitted to them.
        wins: the MOS by win counts; None where these mean nothing.
        agreement: of the observers.
    """

    scene: str
    answers: Answers
    scale: Scale
    wins: WinCounts | None
    agreement: Agreement

    @property
    def images(self) -> tuple[str, ...]:
        return self.answers.images

    @property
    def opinions(self) -> np.ndarray:
        """(N,) MOS, or positions in JOD where there is none."""
        return self.scale.jod if self.wins is None else self.wins.mos


@dataclass(frozen=True, eq=False)
class StudyScores:
    """Everything that answers say.

    Attributes:
        answers: all of them.
        scenes: one at least.
        observers: how each one answered, also of those who were left out.
        left_out: names whose answers do not count, as the user asked.
        refusal: why there are no win counts; empty where there are.
        notes: sentences that a reader must know.
    """

    answers: Answers
    scenes: tuple[SceneScores, ...]
    observers: tuple[Screened, ...]
    left_out: tuple[str, ...]
    refusal: str
    notes: tuple[str, ...]

    def rows(self) -> list[dict[str, Any]]:
        """One mapping for each image, the best of each scene first."""
        found = []
        for one in self.scenes:
            meetings = wins_by_observer(one.answers)[1].sum(axis=0)
            widths = one.scale.half_widths * one.scale.law.jod
            for place in np.argsort(-one.scale.positions, kind="stable").tolist():
                row: dict[str, Any] = {"name": one.images[place], "scene": one.scene}
                if one.wins is not None:
                    row["mos"] = float(one.wins.mos[place])
                    row["mos_half_width"] = float(one.wins.half_widths[place])
                    row["std"] = float(one.wins.deviations[place])
                row["jod"] = float(one.scale.jod[place])
                row["jod_half_width"] = float(widths[place])
                row["comparisons"] = int(meetings[place])
                row["part"] = int(one.scale.parts[place])
                found.append(row)
        return found


def score_study(
    answers: Answers,
    *,
    design: str | None = None,
    law: str = "thurstone",
    intervals: str = "sandwich",
    without: Sequence[str] = (),
    without_flagged: bool = False,
    seed: int = 0,
    plates: Mapping[str, PlatesRead] | None = None,
) -> StudyScores:
    """Score the images of a study.

    Args:
        answers: all of them.
        design: by which the pairs were chosen; found out from the answers if None.
        law: ``"thurstone"`` or ``"bradley-terry"``.
        intervals: ``"sandwich"`` or ``"bootstrap"``, see ``isptune_study.fit``.
        without: observers whose answers do not count.
        without_flagged: nor do those of observers whom the screening flags.
        seed: of the bootstrap and of the halves.
        plates: by observer how the colour plates were read; what is said of them leaves nobody out.

    Raises:
        ConfigurationError: there is no answer that counts, or an observer or a setting that there is not.
    """
    chosen = law_of(law)
    read = plates or {}
    observers = tuple(replace(one, plates=read.get(one.name)) for one in screen(answers))
    left_out = [*without]
    if without_flagged:
        left_out += [one.name for one in observers if one.flagged and one.name not in left_out]
    counted = (answers.without(left_out) if left_out else answers).tests()
    if not len(counted):
        raise ConfigurationError("there is no answer to score: every observer is left out, or none answered")
    refusal = _refusal(counted, design)
    scenes = []
    for name in dict.fromkeys(answers.scenes or ("",)):
        own = counted.of_scene(name) if answers.scenes else counted
        scale = fit(own, chosen, intervals=intervals, seed=seed)
        wins = None if refusal else count_wins(own, scale)
        scenes.append(SceneScores(name, own, scale, wins, agreement(own, win_counts=not refusal, seed=seed)))
    notes = _notes(scenes, observers, left_out, refusal)
    return StudyScores(answers, tuple(scenes), observers, tuple(left_out), refusal, notes)


def _refusal(answers: Answers, design: str | None) -> str:
    """Why wins cannot be counted."""
    if design is not None:
        if DESIGNS[design].counts_mean_something:
            return ""
        return (
            f"no win counts: the design '{design}' chose pairs by what they tell, so that good images met "
            "good ones and an image's wins say little about it; read the scale instead"
        )
    met = wins_by_observer(answers)[1]
    met = met[met.sum(axis=1) > 0]
    uneven = met.max(axis=1) - met.min(axis=1) > _UNEVEN
    if 2 * uneven.sum() <= len(met):
        return ""
    return (
        "no win counts: most observers met images unequally often, as where pairs follow from earlier "
        "answers or observers stop; read the scale instead"
    )


def _notes(
    scenes: Sequence[SceneScores], observers: Sequence[Screened], left_out: Sequence[str], refusal: str
) -> tuple[str, ...]:
    notes = [refusal] if refusal else []
    for one in scenes:
        where = f" of the scene '{one.scene}'" if one.scene else ""
        if not one.scale.is_connected:
            parts = int(one.scale.parts.max()) + 1
            notes.append(
                f"the comparisons{where} fall into {parts} parts: how far images of different ones are apart "
                "follows from the prior alone"
            )
        if one.scale.observers < 2:
            notes.append(f"the answers{where} are of one observer: there are no intervals")
        if one.wins is not None and all_the_same(one.answers):
            notes.append(
                f"all observers compared the same pairs{where}: the intervals of the MOS are wide, as other "
                "pairs would have given other counts; those of the scale are not"
            )
    if left_out:
        notes.append(f"left out: {listed(left_out)}")
    for screened in observers:
        for remark in screened.plates.remarks if screened.plates else ():
            notes.append(f"{screened.name}: {remark}; counted all the same")
    flagged = [one.name for one in observers if one.flagged and one.name not in left_out]
    if flagged:
        notes.append(
            f"flagged, and counted all the same: {listed(flagged)}; see the reasons, and leave them out with "
            "--without NAME or --without-flagged"
        )
    return tuple(notes)
