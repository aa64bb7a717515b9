"""What tests of charts share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="session")
def colour() -> Any:
    """The package colour-science, which changes how NumPy prints for the whole process when it is imported."""
    with np.printoptions():
        return pytest.importorskip("colour")
