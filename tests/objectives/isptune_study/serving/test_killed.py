"""Servers in processes of their own: killed under their observers, stopped, and started wrongly."""

from __future__ import annotations

import http.client
import importlib
import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def study_load(commands: Any) -> Iterator[Any]:
    commands.import_first(
        "isptune_study.commands", "isptune_study.serving.serving_study", "uvicorn.protocols.http.h11_impl"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module("study_load")


def test_killed_after_every_tenth_answer_each_is_kept_once(
    study_load: Any, commands: Any, tmp_path: Path
) -> None:
    found = study_load.kill(tmp_path / "study", 8, 5, 2, start=commands.start)
    assert found["once"]
    assert (found["answers"], found["kills"]) == (40, 4)


def test_many_at_once_are_all_kept(study_load: Any, commands: Any, tmp_path: Path) -> None:
    found = study_load.load(tmp_path / "study", 8, 5, 10, 30.0, start=commands.start)
    assert found["once"]
    assert found["answers"] == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly(number: int, study_load: Any, commands: Any, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    tokens = study_load.make_study(folder, 6, 3, 1)
    with study_load.Server(folder, commands.start) as server:
        # A browser keeps its connection.
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/api/next", headers={"Authorization": f"Bearer {tokens[0]}"})
        assert json.loads(connection.getresponse().read())["state"] == "open"
        server.process.send_signal(number)
        assert server.process.wait(20) == 0
        assert (folder / "errors").read_text() == ""
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", server.port), 1)
    events = [json.loads(line)["event"] for line in (folder / "security.log").read_text().splitlines()]
    assert events == ["server began", "server ended"]
    # What SQLite keeps beside the file is gone with the last connection.
    assert sorted(path.name for path in folder.glob("study.sqlite*")) == ["study.sqlite"]
