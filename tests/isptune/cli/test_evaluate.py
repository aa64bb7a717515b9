"""``isptune evaluate`` as a user calls it: what it prints, what it writes, what it refuses."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data as photographs
from syrupy.assertion import SnapshotAssertion

from isptune.scenes import read_image, write_image

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tid(in_an_empty_folder: None) -> str:
    """A dataset in TID2013's layout: 5 crops of a photograph with 4 levels of noise each."""
    noise = np.random.default_rng(0)
    photo = torch.from_numpy(photographs.astronaut()).permute(2, 0, 1) / 255
    for folder in ("distorted_images", "reference_images"):
        (Path("tid") / folder).mkdir(parents=True)
    lines = []
    for content in range(1, 6):
        crop = photo[:, 60 * content : 60 * content + 48, 100:164]
        write_image(f"tid/reference_images/I{content:02d}.png", crop)
        for level in range(1, 5):
            grain = torch.from_numpy(noise.normal(0, 0.02 * level, crop.shape)).float()
            write_image(f"tid/distorted_images/i{content:02d}_01_{level}.png", (crop + grain).clamp(0, 1))
            lines.append(f"{7 - level + noise.normal(0, 0.4):.5f} I{content:02d}_01_{level}.png")
    Path("tid/mos_with_names.txt").write_text("\n".join(lines) + "\n")
    return "tid"


def test_the_whole_command(tid: str, call: Call) -> None:
    options = ["--data", tid, "--bootstrap", "40", "--batch-size", "4", "--device", "cpu", "--out", "out"]
    code, out, err = call("evaluate", "--objective", "psnr,noise-level", "--objective", "sharpness", *options)
    assert code == 0
    assert "TID2013: 20 images, all; psnr, noise-level, sharpness" in err
    assert "psnr  20/20 images" in err
    assert "intervals  6/6 done" in err
    assert out.startswith("| objective   | split | images |")
    assert "The sign of noise-level is turned" in out
    assert "bootstrap over whole contents (5 in 20 images), 40 resamples, seed 0" in out
    names = ["evaluation.json", "evaluation.csv", "scores.csv", "evaluation.md"]
    names += [f"scatter_{name}.png" for name in ("psnr", "noise-level", "sharpness")]
    assert [line for line in out.splitlines() if line.startswith("wrote")] == [
        f"wrote out/{n}" for n in names
    ]
    assert {path.name for path in Path("out").iterdir()} == set(names)
    assert min(read_image("out/scatter_psnr.png").shape[1:]) > 300
    data = json.loads(Path("out/evaluation.json").read_text())
    assert data["dataset"]["contents"] == 5
    agreement = {one["objective"]: one for one in data["agreement"]}
    assert agreement["psnr"]["srcc"]["value"] > 0.8
    assert agreement["noise-level"]["srcc"]["value"] > 0
    rows = list(csv.DictReader(Path("out/scores.csv").read_text().splitlines()))
    assert list(rows[0]) == ["name", "mos", "psnr", "noise-level", "sharpness"]
    code, out, _ = call(
        "score", "tid/distorted_images/i01_01_1.png", "--objective", "psnr",
        "--reference", "tid/reference_images/I01.png", "--json",
    )  # fmt: skip
    assert json.loads(out)["scores"][0]["score"] == pytest.approx(float(rows[0]["psnr"]), rel=1e-6)


def test_the_seed_decides_and_json_is_one_object(tid: str, call: Call) -> None:
    options = ["--objective", "psnr", "--data", f"{tid}/mos_with_names.txt", "--bootstrap", "20", "--json"]
    first, second, other = (
        json.loads(call("evaluate", *options, "--out", f"o{number}", "--seed", seed)[1])
        for number, seed in enumerate(("3", "3", "4"))
    )
    assert first["agreement"] == second["agreement"]
    assert first["agreement"][0]["srcc"]["low"] != other["agreement"][0]["srcc"]["low"]
    assert first["files"][0] == "o0/evaluation.json"


def test_random_splits_have_a_mean_and_a_spread(tid: str, call: Call) -> None:
    options = ["--data", tid, "--random-splits", "3", "--bootstrap", "5", "--json", "--out", "out"]
    data = json.loads(call("evaluate", "--objective", "psnr", *options)[1])
    assert [one["split"] for one in data["agreement"]] == [f"random_seed0_split0{n}:test" for n in (1, 2, 3)]
    assert {one["images"] for one in data["agreement"]} == {4}
    values = [one["srcc"]["value"] for one in data["agreement"]]
    assert data["summary"][0]["srcc"] == pytest.approx(
        {"mean": np.mean(values), "std": np.std(values, ddof=1)}
    )


