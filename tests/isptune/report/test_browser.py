"""Reports in a real browser: nothing is asked for, keys work, nothing is cut off, and axe finds no barrier."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isptune.benchmark.benchmark_tables import benchmark_tables
from isptune.benchmark.cell_results import Benchmark
from isptune.report import report_of_benchmark, report_of_runs, write_report

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Texts of charts that reach out of their picture, and neighbours that overlap.
BAD_LABELS = """() => [...document.querySelectorAll('.canvas > svg')].flatMap((svg) => {
  const area = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')].map((text) => [text.textContent, text.getBoundingClientRect()]);
  const out = texts.filter(([, box]) => box.left < area.left - 1 || box.right > area.right + 1
    || box.top < area.top - 1 || box.bottom > area.bottom + 1).map(([text]) => `cut: ${text}`);
  texts.forEach(([text, a], index) => texts.slice(index + 1).forEach(([other, b]) => {
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 1 && high > 4) out.push(`overlap: ${text} and ${other}`);
  }));
  return out;
})"""


@pytest.fixture(scope="module")
def reports(
    tuned: Path, fronts: dict[int, Path], benchmark: Benchmark, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    tables = benchmark_tables(benchmark, bootstrap=20)
    return {
        "run": write_report(folder / "run.html", report_of_runs([tuned])),
        "benchmark": write_report(folder / "benchmark.html", report_of_benchmark(benchmark, tables)),
        "front of 2": write_report(folder / "front-2.html", report_of_runs([fronts[2]])),
        "front of 3": write_report(folder / "front-3.html", report_of_runs([fronts[3]])),
    }


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any, reports: dict[str, Path]) -> Iterator[Any]:
    """Open a report; at the end it must have complained of nothing and asked for nothing but itself."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def opened(name: str, width: int = 1200, **settings: Any) -> Any:
        context = chromium.new_context(viewport={"width": width, "height": 900}, **settings)
        contexts.append(context)
        page = context.new_page()
        address = reports[name].as_uri()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: request.url.startswith((address, "data:")) or complaints.append(request.url),
        )
        page.goto(address)
        page.wait_for_selector(".canvas svg")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize("name", ["run", "benchmark", "front of 2", "front of 3"])
def test_every_chart_is_drawn(open_page: Any, name: str) -> None:
    page = open_page(name)
    places = page.locator("[data-chart]").count()
    assert places >= 7
    assert page.locator("[data-chart] .canvas svg path, [data-chart] .canvas svg circle").count() >= places
    assert page.locator(".canvas:not(:has(svg))").count() == 0
    assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")


@pytest.mark.parametrize("name", ["run", "benchmark", "front of 2", "front of 3"])
@pytest.mark.parametrize("width", [360, 700, 1200])
def test_nothing_is_cut_off_or_scrolls_the_page_sideways(open_page: Any, name: str, width: int) -> None:
    page = open_page(name, width)
    assert page.evaluate(BAD_LABELS) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for button in page.locator("button.toggle:visible").all():
        button.click()
    assert page.evaluate(BAD_LABELS) == []
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_summary_fits_a_screen_and_shows_its_medians_on_a_narrow_one(open_page: Any) -> None:
    page = open_page("benchmark", 1280)
    box = page.locator(".scroll", has=page.locator("#table-summary"))
    assert box.evaluate("(box) => box.scrollWidth <= box.clientWidth")
    page.set_viewport_size({"width": 400, "height": 900})
    median = box.locator("th", has_text="median").bounding_box()
    assert median["x"] + median["width"] <= 400
    # The name of a row stays beside its numbers.
    box.evaluate("(box) => { box.scrollLeft = 200; }")
    assert box.locator("tbody th").first.bounding_box()["x"] == box.bounding_box()["x"]


def test_no_line_runs_through_the_names_of_narrow_parallel_axes(open_page: Any) -> None:
    page = open_page("front of 3", 400)
    texts, lines = page.evaluate("""() => {
      const svg = document.querySelector('[data-chart=front-candidates] svg');
      const edges = (name, side) => [...svg.querySelectorAll(name)].map((one) => one.getBoundingClientRect()[side]);
      return [Math.max(...edges('text', 'right')), Math.min(...edges('path.thread', 'left'))];
    }""")
    assert texts < lines


def test_the_divider_moves_by_keys_pointer_and_range(open_page: Any) -> None:
    page = open_page("run")
    divider = page.get_by_role("slider", name="Divider between the two pictures")
    shown = page.locator("input[type=range]")

    def at() -> float:
        assert divider.get_attribute("aria-valuenow") == str(round(float(shown.input_value())))
        left = page.evaluate("document.querySelector('.stage').style.getPropertyValue('--at')")
        assert float(left.removesuffix("%")) == pytest.approx(float(shown.input_value()), abs=0.51)
        return float(shown.input_value())

    assert at() == 50
    divider.focus()
    for key, expected in (("ArrowRight", 52), ("ArrowLeft", 50), ("PageUp", 60), ("End", 100), ("Home", 0)):
        page.keyboard.press(key)
        assert at() == expected
    shown.focus()
    page.keyboard.press("ArrowRight")
    assert at() == 1
    box = page.locator(".stage").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 20)
    page.mouse.up()
    assert at() == pytest.approx(75, abs=1)
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    assert at() == pytest.approx(75, abs=1)


def test_pictures_are_chosen_by_menus(open_page: Any) -> None:
    page = open_page("benchmark")
    page.get_by_label("Left").select_option("pristine")
    page.get_by_label("Right").select_option("found: ssim")
    assert page.locator(".tag").all_text_contents() == ["pristine", "found: ssim"]
    assert page.locator(".stage img:visible").count() == 2
    assert "found: ssim: ssim" in page.locator("[data-notes]").inner_text()


