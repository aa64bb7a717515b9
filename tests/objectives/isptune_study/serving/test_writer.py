"""The one thread that writes: together what comes together, and each on its own where one is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from isptune.errors import DiskFullError
from isptune_study.serving.writer import Writer
from isptune_study.storage import StudyStore


@pytest.fixture
def writer(serve: Callable[..., Any]) -> Iterator[Writer]:
    page = serve()
    page.source.close()
    made = Writer(page.folder / "study.sqlite")
    yield made
    made.close()


def names(path: Path) -> list[str]:
    with StudyStore(path) as store:
        return [row.name for row in store.observer_rows()]


def test_what_waits_becomes_one_transaction(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    transactions: list[int] = []
    together = StudyStore.together

    @contextmanager
    def counted(store: StudyStore) -> Iterator[None]:
        transactions.append(1)
        with together(store):
            yield

    free = threading.Event()
    first = writer.submit(lambda store: free.wait(10))
    monkeypatch.setattr(StudyStore, "together", counted)
    later = [writer.submit(lambda store, n=n: store.add_observer(f"observer {n}")) for n in range(40)]
    assert not any(one.done() for one in later)
    free.set()
    assert first.result(10)
    assert [one.result(10)[0] for one in later] == [*range(40)]
    assert len(transactions) <= 2


def test_one_that_is_refused_leaves_nothing_and_the_others_stay(writer: Writer) -> None:
    def half(store: StudyStore) -> None:
        store.add_observer("who is kept")
        with store._writing():
            store.add_observer("who is not")
            raise ValueError("a mistake")

    free = threading.Event()
    writer.submit(lambda store: free.wait(10))
    before = writer.submit(lambda store: store.add_observer("before"))
    wrong = writer.submit(half)
    after = writer.submit(lambda store: store.add_observer("after"))
    free.set()
    with pytest.raises(ValueError, match="a mistake"):
        wrong.result(10)
    assert (before.result(10)[0], after.result(10)[0]) == (0, 2)
    writer.close()
    assert names(writer._store.path) == ["before", "who is kept", "after"]
    with pytest.raises(DiskFullError, match="the server stops; send the answer again once it is back"):
        writer.submit(lambda store: None)


def test_where_the_disk_is_full_nothing_is_acknowledged(serve: Callable[..., Any]) -> None:
    page = serve(study={"count": 40, "opponents": 9})
    ada = page.observer("Ada")
    details = {"zoom": 2, "input": "keyboard", "gamut": "srgb", "view": "beside"}
    connection = page.source._writer._store._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    # SQLite itself says that there is no room.
    page.source._writer.submit(lambda store: store._rows(f"PRAGMA max_page_count = {pages + 2}")).result()
    given, said = [], None
    while (asked := ada.get("/api/next")).status_code == 200:
        trial = asked.json()["trials"][0]["trial"]
        said = ada.answer(trial, note="x" * 500, details=details)
        if said.status_code != 200:
            break
        given.append((0, trial, 1.0))
    full = asked if asked.status_code != 200 else said
    assert full.status_code == 503
    assert "could not be saved: database or disk is full" in full.json()["error"]
    assert given
    assert page.kept() == given
    page.source._writer.submit(lambda store: store._rows("PRAGMA max_page_count = 100000")).result()
    trial = ada.next()["trials"][0]["trial"]
    assert ada.answer(trial, note="x" * 500, details=details).json()["new"]
    assert page.kept() == [*given, (0, trial, 1.0)]
    assert "not saved" in page.events()
