"""The pages of a study in a real browser: a short form of benchmarks/study_page.py."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isptune_study.serving.static_files import PAGES
from isptune_study.storage import StudyStore

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def study_page() -> Iterator[Any]:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    pytest.importorskip("fastapi", reason="the extra study is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        found = importlib.import_module("study_page")
        if importlib.import_module("page_driver").CHROMIUM is None:
            pytest.skip("there is no Chromium on this machine")
        yield found


@pytest.fixture(scope="module")
def playwright(study_page: Any) -> Iterator[Any]:
    with study_page.sync_playwright() as started:
        yield started


@pytest.mark.parametrize("scale", [1.1, 2.625])
def test_pictures_are_exact_to_the_pixel(study_page: Any, playwright: Any, scale: float) -> None:
    found = study_page.pixels_at(playwright, scale)
    assert found["ratio"] == pytest.approx(scale, abs=1e-6)
    assert found["wrong"] == 0
    assert found["compared"] > 1_000_000


def test_every_answer_is_kept_once_whatever_happens(study_page: Any, playwright: Any, commands: Any) -> None:
    found = study_page.disturbed(playwright, images=4, opponents=3, every=5, start=commands.start)
    told = found.pop("disturbances")
    assert found == {"right": True, "given": 6, "kept": 6}
    assert told["killed"] == 1
    happened = ("go_back", "double_click", "two_tabs", "lose_connection", "reload_while_lost")
    assert all(told[name] == 1 for name in happened)


def test_axe_finds_nothing_in_any_state(study_page: Any, playwright: Any, tmp_path: Path) -> None:
    pytest.importorskip("axe_core_python.sync_playwright", reason="axe-core-python is not installed")
    states = importlib.import_module("page_states")
    importlib.import_module("page_driver").make_study(tmp_path / "study", 6, 1, training=1)
    found = states.states(playwright, tmp_path / "study", sizes=["phone"])
    assert found["problems"] == []
    assert found["looked_at"] == 27


def test_the_view_of_a_small_window_is_steady(study_page: Any, playwright: Any, tmp_path: Path) -> None:
    """A button that comes with a view makes room for it smaller, and must not make the view change again."""
    driver = importlib.import_module("page_driver")
    token = driver.make_study(tmp_path / "study", 2, 1)
    with study_page.served(tmp_path / "study") as url, driver.browser(playwright) as context:
        page = context.new_page()
        observer = driver.Observer(page, f"{url}/#{token}")
        observer.begin()
        views = []
        for width, height in [(320, 300), *((320, height) for height in range(400, 640, 40)), (700, 720)]:
            page.set_viewport_size({"width": width, "height": height})
            seen = set()
            for _ in range(6):
                page.wait_for_timeout(25)
                seen.add(page.locator("section.compare [data-stage]").get_attribute("data-view"))
            views.append(seen)
            assert page.evaluate("document.documentElement.scrollWidth") == width
            canvas = page.locator("section.compare canvas").first
            assert canvas.evaluate("(canvas) => canvas.width - canvas.clientWidth") == 0
    assert views == [{"beside"}, *[{"flip"}] * 6, {"beside"}]


# As WebKit does.
WITHOUT_BOX = """const observe = ResizeObserver.prototype.observe;
ResizeObserver.prototype.observe = function (element, options) {
  if (options?.box === 'device-pixel-content-box') throw new TypeError('no such box');
  observe.call(this, element);
};"""


def test_what_is_kept_of_an_answer_and_of_a_browser_that_is_not_exact(
    study_page: Any, playwright: Any, tmp_path: Path
) -> None:
    driver = importlib.import_module("page_driver")
    token = driver.make_study(tmp_path / "study", 4, 1)
    with study_page.served(tmp_path / "study") as url, driver.browser(playwright) as context:
        context.add_init_script(WITHOUT_BOX)
        page = context.new_page()
        observer = driver.Observer(page, f"{url}/#{token}")
        page.goto(observer.link)
        page.get_by_role("button", name="Begin").click()
        page.get_by_text("This browser does not tell").wait_for()
        page.get_by_role("radio", name="There are bands").check()
        page.get_by_role("button", name="Go on").click()
        trial = observer.ready()
        for key in ("f", "r", "r", "+", "Shift+ArrowLeft", "f"):
            page.keyboard.press(key)
        # Where one is shown at a time, an answer counts once both were seen; letters can be switched off.
        observer.answer(0.0)
        trial = observer.ready(trial)
        page.keyboard.press("ArrowLeft")
        page.get_by_text("Look at both pictures first.").first.wait_for()
        page.get_by_role("button", name="Help").click()
        page.get_by_label("Letter keys are on").uncheck()
        page.keyboard.press("Escape")
        page.keyboard.press("f")
        assert page.get_by_role("img", name="Left picture").count() == 1
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Show the other").click()
        observer.answer(1.0, "mouse")
        page.get_by_role("heading", name="Thank you").wait_for()
        assert page.evaluate("localStorage.length") == 1  # the screen's size
    with StudyStore(tmp_path / "study" / "study.sqlite") as store:
        kept = [json.loads(row[0]) for row in store._rows("SELECT details FROM answers ORDER BY trial")]
        sitting = json.loads(store._rows("SELECT details FROM sittings")[0][0])
    assert kept[0].pop("hidden_seconds") < 30
    assert kept[0].pop("height") > 500
    assert kept[0] == {
        "scale": 1.0,
        "zoom": 2.0,
        "flips": 2,
        "reference_flips": 2,
        "pans": 1,
        "gamut": "srgb",
        "input": "keyboard",
        "view": "flip",
        "side": "right",
        "exact": False,
        "width": 1280,
    }
    assert (kept[1]["input"], kept[1]["zoom"], kept[1]["flips"]) == ("mouse", 1.0, 1)
    assert (sitting["stripes"], sitting["exact"], sitting["pixel_ratio"]) == ("bands", False, 1.0)
    assert sitting["pixels_per_mm"] == pytest.approx(204 / 53.98, abs=0.01)


def test_plates_differ_in_one_kind_of_cone(study_page: Any, playwright: Any, tmp_path: Path) -> None:
    """What a number and its surround excite in the other cones is the same but for the light's jitter."""
    driver = importlib.import_module("page_driver")
    driver.make_study(tmp_path / "study", 2, 1)
    with study_page.served(tmp_path / "study") as url, driver.browser(playwright) as context:
        page = context.new_page()
        page.goto(url)
        plates, means = page.evaluate(PLATES)
    assert plates[0] == plates[1] != plates[2]
    assert all(re.fullmatch("[2-9]{2}", number) for number in plates[0])
    for kind, (inside, outside) in means.items():
        ratios = [one / other for one, other in zip(inside, outside, strict=True)]
        for cone, ratio in zip(("long", "middle", "short"), ratios, strict=True):
            # The second kind's cones overlap in what red light does to the first.
            assert (abs(ratio - 1) > 0.08) == (cone == kind), (kind, ratios)


