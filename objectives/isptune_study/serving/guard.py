"""What stands before the page and its API: hosts, origins, sizes, tokens, and headers of every answer."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from isptune_study.observers import digest_of
from isptune_study.serving.security_log import SecurityLog
from isptune_study.serving.source import Source
from isptune_study.serving.throttle import Throttle

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST_BODY = 16_384
_BODY_SECONDS = 15.0

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
]
_NO_STORE = (b"cache-control", b"no-store")

_GUESSES = ("wrong token", "wrong secret")

WRONG_LINK = "this link is not valid (any more): ask for a new one"


class Guard:
    """Refuses before anything else looks at a request.

    Args:
        app: what is guarded.
        source: whose tokens are valid for ``/api/``.
        secret: of the admin, for ``/api/admin/``.
        log: of what is refused.
        allowed_hosts: names that a Host header may have, without the port.
    """

    def __init__(
        self, app: App, source: Source, secret: str, log: SecurityLog, allowed_hosts: Iterable[str]
    ) -> None:
        self.app, self._source, self.log = app, source, log
        self._secret = digest_of(secret)
        self._throttle = Throttle()
        self._hosts = {host.lower().strip("[]") for host in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), *_HEADERS]
                if not any(name.lower() == b"cache-control" for name, _ in headers):
                    headers.append(_NO_STORE)
                message = {**message, "headers": headers}
            await send(message)

        refused = self._refusal(scope)
        if refused is None and scope["method"] not in ("GET", "HEAD"):
            try:
                async with asyncio.timeout(_BODY_SECONDS):
                    body = await _body(scope, receive)
            except TimeoutError:
                refused = (408, "slow body", "the request took too long to come")
            else:
                if body is None:
                    refused = (
                        413,
                        "oversize body",
                        f"the request is too large; allowed: {LARGEST_BODY} bytes",
                    )
                else:
                    receive = _again(body, receive)
        if refused is None:
            await self.app(scope, receive, send_with_headers)
            return
        status, event, sentence = refused
        self.log.refused(event, address_of(scope), scope["method"], scope["path"])
        if event in _GUESSES:
            await self._throttle.slow_down(address_of(scope))
        await _say(status, sentence, send_with_headers)

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        """Status, event and sentence, or None where the request may go on; notes whose it is."""
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            # The second of two could be read by another program than the first.
            if name in (b"host", b"authorization", b"origin") and name in headers:
                return 400, "header twice", "the request has a header twice"
            headers[name] = value
        host = headers.get(b"host", b"").decode("latin-1")
        if _name(host) not in self._hosts:
            return 400, "foreign host", "this server does not answer under that name"
        path: str = scope["path"]
        if path != "/api" and not path.startswith("/api/"):
            return None
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        if origin not in ("", f"http://{host.lower()}", f"https://{host.lower()}"):
            return 403, "foreign origin", "only this server's own page may ask that"
        scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else ""
        if path.startswith("/api/admin/") or path == "/api/admin":
            if not hmac.compare_digest(digest_of(token), self._secret):
                return 401, "wrong secret" if token else "no secret", "the admin's secret is missing or wrong"
            scope.setdefault("state", {})["is_admin"] = True
            return None
        known = self._source.known(token) if token else None
        if known is None:
            return 401, "wrong token" if token else "no token", WRONG_LINK
        scope.setdefault("state", {})["known"] = known
        return None


def address_of(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _name(host: str) -> str:
    """A Host header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """The whole body; None where it is too large."""
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if not length.isdigit() or int(length[:12]) > LARGEST_BODY:
        return None
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
        if size > LARGEST_BODY:
            return None
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """A body that was read, for who reads it next."""
    is_given = False

    async def give() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return give


async def _say(status: int, sentence: str, send: Send) -> None:
    body = json.dumps({"error": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    # The rest of a body that was not read would be taken for the next request.
    if status in (408, 413):
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
