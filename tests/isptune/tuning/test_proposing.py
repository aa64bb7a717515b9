"""How the loop drives an optimizer: what it proposes and what it is told are checked in one place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

import isptune
from isptune.contracts.free_space import FreeSpace
from isptune.contracts.optimizer import Optimizer
from isptune.errors import ConfigurationError, IsptuneError
from isptune.testing.optimizer_subject import run, sphere, stepped
from isptune.tuning.proposing import Proposer


class Fixed(Optimizer):
    """Proposes what it is given."""

    batch: Any = None

    def propose(self) -> Any:
        return self.batch

    def learn(self, candidates: Any, losses: Any, gradients: Any = None) -> None:
        self.learnt = candidates, losses, gradients
        candidates[:], losses[:] = 7.0, 7.0


class Follows(Fixed):
    needs_gradient = True


class Several(Fixed):
    is_multi_objective = True


def proposer(batch: Any = None, kind: type[Fixed] = Fixed) -> Proposer:
    optimizer = kind(FreeSpace(("gain", "blur"), ("float", "float"), (0, 0)), population=3)
    optimizer.batch = np.full((3, 2), 0.5) if batch is None else batch
    return Proposer(optimizer)


@pytest.mark.parametrize(
    "batch",
    [
        [[0.5, 0.5]] * 3,
        np.zeros((2, 2)),
        np.zeros(6),
        np.zeros((3, 2), np.float32),
        np.zeros((3, 2), np.int64),
        np.array([[0, 1], [0.5, np.nan], [2, 2]]),
        np.array([[0, 1], [0.5, 0.5], [1.25, 2]]),
        np.array([[0, 1], [0.5, 0.5], [-1e-9, 2]]),
    ],
)
def test_a_batch_that_cannot_be_names_the_optimizer(batch: Any, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(IsptuneError) as caught:
        proposer(batch).ask()
    assert str(caught.value) == snapshot


def test_a_run_is_refused_with_the_same_sentence(flat: Any, target: Any) -> None:
    class Outside(Optimizer):
        def propose(self) -> Any:
            return np.full((self.population, self.dimension), 1.5)

        def learn(self, candidates: Any, losses: Any, gradients: Any = None) -> None:
            return

    isptune.register_optimizer("outside", replace=True)(Outside)
    with pytest.raises(IsptuneError) as caught:
        isptune.tune(flat(), target(), optimizer="outside", budget=4, population=2)
    assert (
        str(caught.value) == "the optimizer 'outside' proposed 1.5 for 'a' of candidate 0; expected: 0 to 1"
    )


@pytest.mark.parametrize(
    ("kind", "candidates", "losses"),
    [
        (Fixed, (3, 2), (3,)),
        (Fixed, (3, 2), (3, 2)),
        (Fixed, (3, 1), (3, 1)),
        (Fixed, (2, 2), (2, 1)),
        (Several, (3, 2), (3,)),
        (Several, (3, 2), (3, 0)),
    ],
)
def test_losses_of_other_shapes_are_refused(
    kind: type[Fixed], candidates: tuple[int, ...], losses: tuple[int, ...], snapshot: SnapshotAssertion
) -> None:
    one = proposer(kind=kind)
    one.ask()
    with pytest.raises(ConfigurationError) as caught:
        one.tell(np.full(candidates, 0.5), np.zeros(losses))
    assert str(caught.value) == snapshot
    # It goes on as if nothing had been told.
    one.tell(np.full((3, 2), 0.5), np.zeros((3, 1)))


def test_a_loss_that_is_nan_is_refused() -> None:
    one = proposer()
    with pytest.raises(ConfigurationError) as caught:
        one.tell(one.ask(), [[0.0], [np.inf], [np.nan]])
    assert str(caught.value) == "a loss is NaN; a candidate that failed has the loss +inf"


@pytest.mark.parametrize(
    "gradients",
    [
        None,
        np.zeros((2, 3)),
    ],
)
def test_missing_and_misshapen_gradients_are_refused(gradients: Any, snapshot: SnapshotAssertion) -> None:
    one = proposer(kind=Follows)
    with pytest.raises(ConfigurationError) as caught:
        one.tell(one.ask(), np.zeros((3, 1)), gradients)
    assert str(caught.value) == snapshot


def test_ask_and_tell_alternate_on_the_same_candidates() -> None:
    one, losses = proposer(), np.zeros((3, 1))
    with pytest.raises(ConfigurationError) as caught:
        one.tell(np.full((3, 2), 0.5), losses)
    assert str(caught.value) == "the optimizer 'Fixed' was told losses before it was asked for candidates"
    candidates = one.ask()
    with pytest.raises(ConfigurationError) as caught:
        one.ask()
    assert str(caught.value) == (
        "the optimizer 'Fixed' was asked twice; tell it the losses of the first batch before"
    )
    with pytest.raises(ConfigurationError) as caught:
        one.tell(candidates + 1e-3, losses)
    assert str(caught.value) == (
        "the optimizer 'Fixed' was told other candidates than the ones it was asked for"
    )
    one.tell(candidates, losses)
    one.ask()


def test_the_number_of_losses_stays(snapshot: SnapshotAssertion) -> None:
    one = proposer(kind=Several)
    one.tell(one.ask(), np.zeros((3, 2)))
    candidates = one.ask()
    with pytest.raises(ConfigurationError) as caught:
        one.tell(candidates, np.zeros((3, 3)))
    assert str(caught.value) == snapshot
    one.tell(candidates, np.zeros((3, 2)))


def test_nobody_shares_an_array_with_another() -> None:
    one = proposer(kind=Follows)
    optimizer: Any = one.optimizer
    candidates, losses, gradients = one.ask(), np.ones((3, 1)), np.ones((3, 2))
    assert not np.shares_memory(candidates, optimizer.batch)
    kept = candidates.copy()
    one.tell(candidates, losses, gradients)
    # The optimizer wrote over what it was given.
    assert np.array_equal(candidates, kept)
    assert losses.max() == 1.0
    assert not any(
        np.shares_memory(mine, its)
        for mine, its in zip((candidates, losses, gradients), optimizer.learnt, strict=True)
    )


@pytest.mark.parametrize(
    "starts",
    [
        [0.5, 0.5],
        [[0.5]],
        [[0.5, 0.5], [0.5, 1.5]],
        [[np.nan, 0.5]],
        [["a", "b"]],
    ],
)
def test_starts_that_cannot_be_are_refused(starts: Any, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Fixed(2, starts=starts)
    assert str(caught.value) == snapshot


@pytest.mark.parametrize("name", ["es", "cma", "nsga2", "random"])
def test_no_values_are_asked_for_twice(name: str) -> None:
    for counts in ((3, 4), (5, 0, 2), (0, 2), (40, 1000), (2,)):
        space = stepped(*counts)
        log = run(isptune.create_optimizer(name, space=space, population=8), sphere, 6)
        keys = [key for batch, _, _ in log for key in space.identify(batch)]
        # 0 is a real number.
        there = math.prod(counts) if all(counts) else len(keys)
        assert len(set(keys)) == min(there, len(keys)), counts


def test_repeats_are_left_alone_where_the_class_does_not_say_otherwise() -> None:
    batch = np.full((3, 2), 0.5)
    optimizer = Fixed(stepped(3, 4), population=3)
    optimizer.batch = batch
    one = Proposer(optimizer)
    assert np.array_equal(one.ask(), batch)
    one.tell(batch, np.zeros((3, 1)))
    # An object may change it while it runs.
    optimizer.avoids_repeats = True
    assert len(set(optimizer.space.identify(one.ask()))) == 3
