"""Scenes that only judge: what was found on them, and whether the gain carries over to them.

A run tunes on some scenes and judges on others, which the optimizer is never told of. The *gain* of a scene
is how much better what was found scores there than the start (the factory defaults, or the middle where none
are declared). With G and H the mean gains of the tuned and the held-out scenes, and SE the standard error of
H over its scenes (0 for one scene), the gain **does not carry over** where G is above 0 and

- H is not above 0,
- or H + SE is below half of G,
- or more than half of the held-out scenes lost, and at most half of the tuned ones,
- or what was found fails on a held-out scene.

G is too high by the nature of a search, which takes what is best on the tuned scenes; half of it is what a
gain must keep to be called one. The standard error keeps the scatter among few scenes from being taken for
overfitting; ``benchmarks/holdout.py`` has the shares of false alarms and of misses.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from isptune.runs.directory import RESULT_NAME
from isptune.wording.naming import listed
from isptune.wording.showing import counted

SHARE = 0.5
"""What part of the gain on tuned scenes the held-out ones must have."""


@dataclass(frozen=True)
class JudgedScene:
    """One scene, with the start of the search and with what was found.

    Attributes:
        name: of the scene.
        start, found: scores by label; NaN where the candidate fails on it.
        psnr_start, psnr_found: PSNR to the scene's reference in dB; None where it has none.
    """

    name: str
    start: dict[str, float]
    found: dict[str, float]
    psnr_start: float | None = None
    psnr_found: float | None = None


@dataclass(frozen=True)
class Carried:
    """Whether the gain in one score carries over.

    Attributes:
        label: of the score.
        tuned, held_out: mean gains, positive where what was found is better, in the score's units.
        error: standard error of ``held_out``; None for a single scene.
        lost: held-out scenes on which what was found is worse than the start.
        of: held-out scenes.
        why: why the gain does not carry over; empty where it does, and where there is none.
    """

    label: str
    tuned: float
    held_out: float
    error: float | None
    lost: int
    of: int
    why: str = ""

    @property
    def shown(self) -> str:
        """Both gains in words."""
        error = "" if self.error is None else f" ± {self.error:.2g}"
        other = f"{self.held_out:+.4g}{error}"
        return f"{self.label} gains {self.tuned:+.4g} on the tuned scenes and {other} there"


def carried(label: str, higher: bool, tuned: Sequence[JudgedScene], held: Sequence[JudgedScene]) -> Carried:
    """Judge one score, see the module.

    Args:
        label: of the score.
        higher: whether higher is better.
        tuned, held: scenes on both sides, at least one each.
    """
    ours, theirs = _gains(label, higher, tuned), _gains(label, higher, held)
    failed = [scene.name for scene, gain in zip(held, theirs, strict=True) if math.isnan(gain)]
    done = theirs[np.isfinite(theirs)]
    gain, other = (float(np.mean(one)) if len(one) else 0.0 for one in (ours[np.isfinite(ours)], done))
    error = float(done.std(ddof=1) / math.sqrt(len(done))) if len(done) > 1 else None
    lost = int((done < 0).sum())
    why = ""
    if failed:
        why = f"what was found fails on {listed([repr(name) for name in failed])}"
    elif gain > 0:
        if other <= 0:
            why = "nothing is gained there"
        elif other + (error or 0.0) < SHARE * gain:
            why = f"that is {100 * other / gain:.0f} % of it"
        elif 2 * lost > len(theirs) and 2 * int((ours < 0).sum()) <= len(ours):
            why = f"{lost} of {counted(len(theirs), 'held-out scene')} lost"
    return Carried(label, gain, other, error, lost, len(theirs), why)


def _gains(label: str, higher: bool, scenes: Sequence[JudgedScene]) -> np.ndarray[Any, np.dtype[np.float64]]:
    sign = 1.0 if higher else -1.0
    return np.array([sign * (scene.found[label] - scene.start[label]) for scene in scenes])


@dataclass(frozen=True)
class HeldOut:
    """What the scenes say that only judge.

    Attributes:
        labels, orientations: (K,) of the scores.
        tuned, held_out: the scenes of both sides.
        way: candidates that were the best at their time, of one score: ``evaluation`` from 1, and the mean
            scores ``tuned`` and ``held_out``.
        evaluations: how long the log was.
    """

    labels: tuple[str, ...]
    orientations: tuple[bool, ...]
    tuned: list[JudgedScene]
    held_out: list[JudgedScene]
    way: list[dict[str, float]] = field(default_factory=list)
    evaluations: int = 0

    @property
    def gains(self) -> list[Carried]:
        """Whether the gain carries over, score by score."""
        return [
            carried(label, higher, self.tuned, self.held_out)
            for label, higher in zip(self.labels, self.orientations, strict=True)
        ]

    @property
    def carries_over(self) -> bool | None:
        """Whether every gain carries over; None where nothing was gained on the tuned scenes."""
        gains = self.gains
        if any(one.why for one in gains):
            return False
        return True if any(one.tuned > 0 for one in gains) else None

    @property
    def shows_psnr(self) -> bool:
        """Scenes have references, and their PSNR is none of the scores already."""
        scenes = [*self.tuned, *self.held_out]
        known = [one for one in scenes if one.psnr_found is not None]
        return bool(known) and not any(
            all(math.isclose(one.found[label], one.psnr_found or 0.0, rel_tol=1e-3) for one in known)
            for label in self.labels
        )

    @property
    def warning(self) -> str | None:
        """One sentence where a gain does not carry over."""
        bad = [one for one in self.gains if one.why]
        if not bad:
            return None
        told = listed([f"{one.shown} ({one.why})" for one in bad], len(bad))
        return (
            f"the gain does not carry over to the held-out scenes: {told}; tune on more scenes, or fix or "
            "narrow parameters"
        )

    @property
    def sentences(self) -> list[str]:
        """What a console and a report say."""
        if self.warning is not None:
            return [self.warning]
        found = []
        for one in self.gains:
            if one.tuned <= 0:
                found.append(f"{one.label} gained nothing on the tuned scenes, so nothing could carry over")
            else:
                lost = f"; {one.lost} of {one.of} lost" if one.lost else ""
                found.append(f"the gain carries over to the held-out scenes: {one.shown}{lost}")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as ``result.json`` holds it; scores that are missing are None."""
        return {
            "carries_over": self.carries_over,
            "warning": self.warning,
            "gains": [asdict(one) for one in self.gains],
            "tuned": [_plain(one) for one in self.tuned],
            "held_out": [_plain(one) for one in self.held_out],
            "way": self.way,
            "evaluations": self.evaluations,
        }


