"""A small HTTP client for devices: no redirect, no proxy, a limit of size and of time for every answer."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from isptune.errors import ConfigurationError

_CHUNK = 1 << 16
# Names of headers, RFC 9110.
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
# Between one try and the next, in seconds.
_PAUSE = 0.2


class DeviceError(RuntimeError):
    """What a device did instead of answering; the reason of its candidate."""


class DeviceTimeoutError(DeviceError, TimeoutError):
    """A device that did not answer in time."""


class _AgainError(DeviceError):
    """A failure that may pass: the connection broke, or the device is busy."""


@dataclass(frozen=True)
class Answer:
    """A body and the type that the device says it has."""

    body: bytes
    kind: str


class Client:
    """Talks to one device.

    Args:
        url: ``http://host:port`` or ``https://host:port``, with a path before all others where there is one.
        timeout: seconds for one answer, from the first byte that is sent to the last one that comes.
        most_bytes: of one answer.
        retries: how often a request is sent again where the connection broke or the device said 5xx or 429.
        headers: of every request.
        certificate: a PEM file with the certificate that an ``https`` device has signed itself.

    Raises:
        ConfigurationError: a URL, a header or a certificate that cannot be.
    """

    def __init__(
        self,
        url: str,
        timeout: float = 30.0,
        most_bytes: int = 200_000_000,
        retries: int = 2,
        headers: Mapping[str, str] | None = None,
        certificate: str | None = None,
    ) -> None:
        allowed = "allowed: http://HOST:PORT or https://HOST:PORT, without a name and password"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ConfigurationError(f"url is '{url}'; {allowed}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ConfigurationError(f"url is '{url}'; {allowed}")
        if parts.query or parts.fragment or any(letter.isspace() for letter in url):
            raise ConfigurationError(f"url is '{url}'; {allowed}, and nothing behind its path")
        if not parts.path.isascii():
            raise ConfigurationError(f"url is '{url}'; {allowed}, other letters than ASCII's as %XX")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, port
        self._base = parts.path.rstrip("/")
        if retries < 0:
            raise ConfigurationError(f"retries is {retries}; allowed: 0 and above")
        if not most_bytes > 0:
            raise ConfigurationError(f"at most {most_bytes:,} bytes of an answer are taken; allowed: above 0")
        self._timeout, self._most, self._retries = float(timeout), most_bytes, retries
        self._headers = {str(name): str(value) for name, value in (headers or {}).items()}
        for name, value in self._headers.items():
            if set(name + value) & set("\r\n\0"):
                raise ConfigurationError(f"the header {name!r} has more than one line")
            if not _HEADER.fullmatch(name) or not value.isascii():
                raise ConfigurationError(
                    f"the header {name!r} is {value!r}; allowed: a name of letters, digits and '-', and a "
                    "value in ASCII"
                )
        self._certificate = certificate
        self._context()

    def _context(self) -> ssl.SSLContext | None:
        if not self._secure:
            return None
        try:
            context = ssl.create_default_context(cafile=self._certificate)
        except OSError as error:
            raise ConfigurationError(
                f"the certificate '{self._certificate}' cannot be read: {error.strerror or error}"
            ) from error
        # A device is known by its certificate; its address in a laboratory is none that a certificate has.
        context.check_hostname = self._certificate is None
        return context

    def ask(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            DeviceError: one sentence: no connection, a status other than 2xx, a redirect, an answer that ends
                early, or one that is too large.
            DeviceTimeoutError: the answer did not come in time.
        """
        for left in range(self._retries, -1, -1):
            try:
                return self._once(method, path, body, kind)
            except _AgainError as error:
                if not left:
                    raise DeviceError(str(error)) from error
                time.sleep(_PAUSE)
        raise AssertionError

    def ask_json(self, method: str, path: str, data: Any = None) -> Any:
        """The same with JSON both ways; a mapping."""
        answer = self.ask(method, path, None if data is None else json.dumps(data).encode())
        try:
            found = json.loads(answer.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise DeviceError(f"{path} answered with something else than a JSON object{_told(answer.body)}")
        return found

    def _once(self, method: str, path: str, body: bytes | None, kind: str) -> Answer:
        made: http.client.HTTPConnection
        if self._secure:
            made = http.client.HTTPSConnection(
                self._host, self._port, timeout=self._timeout, context=self._context()
            )
        else:
            made = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        headers = {"Accept": "*/*", "Connection": "close", **self._headers}
        if body is not None:
            headers["Content-Type"] = kind
        late = threading.Event()
        sockets: list[socket.socket] = []
        timer = threading.Timer(self._timeout, _give_up, (sockets, late))
        timer.daemon = True
        timer.start()
        try:
            made.connect()
            # The connection forgets it where the device says that it will close.
            sockets.append(made.sock)
            made.request(method, self._base + path, body, headers)
            answer = self._answer(made.getresponse(), path)
        except (OSError, http.client.HTTPException) as error:
            if late.is_set() or isinstance(error, TimeoutError):
                raise self._late(path) from error
            told = _readable(str(error)) or type(error).__name__
            raise _AgainError(f"no answer of {path} at {self._host}: {told}") from error
        except _AgainError as error:
            if late.is_set():
                raise self._late(path) from error
            raise
        finally:
            timer.cancel()
            made.close()
        if late.is_set():
            # An answer without a length may end anywhere.
            raise self._late(path)
        return answer

    def _late(self, path: str) -> DeviceTimeoutError:
        return DeviceTimeoutError(f"{path} did not answer within {self._timeout:g} s")

    def _answer(self, response: http.client.HTTPResponse, path: str) -> Answer:
        if 300 <= response.status < 400:
            place = _readable(response.getheader("Location", ""))
            raise DeviceError(f"{path} redirects to '{place}', which isptune does not follow")
        length = response.length
        if length is not None and length > self._most:
            raise DeviceError(f"{path} announces {length:,} bytes; at most {self._most:,} are taken")
        parts, count = [], 0
        while part := response.read1(_CHUNK):
            parts.append(part)
            count += len(part)
            if count > self._most:
                raise DeviceError(f"{path} sends more than {self._most:,} bytes, the most that is taken")
        body = b"".join(parts)
        if length is not None and count < length:
            raise _AgainError(f"{path} announced {length:,} bytes and sent {count:,}")
        if response.status >= 400:
            kind = _AgainError if response.status >= 500 or response.status == 429 else DeviceError
            raise kind(f"{path} answered {response.status} {_readable(response.reason)}{_told(body)}")
        return Answer(body, response.getheader("Content-Type", "").partition(";")[0].strip().lower())


def _give_up(sockets: list[socket.socket], late: threading.Event) -> None:
    """End a connection, whatever it waits for: one byte a second would go on for ever."""
    late.set()
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def _told(body: bytes) -> str:
    """The beginning of a body in brackets, for messages."""
    text = _readable(body[:200].decode("utf-8", "replace"))
    return f" ({text})" if text else ""


def _readable(text: str) -> str:
    """The beginning of what a device said on one line, without letters that a terminal obeys."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text[:200].split()))
