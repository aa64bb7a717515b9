"""Three observers whose server dies under them: the part ``kill`` of study_load.py."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from pathlib import Path
from typing import Any

from study_server import Server, Start, kept, make_study


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
