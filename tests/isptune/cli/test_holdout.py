"""``isptune tune --holdout``: what is printed, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from isptune.benchmark.benchmark_tables import benchmark_tables
from isptune.benchmark.engines import make_engine
from isptune.benchmark.grid import parse_bench_config
from isptune.benchmark.run_grid import read_benchmark, run_benchmark
from isptune.scenes import chart, write_image

Call = Callable[..., tuple[int, str, str]]
TUNE = ("tune", "--objective", "psnr", "--optimizer", "random", "--population", "8", "--budget", "8")


@pytest.fixture
def pictures() -> None:
    for seed, name in enumerate(("one", "two", "three")):
        write_image(f"{name}.png", chart(64, 48, seed))


def test_a_table_says_what_held_out_scenes_gain(call: Call, pictures: None) -> None:
    code, out, err = call(*TUNE, "one.png", "two.png", "--holdout", "t*ree.png", "--out", "run")
    assert code == 0, err
    assert "synthetic (2 scenes, 1 held out, 64x48), psnr, random" in err
    assert "psnr scene by scene, and the gains, positive where better" in out
    rows = [line.split("│")[1:-1] for line in out.splitlines() if ".png" in line and "│" in line]
    assert [[cell.strip() for cell in row[:2]] for row in rows] == [
        ["one.png", "tuned"],
        ["two.png", "tuned"],
        ["three.png", "held out"],
    ]
    assert "psnr gain" in out.split("three.png")[1]
    noted = yaml.safe_load(Path("run/run.yaml").read_text())
    assert [scene["name"] for scene in noted["held_out"]] == ["three.png"]
    assert [scene["name"] for scene in noted["rendered"]] == ["one.png", "two.png"]
    assert [name.partition(" ")[2] for name in noted["scene_digests"]] == ["one.png", "two.png", "three.png"]
    write_image("three.png", chart(64, 48, 9))
    code, _, err = call("resume", "run")
    assert (code, "the scene 'three.png' has changed since the run in" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("one.png", "--holdout", "1"), "holdout is 1, and the scene 'one.png' stands alone: nothing would"),
        (("one.png", "two.png", "--holdout", "2"), "there are 2 scenes, of which at least one is tuned on"),
        (
            ("*.png", "--holdout", "two.png"),
            "the scene 'two.png' is held out and tuned on as well, so that it",
        ),
        (("one.png", "--holdout", "tow.png"), "'tow.png': there is no such file; did you mean 'two.png'?"),
        (
            ("one.png", "--holdout", "-1"),
            "in the options, holdout is -1; allowed: a number of pictures from 1",
        ),
        (
            ("one.png", "--holdout", "1.5"),
            "in the options, holdout is 1.5; allowed: a number of pictures from 1",
        ),
        (
            ("one.png", "--holdout", "1", "--holdout", "two.png"),
            "in the options, holdout is a number of pictures, 1, beside other entries; allowed: one whole number from 1, or files, folders and globs",
        ),
        (("one.png", "--holdout", "0"), "in the options, holdout is 0; allowed: a number of pictures from 1"),
        (
            ("chart", "--holdout", "chart:384x256"),
            "the scene 'chart:384x256' is held out and tuned on as well",
        ),
    ],
)
def test_mistakes_are_one_sentence(
    call: Call, pictures: None, arguments: tuple[str, ...], sentence: str
) -> None:
    code, out, err = call(*TUNE, *arguments, "--out", "run")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert sentence in err
    assert not Path("run").exists()


def test_a_judge_cannot_say_anything_of_a_picture_alone(call: Call, pictures: None) -> None:
    code, _, err = call("tune", "one.png", "two.png", "--objective", "simulated-observer", "--holdout", "1")
    assert code == 2
    assert "is a judge, which compares the candidates of a generation with each other, and held-out" in err


def test_a_benchmark_has_a_table_of_them(tmp_path: Path, pictures: None) -> None:
    grid: dict[str, Any] = {
        "objectives": "psnr",
        "optimizers": "random",
        "scenes": [{"label": "all", "scenes": ["one.png", "two.png", "three.png"]}],
        "population": 6,
        "budget": 6,
        "seeds": 1,
        "holdout": 1,
    }
    run_benchmark(parse_bench_config(grid), tmp_path / "bench", make_engine("in-process", 1))
    benchmark = read_benchmark(tmp_path / "bench")
    table = benchmark_tables(benchmark, bootstrap=0)["holdout"]
    assert table.columns == ["objective", "runs", "gain, tuned", "gain, held out", "not carried over"]
    (gain,) = benchmark.runs[0].holdout["gains"]
    bad = int(benchmark.runs[0].holdout["carries_over"] is False)
    assert table.rows == [["psnr", 1, gain["tuned"], gain["held_out"], bad]]
