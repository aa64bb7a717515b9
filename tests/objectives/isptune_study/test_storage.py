"""A study's database: every answer once, whatever is sent, and what was issued stays."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from isptune.errors import ConfigurationError
from isptune_study import Checks, database
from isptune_study.answers import GOLDEN, TRAINING
from isptune_study.asking import ask_next
from isptune_study.storage import AnswerConflictError, StudyStore
from isptune_study.study_tables import Settings, StudyImage


@pytest.fixture(autouse=True)
def no_power_fails(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the disk is tested once."""
    if request.function is not test_what_was_made_is_read_back:
        monkeypatch.setattr(database, "_SYNCHRONOUS", "OFF")


def images(count: int = 6, scenes: tuple[str, ...] = ("",)) -> list[StudyImage]:
    return [
        StudyImage(f"{scene}{number}.png", scene, f"images/{scene}{number}.png", "0" * 64, {"gain": number})
        for scene in scenes
        for number in range(count)
    ]


@pytest.fixture
def store(tmp_path: Path) -> StudyStore:
    settings = Settings(opponents=3, checks=Checks(training=2, golden=((0, 1),)), title="Six")
    return StudyStore.create(tmp_path / "study.sqlite", settings, images())


def test_what_was_made_is_read_back(store: StudyStore) -> None:
    with StudyStore(store.path) as again:
        assert again.settings == Settings(
            opponents=3, checks=Checks(training=2, golden=((0, 1),)), title="Six"
        )
        assert again.images == images()
    with sqlite3.connect(store.path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_an_observer_goes_through_all_blocks_and_every_answer_is_kept_once(store: StudyStore) -> None:
    observer, token = store.add_observer("Ada")
    assert store.observer_of(token) == observer
    assert len(token) >= 22
    kinds = []
    while asked := ask_next(store, observer):
        assert ask_next(store, observer) == asked
        for trial, _, _, kind in asked:
            kinds.append(kind)
            assert store.answer(observer, trial, 1.0, f"key {trial}", seconds=2.5)
            assert not store.answer(observer, trial, 1.0, f"key {trial}", seconds=9.0)
    answers = store.read()
    assert len(answers) == len(kinds) == 2 + 9 + 1
    assert kinds[:2] == [TRAINING, TRAINING]
    assert kinds.count(GOLDEN) == 1
    assert set(answers.seconds.tolist()) == {2.5}
    assert (np.bincount(answers.tests().left, minlength=6) + np.bincount(answers.tests().right)).tolist() == [
        3
    ] * 6
    assert np.isfinite(answers.expected).sum() == 1


def test_another_answer_is_a_conflict_and_changes_nothing(store: StudyStore) -> None:
    observer, _ = store.add_observer("Ada")
    first, second = (row[0] for row in ask_next(store, observer)[:2])
    store.answer(observer, first, 1.0, "a")
    for trial, share, key in ((first, 0.0, "b"), (first, 0.0, "a"), (second, 1.0, "a"), (first, 1.0, "b")):
        with pytest.raises(AnswerConflictError, match=f"trial {trial} was answered otherwise before"):
            store.answer(observer, trial, share, key)
    for trial, share in ((99, 1.0), (second, 0.7), (second, "1; DROP TABLE answers")):
        with pytest.raises(ConfigurationError, match=f"the answer to trial {trial} is refused"):
            store.answer(observer, trial, share, "c")  # type: ignore[arg-type]
    assert store.read().share.tolist() == [1.0]


def test_tokens_are_of_one_observer_and_void_after_withdrawal(store: StudyStore) -> None:
    ada, token = store.add_observer("Ada")
    bob, other = store.add_observer("Bob'); DROP TABLE images;--")
    for observer in (ada, bob):
        store.answer(observer, ask_next(store, observer)[0][0], 0.5, f"of {observer}")
    assert token.encode() not in store.path.read_bytes()
    store.withdraw(ada)
    assert store.observer_of(token) is None
    assert store.observer_of("guess") is None
    assert store.observer_of(other) == bob
    assert store.read().observer.tolist() == [bob]
    with pytest.raises(ConfigurationError, match="there is an observer 'Ada' already"):
        store.add_observer("Ada")


def test_scenes_have_pairs_of_their_own(tmp_path: Path) -> None:
    settings = Settings(design="active", opponents=3)
    store = StudyStore.create(tmp_path / "s.sqlite", settings, images(6, ("night", "day")))
    observer, _ = store.add_observer("Ada")
    pairs = []
    while asked := ask_next(store, observer):
        for trial, left, right, _ in asked:
            pairs.append((left, right))
            store.answer(observer, trial, float(left < right), str(trial))
    assert len(pairs) == 18
    assert all((left < 6) == (right < 6) for left, right in pairs)
    assert store.read().scenes == ("night",) * 6 + ("day",) * 6
    assert len(store.read().of_scene("day")) == 9


def test_mistakes_are_refused(tmp_path: Path, store: StudyStore) -> None:
    with pytest.raises(ConfigurationError, match="exists; a study is not written over"):
        StudyStore.create(store.path, Settings(opponents=3), images())
    with pytest.raises(ConfigurationError, match=r"two images of the study are called '0.png'"):
        StudyStore.create(tmp_path / "b", Settings(opponents=3), images() + images())
    with pytest.raises(ConfigurationError, match="each of 6 images cannot meet 9 others"):
        StudyStore.create(tmp_path / "b", Settings(), images())
    assert not (tmp_path / "b").exists()
    with pytest.raises(ConfigurationError, match="there is no study in"):
        StudyStore(tmp_path / "b")
    (tmp_path / "c").write_text("no database, but some text that is long enough for a header")
    with pytest.raises(ConfigurationError, match="is no study: file is not a database"):
        StudyStore(tmp_path / "c")
    sqlite3.connect(tmp_path / "d").close()
    (tmp_path / "d").touch()
    with pytest.raises(ConfigurationError, match="is a study of version 0; allowed: 1 and 2"):
        StudyStore(tmp_path / "d")
