"""A study, its server in a process, and a browser that works its page as an observer does."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from isptune_study.sessions import Checks
from isptune_study.storage import StudyStore
from isptune_study.study_tables import Settings, StudyImage

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page that lies behind another one is not slowed down.
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
]

PATIENCE = 120_000
"""Milliseconds for one step, on a machine that does much else."""

KEYS = {1.0: "ArrowLeft", 0.5: "ArrowDown", 0.0: "ArrowRight"}
BUTTONS = {1.0: "Left", 0.5: "Not sure", 0.0: "Right"}

READY = "section[data-state=compare]:not([hidden]) [data-stage][data-trial]"


def make_study(
    folder: Path, images: int, opponents: int, size: tuple[int, int] = (301, 203), training: int = 0
) -> str:
    """A study of noise, in which a pixel that is moved or smoothed shows; the token of its observer."""
    generator = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    made = []
    for number in range(images):
        path = folder / f"images/{number}.png"
        _write_noise(path, size, generator)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        made.append(StudyImage(f"{number}.png", "", f"images/{number}.png", digest))
    _write_noise(folder / "reference.png", size, generator)
    settings = Settings(
        opponents=opponents,
        checks=Checks(training=training),
        references={"": "reference.png"},
        title="Noise",
    )
    with StudyStore.create(folder / "study.sqlite", settings, made) as store:
        return store.add_observer("Ada")[1]


def _write_noise(path: Path, size: tuple[int, int], generator: np.random.Generator) -> None:
    values = generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(values).save(path)


def kept_answers(folder: Path) -> list[tuple[int, float]]:
    """(trial, share) of every answer in a study's database, in the order of the trials."""
    with StudyStore(folder / "study.sqlite") as store:
        return store._rows("SELECT trial, share FROM answers ORDER BY trial")


class _Forked:
    """A command in a copy of a process that has imported everything, as ``subprocess.Popen`` has it."""

    def __init__(self, arguments: list[str], errors: Path) -> None:
        forking = multiprocessing.get_context("forkserver")
        forking.set_forkserver_preload(["isptune.cli", "isptune_study.serving.app"])
        self._process = forking.Process(target=_run, args=(arguments, errors))
        self._process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()

    def wait(self, seconds: float | None = None) -> None:
        self._process.join(seconds)


def _run(arguments: list[str], errors: Path) -> None:
    from isptune.cli import run

    with errors.open("a") as file:
        os.dup2(file.fileno(), 2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    raise SystemExit(run(arguments))


def start_forked(arguments: list[str], errors: Path) -> _Forked:
    """Starts ``isptune`` at once: a new interpreter would need seconds for its imports at each start."""
    return _Forked(arguments, errors)


@contextmanager
def browser(
    playwright: Any, scale: float = 1.0, size: tuple[int, int] = (1280, 800), **settings: Any
) -> Iterator[Any]:
    """A browser context whose pixels are those of a screen at such a scale."""
    started = playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[*ARGUMENTS, f"--force-device-scale-factor={scale}", f"--window-size={size[0]},{size[1]}"],
    )
    # Playwright's own scale factor does not reach a canvas: no viewport is emulated.
    context = started.new_context(no_viewport=True, **settings)
    context.set_default_timeout(PATIENCE)
    try:
        yield context
    finally:
        started.close()


@dataclass
class Observer:
    """Somebody at the page.

    Args:
        page: of the browser.
        link: to the study.

    Attributes:
        given: the shares of the answers that were given, by trial.
    """

    page: Any
    link: str
    given: dict[int, float] = field(default_factory=dict)

    def begin(self) -> None:
        """Opens the link and goes through what comes before the first pair."""
        self.page.goto(self.link)
        self.page.wait_for_selector("section[data-state=welcome]:visible, section[data-state=screen]:visible")
        if self.page.locator("section[data-state=welcome]:visible").count():
            self.page.get_by_role("button", name="Begin").click()
        self.page.get_by_role("radio", name="Even").check()
        self.page.get_by_role("button", name="Go on").click()
        self.ready()

    def ready(self, after: int | None = None) -> int | None:
        """The trial that can be answered, once it is another one; None at the end."""
        other = f":not([data-trial='{after}'])" if after is not None else ""
        self.page.wait_for_selector(f"{READY}{other}, section[data-state=end]:not([hidden])")
        if self.page.locator("section[data-state=end]:visible").count():
            return None
        trial = int(self.page.locator("[data-stage][data-trial]").first.get_attribute("data-trial"))
        time.sleep(0.32)  # before that the page takes no answer
        return trial

    def answer(self, share: float, by: str = "keyboard") -> None:
        """Gives one answer, without waiting for what comes of it."""
        trial = int(self.page.locator("[data-stage][data-trial]").first.get_attribute("data-trial"))
        self.given[trial] = share
        button = self.page.locator(f"[data-answer='{share:g}']")
        if by == "keyboard":
            self.page.keyboard.press(KEYS[share])
        elif by == "touch":
            # Where one picture is shown at a time, both are looked at first.
            if self.page.locator("[data-do=other]").is_visible():
                self.page.locator("section.compare figure[data-side=left] canvas").tap()
            button.tap()
        elif by == "double click":
            button.dblclick()
        else:
            button.click()

    def session(self, most: int, by: str = "keyboard") -> None:
        """Answers until the end, or so many pairs."""
        trial = self.ready()
        for number in range(most):
            if trial is None:
                return
            self.answer((1.0, 0.0, 0.5)[number % 3], by)
            trial = self.ready(trial)
