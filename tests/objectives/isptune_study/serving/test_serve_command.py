"""``isptune study serve``: what it prints, and what it refuses before it listens."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from isptune.errors import ConfigurationError
from isptune_study.serving import running, serving_study
from isptune_study.serving.page_settings import (
    PageSettings,
    paragraphs,
    read_page_settings,
    write_page_template,
)
from isptune_study.storage import StudyStore

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def study(serve: Callable[..., Any]) -> Path:
    page = serve()
    page.source.close()
    folder: Path = page.folder
    return folder


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The applications that would be served: the server stops at once."""
    apps: list[Any] = []
    monkeypatch.setattr(
        serving_study, "run_server", lambda app, opened: apps.append((app, opened.getsockname()))
    )
    return apps


def test_it_says_where_the_admins_page_is(study: Path, served: list[Any], call: Call) -> None:
    code, out, err = call("study", "serve", str(study), "--port", "0")
    (app, (host, port)) = served[0]
    lines = out.splitlines()
    assert (code, err, host) == (0, "", "127.0.0.1")
    assert lines[0] == f"serving {study} at http://127.0.0.1:{port}"
    url, _, secret = lines[1].partition("#")
    assert url == f"admin: http://127.0.0.1:{port}/admin"
    assert len(secret) == 22
    assert lines[2:] == ["stop with Ctrl-C; answers that were given are kept", "stopped"]
    assert app._hosts == {"127.0.0.1", "localhost", "::1"}


def test_the_secret_may_come_from_a_file_that_is_the_admins_own(
    study: Path, served: list[Any], call: Call, tmp_path: Path
) -> None:
    file = tmp_path / "secret"

    def serve_with(text: str, mode: int) -> tuple[int, str, str]:
        file.write_text(text)
        file.chmod(mode)
        return call("study", "serve", str(study), "--port", "0", "--admin-secret-file", str(file))

    code, out, _ = serve_with("a-secret-of-some-length\n", 0o600)
    assert code == 0
    assert "a-secret" not in out
    assert "/admin#SECRET with the secret of your file" in out
    code, _, err = serve_with("a-secret-of-some-length\n", 0o640)
    assert code == 2
    assert f"the admin's secret in '{file}' can be read by others: its mode is 0640; allowed: 0600" in err
    for text in ("short", "with a space in the middle of it", "äöü-äöü-äöü-äöü-äöü-äöü-äöü"):
        code, _, err = serve_with(text, 0o600)
        assert code == 2
        assert "must have at least 22 characters of ASCII and no spaces" in err
    file.unlink()
    code, _, err = call("study", "serve", str(study), "--admin-secret-file", str(file))
    assert code == 2
    assert f"cannot read the admin's secret in '{file}': No such file or directory" in err


def test_beyond_this_machine_it_warns_and_wants_names(study: Path, served: list[Any], call: Call) -> None:
    code, _, err = call("study", "serve", str(study), "--host", "0.0.0.0", "--port", "0")
    assert code == 2
    assert "name with --allowed-host what observers write for this machine" in err
    code, _, err = call(
        "study", "serve", str(study), "--host", "0.0.0.0", "--port", "0", "--allowed-host", "Lab.example"
    )
    assert code == 0
    assert err.startswith("warning: whoever reaches 0.0.0.0 sees the page, and what is sent is not encrypted")
    assert served[0][0]._hosts == {"127.0.0.1", "localhost", "::1", "lab.example"}


@pytest.mark.parametrize("name", ["http://lab.example", "lab.example:8000:x", "lab.example/", "*", ""])
def test_allowed_hosts_are_names_alone(name: str, study: Path, served: list[Any], call: Call) -> None:
    code, _, err = call("study", "serve", str(study), "--allowed-host", name)
    assert code == 2
    assert f"--allowed-host is '{name}'; allowed: a name or an address alone, such as lab.example" in err
    assert served == []


def test_a_port_in_use_and_an_unknown_address_are_one_sentence(study: Path, call: Call) -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, out, err = call("study", "serve", str(study), "--port", str(port))
    assert (code, out) == (2, "")
    assert err.strip() == f"isptune: error: port {port} is in use by another program; choose another port"
    for host in ("nowhere.invalid", "203.0.113.7"):
        code, _, err = call("study", "serve", str(study), "--host", host, "--port", "0")
        assert code == 2
        assert f"--host is '{host}', which is no address of this machine" in err


def test_one_process_serves_a_study(study: Path, call: Call) -> None:
    with serving_study._alone(study):
        code, _, err = call("study", "serve", str(study))
    assert code == 2
    assert f"another process serves the study in '{study}' already" in err


