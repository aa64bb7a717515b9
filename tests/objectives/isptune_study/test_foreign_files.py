"""Answers and scores as other programs write them; and a study's own files, which nothing may overwrite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import isptune
from isptune.errors import ConfigurationError
from isptune.scenes import write_image
from isptune_study import create_design, database
from isptune_study.answer_files import answers_csv, read_answers
from isptune_study.answers import TRAINING
from isptune_study.objective_scores import read_table
from isptune_study.sessions import Trial
from isptune_study.simulated_studies import simulate_study
from isptune_study.storage import StudyStore
from isptune_study.study_tables import Settings, StudyImage

Call = Callable[..., tuple[int, str, str]]
HEAD = "observer,session,scene,condition_A,condition_B,is_A_selected,seconds"
ROWS = ["Jürgen,1,,a.png,b.png,1,4.5", "Jürgen,1,,b.png,c.png,0.5,3.25", "Bea,1,,c.png,a.png,0,2"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def excel(text: str) -> str:
    return text.replace(",", ";").replace(".5", ",5").replace(".25", ",25")


TEXT = "\n".join([HEAD, *ROWS]) + "\n"


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.replace("\n", "\r\n").encode("utf-8-sig"),
        excel(TEXT).replace("\n", "\r\n").encode("utf-8-sig"),
        ("sep=;\r\n" + excel(TEXT)).encode(),
        excel(TEXT).replace(";", "\t").encode("utf-16"),
        TEXT.replace(HEAD, HEAD.upper().replace(",", " , ")).encode(),
        (TEXT.replace("\n", ",,\n") + ",,,,,,\n\n").encode(),
        TEXT.replace(",1,4.5", ',TRUE,"4.5"').encode(),
    ],
    ids=["plain", "bom", "semicolons", "sep", "utf-16", "upper", "empty", "quoted"],
)
def test_answers_of_other_programs(folder: Path, data: bytes) -> None:
    Path("answers.csv").write_bytes(data)
    found = read_answers("answers.csv")
    assert found.observers == ("Jürgen", "Bea")
    assert found.share.tolist() == [1.0, 0.5, 0.0]
    assert found.seconds.tolist() == [4.5, 3.25, 2.0]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (TEXT.encode("latin-1"), "the answers 'x.csv' cannot be read: it is no text in UTF-8; in Excel save it as 'CSV UTF-8'"),
        (bytes(range(256)), "the answers 'x.csv' cannot be read: it is no text in UTF-8; in Excel save it as 'CSV UTF-8'"),
        (TEXT.replace("session", "observer").encode(), "the answers 'x.csv' have the column 'observer' twice"),
        (TEXT.replace("3.25", "3.25,more").encode(), "the answers 'x.csv', line 3: it has 8 cells, and the first line 7"),
        (TEXT.replace("3.25", "-3").encode(), "the answers 'x.csv', line 3: seconds is -3; allowed: at least 0"),
        (TEXT.replace("4.5", '"4,5"').encode(), "the answers 'x.csv', line 2: seconds is '4,5', which is no number"),
        (b"", "the answers 'x.csv' have no column 'observer'; needed: observer, condition_A, condition_B, is_A_selected"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said(call: Call, folder: Path, data: bytes, said: str) -> None:
    Path("x.csv").write_bytes(data)
    assert call("study", "score", "x.csv") == (2, "", f"isptune: error: {said}\n")


def test_scores_with_semicolons_and_decimal_commas(folder: Path) -> None:
    Path("scores.csv").write_text("sep=;\nname;sharp\na.png;1,5\nb.png;2\n", encoding="utf-8-sig")
    assert read_table(Path("scores.csv"), ["a.png", "b.png"]) == {"sharp": [1.5, 2.0]}


def test_an_export_does_not_overwrite_what_it_reads(call: Call, folder: Path) -> None:
    answers = simulate_study(np.linspace(-3, 3, 6), create_design("random", 6, 3), ["honest"] * 3)
    Path("answers.csv").write_text(answers_csv(answers).replace("observer 1", "Ada"))
    before = Path("answers.csv").read_bytes()
    for given in ("answers.csv", "."):
        assert call("study", "export", given, "--out", ".") == (
            2,
            "",
            "isptune: error: 'answers.csv' is the file that is exported; name another folder with --out\n",
        )
    assert Path("answers.csv").read_bytes() == before
    assert [*Path().iterdir()] == [Path("answers.csv")]


def test_answers_of_the_training_alone_are_exported_all_the_same(call: Call, folder: Path) -> None:
    images = [StudyImage(f"{name}.png", "", f"images/{name}.png", "0") for name in "abcd"]
    settings = Settings(opponents=3)
    with StudyStore.create("study.sqlite", settings, images) as store:
        assert call("study", "export", ".", "--out", "data")[2] == (
            "isptune: error: there is no answer to write: nobody answered, or every observer is left out\n"
        )
        observer, _ = store.add_observer("Ada")
        store.issue(observer, 0, [("", 0, 1, Trial(0, 1, TRAINING))])
        store.answer(observer, 0, 1.0, "12345678")
    assert call("study", "export", ".", "--out", "data") == (
        0,
        "wrote data (1 answer of 1 observer)\n",
        "note: no answer counts yet, as all were for training: there is no meta.csv\n",
    )
    assert Path("data/answers.csv").read_text().count("training") == 1
    assert not Path("data/meta.csv").exists()


def test_a_study_on_a_medium_that_cannot_be_written_is_read(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [StudyImage(f"{name}.png", "", f"images/{name}.png", "0") for name in "abcd"]
    Path("study").mkdir()
    with StudyStore.create("study/study.sqlite", Settings(opponents=3), images) as store:
        observer, _ = store.add_observer("Ada")
        store.issue(observer, 0, [("", 0, 1, Trial(0, 1))])
        store.answer(observer, 0, 1.0, "12345678")
    # Whoever is root may write everywhere.
    monkeypatch.setattr(database, "_may_write", lambda _: False)
    assert call("study", "export", "study", "--out", "data")[0] == 0
    assert call("study", "score", "study")[0] == 0
    with StudyStore("study/study.sqlite") as store, pytest.raises(ConfigurationError) as refused:
        store.add_observer("Bea")
    assert str(refused.value) == "'study/study.sqlite' cannot be written"


def test_an_objective_that_fails_is_named_with_the_picture(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = simulate_study(np.linspace(-3, 3, 4), create_design("random", 4, 3), ["honest"] * 2)
    Path("answers.csv").write_text(answers_csv(answers))
    for number in range(1, 5):
        write_image("x.png", torch.full((3, 32, 32), number / 5))
        Path("x.png").rename(f"image {number}")

    def fail(*_: object) -> None:
        raise RuntimeError("no kernel")

    monkeypatch.setattr(type(isptune.create_objective("sharpness")), "score", fail)
    code, _, err = call("study", "score", "answers.csv", "--objective", "sharpness")
    assert (code, err) == (
        1,
        "isptune: error: the objective 'sharpness' on 'image 1' failed: RuntimeError: no kernel\n",
    )
    for given, said in (
        (("--lower-is-better", "x"), "--lower-is-better names columns of --scores, which is not given"),
        (("--bootstrap", "-1"), "--bootstrap is -1; allowed: whole numbers of at least 0"),
    ):
        assert call("study", "score", "answers.csv", *given) == (2, "", f"isptune: error: {said}\n")
