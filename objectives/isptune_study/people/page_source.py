"""A search as the page's server sees it: questions from the desk, pictures from memory."""

from __future__ import annotations

import hashlib
import io
import statistics
import threading
import time
from concurrent.futures import Future

import numpy as np
from torch import Tensor

from isptune.contracts.round import Contender, JudgedScene
from isptune.errors import ConfigurationError
from isptune_study.people.desk import Answer, Desk
from isptune_study.people.links import Links
from isptune_study.people.questions import Question
from isptune_study.serving.messages import ObserverProgress, State
from isptune_study.serving.page_settings import PageSettings
from isptune_study.serving.source import (
    Asked,
    Best,
    Facts,
    Given,
    ImageFile,
    Known,
    Pair,
    Progress,
    Shown,
    SittingDetails,
    Source,
    StudyProgress,
)

_WAIT_MS = 300
"""After which a page asks again for the next pair."""

_KEPT = 64
"""Pictures that are kept as PNG; those of a generation and of the one before are fewer."""


class SearchSource(Source):
    """The questions of a search.

    Args:
        desk: where they lie.
        links: who takes part.
        title, question: of the page.
        references: show references, where scenes have them.
    """

    def __init__(self, desk: Desk, links: Links, title: str, question: str, references: bool) -> None:
        self._desk, self._links = desk, links
        self._title, self._question, self._references = title, question, references
        self._lock = threading.Lock()
        self._pictures: dict[str, ImageFile] = {}
        # Who may see which pictures.
        self._seen: dict[int, set[str]] = {}
        self._sittings: dict[int, int] = {}
        self._stopped = False

    def known(self, token: str) -> Known | None:
        observer = self._links.whose(token)
        return None if observer is None else Known(observer, "")

    def has_agreed(self, known: Known) -> bool:
        return True

    def facts(self, known: Known) -> Facts:
        page = PageSettings()
        return Facts(
            title=self._title,
            observer=self._links.names[known.observer],
            kind="search",
            question=self._question,
            instructions=[part.strip() for part in page.instructions.split("\n\n") if part.strip()],
            references=self._references,
            best=True,
            state=self._state,
            sittings=self._sittings.get(known.observer, 0),
            progress=self.progress(known.observer),
        )

    def agree(self, observer: int) -> None:
        raise ConfigurationError("a search asks for no consent")

    def start_sitting(self, observer: int, details: SittingDetails) -> int:
        self._sittings[observer] = self._sittings.get(observer, 0) + 1
        return self._sittings[observer]

    def ask(self, observer: int, count: int) -> Asked:
        if self._stopped and not self._desk.is_over:
            return Asked(state="stopped")
        state, questions = self._desk.ask(self._links.names[observer], min(count, 2))
        pairs = [self._pair(observer, one) for one in questions]
        return Asked(state=state, wait_ms=_WAIT_MS if state == "wait" else None, trials=pairs)

    def image(self, observer: int, image: str) -> ImageFile:
        with self._lock:
            if image in self._seen.get(observer, ()) and image in self._pictures:
                return self._pictures[image]
        raise LookupError(f"there is no picture '{image}'")

    def answer(self, observer: int, given: Given) -> Future[bool]:
        details = {
            "seconds": given.seconds,
            "note": given.note,
            "sitting": given.sitting,
            "time": round(time.time(), 3),
            "details": given.details.model_dump(exclude_none=True),
        }
        plain = {key: value for key, value in details.items() if value not in (None, "", {})}
        answer = Answer(given.trial, float(given.share), given.key, plain)
        return self._desk.answer(self._links.names[observer], answer)

    def progress(self, observer: int) -> Progress:
        return Progress(answered=len(self._answers_of(self._links.names[observer])), total=None)

    def best(self, observer: int) -> Best:
        leading = self._desk.leading
        if leading is None or leading.leader is None or leading.start is None:
            raise LookupError("there is no best setting yet, or the next pair is being made")
        scene = leading.scenes[0]
        reference = scene.reference if self._references else None
        return Best(
            current=self._candidate(observer, leading.leader, scene),
            default=self._candidate(observer, leading.start, scene),
            reference=None
            if reference is None
            else self._shown(observer, f"reference-{scene.index}", reference),
        )

    def withdraw(self, observer: int) -> None:
        raise ConfigurationError(
            "the answers of a search cannot be taken back one by one, as all that came later follows from "
            "them; stop the run and delete its folder"
        )

    def study_progress(self) -> StudyProgress:
        notes = [note for note in self._desk.notes if "share" in note]
        return StudyProgress(
            title=self._title,
            kind="search",
            state=self._state,
            answers=len(notes),
            total=None,
            observers=[self._observer(place) for place in range(len(self._links.names))],
            scenes=[],
        )

    def add_observer(self, name: str, note: str) -> tuple[int, str]:
        place = self._links.add(name)
        return place, self._links.token(place)

    def renew_token(self, observer: int) -> tuple[str, str]:
        self._known_number(observer)
        return self._links.names[observer], self._links.renew(observer)

    def stop(self, stopped: bool) -> None:
        self._stopped = stopped

    @property
    def _state(self) -> State:
        if self._desk.is_over:
            return "done"
        return "stopped" if self._stopped else "open"

    def _known_number(self, observer: int) -> None:
        if not 0 <= observer < len(self._links.names):
            raise LookupError(f"there is no observer {observer}")

    def _answers_of(self, name: str) -> list[dict[str, object]]:
        return [dict(note) for note in self._desk.notes if note.get("observer") == name and "share" in note]

    def _observer(self, place: int) -> ObserverProgress:
        name = self._links.names[place]
        answers = self._answers_of(name)
        seconds = [float(str(one["seconds"])) for one in answers if "seconds" in one]
        times = [float(str(one["time"])) for one in answers if "time" in one]
        last = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(max(times))) if times else None
        unsure = sum(one["share"] == 0.5 for one in answers) / len(answers) if answers else None
        return ObserverProgress(
            observer=place,
            name=name,
            note="",
            answered=len(answers),
            total=None,
            sittings=self._sittings.get(place, 0),
            consented=True,
            withdrawn=False,
            last=last,
            median_seconds=statistics.median(seconds) if seconds else None,
            unsure=unsure,
        )

    def _pair(self, observer: int, question: Question) -> Pair:
        scene = question.scene
        reference = scene.reference if self._references else None
        return Pair(
            trial=question.trial,
            training=False,
            left=self._candidate(observer, question.left, scene),
            right=self._candidate(observer, question.right, scene),
            reference=None
            if reference is None
            else self._shown(observer, f"reference-{scene.index}", reference),
        )

    def _candidate(self, observer: int, one: Contender, scene: JudgedScene) -> Shown:
        name = f"image-{one.identity}-{scene.index}"
        with self._lock:
            kept = name in self._pictures
        return self._shown(observer, name, None if kept else one.picture(scene), scene)

    def _shown(
        self, observer: int, name: str, picture: Tensor | None, scene: JudgedScene | None = None
    ) -> Shown:
        """A picture that an observer may see from now on."""
        with self._lock:
            if name not in self._pictures:
                assert picture is not None
                content = png_of(picture)
                digest = hashlib.sha256(content).hexdigest()
                self._pictures[name] = ImageFile(None, "image/png", digest, content)
                while len(self._pictures) > _KEPT:
                    self._pictures.pop(next(iter(self._pictures)))
            self._seen.setdefault(observer, set()).add(name)
        height, width = scene.size if scene is not None else picture.shape[-2:]  # type: ignore[union-attr]
        return Shown(image=name, width=int(width), height=int(height))


def png_of(picture: Tensor) -> bytes:
    """A picture (3, H, W) as an 8-bit PNG."""
    from PIL import Image

    levels = (picture.clamp(0, 1) * 255).round().to("cpu").numpy().astype(np.uint8)
    held = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(levels.transpose(1, 2, 0))).save(held, "png", compress_level=1)
    return held.getvalue()