def test_options_of_one_and_of_several_objectives(tid: str, call: Call) -> None:
    def ssim(*options: str) -> list[str]:
        folder = f"o{len(list(Path().iterdir()))}"
        code, _, err = call("evaluate", *options, "--data", tid, "--bootstrap", "0", "--out", folder)
        assert code == 0, err
        return [row["ssim"] for row in csv.DictReader(Path(folder, "scores.csv").read_text().splitlines())]

    plain = ssim("--objective", "ssim")
    luma = ssim("--objective", "ssim", "--objective-option", "channels=luma")
    assert luma != plain
    assert ssim("--objective", "psnr,ssim", "--objective-option", "ssim.channels=luma") == luma


def test_scores_from_a_file(tid: str, call: Call) -> None:
    names = [line.split()[1] for line in Path("tid/mos_with_names.txt").read_text().splitlines()]
    rows = [f"{name},{int(name[-5])}" for name in names]
    Path("level.csv").write_text("name,score\n" + "\n".join(rows) + "\n")
    options = ["--data", tid, "--scores", "level.csv", "--scores-lower-is-better", "--random-splits", "2"]
    code, out, _ = call("evaluate", *options, "--split", "all", "--bootstrap", "5", "--json")
    assert code == 0
    data = json.loads(out)
    assert [one["objective"] for one in data["agreement"]] == ["level"] * 3
    assert data["agreement"][0]["srcc"]["value"] > 0.8
    assert data["files"][0].startswith("runs/evaluate-")
    assert data["files"][0].endswith("-level/evaluation.json")


def test_an_image_that_fails_is_told_and_the_exit_code_is_1(tid: str, call: Call) -> None:
    path = Path("tid/distorted_images/i02_01_3.png")
    path.write_bytes(path.read_bytes()[:100])
    code, out, err = call(
        "evaluate", "--objective", "psnr", "--data", tid, "--bootstrap", "5", "--out", "out"
    )
    assert code == 1
    assert "isptune: 'tid/mos_with_names.txt', row 7: 'tid/distorted_images/i02_01_3.png' is damaged" in err
    assert "19 of 20" in out
    assert Path("out/evaluation.md").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--data", "tid"],
        ["--objective", "psnr"],
        ["--objective", "pnsr", "--data", "tid"],
        ["--objective", "psnr,,ssim", "--data", "tid"],
        ["--objective", "psnr,psnr", "--data", "tid"],
        ["--objective", "psnr", "--data", "tdi"],
        ["--objective", "psnr", "--data", "tid", "--layout", "tid2031"],
        ["--objective", "psnr", "--data", "tid", "--images", "no"],
        ["--objective", "psnr", "--data", "tid", "--split", "official"],
        ["--objective", "psnr", "--data", "tid", "--random-splits", "0"],
        ["--objective", "psnr", "--data", "tid", "--bootstrap", "-1"],
        ["--objective", "psnr", "--data", "tid", "--batch-size", "0"],
        ["--objective", "psnr", "--data", "tid", "--seed", "-2"],
        ["--objective", "psnr", "--data", "tid", "--device", "cuda:99"],
        ["--objective", "psnr", "--data", "plain.csv"],
        ["--objective", "sharpness", "--data", "nan.csv"],
        ["--objective", "psnr,ssim", "--objective-option", "channels=luma", "--data", "tid"],
        ["--objective", "psnr,ssim", "--checkpoint", "x", "--data", "tid"],
        ["--objective", "ssim", "--objective-option", "chanels=luma", "--data", "tid"],
        ["--scores", "short.csv", "--data", "plain.csv"],
        ["--scores", "other.csv", "--data", "plain.csv"],
        ["--objective", "sharpness", "--data", "plain.csv", "--out", "full"],
        ["--objective", "sharpness", "--data", "plain.csv", "--out", "a.png/out"],
    ], ids=" ".join,
)  # fmt: skip
def test_bad_input_is_one_sentence_and_exit_code_2(
    tid: str, call: Call, arguments: list[str], snapshot: SnapshotAssertion
) -> None:
    for name in ("a.png", "b.png"):
        write_image(name, torch.full((3, 32, 32), 0.5))
    Path("plain.csv").write_text("name,mos\na.png,1\nb.png,2\n")
    Path("nan.csv").write_text("name,mos\na.png,1\nb.png,nan\n")
    Path("short.csv").write_text("name,score\na.png,1\n")
    Path("other.csv").write_text("name,score\na.png,1\nc.png,1\n")
    Path("full").mkdir()
    Path("full/evaluation.json").write_text("{}")
    before = sorted(Path().iterdir())
    code, out, err = call("evaluate", *arguments)
    assert (code, out) == (2, "")
    sentence = err.strip().splitlines()[-1]
    assert sentence == snapshot
    assert sorted(Path().iterdir()) == before