def _plain(scene: JudgedScene) -> dict[str, Any]:
    data = asdict(scene)
    for key in ("start", "found"):
        data[key] = {label: None if math.isnan(score) else score for label, score in data[key].items()}
    return {key: value for key, value in data.items() if value is not None}


def noted_holdout(
    path: Path, labels: Sequence[str], orientations: Sequence[bool], evaluations: int
) -> HeldOut | None:
    """What a run's result notes of its held-out scenes; None where it is of a log of another length."""
    try:
        data = json.loads((path / RESULT_NAME).read_text(encoding="utf-8"))["holdout"]
        if data["evaluations"] != evaluations:
            return None
        tuned, held = ([_scene(one, labels) for one in data[side]] for side in ("tuned", "held_out"))
        if not (tuned and held):
            return None
        return HeldOut(tuple(labels), tuple(orientations), tuned, held, list(data["way"]), evaluations)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _scene(data: Mapping[str, Any], labels: Sequence[str]) -> JudgedScene:
    def scores(key: str) -> dict[str, float]:
        return {label: math.nan if data[key][label] is None else float(data[key][label]) for label in labels}

    pictures = {key: float(data[key]) for key in ("psnr_start", "psnr_found") if key in data}
    return JudgedScene(str(data["name"]), scores("start"), scores("found"), **pictures)
