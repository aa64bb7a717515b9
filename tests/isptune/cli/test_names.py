"""Any file that the system can open is a scene: odd names through the verbs, and back from what they write."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from isptune.cli.tune import default_out
from isptune.runs.directory import RunDirectory
from isptune.scenes import chart, write_image
from isptune.tuning.settings import parse_config

Call = Callable[..., tuple[int, str, str]]

LATIN = os.fsdecode(b"caf\xe9.png")
NAMES = {
    LATIN: r"caf\xe9.png",
    "[red]\n$1_$2 <b>.png": r"[red]\n$1_$2 <b>.png",
    "esc\x1b[31m.png": r"esc\x1b[31m.png",
    "~draft.png": "~draft.png",
    "a,b.png": "a,b.png",
    "chart:fine.png": "chart:fine.png",
    "写真.png": "写真.png",
    "-lead.png": "-lead.png",
    "x" * 240 + ".png": "x" * 240 + ".png",
}
PSNR = ("--objective", "psnr", "--optimizer", "random", "--pipeline-option", "stages=[gaussian_blur]")
SHORT = ("--budget", "2", "--population", "1")


@pytest.fixture(autouse=True)
def pictures() -> None:
    write_image("plain.png", chart(64, 48))
    for name in NAMES:
        Path(name).write_bytes(Path("plain.png").read_bytes())


@pytest.mark.draws
def test_tune_resume_and_report_of_pictures_with_odd_names(call: Call) -> None:
    names = (LATIN, "[red]\n$1_$2 <b>.png")
    code, out, _ = call("tune", *PSNR, *SHORT, "--out", "run", "--json", "--", *names)
    assert code == 0
    assert json.loads(out)["evaluations"] == 2
    text = Path("run/run.yaml").read_bytes().decode("utf-8")
    stored = yaml.safe_load(text)
    assert [os.fsencode(path) for path in stored["scenes"]] == [
        os.fsencode(Path(name).absolute()) for name in names
    ]
    assert [key.partition(" ")[2] for key in stored["scene_digests"]] == [NAMES[name] for name in names]
    log = Path("run/evaluations.jsonl")
    whole = re.sub(rb'"seconds": [\d.]+', b"", log.read_bytes())
    log.write_bytes(log.read_bytes()[: log.read_bytes().index(b"\n") + 9])
    code, out, err = call("resume", "run")
    assert code == 0
    assert "wrote run/before_after.png" in out
    assert "dropped a torn last line" in err
    assert re.sub(rb'"seconds": [\d.]+', b"", log.read_bytes()) == whole

    code, _, err = call("report", "run", "--out", "page.html")
    assert (code, err) == (0, "")
    page = Path("page.html").read_bytes().decode("utf-8")
    assert r"caf\xe9.png" in page
    assert r"[red]\n$1_$2 &lt;b&gt;.png" in page
    assert "\x1b" not in page


def test_score_prints_a_line_a_picture(call: Call) -> None:
    code, out, _ = call("score", "--objective", "sharpness", "--", *NAMES)
    assert code == 0
    assert [line for line in out.splitlines() if "\x1b" in line] == []
    for shown in NAMES.values():
        # A very long name is wrapped.
        assert shown[:40] in out
    code, out, _ = call("score", "--objective", "sharpness", "--json", "--", *NAMES)
    assert [row["image"] for row in json.loads(out)["scores"]] == list(NAMES.values())


def test_a_benchmark_has_a_folder_for_every_name(call: Call) -> None:
    scenes = [part for name in (LATIN, "a,b.png", "~draft.png") for part in ("--scene", name)]
    arguments = ["bench", "--objective", "psnr", *scenes, "--seeds", "1", "--optimizer", "random", *SHORT]
    code, _, err = call(*arguments, "--engine", "in-process", "--no-report", "--out", "grid")
    assert code == 0, err
    cells = {path.name for path in Path("grid/cells/psnr/random").iterdir()}
    assert cells == {"caf_xe9", "a_b", "_draft"}
    assert r"caf\xe9" in Path("grid/tables/scenes.csv").read_text(encoding="utf-8")
    assert json.loads(Path("grid/tables/tables.json").read_text(encoding="utf-8"))
    write_image("a_b.png", chart(64, 48))
    code, _, err = call("bench", "--objective", "psnr", "--scene", "a,b.png", "--scene", "a_b.png")
    assert code == 2
    assert (
        "has 'a,b' and 'a_b' among scenes, whose cells would share a folder; give one of them a label" in err
    )


def test_gallery_and_render_take_such_names(call: Call) -> None:
    code, _, err = call("gallery", LATIN, "--stage", "gaussian_blur", "--size", "32", "--out", "drawn")
    assert (code, err) == (0, "")
    out = os.fsdecode(b"d\xe9j\xe0.png")
    code, _, err = call("render", "~draft.png", "--set", "blur=1", "--out", out)
    assert (code, err) == (0, "")
    assert Path(out).is_file()


def test_opinions_in_a_file_with_a_tilde_and_pictures_in_latin_1(call: Call) -> None:
    Path("~opinions.csv").write_bytes(b"name,mos\ncaf\xe9.png,1\nplain.png,2\n-lead.png,3\n")
    write_image("plain.png", chart(64, 48) * 0.5)
    write_image("-lead.png", chart(64, 48) * 0.2)
    code, _, err = call(
        "evaluate", "--objective", "exposure", "--data", "~opinions.csv", "--images", ".", "--out", "found"
    )
    assert code == 0, err
    assert "café.png" in Path("found/scores.csv").read_text(encoding="utf-8")


def test_the_folder_of_a_run_is_named_whatever_it_is_made_of(call: Call) -> None:
    many = ",".join(f"pyiqa:metric_number_{index}" for index in range(21))
    folder = default_out(parse_config({"objective": many, "optimizer": "nsga2"}))
    assert len(os.fsencode(folder.name)) <= 140
    RunDirectory(folder).path.mkdir(parents=True)
    assert default_out(parse_config({"objective": "psnr"})).name.endswith("-psnr-es-seed0")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["score", "--objective", "psnr", "--reference", "plain.png", "Z"],
            "its name is too long: 300 bytes",
        ),
        (["tune", "Z"], "its name is too long: 300 bytes, where systems take 255"),
        (["tune", "link.png"], "link.png': it is a link to 'nowhere.png', which is not there"),
        (["tune", "~nobody/a.png"], "there is no folder '"),
        (["tune", "--config", "Z"], "File name too long"),
        (["resume", "Z"], "Z"),
        (["report", "Z"], "Z"),
        (["plot", "Z", "--out", "a.png"], "Z"),
        (["evaluate", "--objective", "psnr", "--data", "Z"], "its name is too long: 300 bytes"),
        (["evaluate", "--objective", "psnr", "--data", "link.png"], "it is a link to 'nowhere.png'"),
        (["render", "plain.png", "--out", "Z.png"], "File name too long"),
        (["gallery", "plain.png", "--stage", "jpeg", "--out", "Z"], "File name too long"),
        (["score", "plain.png", "--objective", "severity", "--checkpoint", "Z"], "Z"),
        (
            ["train", "severity", "--images", "chart:256x256", "--steps", "1", "--out", "Z"],
            "File name too long",
        ),
        (["bench", "--objective", "psnr", "--out", "Z"], "File name too long"),
        (["tune", os.fsdecode(b"caf\xe8.png")], r"caf\xe8.png': there is no such file; did you mean"),
    ],
)
def test_names_of_nothing_are_refused_in_a_sentence(call: Call, arguments: list[str], expected: str) -> None:
    Path("link.png").symlink_to("nowhere.png")
    code, out, err = call(*(argument.replace("Z", "z" * 300) for argument in arguments))
    assert (code, out) == (2, "")
    assert err.startswith("isptune: error: ")
    assert err.count("\n") == 1
    assert expected.replace("Z", "z" * 40) in err
