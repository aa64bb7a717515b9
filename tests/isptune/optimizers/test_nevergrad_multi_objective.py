"""Nevergrad's optimizers with several losses: conformance of a few and what the survey says."""

from __future__ import annotations

import numpy as np
import pytest

from isptune.errors import ConfigurationError
from isptune.optimizers.nevergrad import method_class, multi_objective_survey, survey
from isptune.plugins.api import create_optimizer
from isptune.testing import MultiObjectiveConformance
from isptune.testing.multi_objective import distances, follow
from isptune.tuning.proposing import Proposer


class TestDE(MultiObjectiveConformance):
    name = "nevergrad:DE"
    dimensions = (1, 5)
    generations = 4


def test_the_survey_agrees_with_the_conformance_survey():
    several, single = multi_objective_survey(), survey()
    assert several["nevergrad"] == single["nevergrad"]
    assert {*several["offered"], *several["refused"]} <= set(single["offered"])
    assert not set(several["offered"]) & set(several["refused"])
    assert {"DE", "DiagonalCMA", "PSO", "ES", "NGOpt"} <= set(several["offered"])


def test_a_name_that_did_not_pass_takes_one_loss(snapshot):
    assert not method_class("MixES").is_multi_objective
    proposer = Proposer(create_optimizer("nevergrad:MixES", space=2, population=4))
    candidates = proposer.ask()
    with pytest.raises(ConfigurationError) as caught:
        proposer.tell(candidates, distances(candidates))
    assert str(caught.value) == snapshot


def test_the_search_moves_to_the_front():
    """The front of two squared distances is the line between the two points."""
    optimizer = create_optimizer("nevergrad:DE", space=5, seed=0, budget=1500)
    log = follow(optimizer, distances, 50)

    def off(losses):
        # For a point on the line the roots of the two losses add up to the distance of the points.
        return np.median(np.sqrt(losses).sum(axis=1))

    first, last = off(log[0][1]), off(log[-1][1])
    assert last < 0.75 * first
