"""What an observer's page asks and sends."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

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


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Problem} for status in statuses}


async def source_of(request: Request) -> Source:
    found: Source = request.app.state.source
    return found


async def log_of(request: Request) -> SecurityLog:
    found: SecurityLog = request.app.state.log
    return found


async def known_of(request: Request) -> Known:
    """Whose token it is, as the guard found it."""
    found: Known = request.state.known
    return found


async def agreed_of(request: Request) -> Known:
    known = await known_of(request)
    if not (await source_of(request)).has_agreed(known):
        raise ConsentMissingError
    return known


Asks = Annotated[Source, Depends(source_of)]
Logs = Annotated[SecurityLog, Depends(log_of)]
Whose = Annotated[Known, Depends(known_of)]
Agreed = Annotated[Known, Depends(agreed_of)]

router = APIRouter(prefix="/api", responses=_problems(400, 401))


@router.get("/study", summary="What to show before the first pair")
def study(source: Asks, known: Whose) -> Facts:
    return source.facts(known)


@router.post("/consent", responses=_problems(413, 422, 503))
def consent(source: Asks, known: Whose, body: Empty) -> ConsentGiven:
    source.agree(known.observer)
    return ConsentGiven()


@router.post("/sitting", responses=_problems(403, 413, 422, 503))
def sitting(source: Asks, known: Agreed, body: SittingDetails) -> Sitting:
    return Sitting(sitting=source.start_sitting(known.observer, body))


@router.get("/next", responses=_problems(403, 422, 503))
def next_pairs(source: Asks, known: Agreed, count: Annotated[int, Query(ge=1, le=10)] = 2) -> Asked:
    return source.ask(known.observer, count)


@router.get(
    "/images/{image}",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {}, "image/jpeg": {}, "image/webp": {}}},
        304: {"description": "It has not changed."},
        **_problems(403, 404, 422),
    },
)
def image(
    source: Asks, known: Agreed, request: Request, image: Annotated[str, Path(max_length=40)]
) -> Response:
    found = source.image(known.observer, image)
    tag = f'"{found.digest}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(found.read(), media_type=found.media, headers=headers)


@router.post("/answers", responses=_problems(403, 404, 409, 413, 422, 503))
async def answers(source: Asks, known: Agreed, body: Given) -> Acknowledged:
    new = await asyncio.wrap_future(source.answer(known.observer, body))
    return Acknowledged(new=new, progress=source.progress(known.observer))


@router.get("/best", responses=_problems(403, 404, 422))
def best(source: Asks, known: Agreed) -> Best:
    return source.best(known.observer)


@router.post("/withdraw", responses=_problems(413, 422, 503))
def withdraw(source: Asks, known: Whose, log: Logs, request: Request, body: Empty) -> Withdrawn:
    source.withdraw(known.observer)
    log.done("withdrawn", address_of(request.scope), observer=known.observer)
    return Withdrawn()
