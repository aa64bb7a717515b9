"""The page of a study in a real browser: exact pixels, whole sessions, and what goes wrong on the way.

    uv run python benchmarks/study_page.py

`pixels`: a screenshot's pixels are those of the picture, at eight scale factors of the screen. `sessions`:
50 pairs by keyboard alone and 50 by touch. `disturbed`: a session of 50 pairs with reloads, the back button,
double clicks, two tabs, a lost connection, and a server that is killed with SIGKILL after every tenth answer.
`states`: axe on every state of both pages, and their screenshots at desktop and phone width. The exit code is
0 only if every answer that was given is in the database exactly once and no other one, every pixel is right,
and axe finds nothing. It needs Chromium, playwright and axe-core-python; the results are written into
`benchmarks/study_page`.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from page_driver import Observer, browser, kept_answers, make_study, start_forked
from PIL import Image
from playwright.sync_api import sync_playwright
from study_server import Server

from isptune_study.serving.app import create_app
from isptune_study.serving.running import Served
from isptune_study.serving.study_source import StudySource

OUT = Path(__file__).with_name("study_page")
SCALES = (1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.625, 3.0)
EVERY = 10
"""Answers between two kills."""


def main() -> int:
    parts: dict[str, Callable[[Any], dict[str, Any]]] = {
        "pixels": pixels,
        "sessions": sessions,
        "disturbed": disturbed,
        "states": _states,
    }
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=[*parts], help="one of the parts")
    options = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        for name in [options.only] if options.only else parts:
            found = parts[name](playwright)
            print(name, json.dumps(found))
            (OUT / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    results = {path.stem: json.loads(path.read_text()) for path in OUT.glob("*.json")}
    _write_table(results)
    return 0 if all(found["right"] for found in results.values()) else 1


# Pixels


def pixels(playwright: Any, scales: tuple[float, ...] = SCALES) -> dict[str, Any]:
    """Whether left, right, flipped and reference are exact at 1 and 2 times, by scale factor."""
    found = {f"{scale:g}": pixels_at(playwright, scale) for scale in scales}
    return {"right": all(row["wrong"] == 0 for row in found.values()), "scales": found}


def pixels_at(playwright: Any, scale: float) -> dict[str, Any]:
    """How many pixels were compared at one scale factor, and how many were wrong."""
    # About as many pixels at every scale; a browser's window is not narrower than 500.
    size = max(520, round(1280 / scale)), max(440, round(800 / scale))
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study"
        token = make_study(study, 4, 1)
        with served(study) as url, browser(playwright, scale, size) as context:
            page = context.new_page()
            observer = Observer(page, f"{url}/#{token}")
            observer.begin()
            trials = page.evaluate(
                """async (token) => (await fetch('api/next?count=1',
                { headers: { Authorization: `Bearer ${token}` } })).json()""",
                token,
            )["trials"]
            names = {side: trials[0][side]["image"].partition("-")[2] for side in ("left", "right")}
            pictures = {side: _picture(study / f"images/{number}.png") for side, number in names.items()}
            reference = _picture(study / "reference.png")
            shown = [("left", pictures["left"], 1), ("right", pictures["right"], 1)]
            wrong = _wrong_pixels(page, scale, shown)
            page.keyboard.press("r")
            wrong += _wrong_pixels(page, scale, [("left", reference, 1), ("right", reference, 1)])
            page.keyboard.press("r")
            page.keyboard.press("+")
            wrong += _wrong_pixels(page, scale, [(side, picture, 2) for side, picture, _ in shown])
            page.keyboard.press("0")
            page.keyboard.press("f")
            page.keyboard.press("f")
            wrong += _wrong_pixels(page, scale, [("left", pictures["right"], 1)])
            ratio = page.evaluate("devicePixelRatio")
    return {"ratio": ratio, "wrong": sum(bad for bad, _ in wrong), "compared": sum(all_ for _, all_ in wrong)}


def _wrong_pixels(page: Any, scale: float, shown: list[tuple[str, np.ndarray, int]]) -> list[tuple[int, int]]:
    """(wrong, compared) of each canvas: what it shows on the screenshot against what it ought to."""
    time.sleep(0.1)
    screen = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    counts = []
    for side, picture, zoom in shown:
        canvas = page.locator(f"section.compare figure[data-side={side}] canvas")
        width, height = canvas.evaluate("(canvas) => [canvas.width, canvas.height]")
        box = canvas.evaluate(
            "(canvas) => { const box = canvas.getBoundingClientRect(); return [box.left, box.top]; }"
        )
        # As browsers round: up from the middle.
        left, top = (int(value * scale + 0.5) for value in box)
        large = picture.repeat(zoom, 0).repeat(zoom, 1)
        expected = np.full((height, width, 3), 0x77, dtype=np.uint8)
        # The picture's corner lies on a whole pixel; what does not fit is cut at the canvas.
        x, y = (width - large.shape[1]) // 2, (height - large.shape[0]) // 2
        part = large[max(0, -y) : height - y, max(0, -x) : width - x]
        expected[max(0, y) : max(0, y) + part.shape[0], max(0, x) : max(0, x) + part.shape[1]] = part
        is_wrong = (screen[top : top + height, left : left + width] != expected).any(axis=2)
        counts.append((int(is_wrong.sum()), is_wrong.size))
    return counts


def _picture(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


@contextmanager
def served(study: Path) -> Iterator[str]:
    """A server of a study in this process; its address."""
    source = StudySource(study / "study.sqlite")
    try:
        with Served(create_app(source, "benchmark-secret-of-the-admin")) as serving:
            yield serving.url
    finally:
        source.close()


# Sessions


def sessions(playwright: Any, images: int = 20, opponents: int = 5) -> dict[str, Any]:
    """A whole session by keyboard, and one by touch on a small screen."""
    found: dict[str, Any] = {"right": True}
    for by, size in (("keyboard", (1280, 800)), ("touch", (520, 900))):
        with tempfile.TemporaryDirectory() as folder:
            study = Path(folder) / "study"
            token = make_study(study, images, opponents)
            with served(study) as url, browser(playwright, 2.0, size, has_touch=True) as context:
                observer = Observer(context.new_page(), f"{url}/#{token}")
                observer.begin()
                if by == "touch":
                    # Both fit beside each other here; one at a time is what a phone shows.
                    observer.page.locator("[data-do=flip-view]").tap()
                observer.session(1000, by)
            kept = kept_answers(study)
        found[by] = {"given": len(observer.given), "kept": len(kept)}
        found["right"] &= kept == sorted(observer.given.items()) and len(kept) == images * opponents // 2
    return found


# Disturbances


def disturbed(
    playwright: Any, images: int = 20, opponents: int = 5, every: int = EVERY, start: Any = None
) -> dict[str, Any]:
    """A session in which something happens at each pair."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study"
        token = make_study(study, images, opponents)
        with Server(study, start or start_forked) as server, browser(playwright, 1.25) as context:
            page = context.new_page()
            page.on("dialog", lambda dialog: dialog.accept())
            observer = Observer(page, f"http://127.0.0.1:{server.port}/#{token}")
            observer.begin()
            counts = _disturb(observer, context, server, every)
        kept = kept_answers(study)
    is_right = kept == sorted(observer.given.items()) and len(kept) == images * opponents // 2
    return {"right": is_right, "given": len(observer.given), "kept": len(kept), "disturbances": counts}


