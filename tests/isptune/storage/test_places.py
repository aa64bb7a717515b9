"""Options that mean the same from another folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from isptune.storage.places import absolute_file, settled


def test_files_of_options_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scripts").mkdir()
    for name in ("grey.png", "scripts/isp", "fast"):
        (tmp_path / name).write_text("")
    options = {
        "reference": ["grey.png", "none.png"],
        "argv": ["python", "scripts/isp", "{input}", "fast", 3],
        "parameter_file": {"template": "grey.png"},
        "title": "grey.png",
        "target": None,
    }
    assert settled(options) == {
        "reference": [str(tmp_path / "grey.png"), "none.png"],
        "argv": ["python", str(tmp_path / "scripts/isp"), "{input}", "fast", 3],
        "parameter_file": {"template": str(tmp_path / "grey.png")},
        "title": "grey.png",
        "target": None,
    }
    # A word is no file, whatever lies here.
    assert absolute_file("fast") == "fast"
    assert absolute_file("./fast") == str(tmp_path / "fast")
