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
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from study_kill import kill
from study_server import Server, Start, kept, make_study

OUT = Path(__file__).with_name("study_load")


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
                # It imports torch, which clients do without.
                from measuring import machine

                found["machine"] = machine()
            else:
                found = kill(Path(folder), 50, 6, 3)
        print(name, json.dumps(found))
        is_right = is_right and found["once"]
        (options.out / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    _write_table(options.out)
    return 0 if is_right else 1


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
