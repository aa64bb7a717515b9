"""Memory and packaging facts: what the records take, and what a plugin of 0.1 is told."""

from __future__ import annotations

import re

import pytest
import torch
from syrupy.assertion import SnapshotAssertion

import isptune
from isptune.contracts.requirements import Download, Memory, Packaging
from isptune.errors import ConfigurationError
from isptune.iqa.training import Learner
from isptune.plugins.entries import Family
from isptune.plugins.registry import Registry
from isptune.testing.checks import check_requirements


def test_what_gradients_take_is_stated_or_the_usual_multiple() -> None:
    memory = Memory(images=2.0, bytes=10.0, bytes_with_gradients=70.0)
    assert memory.images_at_peak(gradients=False, usual=3) == 2.0
    assert memory.images_at_peak(gradients=True, usual=3) == 6.0
    assert Memory(images=2.0, images_with_gradients=9.0).images_at_peak(gradients=True, usual=3) == 9.0
    assert [memory.bytes_at_peak(gradients) for gradients in (False, True)] == [10.0, 70.0]


@pytest.mark.parametrize(
    "made",
    [
        lambda: Memory(images=-1),
        lambda: Memory(images_with_gradients=float("inf")),
        lambda: Memory(bytes=-1),
        lambda: Memory(images="3"),
        lambda: Packaging(requires=("a", 2)),
        lambda: Packaging(requires="cma"),
        lambda: Packaging(downloads=("a/b",)),
        lambda: Packaging(extra=("lmm",)),
        lambda: Download("a/b", 0, "MIT"),
    ],
)  # fmt: skip
def test_a_malformed_record_is_refused(made, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigurationError) as caught:
        made()
    assert str(caught.value) == snapshot


@pytest.mark.parametrize(
    "base", [isptune.Objective, isptune.Pipeline, isptune.Stage, isptune.Optimizer, Learner, Family]
)
@pytest.mark.parametrize(
    "facts",
    [
        {"extra": "x"},
        {"working_images": 3},
        {"working_images": 1.2, "recorded_images": 9.0, "requires": ["a"], "weights": "of CLIP"},
        {"memory": 3},
        {"packaging": "x"},
    ], ids=str,
)  # fmt: skip
def test_a_plugin_of_isptune_0_1_is_told_what_to_write(base, facts, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigurationError) as caught:
        type("Mine", (base,), facts)
    assert str(caught.value) == snapshot


def test_attributes_of_a_plugins_own_are_left_alone() -> None:
    class Mine(isptune.Objective):
        weights = torch.ones(3)

        def requires(self) -> None: ...

        def score(self, images, reference=None):
            return images.mean((1, 2, 3))

    check_requirements(Mine())


def test_a_factory_of_isptune_0_1_is_told_where_it_is_registered() -> None:
    def factory(size: int = 1) -> None: ...

    factory.requires = ("a",)  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match=r"^'factory' sets requires, .* write packaging = "):
        Registry("gadget", "isptune.tests.none").register("mine")(factory)


def test_an_object_that_sets_memory_facts_of_0_1_is_refused_where_it_is_made() -> None:
    class Mine:
        def __init__(self) -> None:
            self.working_images = 11.0

    registry = Registry("gadget", "isptune.tests.none")
    registry.register("mine")(Mine)
    message = (
        "an object of 'Mine' sets working_images, which isptune 0.2 reads from a record; "
        "write self.memory = isptune.Memory(images=11.0)"
    )
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}$"):
        registry.create("mine")