def test_what_is_no_study_is_refused(call: Call, tmp_path: Path) -> None:
    code, _, err = call("study", "serve", str(tmp_path))
    assert code == 2
    assert f"the folder '{tmp_path}' holds no study: there is no study.sqlite" in err


def test_a_missing_package_is_named_with_what_installs_it(
    study: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from isptune.plugins import installed

    monkeypatch.setattr(installed, "_is_there", lambda package: package != "uvicorn")
    code, _, err = call("study", "serve", str(study))
    assert code == 2
    assert "isptune study serve needs the package uvicorn, which is not installed" in err
    assert "install it with: pip install 'isptune[study]'" in err


def test_texts_of_the_page_come_from_its_file(study: Path, served: list[Any], call: Call) -> None:
    assert read_page_settings(study) == PageSettings()
    (study / "page.yaml").write_text(
        "title: Night\nconsent: |\n  One\n  line.\n\n  Two.\nplates: 6\nscreen: {width: 1280, height: 800}\n"
    )
    page = read_page_settings(study)
    assert (page.title, page.plates, page.screen.width) == ("Night", 6, 1280)  # type: ignore[union-attr]
    assert paragraphs(page.consent) == ["One line.", "Two."]
    assert page.consent_digest != PageSettings(consent="other").consent_digest
    for text, message in (
        ("titel: x", "has the unknown key 'titel'; did you mean 'title'?"),
        ("plates: 99", "plates"),
        ("plates: yes", "plates is true; allowed: no yes or no"),
        ("screen: 1280x800", "screen is '1280x800'; allowed: a mapping, such as {width: 1280, height: 800}"),
        ('question: "  "', "question"),
        ("title: |\n  One\n  two", "title has several lines; allowed: one"),
        ('title: "a\\0b"', "title holds a character that no page can show"),
        ("screen: {width: 1}", "screen.height"),
        ("- x", "must hold a mapping of settings"),
    ):
        (study / "page.yaml").write_text(text)
        with pytest.raises(ConfigurationError, match=re.escape(message)):
            read_page_settings(study)
        code, _, err = call("study", "serve", str(study))
        assert code == 2
        assert "page.yaml" in err
    assert served == []
    # What has nothing behind it has its default; joiners of Persian and of emojis are no control characters.
    (study / "page.yaml").write_text("consent:\nquestion:\nbreak_minutes:\ntitle: نمی\u200cدانم\n")
    assert read_page_settings(study) == PageSettings(title="نمی\u200cدانم", break_minutes=None)
    (study / "page.yaml").unlink()
    (study / "page.yaml").mkdir()
    with pytest.raises(ConfigurationError, match="cannot read the page"):
        read_page_settings(study)


def test_a_new_study_has_a_page_to_change(tmp_path: Path) -> None:
    write_page_template(tmp_path)
    assert read_page_settings(tmp_path) == PageSettings()
    text = (tmp_path / "page.yaml").read_text()
    # What is commented out is an example of each.
    (tmp_path / "page.yaml").write_text(re.sub(r"^#(?= \w+:|  )  ?|^#$", "", text, flags=re.MULTILINE))
    page = read_page_settings(tmp_path)
    assert (page.title, page.plates, page.distance_cm) == ("First study", 6, 60)
    assert page.screen.width == 1280  # type: ignore[union-attr]
    assert len(paragraphs(page.consent)) == 2


def test_a_study_of_the_first_version_is_served(study: Path, served: list[Any], call: Call) -> None:
    with StudyStore(study / "study.sqlite") as store:
        store._connection.executescript("DROP TABLE sittings; PRAGMA user_version = 1;")
    assert call("study", "serve", str(study), "--port", "0")[0] == 0
    with StudyStore(study / "study.sqlite") as store:
        observer, _ = store.add_observer("Ada")
        assert store.start_sitting(observer, {}) == 1


def test_a_server_in_a_thread_answers_and_ends(serve: Callable[..., Any]) -> None:
    page = serve()
    with running.Served(page.app) as served:
        host, port = served.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), 5) as connection:
            connection.sendall(b"GET /api/study HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 401")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, int(port)), 1)


def test_a_study_whose_picture_is_missing_is_not_served(study: Path, served: list[Any], call: Call) -> None:
    missing = sorted((study / "images").iterdir())[3]
    missing.unlink()
    code, _, err = call("study", "serve", str(study), "--port", "0")
    assert (code, err) == (2, f"isptune: error: the study's picture 'images/{missing.name}' is missing\n")
    assert served == []
