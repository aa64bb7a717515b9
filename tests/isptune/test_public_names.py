"""Public names that load lazily: each of the stubs' names is there, and an unknown one is refused."""

from __future__ import annotations

from importlib import import_module

import pytest

LAZY = ["isptune", "isptune.iqa.evaluation", "isptune.iqa.training", "isptune.scenes", "isptune.tracking"]


@pytest.mark.parametrize("name", LAZY)
def test_every_public_name_is_there(name: str) -> None:
    package = import_module(name)
    assert package.__all__ == sorted(package.__all__)
    for public in package.__all__:
        assert getattr(package, public) is not None
    with pytest.raises(AttributeError, match=f"^No {name} attribute unheard_of$"):
        _ = package.unheard_of
