"""What is asked of a plugin before it is made: the sentences about packages that are not installed."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from isptune.benchmark.engines import make_engine
from isptune.errors import MissingPackageError
from isptune.plugins import missing_packages, require_packages

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize(
    ("packages", "install"),
    [
        (["no_such_one"], None),
        (["no_such_one", "sys", "no_such_two"], None),
        (["no_such_one", "no_such_two"], "'isptune[gadgets]'"),
    ],
    ids=str,
)
def test_missing_packages_are_named_with_the_command(packages, install, snapshot):
    with pytest.raises(MissingPackageError) as caught:
        require_packages("the gadget", packages, install)
    assert str(caught.value) == snapshot


def test_installed_packages_are_not_loaded():
    assert missing_packages(["wsgiref", "no_such_one"]) == ["no_such_one"]
    require_packages("the gadget", ["wsgiref"])
    assert "wsgiref" not in sys.modules


def test_ray_is_an_extra(monkeypatch, snapshot):
    known = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda one: None if one == "ray" else known(one))
    with pytest.raises(MissingPackageError) as caught:
        make_engine("ray", 1)
    assert str(caught.value) == snapshot
