"""The trial of rawpy that ``isptune doctor`` makes, with the installed rawpy and with broken ones."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from isptune.doctor import canaries
from isptune.doctor.canaries import examine_canaries

rawpy = pytest.importorskip("rawpy")

REMEDY = "pip install -U 'rawpy>=0.24,!=0.28.0'"
# rawpy as far as the trial needs it.
FAKE = """
import os, time
import numpy as np
class DemosaicAlgorithm: LINEAR = 0
class ColorSpace: raw = 0
class imread:
    def __init__(self, file): pass
    def __enter__(self): return self
    def __exit__(self, *error): pass
    def postprocess(self, noise_thr, **others):
        picture = np.random.default_rng(0).normal(1200 / 4095 * 65535, 2000, (160, 160, 3))
        {deed}
        return picture.astype(np.uint16)
"""
CRASH = "os.abort() if noise_thr else None"
HANG = "time.sleep(60 if noise_thr else 0)"
BLACK = "picture = picture * (noise_thr == 0)"
UNTOUCHED = "pass"
RANDOM = "picture = picture.mean() + np.random.default_rng().normal(0, 100, (160, 160, 3)) if noise_thr else picture"


@pytest.fixture
def problem(tmp_path, monkeypatch):
    def of(deed=None, seconds=60.0):
        if deed is not None:
            (tmp_path / "rawpy.py").write_text(FAKE.format(deed=deed))
            monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        found = {one.pipeline: one for one in examine_canaries(seconds)}
        assert found["libraw"].packages == ("rawpy",)
        return found["libraw"].problem

    monkeypatch.setattr(canaries, "version_of", lambda name: "0.99")
    return of


def test_the_installed_rawpy_reduces_noise(problem):
    assert problem() is None


@pytest.mark.parametrize(
    ("deed", "seconds", "what"),
    [
        (CRASH, 60.0, "its trial was ended by SIGABRT"),
        # Starting alone takes longer on a busy machine: a hang is one all the same.
        (HANG, 1.0, "its trial took longer than 1 s"),
        (BLACK, 60.0, "a grey field comes out with another brightness"),
        (UNTOUCHED, 60.0, "noise_thr does not reduce noise"),
        (RANDOM, 60.0, "noise_thr gives another picture every time"),
        ("raise ValueError('no wavelets')", 60.0, "ValueError: no wavelets"),
    ],
)
def test_a_broken_rawpy_is_told_with_its_remedy(problem, deed, seconds, what):
    assert problem(deed, seconds) == f"rawpy 0.99 cannot be used: {what}; mend it with: {REMEDY}"


def test_the_remedy_is_what_the_extra_asks_for():
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    wanted = re.search(r"'(.*)'", REMEDY)
    assert project["optional-dependencies"]["raw"] == [wanted[1]]
