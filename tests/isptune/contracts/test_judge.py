"""What a judge and its rounds are: identities, notes, and the refusal of pictures by themselves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from syrupy.assertion import SnapshotAssertion

import isptune
from isptune.contracts.round import Contender, JudgedScene, Round, identity_of
from isptune.errors import ConfigurationError, EvaluationError


class Taste(isptune.Judge):
    """All the same."""

    def judge(self, round: Round) -> list[float]:
        return [0.0 for _ in round.contenders]


def test_identities_follow_from_the_values_alone() -> None:
    first = identity_of({"a": 0.1, "b": "median", "c": 3, "d": True})
    assert first == identity_of({"d": True, "c": 3, "b": "median", "a": 0.1})
    assert first != identity_of({"a": math.nextafter(0.1, 1), "b": "median", "c": 3, "d": True})
    assert identity_of({"a": -0.0}) == identity_of({"a": 0.0})
    # What runs on other machines and in later versions have noted must still be found.
    assert identity_of({"gain": 1.5, "method": "median"}) == "766dbdde0a2f"


def test_a_contender_gives_its_pictures_by_scene() -> None:
    pictures = [torch.zeros(3, 2, 2), torch.ones(3, 2, 2)]
    one = Contender("a", {}, pictures)
    assert one.picture(1) is pictures[1]
    assert one.picture(JudgedScene(0, "grey", (2, 2))) is pictures[0]


def test_notes_are_kept_as_json_gives_them_back() -> None:
    kept: list[Any] = []
    Round(0, (), (), write=kept.append).note({"pair": ("a", "b"), "tie": False, "none": None, "share": 0.1})
    assert kept == [{"pair": ["a", "b"], "tie": False, "none": None, "share": 0.1}]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"share": math.nan}, "{'share': nan}"),
        ({"share": np.float32(1)}, "{'share': np.float32(1.0)}"),
        ([1, 2], "[1, 2]"),
        (None, "None"),
        ({"picture": torch.zeros(1)}, "{'picture': tensor([0.])}"),
    ],
)
def test_other_notes_are_refused(given: Any, words: str) -> None:
    with pytest.raises(EvaluationError) as refusal:
        Round(0, (), ()).note(given)
    assert str(refusal.value) == f"note got {words}; needed: a mapping of plain data that JSON can hold"


@pytest.mark.parametrize("method", ["score", "scores"])
def test_pictures_by_themselves_are_refused(method: str, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        getattr(Taste(), method)(torch.zeros(1, 3, 8, 8))
    assert str(refusal.value) == snapshot
