"""Each value that is sent has its type, size and range; texts are data wherever they go."""

from __future__ import annotations

import json
from typing import Any

import pytest

from isptune_study.serving import security_log
from isptune_study.serving.security_log import SecurityLog

SQL = "1'; DROP TABLE answers; --"
SCRIPT = "<script>alert(1)</script>"


def refused(said: Any, status: int) -> str:
    """The sentence of a response."""
    assert said.status_code == status, said.text
    assert set(said.json()) == {"error"}
    return str(said.json()["error"])


@pytest.fixture
def page(serve: Any) -> Any:
    return serve()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("trial", -1),
        ("trial", 2**31),
        ("trial", 2**70),
        ("trial", "0"),
        ("trial", SQL),
        ("trial", True),
        ("trial", None),
        ("share", 0.7),
        ("share", "1"),
        ("share", True),
        ("share", SQL),
        ("key", "short"),
        ("key", "x" * 65),
        ("key", SQL),
        ("key", "key-00000\n"),
        ("key", "kéy-00000"),
        ("sitting", 0),
        ("sitting", SQL),
        ("seconds", -1),
        ("seconds", 1e9),
        ("seconds", SQL),
        ("note", "x" * 501),
        ("note", 5),
        ("note", "\ud800"),
        ("details", []),
        ("details", {"zoom": 0}),
        ("details", {"flips": 1.5}),
        ("details", {"flips": -1}),
        ("details", {"gamut": SCRIPT}),
        ("details", {"exact": "yes"}),
        ("details", {"other": 1}),
        (SQL, 1),
    ],
)
def test_each_value_of_an_answer_has_its_type_size_and_range(refusing: Any, field: str, value: Any) -> None:
    data = {"trial": 0, "share": 1, "key": "key-00000", field: value}
    text = json.dumps(data)
    said = refusing.ada._ask(
        "POST", "/api/answers", content=text, headers={"Content-Type": "application/json"}
    )
    sentence = refused(said, 422)
    assert "DROP" not in sentence
    assert "script" not in sentence
    assert refusing.events()[-1] == "value refused"
    assert refusing.kept() == []


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "1", "null", '{"trial": NaN}', '{"seconds": Infinity}', "[" * 9000]
)
def test_what_is_no_json_object_is_refused(refusing: Any, text: str) -> None:
    said = refusing.ada._ask(
        "POST", "/api/answers", content=text, headers={"Content-Type": "application/json"}
    )
    assert said.status_code in (400, 422)
    refused(said, said.status_code)


def test_numbers_that_are_none_are_refused(refusing: Any) -> None:
    for value in ("NaN", "Infinity", "-Infinity", "1e999"):
        text = f'{{"trial": 0, "share": 1, "key": "key-00000", "seconds": {value}}}'
        said = refusing.ada._ask(
            "POST", "/api/answers", content=text, headers={"Content-Type": "application/json"}
        )
        assert "seconds" in refused(said, 422)
    assert refusing.kept() == []


@pytest.mark.parametrize(
    "name", ["", " ", "x" * 81, "=1+1", "@x", "+1", "-1", "a\nb", "a\x00b", "a\u202eb", 5, None]
)
def test_names_that_other_programs_take_for_something_else_are_refused(refusing: Any, name: Any) -> None:
    refused(refusing.admin.post("/api/admin/observers", {"name": name}), 422)
    assert refusing.admin.get("/api/admin/progress").json()["observers"][1:] == []


@pytest.mark.parametrize("text", [SQL, SCRIPT, '"><img src=x onerror=alert(1)>', "Ünïcödé 用户 🙂"])
def test_texts_are_data(page: Any, text: str) -> None:
    said = page.admin.post("/api/admin/observers", {"name": text, "note": text}).json()
    assert said["name"] == text
    ada = type(page.admin)(page.client, said["link"].partition("#")[2])
    assert ada.post("/api/sitting", {"agent": text}).status_code == 200
    assert ada.get("/api/study").headers["content-type"] == "application/json"
    assert ada.get("/api/study").json()["observer"] == text
    ada.answer(ada.next()["trials"][0]["trial"], note=text)
    observer = page.admin.get("/api/admin/progress").json()["observers"][0]
    assert (observer["name"], observer["note"], observer["answered"]) == (text, text, 1)


def test_a_flood_does_not_fill_the_disk(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(security_log.time, "monotonic", lambda: now)
    log = SecurityLog(tmp_path / "security.log")
    for _ in range(2000):
        log.refused("wrong token", "1.2.3.4", "GET", "/" + "a\n" * 1000)
    assert len((tmp_path / "security.log").read_text().splitlines()) == 600
    now += 61
    log.refused("wrong token", "1.2.3.4", "GET", "/")
    lines = [json.loads(line) for line in (tmp_path / "security.log").read_text().splitlines()]
    assert len(lines) == 602
    assert (lines[-2]["event"], lines[-2]["of"], lines[-2]["times"]) == ("left out", "wrong token", 1400)
    assert lines[-1]["in_last_minute"] == 1
    assert len(lines[0]["path"]) == 200
    assert (tmp_path / "security.log").stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(security_log, "_LARGEST", 1000)
    log.done("stopped")
    assert (tmp_path / "security.log.1").exists()
    assert len((tmp_path / "security.log").read_text().splitlines()) == 1
