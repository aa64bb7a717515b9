"""The pictures of photographs.py, which tests cannot import by name."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def photographs() -> ModuleType:
    """Functions that give photographs and spoil them."""
    spec = importlib.util.spec_from_file_location("photographs", Path(__file__).with_name("photographs.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
