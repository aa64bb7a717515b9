"""``isptune study create`` and ``export``: from a pipeline, a run or pictures to the files of a data set."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import isptune
from isptune.iqa.datasets import read_dataset
from isptune.scenes import read_image, write_image
from isptune_study import database
from isptune_study.asking import ask_next
from isptune_study.perturbing import perturb, scored_quality, spread_evenly, true_quality
from isptune_study.storage import FILE, StudyStore

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    # No power fails here.
    monkeypatch.setattr(database, "_SYNCHRONOUS", "OFF")
    return tmp_path


CREATE = ("study", "create", "chart:64x48", "--pipeline", "synthetic", "--images", "12", "--opponents", "3")


def answer_all(path: Path, observers: int) -> None:
    """Observers who see the truth, with some noise."""
    generator = np.random.default_rng(0)
    with StudyStore(path / "study.sqlite") as store:
        quality = [float(one.details.get("truth", place)) for place, one in enumerate(store.images)]  # type: ignore[arg-type]
        for name in range(observers):
            observer, _ = store.add_observer(f"Observer {name}")
            while asked := ask_next(store, observer):
                for trial, left, right, _ in asked:
                    apart = quality[left] - quality[right] + 0.05 * generator.standard_normal()
                    store.answer(observer, trial, float(apart > 0), f"{observer} {trial}", seconds=3.0)


def test_a_study_of_a_pipeline_from_creation_to_a_data_set(call: Call, folder: Path) -> None:
    code, out, err = call(*CREATE, "--golden", "2", "--training", "1", "--title", "Twelve", "--out", "first")
    assert (code, err) == (0, "")
    assert out.startswith("wrote first (12 images of 1 scene, spread by truth: chi-square ")
    with StudyStore("first/study.sqlite") as store:
        images, settings = store.images, store.settings
        truth = [one.details["truth"] for one in images]
        assert settings.references == {"": "references/chart-64x48.png"}
        assert [truth[better] > truth[worse] for better, worse in settings.checks.golden] == [True, True]
        assert max(truth) == truth[settings.checks.golden[0][0]]
    assert [one.file for one in images[:2]] == [f"images/chart-64x48-000{n}.png" for n in (1, 2)]
    assert set(images[0].details["parameters"]) == {
        *("blur", "brightening", "desaturation", "noise", "sharpening")
    }
    assert read_image(Path("first") / images[0].file).shape == (3, 48, 64)
    assert Path("first/spread.png").stat().st_size > 10_000
    answer_all(folder / "first", 5)
    assert (
        call("study", "export", "first", "--out", "data", "--with-images", "--licence", "CC-BY-4.0")[0] == 0
    )
    rows = list(csv.DictReader(Path("data/answers.csv").read_text().splitlines()))
    assert len(rows) == 5 * (1 + 18 + 2)
    assert {row["observer"] for row in rows} == {f"observer {n}" for n in range(1, 6)}
    assert len(read_dataset("data/meta.csv").records) == 12
    described = json.loads(Path("data/croissant.json").read_text())
    assert described["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert described["license"] == "CC-BY-4.0"
    fields = [field["name"] for one in described["recordSet"] for field in one["field"]]
    assert fields[:3] == ["observer", "session", "scene"]
    assert {"mos", "std"} <= set(fields)
    code, out, _ = call("study", "score", "first", "--objective", "psnr", "--bootstrap", "10", "--json")
    assert code == 0
    data = json.loads(out)
    assert data["title"] == "Twelve"
    assert data["design"] == "random"
    assert data["objectives"][0]["objective"] == "psnr"
    assert data["objectives"][0]["srcc"]["value"] > 0.7
    assert call("study", "export", "data", "--out", "again", "--keep-names")[0] == 0
    assert Path("again/answers.csv").read_text().count("\n") == 106


def test_pictures_and_folders_of_scenes(call: Call, folder: Path) -> None:
    assert call(*CREATE, "--out", "first")[0] == 0
    pictures = sorted(Path("first/images").iterdir())
    for scene in ("night", "day"):
        Path("pictures", scene).mkdir(parents=True)
        for number, picture in enumerate(pictures[:4]):
            shutil.copy(picture, f"pictures/{scene}/{number}.png")
    code, out, _ = call("study", "create", "--pictures", "pictures", "--opponents", "3", "--out", "second")
    assert (code, out) == (0, "wrote second (8 images of 2 scenes)\n")
    answer_all(folder / "second", 2)
    _, out, _ = call("study", "score", "second", "--json")
    assert [(row["scene"], row["name"]) for row in json.loads(out)["images"]] == [
        (scene, f"{scene}/{number}.png") for scene in ("day", "night") for number in (3, 2, 1, 0)
    ]
    assert call("study", "export", "second", "--out", "data", "--with-images")[0] == 0
    assert Path("data/images/night/0.png").is_file()
    assert len(read_dataset("data/meta.csv").records) == 8


def test_references_of_pictures(call: Call, folder: Path) -> None:
    assert call(*CREATE, "--out", "first")[0] == 0
    pictures = sorted(Path("first/images").iterdir())
    Path("references").mkdir()
    for scene, best in (("night", 4), ("day", 5)):
        Path("pictures", scene).mkdir(parents=True)
        for number, picture in enumerate(pictures[:4]):
            shutil.copy(picture, f"pictures/{scene}/{number}.png")
        shutil.copy(pictures[best], f"references/{scene}.png")
    create = ("study", "create", "--opponents", "3")
    code, out, err = call(*create, "--pictures", "pictures", "--references", "references", "--out", "named")
    assert (code, out, err) == (0, "wrote named (8 images of 2 scenes, 2 with a reference)\n", "")
    with StudyStore(folder / "named" / FILE) as store:
        assert store.settings.references == {
            "day": "references/day.png",
            "night": "references/night.png",
        }
    assert Path("named/references/day.png").read_bytes() == pictures[5].read_bytes()
    # A picture that is called reference is its folder's.
    shutil.copy(pictures[4], "pictures/night/reference.png")
    assert call(*create, "--pictures", "pictures", "--out", "found")[1] == (
        "wrote found (8 images of 2 scenes, 1 with a reference)\n"
    )
    code, out, _ = call(
        *create, "--pictures", "pictures/day", "--references", "references/day.png", "--out", "one"
    )
    assert out == "wrote one (4 images of 1 scene, 1 with a reference)\n"
    assert Path("one/references/reference.png").is_file()
    write_image("references/day.png", torch.zeros(3, 20, 20))
    Path("references/night.png").rename("references/nights.png")
    for given, said in (
        (("pictures", "references"), "--references has no picture called 'night', as that scene is; it holds day.png, nights.png"),
        (("pictures", "references/day.png"), "--references is the file 'day.png', and there are 2 scenes; allowed: a folder that holds a picture for each, such as day.png"),
        (("pictures/day", "references"), "--references holds 2 pictures, and there is one scene; name the file"),
        (("pictures/day", "references/day.png"), "'0.png' has 64x48 pixels, and its reference 'day.png' 20x20: they would not lie on each other"),
        (("pictures", "nothing"), "there is no file or folder 'nothing' of --references"),
    ):  # fmt: skip
        more = ("--pictures", given[0], "--references", given[1])
        assert call(*create, *more, "--out", "x") == (2, "", f"isptune: error: {said}\n")
    assert not Path("x").exists()


def test_the_candidates_of_a_run(call: Call, folder: Path) -> None:
    pipeline = isptune.create_pipeline("synthetic", scenes=["chart:64x48"])
    isptune.tune(pipeline, "psnr", optimizer="random", budget=30, population=10, out="run")
    create = ("study", "create", "--run", "run", "--opponents", "3")
    code, out, _ = call(*create, "--images", "10", "--out", "third")
    assert code == 0
    assert "spread by score psnr" in out
    with StudyStore("third/study.sqlite") as store:
        scores = [one.details["score psnr"] for one in store.images]
    found = isptune.Run.read("run").history.scores[:, 0]
    assert set(np.round(scores, 6)) <= set(np.round(found, 6))
    assert len(set(scores)) == 10
    assert call(*create, "--images", "40", "--out", "fourth")[2] == (
        "isptune: error: the run in 'run' has 30 different candidates with a score, fewer than --images 40\n"
    )


def test_chosen_settings_are_spread_more_evenly_than_drawn_ones() -> None:
    pipeline = isptune.create_pipeline("synthetic", scenes=["chart:64x48"])
    quality = true_quality(pipeline)
    assert quality is not None
    found = perturb(pipeline, 100, quality, "truth", seed=1)
    assert found.values.shape == (100, 5)
    assert len(torch.unique(found.values, dim=0)) == 100
    ends = (
        min(found.unspread.min(), found.qualities.min()),
        max(found.unspread.max(), found.qualities.max()),
    )
    drawn, chosen = (np.histogram(values, 10, ends)[0] for values in (found.unspread, found.qualities))
    assert ((chosen - 10) ** 2).sum() < ((drawn - 10) ** 2).sum() / 4
    assert spread_evenly(np.arange(9.0), 9).tolist() == [*range(9)]
    scored = scored_quality(pipeline, isptune.create_objective("psnr"))
    assert scored(found.values[:3]).shape == (3,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("study", "create", "--out", "x"), "a study is made of scenes with a pipeline, of --run RUN, or of --pictures DIR: give one of them"),
        ((*CREATE, "--run", "run", "--out", "x"), "a study is made of scenes with a pipeline, of --run RUN, or of --pictures DIR: give one of them"),
        ((*CREATE, "--images", "13", "--out", "x"), "each of 13 images cannot meet 3 others: 13 x 3 is odd, and a pair takes two; possible: 2 or 4 others, or 12 or 14 images"),
        ((*CREATE, "--golden", "7", "--out", "x"), "7 golden pairs need 14 images, and there are 12"),
        ((*CREATE, "--out", "."), "'.' exists and is not empty; a study is not written over"),
        (("study", "create", "--pictures", "nowhere", "--out", "x"), "there is no folder 'nowhere'"),
        (("study", "create", "--pictures", ".", "--out", "x"), "the folder '.' holds no picture; allowed: .png, .jpg, .jpeg, .webp, in it or in a folder for each scene"),
        (("study", "create", "--pictures", ".", "--golden", "1", "--out", "x"), "--golden and --spread are not for --pictures: nothing measures them"),
        (("study", "create", "--pipeline", "synthetic", "--out", "x"), "the pipeline 'synthetic' renders pictures: name one, such as photo.png or chart"),
        (("study", "export", ".", "--out", "x"), "the folder '.' holds no study: there is no study.sqlite or answers.csv"),
    ],
)  # fmt: skip
def test_mistakes_are_refused(call: Call, folder: Path, arguments: tuple[str, ...], message: str) -> None:
    Path("something").touch()
    code, _, err = call(*arguments)
    assert (code, err) == (2, f"isptune: error: {message}\n")
    assert not Path("x").exists()