def _disturb(observer: Observer, context: Any, server: Server, every: int) -> dict[str, int]:
    """Answers all pairs; what happened how often."""
    events = (_reload, _go_back, _double_click, _two_tabs, _lose_connection, _two_keys, _reload_while_lost)
    counts = {"killed": 0, **{event.__name__.strip("_"): 0 for event in events}}
    trial, number = observer.ready(), 0
    while trial is not None:
        number += 1
        share = (1.0, 0.0, 0.5)[number % 3]
        if number % every == 0:
            # At times before the answer comes, at times after it, at times while it is being kept.
            _kill(observer, server, share, moment=counts["killed"] % 3)
            counts["killed"] += 1
        else:
            event = events[number % len(events)]
            event(observer, context, share)
            counts[event.__name__.strip("_")] += 1
        trial = observer.ready(trial)
    return counts


def _kill(observer: Observer, server: Server, share: float, moment: int) -> None:
    if moment == 0:
        server.__exit__()
        observer.answer(share)
        observer.page.wait_for_selector("#connection:visible")
        server.__enter__()
    elif moment == 1:
        observer.answer(share)
        server.kill_and_start()
    else:
        server.__exit__()
        observer.answer(share)
        # The tab is closed and opened again before the server is back.
        time.sleep(0.2)
        server.__enter__()
        _open_again(observer)