# Numbers by seed, and the mean response of each kind of cone inside and outside of the numbers.
PLATES = """async () => {
  const { dotColour, generator, platesOf } = await import('/pages/plates.js');
  const numbers = (seed) => platesOf(seed, 4).map((plate) => plate.number);
  const linear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const matrix = [[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]];
  const cones = (rgb) => matrix.map((row) => row.reduce((sum, one, place) => sum + one * linear(rgb[place]), 0));
  const means = {};
  for (const { kind } of platesOf(1, 4).slice(1)) {
    const random = generator(5);
    means[kind.name] = [true, false].map((inside) => {
      const all = Array.from({ length: 4000 }, () => cones(dotColour(kind, inside, random)));
      return [0, 1, 2].map((place) => all.reduce((sum, one) => sum + one[place], 0) / all.length);
    });
  }
  return [[numbers(7), numbers(7), numbers(8)], means];
}"""


def test_pages_ask_for_nothing_but_their_own_files() -> None:
    names = {path.name for path in PAGES.iterdir()}
    for path in PAGES.iterdir():
        text = path.read_text(encoding="utf-8")
        assert "innerHTML" not in text
        assert not re.search(r"(?:https?:)?//(?!www\.w3\.org/2000/svg)[a-z0-9.-]+\.[a-z]{2,}/", text), (
            path.name
        )
        if path.suffix == ".html":
            assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*src=)", text), path.name
        wanted = re.findall(r'(?:src|href)="pages/([^"]+)"', text) + re.findall(r"from '\./([^']+)'", text)
        assert {*wanted} <= names
