"""What pyproject.toml says of the packages: all of them are shipped, checked by mypy, and typed for their users."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]


def test_every_package_is_shipped_checked_and_typed() -> None:
    found = [ROOT / "isptune", *(path.parent for path in ROOT.glob("*/isptune_*/__init__.py"))]
    assert len(found) > 10
    shipped = TOOLS["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(shipped) == sorted(str(path.relative_to(ROOT)) for path in found)
    assert sorted(TOOLS["mypy"]["packages"]) == sorted(path.name for path in found)
    assert [path.name for path in found if not (path / "py.typed").is_file()] == []
