"""Fifty observers at once, and a server that is killed after every tenth answer.

    uv run python benchmarks/study_load.py

`load`: one process of clients and one server. Each observer asks for the next pair and answers it, again and
again, as the page does but without thinking. `kill`: three observers answer, and after every tenth answer the
server is killed with SIGKILL, most times with other answers on their way, and started again; an observer who
gets no acknowledgement sends the same again. The exit code is 0 only if every acknowledged answer is in the
database exactly once and no other one. The results are written into `benchmarks/study_load`.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from isptune_study.storage import StudyStore
from isptune_study.study_tables import Settings, StudyImage

OUT = Path(__file__).with_name("study_load")
SECRET = "benchmark-secret-of-the-admin"
Start = Callable[[list[str], Path], Any]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=["load", "kill"], help="one of the two")
    parser.add_argument("--observers", type=int, default=50)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--opponents", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=40, help="of the load, at most")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True)
    is_right = True
    for name in [options.only] if options.only else ["load", "kill"]:
        with tempfile.TemporaryDirectory() as folder:
            if name == "load":
                shape = (options.images, options.opponents, options.observers)
                found = load(Path(folder), *shape, options.seconds)
                found["machine"] = _machine()
            else:
                found = kill(Path(folder), 50, 6, 3)
        print(name, json.dumps(found))
        is_right = is_right and found["once"]
        (options.out / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    _write_table(options.out)
    return 0 if is_right else 1


def make_study(folder: Path, images: int, opponents: int, observers: int) -> dict[int, str]:
    """A study of small pictures; the observers' tokens by number."""
    (folder / "images").mkdir(parents=True)
    made = []
    for number in range(images):
        file = f"images/{number}.png"
        Image.new("RGB", (16, 16), (number % 256, 90, 120)).save(folder / file)
        made.append(StudyImage(f"{number}.png", "", file, f"{number:064d}"))
    with StudyStore.create(folder / "study.sqlite", Settings(opponents=opponents), made) as store:
        return dict(store.add_observer(f"observer {number}") for number in range(observers))


class Server:
    """A server in a process that can be killed.

    Args:
        folder: of the study.
        start: begins a process of ``isptune`` with arguments and a file for its stderr; a new interpreter if
            None.
    """

    def __init__(self, folder: Path, start: Start | None = None) -> None:
        self.folder, self._start = folder, start or _start
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        secret = folder / "secret"
        secret.touch(0o600)
        secret.write_text(SECRET)
        self._arguments = ["study", "serve", str(folder), "--port", str(self.port)]
        self._arguments += ["--admin-secret-file", str(secret)]

    def __enter__(self) -> Server:
        self.process = self._start(self._arguments, self.folder / "errors")
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"the server did not begin: {(self.folder / 'errors').read_text()}")

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(60)

    def kill_and_start(self) -> None:
        self.__exit__()
        self.__enter__()


def _start(arguments: list[str], errors: Path) -> subprocess.Popen[bytes]:
    with errors.open("ab") as file:
        command = [sys.executable, "-m", "isptune", *arguments]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=file)


def kept(folder: Path) -> dict[tuple[int, int], tuple[float, str]]:
    """(share, key) of what is in the database, by observer and trial."""
    with StudyStore(folder / "study.sqlite") as store:
        rows = store._rows("SELECT observer, trial, share, idempotency_key FROM answers")
    return {(observer, trial): (share, key.partition("/")[2]) for observer, trial, share, key in rows}


# Load: as many answers as fifty observers give who do not think.


