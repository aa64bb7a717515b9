"""A study's database as what a page asks."""

from __future__ import annotations

import re
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from weakref import WeakSet

from isptune.errors import ConfigurationError
from isptune_study.answers import KINDS, TRAINING
from isptune_study.asking import Planned, answers_wanted, plan_block
from isptune_study.designs import generator_of
from isptune_study.observers import Known
from isptune_study.serving.messages import Consent, Screen, State
from isptune_study.serving.page_settings import PageSettings, paragraphs
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
from isptune_study.serving.study_images import StudyImages
from isptune_study.serving.study_progress import Overview
from isptune_study.serving.writer import Writer
from isptune_study.storage import StudyStore

_IMAGE = re.compile(r"(image|reference)-(\d{1,9})", re.ASCII)


@dataclass(frozen=True)
class Wait:
    """Nothing can be asked yet.

    Attributes:
        milliseconds: after which to ask again.
    """

    milliseconds: int = 500


class StudySource(Source):
    """The pairs, pictures and answers of a study in a database.

    Blocks are planned by one thread at a time and issued by the writer, which takes each only once.

    Args:
        path: of the database; pictures lie beside it.
        page: what observers read.
    """

    kind = "study"

    def __init__(self, path: str | Path, page: PageSettings | None = None) -> None:
        self.path, self.page = Path(path), page or PageSettings()
        # A thread's store is closed where the thread ends, and all of them where the server does.
        self._readers: WeakSet[StudyStore] = WeakSet()
        self._local = threading.local()
        self._planning = threading.Lock()
        store = self.store
        self.settings = store.settings
        self.images = StudyImages(self.path.parent, self.settings.references, store.images)
        self._total = self._wanted(store)
        self._is_stopped = store.is_stopped
        self._overview = Overview()
        self.writer = Writer(self.path)

    @property
    def store(self) -> StudyStore:
        """A store for reading, this thread's own."""
        found: StudyStore | None = getattr(self._local, "store", None)
        if found is None:
            found = self._local.store = StudyStore(self.path)
            self._readers.add(found)
        return found

    def _wanted(self, store: StudyStore) -> int | None:
        """How many answers an observer gives in all; None where nobody knows."""
        return answers_wanted(store.settings, store.images)

    def plan(self, store: StudyStore, observer: int) -> tuple[int, Planned] | Wait | None:
        """What is asked next of an observer who has answered all that was issued.

        Args:
            store: for reading.
            observer: its number.

        Returns:
            The number of the block, not issued so far, and its trials; how long to wait; None at the end.
        """
        return plan_block(store, observer)

    def known(self, token: str) -> Known | None:
        return self.store.known(token)

    def has_agreed(self, known: Known) -> bool:
        return known.consent == self.page.consent_digest or not self.page.consent_digest

    def facts(self, known: Known) -> Facts:
        store, page = self.store, self.page
        consent = None
        if page.consent_digest:
            consent = Consent(text=paragraphs(page.consent), given=self.has_agreed(known))
        progress = self.progress(known.observer)
        return Facts(
            title=self.title,
            observer=store.name_of(known.observer),
            kind="search" if self.kind == "search" else "study",
            question=page.question,
            instructions=paragraphs(page.instructions),
            consent=consent,
            references=bool(self.settings.references),
            plates=page.plates,
            plates_seed=int(generator_of(self.settings.seed, "plates", known.observer).integers(2**31)),
            screen=page.screen and Screen(**page.screen.model_dump()),
            distance_cm=page.distance_cm,
            break_minutes=page.break_minutes,
            state=self._state(progress),
            sittings=store.sittings(known.observer),
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
        self.writer.submit(lambda store: store.agree(observer, self.page.consent_digest)).result()

    def start_sitting(self, observer: int, details: SittingDetails) -> int:
        data = details.model_dump(exclude_none=True)
        return self.writer.submit(lambda store: store.start_sitting(observer, data)).result()

    def peek(self, observer: int, count: int) -> Asked | None:
        if self._is_stopped:
            return Asked(state="stopped")
        waiting = self.store.waiting(observer, count)
        return Asked(state="open", trials=[self._pair(*row) for row in waiting]) if waiting else None

    def ask(self, observer: int, count: int) -> Asked:
        if self._is_stopped:
            return Asked(state="stopped")
        store = self.store
        waiting = store.waiting(observer, count)
        if not waiting:
            # With two tabs both find nothing: the second one finds what the first one issued.
            with self._planning:
                waiting = store.waiting(observer, count)
                if not waiting:
                    planned = self.plan(store, observer)
                    if planned is None:
                        return Asked(state="done")
                    if isinstance(planned, Wait):
                        return Asked(state="wait", wait_ms=planned.milliseconds)
                    self.writer.submit(partial(_issue, observer=observer, planned=planned)).result()
                    waiting = store.waiting(observer, count)
        pairs = [self._pair(*row) for row in waiting]
        return Asked(state="open", trials=pairs) if pairs else Asked(state="wait", wait_ms=500)

    def _pair(self, trial: int, left: int, right: int, kind: int) -> Pair:
        return Pair(
            trial=trial,
            training=KINDS[kind] == KINDS[TRAINING],
            left=self.shown(left),
            right=self.shown(right),
            reference=self.reference_of(left),
        )

    def shown(self, image: int) -> Shown:
        """A picture by its number, as the page names it."""
        width, height = self.images.size(image, self.store)
        return Shown(image=f"image-{image}", width=width, height=height)

    def reference_of(self, image: int) -> Shown | None:
        """The reference of a picture's scene."""
        found = self.images.reference_of(image, self.store)
        if found is None:
            return None
        width, height = self.images.reference_size(found)
        return Shown(image=f"reference-{found}", width=width, height=height)

    def image(self, observer: int, image: str) -> ImageFile:
        match = _IMAGE.fullmatch(image)
        if match is not None:
            number = int(match[2])
            if match[1] == "image" and self.may_see(observer, number):
                return self.images.file(number, self.store)
            if match[1] == "reference" and self.images.has_reference(number):
                return self.images.reference(number)
        raise LookupError("there is no such picture for this observer")

    def may_see(self, observer: int, image: int) -> bool:
        """Whether a picture was issued to an observer."""
        return self.store.shows(observer, image)

    def answer(self, observer: int, given: Given) -> Future[bool]:
        return self.writer.submit(partial(_answer, observer=observer, given=given))

    def progress(self, observer: int) -> Progress:
        return Progress(answered=self.store.progress(observer), total=self._total)

    def withdraw(self, observer: int) -> None:
        if not any(row.observer == observer for row in self.store.observer_rows()):
            raise LookupError(f"there is no observer {observer}")
        self.writer.submit(lambda store: store.withdraw(observer)).result()

    def study_progress(self) -> StudyProgress:
        return self._overview.of(self.store, self.title, self.kind, self._is_stopped, self._total)

    def add_observer(self, name: str, note: str) -> tuple[int, str]:
        try:
            return self.writer.submit(lambda store: store.add_observer(name, {"note": note})).result()
        except ConfigurationError as error:
            raise AnswerConflictError(str(error)) from None

    def renew_token(self, observer: int) -> tuple[str, str]:
        token = self.writer.submit(lambda store: store.renew_token(observer)).result()
        return self.store.name_of(observer), token

    def stop(self, stopped: bool) -> None:
        self.writer.submit(lambda store: store.stop(stopped)).result()
        self._is_stopped = stopped

    def close(self) -> None:
        self.writer.close()
        for reader in list(self._readers):
            reader.close()


def _issue(store: StudyStore, observer: int, planned: tuple[int, Planned]) -> bool:
    return store.issue(observer, *planned)


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
