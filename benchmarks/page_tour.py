"""The pages of a study, brought from state to state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from page_driver import READY
from study_server import SECRET

from isptune_study.serving.app import create_app
from isptune_study.serving.messages import Asked, Best, Facts, Given, Shown
from isptune_study.serving.page_settings import PageSettings
from isptune_study.serving.running import Served
from isptune_study.serving.source import ImageFile, Known
from isptune_study.serving.study_progress import Overview
from isptune_study.serving.study_source import StudySource

PAGE = PageSettings(
    title="Denoising on the chart",
    consent="Your answers, their times and what your browser says of your screen are kept.\n\n"
    "You may withdraw at any time, and all of it is deleted.",
    plates=2,
    screen={"width": 1000, "height": 600},  # type: ignore[arg-type]
    distance_cm=60,
)

Look = Callable[[str, Any], None]


class Toured(StudySource):
    """A study that can be told to wait, and that has a best picture as a search does."""

    is_waiting = False
    has_best = False

    def facts(self, known: Known) -> Facts:
        return super().facts(known).model_copy(update={"best": True})

    def peek(self, observer: int, count: int) -> Asked | None:
        return Asked(state="wait", wait_ms=300) if self.is_waiting else super().peek(observer, count)

    def best(self, observer: int) -> Best:
        if not self.has_best:
            raise LookupError("there is none yet")
        shown = []
        for number in (3, 0):
            width, height = self.images.size(number)
            shown.append(Shown(image=f"image-{number}", width=width, height=height))
        return Best(current=shown[0], default=shown[1])

    def image(self, observer: int, image: str) -> ImageFile:
        number = image.removeprefix("image-")
        return self.images.file(int(number)) if number.isdigit() else super().image(observer, image)


def tour(context: Any, study: Path, token: str, look: Look) -> Iterator[str]:
    """Brings the pages from state to state; each is looked at and then given by its name."""
    source = Toured(study / "study.sqlite", PAGE)
    try:
        with Served(create_app(source, SECRET)) as served:
            for part in (_before, _comparing, _waiting_and_end):
                page = context.new_page()
                page.on("dialog", lambda dialog: dialog.accept())
                for name in part(page, served.url, token, source):
                    look(name, page)
                    yield name
                page.close()
            page = context.new_page()
            for name in _admin(page, served.url, source):
                look(name, page)
                yield name
    finally:
        source.close()


def _shown(page: Any, state: str) -> None:
    page.wait_for_selector(f"[data-state={state}]:not(body):not([hidden])")


def _before(page: Any, url: str, token: str, source: Toured) -> Iterator[str]:
    page.goto(url)
    _shown(page, "trouble")
    yield "no link"
    page.goto(f"{url}/#nonsense")
    _shown(page, "trouble")
    yield "void link"
    page.goto(f"{url}/#{token}")
    _shown(page, "welcome")
    yield "welcome"
    page.get_by_label("I have read").check()
    page.get_by_role("button", name="Begin").click()
    _shown(page, "screen")
    page.get_by_role("radio", name="There are bands").check()
    yield "screen"
    page.get_by_role("button", name="Go on").click()
    _shown(page, "plates")
    yield "plate 1"
    page.get_by_role("textbox", name="Number").fill("1")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="I see none").wait_for()
    yield "plate 2"
    page.get_by_role("button", name="I see none").click()
    page.wait_for_selector("[data-stage][data-trial]")


def _begin_again(page: Any, url: str, token: str) -> None:
    page.goto(f"{url}/#{token}")
    _shown(page, "screen")
    page.get_by_role("radio", name="Even").check()
    page.get_by_role("button", name="Go on").click()
    page.wait_for_selector("[data-stage][data-trial]")


def _comparing(page: Any, url: str, token: str, source: Toured) -> Iterator[str]:
    _begin_again(page, url, token)
    yield "pair"
    page.keyboard.press("v")
    page.keyboard.press("+")
    yield "other view, zoomed"
    page.keyboard.press("r")
    yield "reference"
    page.keyboard.press("r")
    page.keyboard.press("h")
    yield "keys"
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Best so far").click()
    page.get_by_text("There is none yet").wait_for()
    yield "no best yet"
    source.has_best = True
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Best so far").click()
    page.get_by_text("Best by the answers").wait_for()
    yield "best"
    page.get_by_role("button", name="Close").click()
    zoom = page.context.new_cdp_session(page)
    zoom.send("Emulation.setPageScaleFactor", {"pageScaleFactor": 1.5})
    page.get_by_role("heading", name="The page is zoomed in").wait_for()
    yield "pinched"
    zoom.send("Emulation.setPageScaleFactor", {"pageScaleFactor": 1})
    page.get_by_role("heading", name="The page is zoomed in").wait_for(state="hidden")
    page.keyboard.press("p")
    _shown(page, "pause")
    yield "pause"
    page.get_by_role("button", name="Withdraw …").click()
    yield "withdraw?"
    page.get_by_role("button", name="Stay").click()
    page.get_by_role("button", name="Go on").click()
    page.keyboard.press("f")
    page.keyboard.press("f")
    page.context.set_offline(True)
    time.sleep(0.4)
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#connection:visible")
    yield "no connection"
    page.context.set_offline(False)
    page.wait_for_selector("#connection", state="hidden")


def _waiting_and_end(page: Any, url: str, token: str, source: Toured) -> Iterator[str]:
    source.page = PAGE.model_copy(update={"break_minutes": 0.001})
    _begin_again(page, url, token)
    before = page.locator("[data-stage][data-trial]").first.get_attribute("data-trial")
    time.sleep(0.4)
    _answer(page)
    page.get_by_role("heading", name="Time for a break").wait_for()
    yield "break"
    source.page = PAGE
    source.is_waiting = True
    page.reload()
    _shown(page, "wait")
    yield "wait"
    source.is_waiting = False
    page.wait_for_selector(f"[data-stage][data-trial]:not([data-trial='{before}'])")
    source.stop(True)
    time.sleep(0.4)
    _answer(page)
    _shown(page, "stopped")
    yield "stopped"
    source.stop(False)
    page.reload()
    before = None
    while (before := _next_trial(page, before)) is not None:
        _answer(page)
    _shown(page, "end")
    yield "end"
    page.get_by_role("button", name="Withdraw …").click()
    page.get_by_role("button", name="Withdraw and delete").click()
    _shown(page, "withdrawn")
    yield "withdrawn"


def _next_trial(page: Any, before: str | None) -> str | None:
    """The trial that is shown after another one; None at the end."""
    other = f":not([data-trial='{before}'])" if before else ""
    page.wait_for_selector(f"{READY}{other}, section[data-state=end]:not([hidden])")
    if page.locator("section[data-state=end]:visible").count():
        return None
    time.sleep(0.4)
    return str(page.locator("[data-stage][data-trial]").first.get_attribute("data-trial"))


def _answer(page: Any) -> None:
    # Where one picture is shown at a time, both are looked at.
    page.keyboard.press("f")
    page.keyboard.press("f")
    page.keyboard.press("ArrowLeft")


def _admin(page: Any, url: str, source: Toured) -> Iterator[str]:
    page.goto(f"{url}/admin")
    _shown(page, "trouble")
    yield "admin without secret"
    page.goto(f"{url}/admin#{SECRET}")
    _shown(page, "admin")
    yield "admin"
    page.get_by_label("Name or code").fill("P01")
    page.get_by_label("Note").fill("tests on Monday")
    page.get_by_role("button", name="Add an observer").click()
    page.get_by_label("Link", exact=True).wait_for()
    yield "admin: link"
    page.get_by_role("button", name="Done").click()
    simulate(source)
    # What was looked up a moment ago would be shown again for some seconds.
    source._overview = Overview()
    page.reload()
    page.wait_for_selector(".chart svg")
    page.locator("[data-updated]").scroll_into_view_if_needed()
    yield "admin: scores"
    page.get_by_text("As a table").click()
    page.evaluate("scrollTo(0, 0)")
    page.get_by_role("button", name="Stop the study").click()
    yield "admin: stop?"
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Resume the study").wait_for()
    yield "admin: stopped"


def simulate(source: Toured) -> None:
    """Answers of three more observers, who like an image the better the later it comes."""
    for name in ("P02", "P03", "P04"):
        observer, _ = source.add_observer(name, "")
        number = 0
        while (asked := source.ask(observer, 1)).trials:
            pair = asked.trials[0]
            left, right = (int(one.image.partition("-")[2]) for one in (pair.left, pair.right))
            number += 1
            given = Given(
                trial=pair.trial, share=1.0 if left > right else 0.0, key=f"{name}-{number:08d}", seconds=3.1
            )
            source.answer(observer, given).result()
