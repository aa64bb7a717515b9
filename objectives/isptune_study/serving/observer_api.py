"""What an observer's page asks and sends."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from isptune_study.observers import Known
from isptune_study.serving.guard import address_of
from isptune_study.serving.messages import (
    Acknowledged,
    Asked,
    Best,
    ConsentGiven,
    Empty,
    Facts,
    Given,
    Problem,
    Sitting,
    SittingDetails,
    Withdrawn,
)
from isptune_study.serving.security_log import SecurityLog
from isptune_study.serving.source import Source


class ConsentMissingError(Exception):
    """An observer who has not agreed to the text that is there."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How errors of some statuses look."""
    return {status: {"model": Problem} for status in statuses}


def source_of(request: Request) -> Source:
    found: Source = request.app.state.source
    return found


def log_of(request: Request) -> SecurityLog:
    found: SecurityLog = request.app.state.log
    return found


def whose(request: Request) -> tuple[Source, Known]:
    """Who asks, as the guard found it, and what is asked."""
    return source_of(request), request.state.known


def agreed(request: Request) -> tuple[Source, int]:
    """What is asked, and an observer who has agreed to the text that is there.

    Raises:
        ConsentMissingError: there is one, and this observer has not.
    """
    source, known = whose(request)
    if not source.has_agreed(known):
        raise ConsentMissingError
    return source, known.observer


router = APIRouter(prefix="/api", responses=problems(400, 401))


# The two that are asked for each pair come first: routes are tried in this order.


@router.post("/answers", responses=problems(403, 404, 409, 413, 422, 503))
async def answers(request: Request, body: Given) -> Acknowledged:
    source, observer = agreed(request)
    new = await asyncio.wrap_future(source.answer(observer, body))
    return Acknowledged(new=new, progress=source.progress(observer))


@router.get("/next", responses=problems(403, 422, 503))
async def next_pairs(request: Request, count: Annotated[int, Query(ge=1, le=10)] = 2) -> Asked:
    source, observer = agreed(request)
    quick = source.peek(observer, count)
    return quick if quick is not None else await run_in_threadpool(source.ask, observer, count)


@router.get(
    "/images/{image}",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {}, "image/jpeg": {}, "image/webp": {}}},
        304: {"description": "It has not changed."},
        **problems(403, 404, 422),
    },
)
def image(request: Request, image: Annotated[str, Path(max_length=40)]) -> Response:
    source, observer = agreed(request)
    found = source.image(observer, image)
    tag = f'"{found.digest}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(found.read(), media_type=found.media, headers=headers)


@router.get("/study", responses=problems(422))
def study(request: Request) -> Facts:
    source, known = whose(request)
    return source.facts(known)


@router.post("/consent", responses=problems(413, 422, 503))
def consent(request: Request, body: Empty) -> ConsentGiven:
    source, known = whose(request)
    source.agree(known.observer)
    return ConsentGiven()


@router.post("/sitting", responses=problems(403, 413, 422, 503))
def sitting(request: Request, body: SittingDetails) -> Sitting:
    source, observer = agreed(request)
    return Sitting(sitting=source.start_sitting(observer, body))


@router.get("/best", responses=problems(403, 404, 422))
def best(request: Request) -> Best:
    source, observer = agreed(request)
    return source.best(observer)


@router.post("/withdraw", responses=problems(413, 422, 503))
def withdraw(request: Request, body: Empty) -> Withdrawn:
    source, known = whose(request)
    source.withdraw(known.observer)
    log_of(request).done("withdrawn", address_of(request.scope), observer=known.observer)
    return Withdrawn()
