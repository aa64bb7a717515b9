"""The programs that pipelines run, found or with the command that brings them."""

from __future__ import annotations

import shutil

from isptune.doctor.programs import examine_programs


def test_programs_that_are_not_installed_say_how_to_get_them(monkeypatch):
    places = {"darktable-cli": "/usr/bin/darktable-cli"}
    monkeypatch.setattr(shutil, "which", places.get)
    found = {one.program: (one.pipeline, one.path, one.install) for one in examine_programs()}
    assert found["darktable-cli"] == ("darktable", "/usr/bin/darktable-cli", None)
    assert found["rawtherapee-cli"] == ("rawtherapee", None, "apt-get install rawtherapee")