class Connection:
    """HTTP over one connection that stays, with as little work as can be."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._headers = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    def close(self) -> None:
        self._writer.close()

    async def ask(self, method: str, path: str, data: Any = None) -> Any:
        body = b"" if data is None else json.dumps(data).encode()
        more = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        self._writer.write(f"{method} {path} HTTP/1.1\r\n{self._headers}{more}\r\n".encode() + body)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        text = await self._reader.readexactly(length)
        if not head.startswith("http/1.1 200"):
            raise RuntimeError(f"{method} {path}: {head.splitlines()[0]} {text.decode()}")
        return json.loads(text)


async def _observer(
    port: int,
    observer: int,
    token: str,
    until: float,
    given: dict[Any, Any],
    times: list[tuple[float, float]],
) -> None:
    connection = Connection(port, token)
    await connection.open()
    details = {"scale": 1.25, "zoom": 1, "flips": 2, "gamut": "srgb", "input": "keyboard", "side": "left"}
    while time.perf_counter() < until:
        begun = time.perf_counter()
        asked = await connection.ask("GET", "/api/next?count=2")
        if asked["state"] == "done":
            break
        trial, share = asked["trials"][0]["trial"], random.choice((0, 0.5, 1))
        answer = {
            "trial": trial,
            "share": share,
            "key": os.urandom(12).hex(),
            "seconds": 1.5,
            "details": details,
        }
        sent = time.perf_counter()
        await connection.ask("POST", "/api/answers", answer)
        given[observer, trial] = (share, answer["key"])
        times.append((time.perf_counter() - sent, sent - begun))
    connection.close()


def load(
    folder: Path, images: int, opponents: int, observers: int, seconds: float, start: Start | None = None
) -> dict[str, Any]:
    tokens = make_study(folder, images, opponents, observers)
    given: dict[tuple[int, int], tuple[float, str]] = {}
    times: list[tuple[float, float]] = []

    async def all_at_once(port: int) -> None:
        until = time.perf_counter() + seconds
        await asyncio.gather(*[_observer(port, n, token, until, given, times) for n, token in tokens.items()])

    with Server(folder, start) as server:
        begun = time.perf_counter()
        asyncio.run(all_at_once(server.port))
        took = time.perf_counter() - begun
        stat = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
        busy = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
    answer, asked = (1000 * np.array(column) for column in zip(*times, strict=True))
    return {
        "observers": observers,
        "answers": len(given),
        "seconds": round(took, 2),
        "answers_a_second": round(len(given) / took, 1),
        "answer_ms": _percentiles(answer),
        "next_pair_ms": _percentiles(asked),
        "server_cpu_seconds": round(busy, 1),
        "once": kept(folder) == given,
    }


def _percentiles(values: Any) -> dict[str, float]:
    return {
        name: round(float(np.percentile(values, q)), 1)
        for name, q in (("p50", 50), ("p95", 95), ("p99", 99), ("max", 100))
    }


# Kill: three observers whose server dies under them.


class Killed:
    """Observers who answer all their pairs while the server is killed after every so many answers.

    Attributes:
        given: (share, key) by observer and trial, of what was acknowledged.
        kills: how many there were.
        repeated: how many answers were sent again, as their acknowledgement did not come.
    """

    def __init__(self, server: Server, tokens: dict[int, str], every: int) -> None:
        self.server, self._tokens, self._every = server, tokens, every
        self.given: dict[tuple[int, int], tuple[float, str]] = {}
        self.kills = self.repeated = self.kept_before = 0
        self._lock = threading.Lock()

    def run(self) -> None:
        threads = [threading.Thread(target=self._observe, args=item) for item in self._tokens.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _observe(self, observer: int, token: str) -> None:
        generator = random.Random(observer)
        while True:
            asked = self._ask(token, "GET", "/api/next")
            if asked["state"] == "done":
                return
            trial, share = asked["trials"][0]["trial"], generator.choice((0.0, 0.5, 1.0))
            key = f"{generator.getrandbits(64):016x}"
            said = self._ask(token, "POST", "/api/answers", {"trial": trial, "share": share, "key": key})
            with self._lock:
                self.given[observer, trial] = (share, key)
                self.kept_before += not said["new"]
                if len(self.given) % self._every == 0:
                    self.kills += 1
                    self.server.kill_and_start()

    def _ask(self, token: str, method: str, path: str, data: Any = None) -> Any:
        """Ask until there is an answer."""
        is_first = True
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
            try:
                headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
                connection.request(method, path, None if data is None else json.dumps(data), headers)
                response = connection.getresponse()
                text = response.read()
            except (OSError, http.client.HTTPException):
                with self._lock:
                    self.repeated += is_first and method == "POST"
                is_first = False
                time.sleep(0.02)
                continue
            finally:
                connection.close()
            if response.status != 200:
                raise RuntimeError(f"{method} {path}: {response.status} {text.decode()}")
            return json.loads(text)


def kill(
    folder: Path, images: int, opponents: int, observers: int, every: int = 10, start: Start | None = None
) -> dict[str, Any]:
    tokens = make_study(folder, images, opponents, observers)
    with Server(folder, start) as server:
        killed = Killed(server, tokens, every)
        killed.run()
    wanted = observers * images * opponents // 2
    return {
        "observers": observers,
        "answers": len(killed.given),
        "kills": killed.kills,
        "sent_again": killed.repeated,
        "kept_before_the_kill": killed.kept_before,
        "once": kept(folder) == killed.given and len(killed.given) == wanted,
    }


def _machine() -> str:
    from measuring import machine

    return machine()


def _write_table(out: Path) -> None:
    lines = ["# The server of a study under load, and killed", ""]
    if (out / "load.json").is_file():
        found = json.loads((out / "load.json").read_text())
        answer, asked = found["answer_ms"], found["next_pair_ms"]
        lines += [
            f"{found['observers']} observers at once who do not think: {found['answers']} answers in "
            f"{found['seconds']:g} s, each followed by a request for the next pairs. One process of clients, "
            "one server.",
            "",
            "| | |",
            "| --- | ---: |",
            f"| durable answers a second | {found['answers_a_second']:g} |",
            f"| an answer, 50th / 95th / 99th percentile, longest | {answer['p50']:g} / {answer['p95']:g} / "
            f"{answer['p99']:g} / {answer['max']:g} ms |",
            f"| the next pairs | {asked['p50']:g} / {asked['p95']:g} / {asked['p99']:g} / "
            f"{asked['max']:g} ms |",
            f"| every acknowledged answer in the database once, and no other | {_yes(found['once'])} |",
            "",
            found["machine"],
            "",
        ]
    if (out / "kill.json").is_file():
        found = json.loads((out / "kill.json").read_text())
        lines += [
            f"{found['observers']} observers, {found['answers']} answers, {found['kills']} times SIGKILL: "
            "after every tenth answer.",
            "",
            "| | |",
            "| --- | ---: |",
            f"| answers without an acknowledgement, which were sent again | {found['sent_again']} |",
            f"| of these kept before the kill, and not kept twice | {found['kept_before_the_kill']} |",
            f"| every acknowledged answer in the database once, and no other | {_yes(found['once'])} |",
            "",
        ]
    (out / "study_load.md").write_text("\n".join(lines))


def _yes(value: bool) -> str:
    return "yes" if value else "**no**"


if __name__ == "__main__":
    sys.exit(main())
