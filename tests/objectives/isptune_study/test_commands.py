"""``isptune study``: plans and scores as a user gets them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from isptune.iqa.datasets import read_dataset
from isptune_study import Answers, People
from isptune_study.answer_files import answers_csv, answers_json, read_answers
from isptune_study.panels import histogram

Call = Callable[..., tuple[int, str, str]]

PLAN = ("study", "plan", "--images", "20", "--opponents", "4,6", "--observers", "3,6", "--studies", "1")


@pytest.fixture
def answers(study: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """The answers of seven observers, one of whom clicks at random, in ``answers.csv`` and ``answers.json``."""
    monkeypatch.chdir(tmp_path)
    people = People(taste=0.4, unsure=0.2)
    qualities, found = study(count=20, opponents=9, observers=7, people=people, others=("random",))
    Path("answers.csv").write_text(answers_csv(found))
    Path("answers.json").write_text(answers_json(found))
    lines = [f"{name},{value},{-value}" for name, value in zip(found.images, qualities, strict=True)]
    Path("table.csv").write_text("\n".join(["name,truth,turned", *lines]))
    return found


def test_a_plan_says_what_more_observers_and_comparisons_bring(call: Call, tmp_path: Path) -> None:
    code, out, err = call(*PLAN, "--json", "--plot", str(tmp_path / "plan.png"))
    assert (code, err) == (0, "")
    rows = json.loads(out)["expected"]
    assert [(row["opponents"], row["observers"]) for row in rows] == [(4, 3), (4, 6), (6, 3), (6, 6)]
    assert [row["comparisons"] for row in rows] == [40, 40, 60, 60]
    assert rows[0]["minutes"] == 3.0
    assert rows[3]["half_width_jod"] < rows[0]["half_width_jod"]
    assert rows[3]["srcc"] > 0.9
    assert (tmp_path / "plan.png").stat().st_size > 10_000
    code, out, _ = call(*PLAN, "--opponents", "4", "--observers", "3")
    assert code == 0
    assert out.splitlines()[0].split()[-8:] == ["±", "MOS", "±", "JOD", "SRCC", "W", "alpha", "halves"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--opponents", "5x"), "--opponents is '5x'; allowed: whole numbers of at least 1, with commas"),
        (("--images", "21", "--opponents", "5"), "each of 21 images cannot meet 5 others: 21 x 5 is odd, and a pair takes two; possible: 4 or 6 others, or 20 or 22 images"),
        (("--observers", "1"), "a plan needs at least 2 observers, got 1"),
        (("--taste", "-1"), "taste of the observers is -1.0; allowed: 0 to 1000"),
        (("--sensitivity", "1000"), "sensitivity of the observers is 1000.0; allowed: 0 to 3"),
        (("--observers", "1000000000"), "the number of observers is 1,000,000,000; a plan simulates up to 1,000"),
        (("--images", "100000"), "the number of images is 100,000; a plan simulates up to 2,000"),
        (("--design", "activ"), "there is no design 'activ'; did you mean 'active'?; allowed: random, balanced, swiss, active"),
        (("--range", "0"), "the range of quality is 0.0; allowed: above 0, up to 100"),
        (("--spammers", "1"), "the share of spammers is 1.0; allowed: 0 to below 1"),
    ],
)  # fmt: skip
def test_a_plan_that_cannot_be_is_refused(call: Call, arguments: tuple[str, ...], message: str) -> None:
    assert call(*PLAN, *arguments) == (2, "", f"isptune: error: {message}\n")


def rows_of(file: str) -> list[dict[str, str]]:
    return list(csv.DictReader(Path(file).read_text().splitlines()))


@pytest.mark.usefixtures("answers")
def test_scores_of_answers(call: Call) -> None:
    code, out, err = call(
        *("study", "score", "answers.csv", "--scores", "table.csv", "--lower-is-better", "turned"),
        *("--bootstrap", "20", "--out", "scores"),
    )
    assert code == 0
    assert out.splitlines()[0].split() == ["image", "MOS", "±", "JOD", "±", "comparisons"]
    assert "answers hardly follow the others'" in next(row for row in out.splitlines() if "observer 7" in row)
    assert "note: flagged, and counted all the same: observer 7" in err
    assert "wrote scores.csv, meta.csv, observers.csv, objectives.csv, report.html, scores.json" in err
    report = Path("scores/report.html").read_text()
    headings = re.findall(r"<h2[^>]*>([^<]*)</h2>", report)
    assert headings == ["Overview", "Opinions", "Wins", "Observers", "Objectives on people"]
    assert "20 images, compared by 7 observers in" in report
    assert "Flagged, and counted all the same: observer 7" in report
    # It asks nobody for anything.
    assert "http://www.w3.org" in report
    assert not re.findall(r"(?:src|href)=\"(?!#|data:)", report)
    charts = json.loads(re.search(r'id="report-data">(.*?)</script>', report)[1])["charts"]  # type: ignore[index]
    assert len(charts["ranked-0"]["slices"][0]["series"][0]["y"]) == 20
    assert {row["name"]: row["colour"] for row in charts["sensitivity"]["rows"]}["observer 7"] == 1
    assert [row["name"] for row in charts["objectives-0"]["rows"]][:2] == ["truth", "turned"]
    rows = rows_of("scores/scores.csv")
    assert len(rows) == 20
    assert all(0 <= float(row["mos"]) <= 9 for row in rows)
    assert sum(float(row["mos"]) for row in rows) == pytest.approx(90)
    assert sum(float(row["jod"]) for row in rows) == pytest.approx(0, abs=1e-9)
    objectives = {row["objective"]: row for row in rows_of("scores/objectives.csv")}
    for name in ("truth", "turned"):
        assert float(objectives[name]["srcc"]) > 0.9
        assert float(objectives[name]["srcc_low"]) < float(objectives[name]["srcc"])
        assert float(objectives[name]["accuracy"]) > 0.75
        assert 0 <= float(objectives[name]["regret_jod"]) < 1
    assert float(objectives["people"]["accuracy"]) > 0.7
    assert objectives["people"]["srcc"] == ""
    for name in ("opinions", "observers", "wins", "objectives"):
        assert Path(f"scores/{name}.png").stat().st_size > 10_000


def test_observers_are_left_out_when_the_user_says_so(call: Call, answers: Answers) -> None:
    data = {}
    for how in ((), ("--without", "observer 7"), ("--without-flagged",)):
        code, out, _ = call("study", "score", "answers.json", "--json", *how)
        assert code == 0
        data[how] = json.loads(out)
    everyone, named, flagged = data.values()
    assert named["images"] == flagged["images"] != everyone["images"]
    assert named["left_out"] == ["observer 7"]
    assert "left out: observer 7" in named["notes"]
    assert len(named["observers"]) == 7
    assert named["agreement"][""]["kendall_w"] > everyone["agreement"][""]["kendall_w"]
    assert call("study", "score", "answers.csv", "--without", "nobody") == (
        2, "", "isptune: error: there is no observer 'nobody'\n",
    )  # fmt: skip


def test_answers_are_read_back_from_either_file(answers: Answers) -> None:
    for name in ("answers.csv", "answers.json"):
        again = read_answers(name)
        assert set(again.images) == set(answers.images)
        assert again.share.tolist() == answers.share.tolist()
        assert [again.images[place] for place in again.left] == [
            answers.images[place] for place in answers.left
        ]
        assert again.observers == answers.observers
        assert again.seconds == pytest.approx(answers.seconds, abs=6e-4)


def test_files_of_other_programs_are_read(tmp_path: Path) -> None:
    path = tmp_path / "pwcmp.csv"
    path.write_text(
        "observer,session,scene,condition_A,condition_B,is_A_selected\n"
        "Ada,1,lion,x,y,1\nAda,1,cat,x,y,0\nBob,1,lion,y,x,0\n"
    )
    found = read_answers(path)
    assert found.images == ("cat/x", "cat/y", "lion/x", "lion/y")
    assert found.scenes == ("cat", "cat", "lion", "lion")
    assert len(found.of_scene("lion")) == 2
    assert found.of_scene("lion").images == ("lion/x", "lion/y")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("observer,condition_A,condition_b,selected\n", "have no column 'is_A_selected'"),
        ("observer,condition_A,condition_B,is_A_selected\nAda,x,y,2\n", "line 2: is_A_selected is 2; allowed: 0, 1, and 0.5 for a tie"),
        ("observer,condition_A,condition_B,is_A_selected\nAda,x,y,1\nAda,x,x,1\n", "line 3: 'x' is compared with itself"),
        ("observer,condition_A,condition_B,is_A_selected\nAda,x,y,left\n", "line 2: is_A_selected is 'left', which is no number"),
        ("observer,condition_A,condition_B,is_A_selected\n,x,y,1\n", "line 2: there is no observer"),
        ("observer,condition_A,condition_B,is_A_selected,kind\nAda,x,y,1,golden\n", "line 2: a golden pair needs the expected choice: 1 for A, 0 for B"),
        ("observer,condition_A,condition_B,is_A_selected\n", "hold none"),
    ],
)  # fmt: skip
def test_mistakes_in_answers_name_their_line(call: Call, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(text)
    code, out, err = call("study", "score", str(path))
    assert (code, out) == (2, "")
    assert message in err


def test_win_counts_are_refused_where_pairs_follow_from_answers(
    call: Call, study: Callable, tmp_path: Path
) -> None:
    _, found = study("active", count=20, opponents=9, observers=4)
    path = tmp_path / "answers.csv"
    path.write_text(answers_csv(found))
    code, out, err = call("study", "score", str(path))
    assert code == 0
    assert out.splitlines()[0].split() == ["image", "JOD", "±", "comparisons"]
    assert "note: no win counts: most observers met images unequally often" in err


def test_other_mistakes_are_refused(call: Call, answers: Answers, tmp_path: Path) -> None:
    score = ("study", "score", "answers.csv")
    for arguments, message in (
        (("study", "score", "nothing"), "there is no file 'nothing'; allowed: a study's folder, or a file of answers"),
        ((*score, "--scores", "answers.csv"), "the scores 'answers.csv' have none of the image 'image 1'"),
        ((*score, "--objective", "noise-level"), "the objective 'noise-level' needs the images, and 'image 1' was not found; give --images DIR, or --scores FILE.csv"),
        ((*score, "--law", "thurston"), "there is no law 'thurston'; did you mean 'thurstone'?; allowed: thurstone, bradley-terry"),
        ((*score, "--scores", "table.csv", "--lower-is-better", "b"), "--lower-is-better names 'b', which no file of --scores has; they have truth, turned"),
    ):  # fmt: skip
        assert call(*arguments) == (2, "", f"isptune: error: {message}\n")


def test_the_meta_file_is_a_data_set(call: Call, answers: Answers) -> None:
    from PIL import Image
    from skimage import data

    Path("images").mkdir()
    for number, name in enumerate(answers.images):
        Image.fromarray(data.astronaut()[number : number + 48, :64]).save(f"images/{name}.png")
    text = Path("answers.csv").read_text()
    for name in sorted(answers.images, key=len, reverse=True):
        text = text.replace(f",{name},", f",{name}.png,").replace(f",{name},", f",{name}.png,")
    Path("answers.csv").write_text(text)
    assert call("study", "score", "answers.csv", "--out", ".")[0] == 0
    dataset = read_dataset("meta.csv")
    assert len(dataset.records) == 20
    assert Path("samples.jpg").stat().st_size > 10_000
    assert len(json.loads(Path("scores.json").read_text())["images"]) == 20


def test_a_flat_histogram_has_a_small_chi_square() -> None:
    flat, peaked = histogram(np.linspace(0, 9, 100), (0, 9)), histogram(np.full(100, 4.0), (0, 9))
    assert flat.chi_square == pytest.approx(0, abs=0.5)
    assert flat.chance > 0.99
    assert peaked.chi_square == pytest.approx(900)
    assert peaked.counts.sum() == 100
