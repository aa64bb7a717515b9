"""A device on the loopback: what it answers is written by each test."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class Device:
    """A server whose ``answer`` gets each request, and may write into the connection itself.

    ``answer(handler, method, path, body)`` returns (status, type, body), or None where it wrote itself.
    """

    def __init__(self) -> None:
        self.answer: Callable[..., Any] = lambda *request: (200, "text/plain", b"")
        self.asked: list[tuple[str, str, bytes]] = []
        device = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                device.asked.append((self.command, self.path, body))
                reply = device.answer(self, self.command, self.path, body)
                if reply is None:
                    self.close_connection = True
                    return
                status, kind, content = reply
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = handle_any

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        # It is asked whether to end twenty times a second: tests end soon.
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.asked]

    def sent(self) -> list[Any]:
        """The JSON bodies that came."""
        return [json.loads(body) for _, _, body in self.asked if body]


@pytest.fixture
def device():
    made = Device()
    yield made
    made.server.shutdown()
    made.server.server_close()
