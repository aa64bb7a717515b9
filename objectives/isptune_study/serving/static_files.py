"""The files of the page: read once, and found by name alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fastapi import APIRouter, Request, Response

PAGES = Path(__file__).parent / "pages"

_MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}


def static_router(folder: Path = PAGES) -> APIRouter:
    """Routes for ``/``, ``/admin`` and ``/pages/NAME``; no path that somebody sends reaches the disk."""
    files: dict[str, tuple[bytes, str, str]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix in _MEDIA and path.is_file():
            data = path.read_bytes()
            files[path.name] = data, _MEDIA[path.suffix], f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    router = APIRouter(include_in_schema=False)

    def answer(name: str, request: Request) -> Response:
        if name not in files:
            raise LookupError("there is no such page")
        data, media, tag = files[name]
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(data, media_type=media, headers=headers)

    @router.get("/")
    async def observer_page(request: Request) -> Response:
        return answer("index.html", request)

    @router.get("/admin")
    async def admin_page(request: Request) -> Response:
        return answer("admin.html", request)

    @router.get("/favicon.ico")
    async def icon() -> Response:
        return Response(status_code=204)

    @router.get("/pages/{name}")
    async def page_file(name: str, request: Request) -> Response:
        return answer(name, request)

    return router
