"""The optimizer ``preference`` keeps the contract, and a run of people takes it by itself."""

from __future__ import annotations

import numpy as np
import pytest

import isptune
from isptune.errors import ConfigurationError
from isptune.testing import OptimizerConformance
from isptune.tuning.settings import RunConfig, parse_config
from isptune_study.preference_optimizer import PreferenceOptimizer


class TestPreference(OptimizerConformance):
    name = "preference"
    # Its first pairs, four for each parameter, are random.
    search_generations = 44


def test_answers_count_and_losses_do_not_where_somebody_compares() -> None:
    first, second = (PreferenceOptimizer(2, seed=1) for _ in range(2))
    for number in range(12):
        batches = [one.propose() for one in (first, second)]
        np.testing.assert_array_equal(*batches)
        share = np.array([float(batches[0][0].sum() < batches[0][1].sum())])
        for one, sign in ((first, 1.0), (second, -1.0)):
            one.learn_comparisons(batches[0][None], share)
            one.learn(batches[0], sign * batches[0].sum(axis=1, keepdims=True) + number)
    assert first.propose().sum() < 2.0


def test_a_run_of_people_takes_it_and_its_budget() -> None:
    config = parse_config({"objective": "people"})
    assert (config.optimizer.name, config.budget) == ("preference", 300)
    assert parse_config({"objective": "people", "budget": 40}).budget == 40
    other = parse_config({"objective": {"name": "people", "options": {}}, "optimizer": "cma"})
    assert (other.optimizer.name, other.budget) == ("cma", 1500)
    assert RunConfig().optimizer.name == parse_config({"objective": "psnr"}).optimizer.name == "es"
    assert parse_config({"optimizer": "preference"}).budget == 300
    with pytest.raises(ConfigurationError, match="budget"):
        parse_config({"objective": "people", "budget": "many"})


def test_it_serves_other_objectives_by_the_order_of_their_scores() -> None:
    pipeline = isptune.create_pipeline("synthetic", scenes=["chart:64x48"], seed=1, stages=["darken"])
    result = isptune.tune(pipeline, "psnr", optimizer="preference", budget=24)
    assert result.l1_normalised is not None
    assert result.l1_normalised < 0.15
