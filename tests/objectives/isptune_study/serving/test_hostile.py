"""Requests that no honest page makes: refused, logged, and nothing is told or changed."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from isptune_study.serving import guard

SQL = "1'; DROP TABLE answers; --"
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def page(serve: Callable[..., Any]) -> Any:
    return serve()


def refused(said: Any, status: int) -> str:
    """The sentence, of a response that has the headers of all others."""
    assert said.status_code == status, said.text
    assert said.headers["content-type"] == "application/json"
    assert said.headers["content-security-policy"] == guard.POLICY
    assert said.headers["x-content-type-options"] == "nosniff"
    assert set(said.json()) == {"error"}
    sentence = said.json()["error"]
    assert "Traceback" not in sentence
    return str(sentence)


@pytest.mark.parametrize(
    "path",
    [
        "/pages/../study.sqlite",
        "/pages/..%2f..%2fapp.py",
        "/pages/%2e%2e/%2e%2e/app.py",
        "/pages/..\\..\\app.py",
        "/pages//etc/passwd",
        "/pages/%00",
        "/pages/__init__.py",
        "/../../../etc/passwd",
        "/study.sqlite",
        "/security.log",
        "/docs",
        "/openapi.json",
    ],
)
def test_no_path_leaves_the_pages(refusing: Any, path: str) -> None:
    said = refusing.client.get(path)
    assert refused(said, 404) == "there is no such page"
    assert refusing.events()[-1] == "not found"


@pytest.mark.parametrize(
    "image",
    [
        "..%2f..%2fstudy.sqlite",
        "image-0/../../study.sqlite",
        "image-999",
        "image--1",
        "image-0%00",
        "image-٣",
        SQL,
    ],
)
def test_no_picture_is_named_by_a_path(refusing: Any, image: str) -> None:
    sentence = refused(refusing.ada.get(f"/api/images/{image}"), 404)
    assert sentence in ("there is no such picture for this observer", "there is no such page")


def test_a_picture_of_another_observer_and_one_outside_of_the_folder_are_not_shown(page: Any) -> None:
    ada, bob = page.observer("Ada"), page.observer("Bob")
    name = ada.next()["trials"][0]["left"]["image"]
    assert refused(bob.get(f"/api/images/{name}"), 404) == "there is no such picture for this observer"
    (page.folder.parent / "secret.png").write_bytes(b"secret")
    with sqlite3.connect(page.folder / "study.sqlite") as connection:
        connection.execute("UPDATE images SET file = '../secret.png'")
    later = type(page)(page.folder)
    ada.client = later.client
    assert "no picture in its folder" in refused(ada.get(f"/api/images/{name}"), 422)
    later.close()


def test_only_who_has_the_secret_is_the_admin(page: Any) -> None:
    ada = page.observer("Ada")
    paths = [("GET", "progress"), ("POST", "observers"), ("POST", "stop"), ("POST", "resume")]
    paths += [("POST", "observers/0/link"), ("POST", "observers/0/withdraw"), ("GET", "nothing"), ("GET", "")]
    for method, path in paths:
        for headers in (
            {},
            {"Authorization": "Bearer "},
            {"Authorization": f"Bearer {ada.token}"},
            {"Authorization": f"Basic {page.admin.token}"},
            {"Authorization": f"Bearer {page.admin.token[:-1]}"},
        ):
            url = f"/api/admin/{path}?secret={page.admin.token}"
            said = page.client.request(method, url, headers=headers, json={"name": "Eve"})
            assert refused(said, 401) == "the admin's secret is missing or wrong"
            assert said.headers["www-authenticate"] == "Bearer"
    assert page.events().count("wrong secret") == 2 * len(paths)
    assert page.events().count("no secret") == 3 * len(paths)
    assert ada.get("/api/study").status_code == 200
    text = (page.folder / "security.log").read_text()
    assert page.admin.token not in text
    assert ada.token not in text


def test_the_admins_part_is_closed_without_the_guard(page: Any) -> None:
    from starlette.testclient import TestClient

    client = TestClient(page.app.api, raise_server_exceptions=False)
    for method, path in (("GET", "progress"), ("POST", "stop")):
        assert client.request(method, f"/api/admin/{path}", json={}).status_code == 500
    assert client.get("/api/next").status_code == 500
    assert page.admin.get("/api/admin/progress").json()["state"] == "open"


def test_tokens_are_an_observers_own(page: Any) -> None:
    ada, bob = page.observer("Ada"), page.observer("Bob")
    ada.next(), bob.next()
    for token in ("", "guess", bob.token[:-1], bob.token + "x", page.admin.token, "ä", SQL, "x" * 5000):
        said = page.client.get("/api/study", headers={"Authorization": f"Bearer {token}".encode()})
        assert "this link is not valid" in refused(said, 401)
    assert "this link is not valid" in refused(page.client.get(f"/api/study?token={bob.token}"), 401)
    last = json.loads((page.folder / "security.log").read_text().splitlines()[-2])
    assert (last["event"], last["in_last_minute"]) == ("wrong token", 7)
    # Whoever answers answers for the token's own observer, whatever else is said.
    assert refused(ada.answer(0, observer=1), 422) == "the body has an unknown key"
    assert ada.answer(0).status_code == 200
    assert page.kept() == [(0, 0, 1.0)]


def test_answers_that_were_not_asked_for_are_not_kept(page: Any) -> None:
    ada = page.observer("Ada")
    assert refused(ada.answer(0), 404) == "this trial was not asked of you"
    ada.next()
    for trial in (2, 99, 2**31 - 1):
        assert refused(ada.answer(trial), 404) == "this trial was not asked of you"
    assert page.events()[-1] == "trial that was not asked"
    assert refused(ada.answer(0, sitting=7), 404) == "the sitting is 7; allowed: up to 1"
    assert page.kept() == []


def test_large_bodies_are_refused_before_they_are_read(page: Any) -> None:
    ada = page.observer("Ada")
    sentence = f"the request is too large; allowed: {guard.LARGEST_BODY} bytes"
    assert refused(ada.post("/api/sitting", {"agent": "x" * 20_000}), 413) == sentence
    # Without a length it is counted.
    parts = (b"x" * 1000 for _ in range(1000))
    assert refused(ada._ask("POST", "/api/sitting", content=parts), 413) == sentence
    for length in ("99999999999999999999", "-1", "many"):
        said = ada._ask("POST", "/api/sitting", content=b"{}", headers={"Content-Length": length})
        assert refused(said, 413) == sentence
    assert page.events().count("oversize body") == 5


def test_a_body_that_never_ends_is_not_waited_for(refusing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_BODY_SECONDS", 0.02)
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(0.005)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {refusing.ada.token}".encode())]
    scope = {"type": "http", "method": "POST", "path": "/api/answers", "headers": headers, "client": None}
    asyncio.run(refusing.app(scope, receive, send))
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert json.loads(sent[1]["body"]) == {"error": "the request took too long to come"}
    assert refusing.events()[-1] == "slow body"


def test_other_hosts_and_origins_are_refused(page: Any) -> None:
    ada = page.observer("Ada")
    for host in (
        "evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8000",
        "",
        "[::2]",
        "localhost.",
        SQL,
    ):
        said = ada.get("/api/study", headers={"Host": host})
        assert refused(said, 400) == "this server does not answer under that name"
        assert page.events()[-1] == "foreign host"
    for host in ("localhost:8000", "LOCALHOST", "[::1]:8000", "127.0.0.1"):
        assert ada.get("/api/study", headers={"Host": host}).status_code == 200
    for origin in (
        "http://evil.example",
        "null",
        "http://127.0.0.1:9999",
        "ftp://127.0.0.1:8000",
        "127.0.0.1:8000",
    ):
        said = ada.get("/api/study", headers={"Origin": origin})
        assert refused(said, 403) == "only this server's own page may ask that"
    assert ada.get("/api/study", headers={"Origin": "http://127.0.0.1:8000"}).status_code == 200
    # No other page is told that it may ask.
    said = page.client.options("/api/study", headers={"Origin": "http://evil.example"})
    assert "access-control-allow-origin" not in said.headers
    assert refused(page.client.get("/", headers=[("Host", "127.0.0.1"), ("Host", "evil.example")]), 400)


def test_other_methods_are_refused(page: Any) -> None:
    ada = page.observer("Ada")
    for method in ("PUT", "DELETE", "PATCH", "TRACE"):
        assert refused(ada._ask(method, "/api/answers"), 405) == "this address does not take that method"
    assert refused(ada.get("/api/answers"), 405)


def test_what_fails_inside_tells_nothing(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = page.observer("Ada")

    def broken(*_: object) -> None:
        raise KeyError("a secret")

    monkeypatch.setattr(page.source, "facts", broken)
    assert refused(ada.get("/api/study"), 500) == "the server failed; send the same again"
    assert page.events()[-1] == "failed: KeyError"
