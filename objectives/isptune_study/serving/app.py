"""The page and its API as one ASGI application."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from isptune.errors import ConfigurationError, DiskFullError, IsptuneError
from isptune_study.serving import admin_api, observer_api
from isptune_study.serving.guard import Guard, address_of
from isptune_study.serving.observer_api import ConsentMissingError
from isptune_study.serving.security_log import SecurityLog
from isptune_study.serving.source import AnswerConflictError, NotAskedError, Source
from isptune_study.serving.static_files import PAGES, static_router

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class StudyApp(Guard):
    """The application, guarded.

    Attributes:
        api: the FastAPI application inside, for its schema.
    """

    api: FastAPI


def create_app(
    source: Source,
    secret: str,
    *,
    log: Path | None = None,
    allowed_hosts: Iterable[str] = LOOPBACK,
    pages: Path = PAGES,
) -> StudyApp:
    """The page of a study or a search.

    Args:
        source: gives pairs and pictures, and keeps answers.
        secret: of the admin, at least 128 bits.
        log: where the security log goes; it is kept nowhere if None.
        allowed_hosts: names that a Host header may have.
        pages: the folder of the page's files.

    Raises:
        ConfigurationError: the secret is short.
    """
    if len(secret) < 22:
        raise ConfigurationError(f"the admin's secret has {len(secret)} characters; allowed: at least 22")
    api = FastAPI(title="isptune study", openapi_url=None, docs_url=None, redoc_url=None)
    api.router.redirect_slashes = False
    api.state.source, api.state.log = source, SecurityLog(log)
    for router in (observer_api.router, admin_api.router, static_router(pages)):
        api.include_router(router)
    _say_errors(api)
    app = StudyApp(api, source, secret, api.state.log, allowed_hosts)
    app.api = api
    return app


def _say_errors(api: FastAPI) -> None:
    """Every error becomes one sentence in JSON; those that an honest page never makes are logged."""

    def said(request: Request, status: int, sentence: str, event: str = "") -> JSONResponse:
        if event:
            log: SecurityLog = api.state.log
            log.refused(event, address_of(request.scope), request.method, request.url.path)
        return JSONResponse({"error": sentence}, status)

    @api.exception_handler(RequestValidationError)
    async def refused_value(request: Request, error: RequestValidationError) -> JSONResponse:
        return said(request, 422, _sentence(error), "value refused")

    @api.exception_handler(ConsentMissingError)
    async def no_consent(request: Request, error: ConsentMissingError) -> JSONResponse:
        return said(request, 403, "agree to the text of this study first", "no consent")

    @api.exception_handler(AnswerConflictError)
    async def conflict(request: Request, error: AnswerConflictError) -> JSONResponse:
        return said(request, 409, str(error), "another answer")

    @api.exception_handler(NotAskedError)
    async def not_asked(request: Request, error: NotAskedError) -> JSONResponse:
        return said(request, 404, "this trial was not asked of you", "trial that was not asked")

    @api.exception_handler(LookupError)
    async def not_found(request: Request, error: LookupError) -> JSONResponse:
        return said(request, 404, str(error.args[0]), "not found")

    @api.exception_handler(DiskFullError)
    async def not_saved(request: Request, error: DiskFullError) -> JSONResponse:
        return said(request, 503, str(error), "not saved")

    @api.exception_handler(IsptuneError)
    async def mistake(request: Request, error: IsptuneError) -> JSONResponse:
        return said(request, 422, str(error), "refused")

    @api.exception_handler(HTTPException)
    async def by_http(request: Request, error: HTTPException) -> JSONResponse:
        known = {404: "there is no such page", 405: "this address does not take that method"}
        sentence = known.get(error.status_code, "the request cannot be read")
        response = said(request, error.status_code, sentence, "not found")
        response.headers.update(error.headers or {})
        return response

    @api.exception_handler(KeyError)
    @api.exception_handler(IndexError)
    @api.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> JSONResponse:
        return said(request, 500, "the server failed; send the same again", f"failed: {type(error).__name__}")


def _sentence(error: RequestValidationError) -> str:
    """The first complaint, without what was sent."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return "the body is not valid JSON"
    place = ".".join(str(part) for part in first["loc"][1:])
    if first["type"] == "extra_forbidden":
        # The key is what somebody made up.
        return "the body has an unknown key"
    said = first["msg"].removeprefix("Value error, ")
    return f"{place or 'the body'}: {said[:1].lower()}{said[1:]}"