def _open_again(observer: Observer) -> None:
    observer.page.goto("about:blank")
    observer.page.goto(observer.link)


def _reload(observer: Observer, context: Any, share: float) -> None:
    observer.page.reload()
    observer.ready()
    observer.answer(share)


def _go_back(observer: Observer, context: Any, share: float) -> None:
    observer.answer(share)
    _open_again(observer)
    observer.page.go_back()
    observer.page.go_forward()


def _double_click(observer: Observer, context: Any, share: float) -> None:
    observer.answer(share, "double click")


def _two_keys(observer: Observer, context: Any, share: float) -> None:
    observer.answer(share)
    for key in ("ArrowLeft", "ArrowRight", "ArrowDown"):
        observer.page.keyboard.press(key)


def _two_tabs(observer: Observer, context: Any, share: float) -> None:
    """The second tab still shows the pair that the first one answers, and answers it otherwise."""
    page = context.new_page()
    other = Observer(page, observer.link)
    other.begin()
    # It hears of the first tab's answer, and gets no word of what is next.
    page.route("**/api/next*", lambda route: route.abort())
    observer.page.bring_to_front()
    observer.answer(share)
    observer.ready(max(observer.given))
    page.bring_to_front()
    with page.expect_response("**/api/answers") as response:
        other.answer(1.0 if share != 1.0 else 0.0)
    if response.value.status != 409:
        raise RuntimeError(f"the second tab's answer got {response.value.status}")
    page.close()


def _lose_connection(observer: Observer, context: Any, share: float) -> None:
    context.set_offline(True)
    observer.answer(share)
    observer.page.wait_for_selector("#connection:visible")
    context.set_offline(False)


def _reload_while_lost(observer: Observer, context: Any, share: float) -> None:
    """The answer is on its way when the page is left; the next visit sends it."""
    observer.page.route("**/api/answers", lambda route: route.abort())
    observer.answer(share)
    observer.page.wait_for_selector("#connection:visible")
    observer.page.unroute("**/api/answers")
    observer.page.reload()


def _states(playwright: Any) -> dict[str, Any]:
    from page_states import make_chart_study, states

    with tempfile.TemporaryDirectory() as folder:
        make_chart_study(Path(folder) / "study")
        return states(playwright, Path(folder) / "study", OUT)


def _write_table(results: dict[str, Any]) -> None:
    lines = ["# The page of a study in Chromium", ""]
    if "pixels" in results:
        lines += ["| scale factor | pixels compared | wrong |", "| --- | --- | --- |"]
        for scale, row in results["pixels"]["scales"].items():
            lines.append(f"| {scale} | {row['compared']:,} | {row['wrong']} |")
        lines.append("")
    lines += ["| session | answers given | in the database |", "| --- | --- | --- |"]
    for by in ("keyboard", "touch"):
        if row := results.get("sessions", {}).get(by):
            lines.append(f"| {by} alone | {row['given']} | {row['kept']} |")
    if row := results.get("disturbed"):
        lines.append(f"| disturbed | {row['given']} | {row['kept']} |")
        told = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in row["disturbances"].items())
        lines += ["", f"Disturbances: {told}."]
    if row := results.get("states"):
        lines += ["", f"axe: {row['violations']} violations in {row['looked_at']} states at two widths."]
        lines += ["", "![Every state at desktop width](desktop.webp)", "", "![On a phone](phone.webp)"]
    (OUT / "README.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
