"""The server: in this thread until it is told to stop, or in one of its own."""

from __future__ import annotations

import contextlib
import errno
import signal
import socket
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import uvicorn

from isptune.errors import ConfigurationError
from isptune_study.serving.guard import App

_GRACE_SECONDS = 3
_CONNECTIONS = 500
"""More at once get the status 503."""


class _Server(uvicorn.Server):
    """Stops at SIGINT and SIGTERM, and leaves them as they were."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, frame: FrameType | None) -> None:
            # The second one does not wait for those who are connected.
            self.force_exit = self.should_exit
            self.should_exit = True

        before: list[tuple[signal.Signals, Any]] = [
            (one, signal.signal(one, stop)) for one in (signal.SIGINT, signal.SIGTERM)
        ]
        try:
            yield
        finally:
            for one, handler in before:
                signal.signal(one, handler)


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        ConfigurationError: the port is in use or not allowed, or this machine has no such address.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        opened = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError(f"--host is '{host}', which is no address of this machine") from error
    try:
        # A server that was killed can be started again at once.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(1024)
    except OSError as error:
        opened.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"port {port} is in use by another program; choose another port"
            ) from None
        if error.errno == errno.EACCES:
            raise ConfigurationError(f"port {port} is not allowed to you; choose one above 1023") from None
        raise ConfigurationError(f"--host is '{host}', which is no address of this machine") from error
    return opened


def url_of(opened: socket.socket) -> str:
    """Where a socket listens, for a browser on this machine."""
    host, port = opened.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_of(app: App) -> uvicorn.Server:
    """A server that says nothing of itself."""
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="off",
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return _Server(config)


class Served:
    """A server in a thread of its own, while the block lasts.

    Args:
        app: what is served.
        host: address to listen at.
        port: of it; 0 for any that is free.

    Attributes:
        url: for a browser on this machine.
        port: that it listens at.
    """

    def __init__(self, app: App, host: str = "127.0.0.1", port: int = 0) -> None:
        self._socket = listening(host, port)
        self.url = url_of(self._socket)
        self.port: int = self._socket.getsockname()[1]
        self._server = server_of(app)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="study-server", daemon=True
        )

    def __enter__(self) -> Served:
        # What connects before the server takes it waits in the socket.
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(_GRACE_SECONDS + 5)
        self._socket.close()


def run_server(app: App, opened: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    server_of(app).run(sockets=[opened])
