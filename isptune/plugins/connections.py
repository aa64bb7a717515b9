"""Whether a server of the web takes connections, asked before anything waits for it."""

from __future__ import annotations

import socket
import urllib.request
from urllib.parse import urlsplit

SECONDS = 5.0


def host_and_port(address: str) -> tuple[str, int]:
    """Of an address such as ``https://huggingface.co``."""
    parts = urlsplit(address)
    return parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)


def connection_failure(address: str) -> str:
    """Why a server takes no connection; "" where it does, and behind a proxy, which alone can tell."""
    host, port = host_and_port(address)
    proxies = urllib.request.getproxies()
    if (urlsplit(address).scheme in proxies or "all" in proxies) and not urllib.request.proxy_bypass(host):
        return ""
    try:
        socket.create_connection((host, port), timeout=SECONDS).close()
    except TimeoutError:
        return f"no answer within {SECONDS:g} seconds"
    except OSError as error:
        return error.strerror or str(error)
    return ""


def reachable(address: str) -> bool:
    """Whether a server takes connections, as ``connection_failure`` finds it."""
    return not connection_failure(address)
