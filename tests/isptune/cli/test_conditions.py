"""``isptune tune --conditions`` on raw files, and what exports, reports and resumes its table."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from skimage import data as photographs

import isptune
from isptune.scenes import write_image
from isptune_raw import simulate, write_dng

Call = Callable[..., tuple[int, str, str]]
STAGES = (
    "[raw_white_balance, raw_demosaic, raw_colour, raw_encoding, {name: raw_guided_denoise, prefix: denoise}]"
)


@pytest.fixture
def raws() -> None:
    picture = (torch.from_numpy(photographs.astronaut()).permute(2, 0, 1) / 255)[
        :, 60:108, 180:244
    ].contiguous()
    for iso in (100, 6400):
        write_dng(Path(f"x-{iso}.dng"), simulate(picture, iso=iso, seed=iso))
        write_image(f"x-{iso}.reference.png", picture, bits=16)


def test_a_table_is_tuned_printed_exported_and_reported(call: Call, raws: None) -> None:
    tune = ("tune", "x-*.dng", "--pipeline", "raw", "--pipeline-option", f"stages={STAGES}")
    tune += ("--objective", "psnr", "--optimizer", "cma", "--population", "6", "--budget", "24")
    searched = ("--fix", "raw_*")
    wanted = ("--conditions", "iso", "--smooth", "0", "--share", "denoise.chroma", "--out", "table")
    code, out, err = call(*tune, *searched, *wanted)
    assert code == 0, err
    assert "all scenes, for the common setting: raw (2 scenes, 64x48), psnr, cma" in err
    assert "iso 6400: raw (1 scene, 64x48)" in err
    assert "│ denoise.chroma (shared) " in out
    assert "psnr under each condition" in out
    table = isptune.ParameterTable.read("table")
    # Nobody has said that noise grows with ISO.
    low, high = (entry.parameters["denoise.luma"] for entry in table.entries)
    assert high > 3 * low
    for entry in table.entries:
        assert entry.tuned["own"] >= entry.tuned["common"]  # type: ignore[operator]

    code, out, _ = call("export", "table", "--format", "csv")
    rows = list(csv.DictReader(out.splitlines()))
    assert [row["iso"] for row in rows] == ["100.0", "6400.0"]
    assert [float(row["denoise.luma"]) for row in rows] == [low, high]
    code, out, _ = call("export", "table", "--format", "yaml")
    assert [one["condition"] for one in yaml.safe_load(out)["entries"]] == [{"iso": 100}, {"iso": 6400}]
    code, out, _ = call("export", "table", "--format", "json", "--at", "iso=800")
    assert json.loads(out)["denoise"]["luma"] == pytest.approx((low * high) ** 0.5)
    code, out, _ = call("export", "table", "--format", "csv", "--at", "iso=100")
    assert float(next(csv.DictReader(out.splitlines()))["denoise.luma"]) == low
    Path("files").mkdir()
    code, out, _ = call("export", "table", "--format", "c-header", "--out", "files")
    assert out == "wrote files/iso-100.h\nwrote files/iso-6400.h\n"
    assert "DENOISE_LUMA" in Path("files/iso-6400.h").read_text()
    for arguments, sentence in (
        (
            ("table", "--format", "toml"),
            "which holds one setting, and 'table' holds a table; say which by --at",
        ),
        (("table", "--format", "json", "--at", "iso"), "--at is 'iso'; allowed: NAME=VALUE, such as iso=640"),
        (("table/common", "--format", "json", "--at", "iso=1"), "--at is for a table over conditions"),
    ):
        code, out, err = call("export", *arguments)
        assert (code, out) == (2, "")
        assert sentence in err

    code, out, _ = call("report", "table")
    assert (code, out) == (0, "wrote table/report.html\n")
    assert "denoise.luma over ISO" in Path("table/report.html").read_text()
    before = Path("table/table.json").read_text()
    Path("table/table.json").unlink()
    code, _, err = call("resume", "table", "--device", "tpu")
    assert (code, "tpu" in err) == (2, True)
    code, out, err = call("resume", "table", "--memory-gb", "1")
    assert code == 0, err
    assert Path("table/table.json").read_text() == before
    # What it was made with may serve for another.
    code, _, err = call("tune", "--config", "table/table.yaml", "--holdout", "1", "--out", "other")
    assert (code, "holdout is 1 of each condition, and iso 100 has 1 scene, of which" in err) == (2, True)
    code, _, err = call(*tune, *searched, *wanted)
    assert (code, "already holds a table; go on with it by 'isptune resume table'" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("photo.png", "--conditions", "iso"), "the scene 'photo.png' has no ISO, which conditions need"),
        (("photo.png", "--smooth", "1"), "smooth belongs to a table over conditions, and none is asked for"),
        (("photo.png", "--share", "x"), "share belongs to a table over conditions, and none is asked for"),
        (
            ("photo.png", "--conditions", "isos"),
            "conditions names 'isos'; did you mean 'iso'?; allowed: iso,",
        ),
    ],
)
def test_mistakes_are_one_sentence(call: Call, photo: str, arguments: tuple[str, ...], sentence: str) -> None:
    code, out, err = call("tune", *arguments, "--objective", "psnr", "--out", "table")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert sentence in err
    assert not Path("table").exists()
