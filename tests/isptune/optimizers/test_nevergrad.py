"""Nevergrad's optimizers: conformance of a few, the survey's names, isolation and error messages."""

from __future__ import annotations

import random
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isptune.errors import ConfigurationError, IsptuneError, UnknownNameError
from isptune.optimizers.nevergrad import FiniteLosses, NevergradFamily, method_class, survey
from isptune.plugins import registry
from isptune.plugins.api import create_optimizer, list_optimizers
from isptune.testing import OptimizerConformance
from isptune.testing.optimizer_subject import run, sphere


class TestDiagonalCMA(OptimizerConformance):
    name = "nevergrad:DiagonalCMA"
    dimensions = (1, 5)
    generations = 4
    search_generations = 12


class TestCMA(OptimizerConformance):
    name = "nevergrad:CMA"
    dimensions = (1, 5)
    populations = (None, 7)
    generations = 4
    search_generations = 12


class TestDE(OptimizerConformance):
    name = "nevergrad:DE"


class TestPSO(OptimizerConformance):
    name = "nevergrad:PSO"


class TestNGOpt(OptimizerConformance):
    """Its surrogate models take milliseconds a candidate, hence small batches."""

    name = "nevergrad:NGOpt"
    dimensions = (1, 5)
    populations = (7, 12)
    generations = 4
    search_generations = 8

    def make(self, space=5, population=None, seed=0, budget=None, starts=None):
        return create_optimizer(
            self.name, space=space, population=population or 10, seed=seed, budget=budget, starts=starts
        )


def test_the_survey_agrees_with_itself_and_with_the_registry():
    found = survey()
    offered, refused = found["offered"], found["refused"]
    assert len(set(offered)) == len(offered)
    assert not set(offered) & set(refused)
    assert {"CMA", "DiagonalCMA", "DE", "PSO", "NGOpt"} <= set(offered)
    assert len(offered) > 250
    assert all(reason and reason == reason.strip() and "\n" not in reason for reason in refused.values())
    assert list_optimizers("nevergrad:*") == registry.optimizers.names("nevergrad:*")
    assert set(list_optimizers("nevergrad:*")) == {f"nevergrad:{name}" for name in offered}
    entries = {entry.name: entry for entry in registry.optimizers.entries("nevergrad:*")}
    assert len(entries) == len(offered) + len(refused)
    assert entries["nevergrad:DE"].available
    assert not entries["nevergrad:Cobyla"].available
    assert entries["nevergrad:Cobyla"].note == refused["Cobyla"]


def test_the_survey_covers_every_name_of_the_installed_nevergrad():
    import nevergrad

    found = survey()
    if nevergrad.__version__ != found["nevergrad"]:
        pytest.skip(f"the survey is of nevergrad {found['nevergrad']}, installed is {nevergrad.__version__}")
    assert {*found["offered"], *found["refused"]} == set(nevergrad.optimizers.registry)


@pytest.mark.parametrize(
    "name",
    [
        "nevergrad:Cobyla",
        "nevergrad:DiagonalCMAA",
    ],
)
def test_refused_and_unknown_names(name, snapshot):
    with pytest.raises(UnknownNameError) as caught:
        create_optimizer(name, space=2)
    assert str(caught.value) == snapshot


def test_a_name_that_the_installed_version_lacks():
    import nevergrad

    with pytest.raises(ConfigurationError) as caught:
        method_class("DiagonalCMAx")(2)
    assert str(caught.value) == (
        f"the installed nevergrad {nevergrad.__version__} has no optimizer 'DiagonalCMAx', which "
        f"nevergrad {survey()['nevergrad']} has; did you mean 'DiagonalCMA'?"
    )


def test_an_error_of_nevergrad_names_the_method():
    optimizer = method_class("FCMA")(2)
    with pytest.raises(IsptuneError) as caught:
        optimizer.propose()
    assert str(caught.value) == (
        "nevergrad's optimizer 'FCMA' failed: ImportError: "
        "Please install fcmaes (pip install fcmaes) to use FCMA optimizers"
    )


def test_listing_imports_neither_nevergrad_nor_pandas():
    code = (
        "import sys, isptune; names = isptune.list_optimizers(); assert 'nevergrad:DE' in names;"
        "assert not {'nevergrad', 'pandas', 'torch', 'scipy'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_nevergrad_leaves_global_random_state_alone():
    code = (
        "import random, numpy; random.seed(1); numpy.random.seed(1);"
        "before = random.getstate(), numpy.random.get_state()[1].tolist();"
        "import isptune; isptune.create_optimizer('nevergrad:DiagonalCMA', space=3).propose();"
        "assert before == (random.getstate(), numpy.random.get_state()[1].tolist())"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_global_streams_are_put_back_when_nevergrad_raises():
    random.seed(3)
    np.random.seed(3)
    before = random.getstate(), np.random.get_state()[1].tolist()
    optimizer = method_class("FCMA")(2)
    with pytest.raises(IsptuneError):
        optimizer.propose()
    assert before == (random.getstate(), np.random.get_state()[1].tolist())


def test_failures_and_huge_losses_raise_no_warnings(capsys):
    optimizer = create_optimizer("nevergrad:DE", space=3, population=6, budget=60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for generation in range(6):
            candidates = optimizer.propose()
            losses = np.full(6, 1e300) * np.arange(6)
            losses[generation % 6] = np.inf
            optimizer.learn(candidates, losses[:, None])
    assert capsys.readouterr() == ("", "")


@given(st.lists(st.lists(st.floats(allow_nan=False), min_size=3, max_size=3), min_size=1, max_size=4))
def test_losses_are_told_in_order_finite_and_failures_last(batches):
    finite = FiniteLosses()
    highest = -np.inf
    for batch in batches:
        losses = np.array(batch)
        told = finite.finite(losses)
        assert np.isfinite(told).all()
        # Nevergrad cuts off at 5e20 with a warning.
        assert np.abs(told).max() < 5e20
        order = np.argsort(losses, kind="stable")
        assert (np.diff(told[order]) >= 0.0).all()
        highest = max([highest, *told[np.isfinite(losses)]])
        assert (told[np.isposinf(losses)] > highest).all()
        ordinary = np.abs(losses) <= 1e18
        assert np.array_equal(told[ordinary], losses[ordinary])


def test_one_parameter_does_not_change_nevergrad_for_the_others():
    """Nevergrad's CMA in one dimension would set a flag on the object that all of its CMA runs share."""
    before = run(create_optimizer("nevergrad:DiagonalCMA", space=4, seed=2, budget=120), sphere, 4)
    run(create_optimizer("nevergrad:DiagonalCMA", space=1, seed=2, budget=120), sphere, 4)
    after = run(create_optimizer("nevergrad:DiagonalCMA", space=4, seed=2, budget=120), sphere, 4)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(before, after, strict=True))


def test_the_family_describes_itself_without_nevergrad():
    entry = NevergradFamily().entry("DE")
    assert entry.summary == "Nevergrad's DE, in whole batches"