def test_the_theme_follows_the_system_and_the_button(open_page: Any) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    light, dark = "rgb(255, 255, 255)", "rgb(20, 23, 27)"
    page = open_page("run", color_scheme="dark")
    assert page.evaluate(paper) == dark
    button = page.get_by_role("button", name="Dark")
    assert button.get_attribute("aria-pressed") == "true"
    button.focus()
    page.keyboard.press("Enter")
    assert page.evaluate(paper) == light
    page.reload()
    assert page.evaluate(paper) == light
    assert open_page("run", color_scheme="light").evaluate(paper) == light


def test_legends_and_axes_by_the_keyboard(open_page: Any) -> None:
    page = open_page("benchmark")
    figure = page.locator("[data-chart=loss]")
    assert figure.locator("path.line").count() == 2
    key = figure.get_by_role("button", name="ssim")
    key.focus()
    page.keyboard.press("Space")
    assert key.get_attribute("aria-pressed") == "false"
    assert figure.locator("path.line").count() == 1
    page.keyboard.press("Space")
    assert figure.locator("path.line").count() == 2
    before = figure.locator("path.line").first.get_attribute("d")
    figure.get_by_role("button", name="log evaluations").press("Enter")
    assert figure.locator("path.line").first.get_attribute("d") != before
    assert figure.locator("text.label").first.text_content() == "evaluations, logarithmic"


@pytest.mark.parametrize("identifier", ["loss", "levels", "truth-0", "candidates", "sensitivity-0"])
def test_values_are_read_by_pointer_and_keys(open_page: Any, identifier: str) -> None:
    page = open_page("run")
    canvas = page.locator(f"[data-chart={identifier}] .canvas")
    tooltip = page.get_by_role("status")
    canvas.focus()
    assert not tooltip.is_visible()
    page.keyboard.press("ArrowRight")
    first = tooltip.inner_text()
    assert first
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    if identifier != "truth-0":  # of which there is one best candidate
        assert tooltip.inner_text() != first
    page.keyboard.press("Escape")
    assert not tooltip.is_visible()


def test_a_front_is_read_from_left_to_right(open_page: Any) -> None:
    page = open_page("front of 2")
    figure = page.locator("[data-chart=front]")
    spec = json.loads(page.locator("#report-data").text_content())["charts"]["front"]
    assert figure.locator("circle.front-point").count() == len(spec["names"])
    ring, answer = figure.locator(".canvas circle.ring").first, figure.locator("circle.front-point").last
    assert ring.get_attribute("cx") == answer.get_attribute("cx")
    figure.locator(".canvas").focus()
    order = sorted(range(len(spec["names"])), key=lambda index: float(spec["front"][0][index]))
    for index in order:
        page.keyboard.press("ArrowRight")
        assert page.locator(".tooltip strong").inner_text() == spec["names"][index]
    assert "normalised l1" in page.get_by_role("status").inner_text()
    before = ring.get_attribute("cx"), ring.get_attribute("cy")
    figure.get_by_role("button", name="all evaluations").press("Enter")
    assert (ring.get_attribute("cx"), ring.get_attribute("cy")) != before


def test_a_front_on_parallel_axes_starts_with_the_compromise(open_page: Any) -> None:
    page = open_page("front of 3")
    figure = page.locator("[data-chart=front-candidates]")
    lines = figure.locator("path.thread")
    assert "answer" in str(lines.last.get_attribute("class"))
    canvas, title = figure.locator(".canvas"), page.locator(".tooltip strong")
    canvas.focus()
    page.keyboard.press("ArrowRight")
    assert title.inner_text().startswith("front, best compromise, evaluation ")
    page.keyboard.press("ArrowRight")
    assert title.inner_text().startswith("front, evaluation ")
    assert "answer" not in str(lines.last.get_attribute("class"))
    page.keyboard.press("Escape")
    assert "answer" in str(lines.last.get_attribute("class"))
    figure.get_by_label("Axes").select_option("parameters")
    figure.get_by_label("Colour").select_option("noise-level")
    assert figure.locator(".ramp span").first.inner_text().startswith("noise-level: ")
    canvas.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".tooltip span").all_text_contents()[:5] == [
        "normalised l1",
        "psnr",
        "ssim",
        "noise-level",
        "blur",
    ]


def test_the_command_is_copied(open_page: Any) -> None:
    page = open_page("run", permissions=["clipboard-read", "clipboard-write"])
    button = page.locator("[data-copy]:visible").first
    button.click()
    playwright.expect(button).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("pre code").first.text_content()
    assert copied.startswith("isptune tune chart:96x64 \\\n")


def test_motion_is_reduced_where_it_is_not_wanted(open_page: Any) -> None:
    behaviour = "getComputedStyle(document.documentElement).scrollBehavior"
    assert open_page("run").evaluate(behaviour) == "smooth"
    assert open_page("run", reduced_motion="reduce").evaluate(behaviour) == "auto"


@pytest.mark.parametrize(
    ("name", "theme", "width"),
    [
        ("benchmark", "light", 1200),
        ("run", "dark", 360),
        ("run", "light", 700),
        ("front of 2", "dark", 1200),
        ("front of 2", "light", 360),
        ("front of 3", "light", 1200),
        ("front of 3", "dark", 360),
    ],
)
def test_axe_finds_nothing_serious(open_page: Any, name: str, theme: str, width: int) -> None:
    axe = pytest.importorskip("axe_core_python.sync_playwright", reason="axe-core-python is not installed")
    page = open_page(name, width, color_scheme=theme)
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    found = axe.Axe().run(page)
    worst = [
        f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:160]} {one['nodes'][0]['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert worst == []
