"""What an observer's page and the admin's page get and send."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from isptune_study.designs import DESIGNS
from isptune_study.storage import StudyStore


def test_an_observer_goes_through_a_study(serve: Callable[..., Any]) -> None:
    page = serve()
    ada = page.observer("Ada")
    assert ada.get("/api/study").json() == {
        "title": "Six pictures",
        "observer": "Ada",
        "kind": "study",
        "question": "Which picture is better?",
        "instructions": page.source.page.instructions.strip().split("\n\n"),
        "consent": None,
        "references": True,
        "best": False,
        "plates": 0,
        "plates_seed": ada.get("/api/study").json()["plates_seed"],
        "screen": None,
        "distance_cm": None,
        "break_minutes": 30,
        "state": "open",
        "sittings": 0,
        "progress": {"answered": 0, "total": 12},
    }
    details = {
        "width": 1920,
        "height": 1080,
        "pixel_ratio": 1.25,
        "gamut": "p3",
        "plates": [{"shown": "12", "said": ""}],
        "stripes": "even",
    }
    assert ada.post("/api/sitting", details).json() == {"sitting": 1}
    done = 0
    while (asked := ada.next())["state"] == "open":
        assert asked == ada.next()
        trial = asked["trials"][0]
        assert trial["training"] is (done < 2)
        assert set(trial) == {"trial", "training", "left", "right", "reference"}
        assert trial["left"] | {"image": ""} == {"image": "", "width": 12, "height": 8}
        said = ada.answer(trial["trial"], 0.5, seconds=2.5, sitting=1, details={"zoom": 2, "input": "touch"})
        done += 1
        assert said.json() == {"new": True, "progress": {"answered": done, "total": 12}}
    assert asked == {"state": "done", "wait_ms": None, "trials": []}
    assert done == 12
    assert ada.get("/api/study").json()["state"] == "done"
    assert page.kept() == [(0, trial, 0.5) for trial in range(12)]
    with StudyStore(page.folder / "study.sqlite") as store:
        assert [row[3] for row in store.viewed_sittings()] == [details]
        row = store._rows("SELECT seconds, session, details FROM answers")[0]
    assert row == (2.5, 1, '{"zoom": 2.0, "input": "touch"}')


def test_what_the_page_noted_is_exported(
    serve: Callable[..., Any], call: Callable[..., Any], tmp_path: Path
) -> None:
    page = serve()
    ada, bob = page.observer("Ada"), page.observer("Bob")
    for one in (ada, bob):
        one.post("/api/sitting", {"width": 1920, "gamut": "p3"})
        while (asked := one.next())["state"] == "open":
            one.answer(asked["trials"][0]["trial"], note="so dark", details={"flips": 3})
    out = tmp_path / "data"
    assert call("study", "export", str(page.folder), "--out", str(out), "--without", "Ada")[0] == 0
    found = json.loads((out / "viewing.json").read_text())
    assert found["sittings"][0].pop("started").startswith("20")
    assert found["sittings"] == [{"observer": "observer 1", "session": 1, "width": 1920, "gamut": "p3"}]
    assert len(found["answers"]) == 12
    assert found["answers"][5].pop("given").startswith("20")
    answer = {"observer": "observer 1", "trial": 5, "session": 1, "flips": 3, "note": "so dark"}
    assert found["answers"][5] == answer
    assert "Bob" not in (out / "viewing.json").read_text()


def test_pictures_are_sent_as_they_are_and_once(serve: Callable[..., Any]) -> None:
    page = serve()
    ada = page.observer("Ada")
    assert ada.get("/api/images/image-0").status_code == 404
    trial = ada.next()["trials"][0]
    for name, folder in ((trial["left"]["image"], "images"), (trial["reference"]["image"], "references")):
        said = ada.get(f"/api/images/{name}")
        number = name.partition("-")[2]
        file = f"{number}.png" if folder == "images" else "only.png"
        assert said.content == (page.folder / folder / file).read_bytes()
        assert said.headers["content-type"] == "image/png"
        again = ada.get(f"/api/images/{name}", headers={"If-None-Match": said.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    (page.folder / "images" / f"{trial['right']['image'].partition('-')[2]}.png").unlink()
    said = ada.get(f"/api/images/{trial['right']['image']}")
    assert said.status_code == 422
    assert "is missing" in said.json()["error"]


def test_the_same_answer_again_is_taken_and_another_one_is_not(serve: Callable[..., Any]) -> None:
    page = serve()
    ada, bob = page.observer("Ada"), page.observer("Bob")
    first, second = (trial["trial"] for trial in ada.next()["trials"])
    assert ada.answer(first, 1, "same-key").json()["new"]
    again = ada.answer(first, 1, "same-key", seconds=9)
    assert (again.status_code, again.json()) == (
        200,
        {"new": False, "progress": {"answered": 1, "total": 12}},
    )
    for trial, share, key in ((first, 0, "same-key"), (first, 1, "other-key"), (second, 1, "same-key")):
        said = ada.answer(trial, share, key)
        assert said.status_code == 409
        assert said.json() == {"error": f"trial {trial} was answered otherwise before"}
    # A key is an observer's own.
    assert bob.answer(bob.next()["trials"][0]["trial"], 1, "same-key").json()["new"]
    assert page.kept() == [(0, first, 1.0), (1, 0, 1.0)]


def test_two_tabs_at_once_get_one_block(serve: Callable[..., Any]) -> None:
    page = serve(study={"count": 40, "opponents": 9})
    observers = [page.observer(name) for name in "abc"]
    with ThreadPoolExecutor(12) as pool:
        asked = [*pool.map(lambda one: one.next(10), observers * 8)]
    for observer in range(3):
        own = asked[observer::3]
        assert own[0]["trials"]
        assert all(one == own[0] for one in own)
    with StudyStore(page.folder / "study.sqlite") as store:
        # The training alone.
        assert store._rows("SELECT observer, COUNT(*) FROM trials GROUP BY observer") == [
            (n, 2) for n in range(3)
        ]


def test_consent_comes_first_and_to_the_text_as_it_is(serve: Callable[..., Any]) -> None:
    page = serve(consent="Your answers are kept.\n\nYou may take them back.")
    ada = page.observer("Ada")
    text = ["Your answers are kept.", "You may take them back."]
    assert ada.get("/api/study").json()["consent"] == {"text": text, "given": False}
    for said in (
        ada.get("/api/next"),
        ada.answer(0),
        ada.post("/api/sitting"),
        ada.get("/api/images/image-0"),
        ada.get("/api/best"),
    ):
        assert said.status_code == 403
        assert said.json() == {"error": "agree to the text of this study first"}
    assert ada.post("/api/consent").json() == {"given": True}
    assert ada.get("/api/study").json()["consent"]["given"]
    assert ada.next()["state"] == "open"
    page.source.page = page.source.page.model_copy(update={"consent": "Another text."})
    assert ada.get("/api/next").status_code == 403


def test_who_withdraws_leaves_nothing_and_the_link_is_void(serve: Callable[..., Any]) -> None:
    page = serve()
    ada, bob = page.observer("Ada"), page.observer("Bob")
    for one in (ada, bob):
        one.post("/api/sitting", {"agent": "a browser of Ada"})
        one.answer(one.next()["trials"][0]["trial"], note="words of Ada")
    assert ada.post("/api/withdraw").json() == {"withdrawn": True}
    for said in (ada.get("/api/study"), ada.answer(0), ada.post("/api/withdraw")):
        assert said.status_code == 401
    assert page.kept() == [(1, 0, 1.0)]
    assert page.admin.post("/api/admin/observers/1/withdraw").json() == {"withdrawn": True}
    page.source.close()
    for file in page.folder.glob("study.sqlite*"):
        assert b"of Ada" not in file.read_bytes()


def test_the_admin_stops_and_resumes_and_a_later_server_goes_on(serve: Callable[..., Any]) -> None:
    page = serve()
    ada = page.observer("Ada")
    first, second = (trial["trial"] for trial in ada.next()["trials"])
    assert page.admin.post("/api/admin/stop").json() == {"state": "stopped"}
    assert ada.next() == {"state": "stopped", "wait_ms": None, "trials": []}
    assert ada.get("/api/study").json()["state"] == "stopped"
    # What was on the screen is not lost.
    assert ada.answer(first).status_code == 200
    page.source.close()
    later = type(page)(page.folder)
    ada.client = later.client
    assert ada.next()["state"] == "stopped"
    assert later.admin.post("/api/admin/resume").json() == {"state": "open"}
    assert ada.next()["trials"][0]["trial"] == second
    later.close()


def test_the_admin_sees_how_far_the_study_is(serve: Callable[..., Any]) -> None:
    page = serve()
    empty = page.admin.get("/api/admin/progress").json()
    assert empty["observers"] == []
    assert (empty["answers"], empty["total"], empty["state"]) == (0, 0, "open")
    assert empty["scenes"][0]["images"][0] == {
        "name": "0.png",
        "jod": None,
        "half_width": None,
        "comparisons": 0,
    }
    page.source._overview._fitted = (-1e9, -1)
    for one in (page.observer("Ada"), page.observer("Bob")):
        while (asked := one.next())["state"] == "open":
            trial = asked["trials"][0]
            left, right = (int(trial[side]["image"].partition("-")[2]) for side in ("left", "right"))
            one.answer(trial["trial"], float(left > right), seconds=3)
    found = page.admin.get("/api/admin/progress").json()
    assert (found["answers"], found["total"]) == (24, 24)
    bob = found["observers"][1]
    assert bob.pop("last").startswith("20")
    assert bob == {
        "observer": 1,
        "name": "Bob",
        "note": "",
        "answered": 12,
        "total": 12,
        "sittings": 0,
        "consented": False,
        "withdrawn": False,
        "median_seconds": 3.0,
        "unsure": 0.0,
        "plates": None,
        "plates_right": None,
        "remarks": [],
    }
    scene = found["scenes"][0]
    assert (scene["answers"], scene["connected"]) == (18, True)
    assert scene["half_width_jod"] > 0
    jods = [image["jod"] for image in scene["images"]]
    assert jods == sorted(jods)
    assert {image["comparisons"] for image in scene["images"]} == {6}


def test_a_new_link_makes_the_old_one_void(serve: Callable[..., Any]) -> None:
    page = serve()
    ada = page.observer("Ada")
    said = page.admin.post("/api/admin/observers/0/link").json()
    assert said["name"] == "Ada"
    assert said["link"].startswith("http://127.0.0.1:8000/#")
    assert ada.get("/api/study").status_code == 401
    ada.token = said["link"].partition("#")[2]
    assert len(ada.token) >= 22
    assert ada.get("/api/study").status_code == 200
    # Behind a server with HTTPS.
    behind = page.admin.post(
        "/api/admin/observers/0/link", headers={"Origin": "https://127.0.0.1:8000"}
    ).json()
    assert behind["link"].startswith("https://127.0.0.1:8000/#")
    for path in ("/api/admin/observers/7/link", "/api/admin/observers/7/withdraw"):
        assert page.admin.post(path).status_code == 404
    said = page.admin.post("/api/admin/observers", {"name": "Ada"})
    assert (said.status_code, said.json()) == (409, {"error": "there is an observer 'Ada' already"})


@pytest.mark.parametrize("design", sorted(DESIGNS))
def test_the_number_of_answers_is_known_before(design: str, serve: Callable[..., Any]) -> None:
    from isptune_study import Checks

    page = serve(
        study={"design": design, "scenes": ("a", "b"), "checks": Checks(3, 2, ((0, 1),)), "opponents": 3}
    )
    ada = page.observer("Ada")
    wanted = ada.get("/api/study").json()["progress"]["total"]
    done = 0
    while (asked := ada.next(1))["state"] == "open":
        ada.answer(asked["trials"][0]["trial"], float(done % 3 > 0))
        done += 1
    assert done == wanted == 2 * (9 + 3 + 2 + 1)


def test_there_is_no_best_of_given_pictures(serve: Callable[..., Any]) -> None:
    said = serve().observer("Ada").get("/api/best")
    assert said.status_code == 404
    assert said.json() == {"error": "this study has no best picture so far: it compares given ones"}
