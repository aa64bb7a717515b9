"""``isptune raw`` and raw files on the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from isptune.cli import main
from isptune.scenes import chart, read_image, write_image
from isptune_raw import read_raw

pytest.importorskip("rawpy")


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A simulated raw file with its reference, in the working folder."""
    monkeypatch.chdir(tmp_path)
    write_image("photo.png", chart(96, 64, 0))
    assert run("raw", "simulate", "photo.png", "--iso", "1600", "--camera", "dslr", "--out", "night.dng") == 0
    return tmp_path / "night.dng"


def test_simulate_writes_the_raw_file_and_its_reference(
    night: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    settings = ["--iso", "1600", "--camera", "dslr"]
    assert run("raw", "simulate", "photo.png", *settings, "--out", "night.dng") == 0
    assert capsys.readouterr().out == ("wrote night.dng (96x64, dslr, ISO 1600)\nwrote night.reference.png\n")
    assert np.array_equal(read_image("night.reference.png"), read_image("photo.png"))
    assert read_raw(night).iso == 1600


def test_info_shows_what_a_raw_file_holds(night: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run("raw", "info", "night.dng", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["width"], found["height"], found["pattern"], found["iso"]) == (96, 64, "RGGB", 1600)
    assert (found["black"], found["white"], found["camera"]) == ([512] * 4, 16383, "isptune simulated dslr")
    assert run("raw", "info", "night.dng") == 0
    assert "colour matrix  0.6596, -0.2079, -0.0562" in capsys.readouterr().out


def test_info_takes_folders_and_globs(night: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for given in (".", "n*.dng"):
        capsys.readouterr()
        assert run("raw", "info", given, "--json") == 0
        assert json.loads(capsys.readouterr().out)["file"] == "night.dng"
    assert run("raw", "info", "nigth.dng", "chart") == 2
    told = capsys.readouterr().err
    assert "'nigth.dng': there is no such file; did you mean 'night.dng'?" in told
    assert "the raw file 'chart' does not exist or is no file" in told


def test_files_that_cannot_be_read_cost_the_others_nothing(
    night: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("broken.dng").write_bytes(b"II*\0")
    capsys.readouterr()
    assert run("raw", "info", "broken.dng", "night.dng", "missing.dng") == 2
    printed = capsys.readouterr()
    assert "isptune simulated dslr" in printed.out
    assert "the raw file 'broken.dng' cannot be read" in printed.err
    assert "'missing.dng': there is no such file" in printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "night.tif"], "--out is 'night.tif'; allowed: a name that ends in .dng"),
        (["--out", "x.dng", "--camera", "dlsr"], "the camera 'dlsr' is not known; did you mean 'dslr'"),
        (["--out", "x.dng", "--iso", "1"], "iso is 1.0; allowed: 50 to 102,400"),
        (["--out", "x.dng", "--pattern", "GRGB"], "the pattern is 'GRGB'; allowed: RGGB, GRBG, GBRG, BGGR"),
        (["--out", "x.dng", "--seed", "-1"], "--seed is -1; allowed: whole numbers of at least 0"),
    ],
)
def test_simulate_refuses_in_one_sentence(
    night: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run("raw", "simulate", "photo.png", *arguments) == 2
    assert message in capsys.readouterr().err


def test_a_raw_file_is_tuned_from_the_command_line(night: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    settings = ["--objective", "psnr", "--optimizer", "random", "--population", "4", "--budget", "8"]
    assert run("tune", "night.dng", "--pipeline", "raw", *settings, "--out", "tuned", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["best_score"] > 15
    assert run("resume", "tuned") == 0
    assert run("render", "night.dng", "--run", "tuned", "--out", "best.png") == 0
    assert read_image("best.png").shape == (3, 64, 96)
    assert run("report", "tuned") == 0


def test_another_reference_is_named(night: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_image("small.png", chart(64, 48, 0))
    settings = ["--pipeline", "raw", "--objective", "psnr", "--reference", "small.png"]
    assert run("tune", "night.dng", *settings) == 2
    assert "the reference of 'night.dng' has 64x48 pixels" in capsys.readouterr().err
    assert run("tune", "night.dng", *settings, "--pipeline-option", "reference=a") == 2
    assert "--reference and --pipeline-option reference say the same" in capsys.readouterr().err


def test_a_pipeline_for_pictures_refuses_a_raw_file(night: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tune", "night.dng", "--objective", "psnr", "--budget", "30") == 2
    assert capsys.readouterr().err.endswith(
        "night.dng' is a camera's raw file; choose a pipeline that takes raw files (command, darktable, libraw, "
        "raw, rawtherapee), or develop it to PNG or TIFF first\n"
    )


def test_a_folder_or_glob_of_raw_files_is_searched_for_these(
    night: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["--pipeline", "raw", "--objective", "sharpness", "--optimizer", "random"]
    budget = ["--population", "2", "--budget", "2"]
    assert run("tune", ".", *settings, *budget, "--out", "one") == 0
    assert run("tune", "*.dng", *settings, *budget, "--out", "two") == 0
    Path("empty").mkdir()
    capsys.readouterr()
    assert run("tune", "empty", *settings, *budget) == 2
    assert capsys.readouterr().err.endswith("empty' holds no raw file\n")


TUNE = ("tune", "night.dng", "--objective", "psnr", "--budget", "10", "--population", "10", "--pipeline")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("raw", "info", "night.dng"), "raw files need the package rawpy; install it with"),
        (("list", "parameters", "libraw"), "the pipeline 'libraw' needs the package rawpy, "),
        ((*TUNE, "libraw"), "the pipeline 'libraw' needs the package rawpy, "),
        ((*TUNE, "raw"), "the pipeline 'raw' needs the package rawpy, "),
    ],
)
def test_without_rawpy_they_say_what_to_install(
    arguments: tuple[str, ...],
    said: str,
    night: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    capsys.readouterr()
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"isptune: error: {said}")
    assert error.endswith(" pip install 'isptune[raw]'\n")
    assert error.count("\n") == 1
