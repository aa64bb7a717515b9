"""What the admin's page asks and sends; the guard has checked the secret."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from isptune_study.serving.guard import address_of
from isptune_study.serving.messages import Empty, Link, NewObserver, StudyProgress, StudyState, Withdrawn
from isptune_study.serving.observer_api import Asks, Logs, _problems

router = APIRouter(prefix="/api/admin", responses=_problems(400, 401))

Number = Annotated[int, Path(ge=0, lt=2**31)]


@router.get("/progress")
def progress(source: Asks) -> StudyProgress:
    return source.study_progress()


@router.post("/observers", status_code=201, responses=_problems(409, 413, 422, 503))
def add_observer(source: Asks, log: Logs, request: Request, body: NewObserver) -> Link:
    observer, token = source.add_observer(body.name, body.note)
    log.done("observer added", address_of(request.scope), observer=observer)
    return Link(observer=observer, name=body.name, link=_link(request, token))


@router.post("/observers/{observer}/link", responses=_problems(404, 413, 422, 503))
def new_link(source: Asks, log: Logs, request: Request, observer: Number, body: Empty) -> Link:
    name, token = source.renew_token(observer)
    log.done("link renewed", address_of(request.scope), observer=observer)
    return Link(observer=observer, name=name, link=_link(request, token))


@router.post("/observers/{observer}/withdraw", responses=_problems(404, 413, 422, 503))
def withdraw(source: Asks, log: Logs, request: Request, observer: Number, body: Empty) -> Withdrawn:
    source.withdraw(observer)
    log.done("withdrawn by the admin", address_of(request.scope), observer=observer)
    return Withdrawn()


@router.post("/stop", responses=_problems(413, 422, 503))
def stop(source: Asks, log: Logs, request: Request, body: Empty) -> StudyState:
    source.stop(True)
    log.done("stopped", address_of(request.scope))
    return StudyState(state="stopped")


@router.post("/resume", responses=_problems(413, 422, 503))
def resume(source: Asks, log: Logs, request: Request, body: Empty) -> StudyState:
    source.stop(False)
    log.done("resumed", address_of(request.scope))
    return StudyState(state="open")


def _link(request: Request, token: str) -> str:
    # The fragment never leaves the browser: no log of a server or proxy has the token.
    return f"{request.base_url}#{token}"
