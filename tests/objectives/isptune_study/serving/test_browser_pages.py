"""The pages of a study in a real browser: a short form of benchmarks/study_page.py."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isptune_study.serving.static_files import PAGES

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
