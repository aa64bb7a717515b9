"""What is known of pyiqa's metrics without importing it, and what a machine without pyiqa hears."""

from __future__ import annotations

import importlib.util
import json
import logging
import math
import socket
import subprocess
import sys
import urllib.error

import pytest

import isptune
from isptune.errors import ConfigurationError, IsptuneError, MissingPackageError, UnknownNameError
from isptune.plugins import registry
from isptune_pyiqa.catalogue import REFUSED, parse_range, read_catalogue
from isptune_pyiqa.failures import explained
from isptune_pyiqa.family import PyiqaFamily

installed = pytest.mark.skipif(
    importlib.util.find_spec("pyiqa") is None, reason="pyiqa, an optional extra, is not installed"
)


@pytest.fixture
def without_pyiqa(monkeypatch):
    """The same machine without pyiqa, and with families that have read nothing yet."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "pyiqa" else find(name, *rest)
    )
    registry.objectives.families()
    monkeypatch.setattr(registry.objectives._records["pyiqa"], "target", PyiqaFamily())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0, 1", (0.0, 1.0)),
        ("~0, ~1", (-math.inf, math.inf)),
        ("0, ~1", (0.0, math.inf)),
        ("0, ~", (0.0, math.inf)),
        ("~, 2", (-math.inf, 2.0)),
        ("-2, 2", (-2.0, 2.0)),
        ("quality: 0, 1; rank: 0, 2", (-math.inf, math.inf)),
        ("", (-math.inf, math.inf)),
        (None, (-math.inf, math.inf)),
    ],
)
def test_rough_ranges_become_numbers(text, expected):
    assert parse_range(text) == expected


@installed
def test_the_catalogue_knows_orientation_and_reference():
    metrics = read_catalogue()
    assert len(metrics) > 80
    facts = {
        name: (metrics[name].needs_reference, metrics[name].higher_is_better)
        for name in ("psnr", "lpips", "brisque", "musiq", "dmm")
    }
    assert facts == {
        "psnr": (True, True),
        "lpips": (True, False),
        "brisque": (False, False),
        "musiq": (False, True),
        # pyiqa's own table leaves out that this is a distance.
        "dmm": (True, False),
    }
    assert metrics["piqe"].score_range == (0.0, 100.0)
    assert set(metrics) >= set(REFUSED)


@installed
def test_listing_does_not_import_pyiqa():
    code = (
        "import json, sys, isptune\n"
        "from isptune.plugins import registry\n"
        "names = isptune.list_objectives('pyiqa:*')\n"
        "entries = {e.name: e for e in registry.objectives.entries('pyiqa:*')}\n"
        "e, r = entries['pyiqa:brisque'], entries['pyiqa:fid']\n"
        "print(json.dumps([len(names), 'pyiqa:fid' in names, e.summary, e.needs, e.differentiable, e.note,\n"
        "    r.available, r.note, [m for m in ('pyiqa', 'timm', 'transformers', 'kornia') if m in sys.modules]]))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, has_fid, summary, needs, differentiable, note, available, why, imported = json.loads(found.stdout)
    assert count > 80
    assert not has_fid
    assert summary == "pyiqa's brisque (no reference, lower is better)"
    assert needs == ["extra pyiqa", "weights downloaded by pyiqa when first used"]
    assert differentiable is False
    assert note == "licence: PolyForm Noncommercial"
    assert available is False
    assert why == "it compares two sets of images, not one image with another"
    assert imported == []


@installed
def test_needs_of_a_formula_with_reference():
    (entry,) = registry.objectives.entries("pyiqa:gmsd")
    assert entry.needs == ("extra pyiqa", "reference")
    assert entry.differentiable is True


@installed
@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused_metrics_say_why(name):
    with pytest.raises(UnknownNameError) as caught:
        isptune.create_objective(f"pyiqa:{name}")
    assert str(caught.value) == f"the objective 'pyiqa:{name}' is not offered: {REFUSED[name]}"


@installed
def test_a_misspelt_metric_gets_the_nearest():
    with pytest.raises(UnknownNameError) as caught:
        isptune.create_objective("pyiqa:brisqe")
    assert str(caught.value) == "there is no objective named 'pyiqa:brisqe'; did you mean 'pyiqa:brisque'?"


def test_without_pyiqa_there_are_no_names_but_a_clear_error(without_pyiqa, snapshot):
    assert isptune.list_objectives("pyiqa:*") == []
    with pytest.raises(MissingPackageError) as caught:
        isptune.create_objective("pyiqa:brisque")
    assert str(caught.value) == snapshot


def test_a_table_of_another_form_costs_a_warning_and_not_the_list(tmp_path, monkeypatch, caplog):
    package = tmp_path / "pyiqa"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    table = package / "default_model_configs.py"
    table.write_text("DEFAULT_CONFIGS = build()")
    spec = importlib.util.spec_from_file_location("pyiqa", package / "__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: spec)
    with pytest.raises(IsptuneError) as caught:
        read_catalogue()
    assert str(caught.value).startswith(f"the metrics of the installed pyiqa cannot be read from {table} (")
    assert str(caught.value).endswith(
        "; install a version that isptune knows: pip install 'pyiqa>=0.1.14,<0.2'"
    )
    with caplog.at_level(logging.WARNING, logger="isptune"):
        assert list(PyiqaFamily().names()) == []
    assert "cannot be read" in caplog.text
    # A plain dictionary is read as well as an ordered one.
    table.write_text(
        "DEFAULT_CONFIGS = {'x': {'metric_opts': {'type': 'X'}, 'metric_mode': 'NR', 'score_range': '0, 5'}}"
    )
    metric = read_catalogue()["x"]
    assert (metric.score_range, metric.is_batched, metric.is_differentiable) == ((0.0, 5.0), False, False)


def download(url, cached_file):
    """Fails as torch.hub does: the address and the file are known to the frame, not to the exception."""
    try:
        raise socket.gaierror(-2, "Name or service not known")
    except socket.gaierror as error:
        raise urllib.error.URLError(error) from error


def test_missing_weights_are_named_with_the_place_they_belong():
    try:
        download("https://example.org/weights.pth", "/cache/pyiqa/weights.pth")
    except urllib.error.URLError as error:
        found = explained("pyiqa:brisque", "brisque", {}, error)
    assert type(found) is IsptuneError
    assert str(found) == (
        "the objective 'pyiqa:brisque' needs the weights https://example.org/weights.pth, which are not on "
        "this machine and could not be downloaded (gaierror: [Errno -2] Name or service not known); fetch "
        "that file on another machine and save it here as /cache/pyiqa/weights.pth"
    )


def test_missing_weights_of_the_hub_are_named_with_the_repository():
    class LocalEntryNotFoundError(FileNotFoundError):
        pass

    def from_hub(repo_id):
        raise LocalEntryNotFoundError("nothing there")

    try:
        from_hub("timm/some-backbone")
    except LocalEntryNotFoundError as error:
        found = str(explained("pyiqa:maniqa", "maniqa", {}, error, reachable=False))
    assert found.startswith(
        "the objective 'pyiqa:maniqa' needs the weights of 'timm/some-backbone' from the Hugging Face hub, "
        "which are not on this machine and could not be downloaded (no connection to the hub); "
        "run \"pyiqa.create_metric('maniqa')\" in Python on a machine with a connection and copy its folders "
    )


def test_other_failures_are_one_sentence():
    missing = explained("pyiqa:clipiqa", "clipiqa", {}, ModuleNotFoundError("no", name="pkg_resources"))
    assert isinstance(missing, MissingPackageError)
    assert str(missing) == (
        "the objective 'pyiqa:clipiqa' needs the package pkg_resources, which pyiqa uses and which is not "
        "installed; install it with: pip install 'setuptools<81'"
    )
    wrong = TypeError("SSIM.__init__() got an unexpected keyword argument 'chanels'")
    refused = explained("pyiqa:ssim", "ssim", {"chanels": 1}, wrong)
    assert isinstance(refused, ConfigurationError)
    assert str(refused) == (
        "metric_options of 'pyiqa:ssim' are refused by pyiqa: TypeError: SSIM.__init__() got an unexpected "
        "keyword argument 'chanels'"
    )
    other = explained("pyiqa:x", "x", {}, ValueError("a\nb"))
    assert str(other) == "the objective 'pyiqa:x' cannot be created: ValueError: a b"
