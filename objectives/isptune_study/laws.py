"""How probable it is that one image is preferred to another, by their distance on a scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit as _expit
from scipy.special import log_expit, log_ndtr, ndtr

from isptune.errors import UnknownNameError
from isptune.wording.naming import did_you_mean

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Law:
    """A law of comparative judgement.

    Attributes:
        name: of it.
        unit: of its scale, in words.
        prior: the standard deviation of the normal prior of a position, in its unit. It keeps what always
            wins at a finite distance (K. Tsukida and M. R. Gupta, "How to analyze paired comparison data",
            University of Washington, UWEETR-2011-0004). Both laws have the same one in other units.
        jod: just objectionable differences in a unit: at 1 JOD three of four prefer the better image.
        probability: that the first is preferred, by how far it is above the second.
        log: the logarithm of the probability.
        slope: of that logarithm.
        bend: minus the second derivative of that logarithm, from the distance and the slope.
    """

    name: str
    unit: str
    prior: float
    jod: float
    probability: Callable[[Numbers], Numbers]
    log: Callable[[Numbers], Numbers]
    slope: Callable[[Numbers], Numbers]
    bend: Callable[[Numbers, Numbers], Numbers]


def hazard(apart: Numbers) -> Numbers:
    """The slope of ``log Phi``."""
    slope: Numbers = np.exp(-(apart**2) / 2 - log_ndtr(apart)) / np.sqrt(2 * np.pi)
    return slope


THURSTONE = Law(
    name="thurstone",
    unit="standard deviations of a difference",
    prior=3.0,
    jod=1 / 0.6744897501960817,
    probability=ndtr,
    log=log_ndtr,
    slope=hazard,
    bend=lambda apart, slope: slope * (slope + apart),
)
"""``Phi(a - b)``: L. L. Thurstone, "A law of comparative judgment", Psychological Review 34, 1927, case V."""

BRADLEY_TERRY = Law(
    name="bradley-terry",
    unit="logits",
    # Three standard deviations of a difference, by the JOD of both laws.
    prior=3.0 * float(np.log(3)) / 0.6744897501960817,
    jod=1 / float(np.log(3)),
    probability=_expit,
    log=log_expit,
    slope=lambda apart: _expit(-apart),
    bend=lambda apart, slope: slope * (1 - slope),
)
"""``1 / (1 + exp(b - a))``: R. A. Bradley and M. E. Terry, "Rank analysis of incomplete blocks", 1952."""

LAWS = {law.name: law for law in (THURSTONE, BRADLEY_TERRY)}


def law_of(name: str) -> Law:
    """The law of that name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in LAWS:
        raise UnknownNameError(
            f"there is no law '{name}'{did_you_mean(name, LAWS)}; allowed: {', '.join(LAWS)}"
        )
    return LAWS[name]
