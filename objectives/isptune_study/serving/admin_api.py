"""What the admin's page asks and sends; the guard has checked the secret."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from isptune_study.serving.guard import address_of
from isptune_study.serving.messages import Empty, Link, NewObserver, StudyProgress, StudyState, Withdrawn
from isptune_study.serving.observer_api import log_of, problems, source_of
from isptune_study.serving.source import Source

router = APIRouter(prefix="/api/admin", responses=problems(400, 401))

Number = Annotated[int, Path(ge=0, lt=2**31)]


def administered(request: Request) -> Source:
    """What is administered. A request that did not pass the guard as the admin's fails here."""
    if request.state.is_admin is not True:
        raise PermissionError
    return source_of(request)


@router.get("/progress")
def progress(request: Request) -> StudyProgress:
    return administered(request).study_progress()


@router.post("/observers", status_code=201, responses=problems(409, 413, 422, 503))
def add_observer(request: Request, body: NewObserver) -> Link:
    observer, token = administered(request).add_observer(body.name, body.note)
    _note(request, "observer added", observer)
    return Link(observer=observer, name=body.name, link=_link(request, token))


@router.post("/observers/{observer}/link", responses=problems(404, 413, 422, 503))
def new_link(request: Request, observer: Number, body: Empty) -> Link:
    name, token = administered(request).renew_token(observer)
    _note(request, "link renewed", observer)
    return Link(observer=observer, name=name, link=_link(request, token))


@router.post("/observers/{observer}/withdraw", responses=problems(404, 413, 422, 503))
def withdraw(request: Request, observer: Number, body: Empty) -> Withdrawn:
    administered(request).withdraw(observer)
    _note(request, "withdrawn by the admin", observer)
    return Withdrawn()


@router.post("/stop", responses=problems(413, 422, 503))
def stop(request: Request, body: Empty) -> StudyState:
    administered(request).stop(True)
    _note(request, "stopped")
    return StudyState(state="stopped")


@router.post("/resume", responses=problems(413, 422, 503))
def resume(request: Request, body: Empty) -> StudyState:
    administered(request).stop(False)
    _note(request, "resumed")
    return StudyState(state="open")


def _note(request: Request, event: str, observer: int | None = None) -> None:
    facts: dict[str, int | str] = {} if observer is None else {"observer": observer}
    log_of(request).done(event, address_of(request.scope), **facts)


def _link(request: Request, token: str) -> str:
    # A browser says where it is, also behind a server with HTTPS. The fragment never leaves it: no log has
    # the token.
    origin = request.headers.get("origin") or str(request.base_url).rstrip("/")
    return f"{origin}/#{token}"
