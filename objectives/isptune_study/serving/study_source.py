"""A study's database as what a page asks."""

from __future__ import annotations

import re
import threading
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from isptune.errors import ConfigurationError
from isptune_study.answers import TRAINING
from isptune_study.asking import answers_wanted, plan_block
from isptune_study.observers import Known
from isptune_study.plates import plates_seed
from isptune_study.serving.messages import Consent, Screen, State
from isptune_study.serving.page_settings import PageSettings, paragraphs
from isptune_study.serving.readers import Readers
from isptune_study.serving.source import (
    AnswerConflictError,
    Asked,
    Facts,
    Given,
    ImageFile,
    Pair,
    Progress,
    Shown,
    SittingDetails,
    Source,
    StudyProgress,
)
from isptune_study.serving.study_images import NO_PICTURE, StudyImages
from isptune_study.serving.study_progress import Overview
from isptune_study.serving.writer import Writer
from isptune_study.storage import StudyStore

_IMAGE = re.compile(r"(image|reference)-(\d{1,9})", re.ASCII)


class StudySource(Source):
    """The pairs, pictures and answers of a study in a database.

    A block of an observer is planned by one thread at a time and issued by the writer, which takes each only
    once. Blocks of different observers do not wait for each other: the writer keeps them together.

    Args:
        path: of the database; pictures lie beside it.
        page: what observers read.
    """

    def __init__(self, path: str | Path, page: PageSettings | None = None) -> None:
        self.path, self.page = Path(path), page or PageSettings()
        self._readers = Readers(self.path)
        self._planning: dict[int, threading.Lock] = {}
        self._overview = Overview()
        with self._readers.lent() as store:
            self.settings, images = store.settings, store.images
            self._is_stopped = store.is_stopped
        self.images = StudyImages(self.path.parent, self.settings.references, images)
        self._total = answers_wanted(self.settings, images)
        self._writer = Writer(self.path)

    def known(self, token: str) -> Known | None:
        with self._readers.lent() as store:
            return store.known(token)

    def has_agreed(self, known: Known) -> bool:
        return known.consent == self.page.consent_digest or not self.page.consent_digest

    def facts(self, known: Known) -> Facts:
        page = self.page
        consent = None
        if page.consent_digest:
            consent = Consent(text=paragraphs(page.consent), given=self.has_agreed(known))
        with self._readers.lent() as store:
            name, sittings = store.name_of(known.observer), store.sittings(known.observer)
        progress = self.progress(known.observer)
        return Facts(
            title=self.title,
            observer=name,
            question=page.question,
            instructions=paragraphs(page.instructions),
            consent=consent,
            references=bool(self.settings.references),
            plates=page.plates,
            plates_seed=plates_seed(self.settings.seed, known.observer),
            screen=None if page.screen is None else Screen(**page.screen.model_dump()),
            distance_cm=page.distance_cm,
            break_minutes=page.break_minutes,
            state=self._state(progress),
            sittings=sittings,
            progress=progress,
        )

    @property
    def title(self) -> str:
        return self.page.title or self.settings.title or self.path.parent.resolve().name

    def _state(self, progress: Progress) -> State:
        if self._is_stopped:
            return "stopped"
        return "done" if progress.total is not None and progress.answered >= progress.total else "open"

    def agree(self, observer: int) -> None:
        self._writer.submit(lambda store: store.agree(observer, self.page.consent_digest)).result()

    def start_sitting(self, observer: int, details: SittingDetails) -> int:
        data = details.model_dump(exclude_none=True)
        return self._writer.submit(lambda store: store.start_sitting(observer, data)).result()

    def peek(self, observer: int, count: int) -> Asked | None:
        if self._is_stopped:
            return Asked(state="stopped")
        with self._readers.lent() as store:
            waiting = store.waiting(observer, count)
        return Asked(state="open", trials=[self._pair(*row) for row in waiting]) if waiting else None

    def ask(self, observer: int, count: int) -> Asked:
        # With two tabs both found nothing: the second one finds what the first one issued.
        # One call of a dict: of two threads that find no lock both get the same one.
        with self._planning.setdefault(observer, threading.Lock()):
            found = self.peek(observer, count)
            if found is not None:
                return found
            with self._readers.lent() as store:
                planned = plan_block(store, observer)
            if planned is None:
                return Asked(state="done")
            self._writer.submit(lambda store: store.issue(observer, *planned)).result()
        # Nothing, where all was withdrawn in the meantime.
        return self.peek(observer, count) or Asked(state="done")

    def _pair(self, trial: int, left: int, right: int, kind: int) -> Pair:
        reference = self.images.reference_of(left)
        return Pair(
            trial=trial,
            training=kind == TRAINING,
            left=_shown(f"image-{left}", self.images.size(left)),
            right=_shown(f"image-{right}", self.images.size(right)),
            reference=None
            if reference is None
            else _shown(f"reference-{reference}", self.images.reference_size(reference)),
        )

    def image(self, observer: int, image: str) -> ImageFile:
        match = _IMAGE.fullmatch(image)
        if match is not None:
            number = int(match[2])
            if match[1] == "reference":
                return self.images.reference(number)
            with self._readers.lent() as store:
                may_see = store.shows(observer, number)
            if may_see:
                return self.images.file(number)
        raise LookupError(NO_PICTURE)

    def answer(self, observer: int, given: Given) -> Future[bool]:
        return self._writer.submit(partial(_answer, observer=observer, given=given))

    def progress(self, observer: int) -> Progress:
        with self._readers.lent() as store:
            return Progress(answered=store.progress(observer), total=self._total)

    def withdraw(self, observer: int) -> None:
        self._writer.submit(lambda store: store.withdraw(observer)).result()

    def study_progress(self) -> StudyProgress:
        with self._readers.lent() as store:
            return self._overview.of(store, self.title, self._is_stopped, self._total)

    def add_observer(self, name: str, note: str) -> tuple[int, str]:
        try:
            return self._writer.submit(lambda store: store.add_observer(name, {"note": note})).result()
        except ConfigurationError as error:
            raise AnswerConflictError(str(error)) from None

    def renew_token(self, observer: int) -> tuple[str, str]:
        return self._writer.submit(
            lambda store: (store.name_of(observer), store.renew_token(observer))
        ).result()

    def stop(self, stopped: bool) -> None:
        self._writer.submit(lambda store: store.stop(stopped)).result()
        self._is_stopped = stopped

    def close(self) -> None:
        self._writer.close()
        self._readers.close()


def _shown(image: str, size: tuple[int, int]) -> Shown:
    return Shown(image=image, width=size[0], height=size[1])


def _answer(store: StudyStore, observer: int, given: Given) -> bool:
    """Keep an answer. A key is an observer's own: another's of the same text is no conflict."""
    details = given.details.model_dump(exclude_none=True)
    if given.note:
        details["note"] = given.note
    sittings = store.sittings(observer)
    sitting = max(1, sittings) if given.sitting is None else given.sitting
    if sitting > max(1, sittings):
        raise LookupError(f"the sitting is {sitting}; allowed: up to {max(1, sittings)}")
    return store.answer(
        observer,
        given.trial,
        float(given.share),
        f"{observer}/{given.key}",
        seconds=given.seconds,
        session=sitting,
        details=details,
    )
