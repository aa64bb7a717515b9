"""Whole reports: what the file holds, that it asks for nothing, and what the command refuses."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from isptune.benchmark.cell_results import Benchmark
from isptune.cli import run
from isptune.errors import ConfigurationError
from isptune.report import report_of_benchmark, report_of_runs, write_report
from isptune.report.page import NO_TRUTH


class Reader(HTMLParser):
    """Elements with their attributes, and the texts of scripts and styles."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._within: list[str] = []
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in ("meta", "link", "img", "input", "br"):
            self._within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._within.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._within:
            self.texts.setdefault(self._within[-1], []).append(data)

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def sections(self) -> list[str | None]:
        return [attributes["id"] for attributes in self.of("section")]

    @property
    def charts(self) -> dict[str, Any]:
        charts: dict[str, Any] = json.loads(self.texts["script"][0])["charts"]
        return charts


def check_that_it_stands_alone(document: str) -> Reader:
    """No element asks for anything, every identifier is there once, every picture has words."""
    page = Reader(document)
    assert page._within == []
    for attributes in page.of(*{tag for tag, _ in page.elements}):
        for name, value in attributes.items():
            if name in ("src", "href", "srcset", "poster", "action", "data", "xlink:href"):
                assert value is not None
                assert value.startswith(("data:", "#")), value[:80]
    (style,), (data, script) = page.texts["style"], page.texts["script"]
    assert not re.search(r"url\(|@import|https?:", style)
    assert not re.search(r"\bimport\b|fetch\(|XMLHttpRequest|WebSocket|eval\(", script)
    assert set(re.findall(r"https?://[^\s'\"]+", script)) == {"http://www.w3.org/2000/svg"}
    assert "http" not in data
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(a["content"] for a in page.of("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert f"'sha256-{digest}'" in policy
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    for anchor in page.of("a"):
        assert str(anchor["href"])[1:] in identifiers
    for attributes in page.of("div", "section", "nav"):
        if "aria-labelledby" in attributes:
            assert attributes["aria-labelledby"] in identifiers
    assert all(attributes.get("alt") for attributes in page.of("img"))
    assert all(attributes.get("scope") in ("col", "row") for attributes in page.of("th"))
    assert len(page.of("caption")) == len(page.of("table"))
    assert page.of("html") == [{"lang": "en"}]
    places = [attributes["data-chart"] for attributes in page.of("div") if "data-chart" in attributes]
    assert sorted(map(str, places)) == sorted(page.charts)
    return page


def without_truth(run: Path, copy: Path) -> Path:
    """The same run as one whose pipeline does not know its truth."""
    shutil.copytree(run, copy)
    data = yaml.safe_load((copy / "run.yaml").read_text())
    del data["truth"]
    (copy / "run.yaml").write_text(yaml.safe_dump(data))
    return copy


class TestRuns:
    def test_a_single_run_by_the_command(self, tuned: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["report", str(tuned)]) == 0
        out = tuned / "report.html"
        assert capsys.readouterr().out.endswith(f"wrote {out}\n")
        document = out.read_text(encoding="utf-8")
        assert len(document) < 3_000_000
        page = check_that_it_stands_alone(document)
        assert page.sections == [
            "overview",
            "pictures",
            "convergence",
            "levels",
            "truth",
            "targets",
            "candidates",
            "sensitivity",
            "making",
        ]
        assert page.texts["h1"] == ["Tuning report: psnr on chart:96x64"]
        assert [chart["kind"] for chart in page.charts.values()] == [
            *("lines", "lines", "levels", "points", "lines", "parallel"),
            *["points"] * 5,
        ]
        assert len(page.of("img")) == 3 + 3 * len(re.findall(r"<tr><th scope=\"row\">x ", document))
        assert "isptune tune chart:96x64 \\" in "".join(page.texts["code"])

    def test_the_same_run_gives_the_same_bytes(self, tuned: Path) -> None:
        assert report_of_runs([tuned]) == report_of_runs([tuned])

    def test_several_runs(self, tuned: Path, benchmark: Benchmark, tmp_path: Path) -> None:
        other = benchmark.runs[2].directory
        twin = Path(shutil.copytree(tuned, tmp_path / "deeper" / "first"))
        page = check_that_it_stands_alone(report_of_runs([tuned, twin, other]))
        assert "sensitivity" not in page.sections
        assert page.charts["score-0"]["slices"][0]["series"][0]["runs"] == 2
        # Runs that differ in more than their seeds are never pooled.
        (part,) = page.charts["loss"]["slices"]
        assert [(one["name"], one["runs"]) for one in part["series"]] == [
            ("psnr, cma, population 10", 2),
            ("ssim, es, population 8", 1),
        ]
        names = {line["name"] for line in page.charts["candidates"]["lines"]}
        assert names == {f"{tuned.parent.name}/first", "deeper/first", f"chart/{other.name}"}

    def test_without_a_truth_its_parts_are_left_out(self, tuned: Path, tmp_path: Path) -> None:
        document = report_of_runs([without_truth(tuned, tmp_path / "blind")])
        page = check_that_it_stands_alone(document)
        assert page.sections == ["overview", "pictures", "convergence", "candidates", "sensitivity", "making"]
        assert NO_TRUTH in document
        assert "loss" not in page.charts
        assert [view["label"] for view in page.charts["candidates"]["views"]] == ["parameters"]

    def test_a_name_cannot_bring_in_a_script(self, tuned: Path, tmp_path: Path) -> None:
        evil = Path(shutil.copytree(tuned, tmp_path / "<script>alert(1)<|script>&@DATA@"))
        document = report_of_runs([evil, tuned])
        assert "<script>alert" not in document
        check_that_it_stands_alone(document)

    def test_what_is_refused(self, tuned: Path, call: Callable[..., tuple[int, str, str]]) -> None:
        name = str(tuned)
        cases = {
            (name, name): f"the run directory '{name}' is given twice",
            (name, "--out", "report.pdf"): "'report.pdf': reports are written as .html",
            (name, "--out", "no/report.html"): "'no/report.html': there is no folder 'no'",
            ("nowhere",): "'nowhere' holds no run: there is no such folder",
        }
        for arguments, message in cases.items():
            assert call("report", *arguments) == (2, "", f"isptune: error: {message}\n")
        Path("a.html").mkdir()
        with pytest.raises(ConfigurationError, match="'a.html' is a folder, where a file for the report is"):
            write_report("a.html", "")
        with pytest.raises(ConfigurationError, match="a report needs at least one run directory"):
            report_of_runs([])


class TestFronts:
    def test_two_objectives_by_the_command(
        self, fronts: dict[int, Path], call: Callable[..., tuple[int, str, str]]
    ) -> None:
        run = fronts[2]
        assert call("report", str(run), "--out", "front.html") == (0, "wrote front.html\n", "")
        document = Path("front.html").read_text(encoding="utf-8")
        page = check_that_it_stands_alone(document)
        assert page.sections == [
            *("overview", "pictures", "front", "convergence", "levels", "truth", "trade-offs", "making")
        ]
        assert page.texts["h1"] == ["Tuning report: psnr, noise-level on chart:96x64"]
        assert {name: chart["kind"] for name, chart in page.charts.items()} == {
            "front": "front",
            "front-candidates": "parallel",
            "score-0": "lines",
            "score-1": "lines",
            "loss": "lines",
            "levels": "levels",
            "truth-0": "points",
            "truth-1": "points",
            # One for each of two objectives and five parameters.
            **{f"trade-off-{number}": "points" for number in range(10)},
        }
        said = json.loads((run / "result.json").read_text())
        best, front = said["best_scores"], said["pareto"]
        cards = dict(zip(page.texts["dt"], page.texts["dd"], strict=True))
        assert cards["psnr of the best compromise"] == f"{best['psnr']:.4g}"
        assert cards["noise-level of the best compromise"] == f"{best['noise-level']:.4g}"
        assert cards["candidates on the front"] == str(len(front))
        assert cards["normalised l1"] == f"{said['l1_normalised']:.3g}"
        assert cards["evaluations"] == "40"
        spec = page.charts["front"]
        assert spec["names"][0] == f"best compromise, evaluation {front[0]['evaluation']}"
        assert spec["front"][0] == [pytest.approx(row["scores"]["psnr"], rel=1e-4) for row in front]
        assert spec["losses"] == [pytest.approx(row["l1_normalised"], rel=1e-4) for row in front]
        assert spec["y"]["label"] == "noise-level (lower is better)"
        alt = [str(attributes["alt"]) for attributes in page.of("img")]
        assert any(f"found: psnr {best['psnr']:.4g}, noise-level {best['noise-level']:.4g}" in a for a in alt)
        captions = [attributes["id"] for attributes in page.of("caption")]
        assert {"front-table", "parameters-table", "checkpoints", "levels-table", "trade-offs-table"} <= set(
            captions
        )
        assert "Parameters of the best compromise" in document
        assert "--objective psnr,noise-level \\" in "".join(page.texts["code"])

    def test_three_objectives(self, fronts: dict[int, Path]) -> None:
        page = check_that_it_stands_alone(report_of_runs([fronts[3]]))
        assert "front" in page.sections
        assert "front" not in page.charts
        views = [view["label"] for view in page.charts["front-candidates"]["views"]]
        assert views == ["scores", "parameters", "hidden levels"]
        names = [one["name"] for one in page.charts["loss"]["slices"][0]["series"]]
        assert names == ["psnr", "ssim", "noise-level", "best compromise"]

    def test_the_same_run_gives_the_same_bytes(self, fronts: dict[int, Path]) -> None:
        assert report_of_runs([fronts[3]]) == report_of_runs([fronts[3]])

    def test_it_stands_alone_and_not_beside_others(
        self, tuned: Path, fronts: dict[int, Path], call: Callable[..., tuple[int, str, str]]
    ) -> None:
        for others in ([tuned], [fronts[3]]):
            message = (
                f"the run in '{fronts[2]}' has several objectives, and so a report of its own: give it alone"
            )
            arguments = [str(fronts[2]), *map(str, others)]
            assert call("report", *arguments) == (2, "", f"isptune: error: {message}\n")

    def test_without_a_truth(self, fronts: dict[int, Path], tmp_path: Path) -> None:
        document = report_of_runs([without_truth(fronts[2], tmp_path / "blind")])
        page = check_that_it_stands_alone(document)
        assert page.sections == ["overview", "pictures", "front", "convergence", "trade-offs", "making"]
        assert NO_TRUTH in document
        assert "losses" not in page.charts["front"]
        assert "hidden" not in "".join(page.texts["dt"])


class TestBenchmarks:
    def test_the_parts(self, benchmark: Benchmark, sheet: Any) -> None:
        tables = {
            "scenes": sheet("Scenes <b>", ["objective", "chart"], [["psnr", 0.25], ["ssim", None]]),
            "summary": sheet("Summary", ["objective", "median"], [["psnr", 0.1], ["ssim", 0.2]]),
            "failures": sheet("Failures", ["objective", "error"], [["ssim", "out of memory"]]),
        }
        document = report_of_benchmark(benchmark, tables)
        page = check_that_it_stands_alone(document)
        assert page.texts["h1"] == ["Benchmark report: small"]
        assert "4 of 5 runs came to their end." in document
        assert page.sections[-2:] == ["tables", "making"]
        order = [document.index(f'id="table-{name}"') for name in ("summary", "failures", "scenes")]
        assert order == sorted(order)
        assert document.index('id="pictures"') < order[2]
        assert "Scenes &lt;b&gt;" in document
        series = page.charts["loss"]["slices"][0]["series"]
        assert [(one["name"], one["colour"], one["runs"]) for one in series] == [
            ("psnr", 0, 2),
            ("ssim", 1, 2),
        ]
        assert "normalised l1 of at most 0.3, 0.1" in document

    def test_trust_cards_in_its_folder_have_a_section(self, benchmark: Benchmark) -> None:
        cards = Path(__file__).parents[3] / "benchmarks" / "trust"
        folder = benchmark.directory / "trust"
        folder.mkdir()
        try:
            for name in ("psnr", "contrast"):
                shutil.copy(cards / f"{name}.json", folder)
            page = check_that_it_stands_alone(document := report_of_benchmark(benchmark))
        finally:
            shutil.rmtree(folder)
        assert page.sections[-2:] == ["trust", "making"]
        assert "Whether a search may follow an objective" in document
        assert "gameable" in document

    def test_a_benchmark_without_a_name_is_called_what_its_folder_is_called(
        self, benchmark: Benchmark, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(benchmark.config, "name", "benchmark")
        page = check_that_it_stands_alone(report_of_benchmark(benchmark))
        assert page.texts["h1"] == [f"Benchmark report: {benchmark.directory.resolve().name}"]

    def test_the_real_tables_fit(self, benchmark: Benchmark) -> None:
        from isptune.benchmark.benchmark_tables import benchmark_tables

        page = check_that_it_stands_alone(
            report_of_benchmark(benchmark, benchmark_tables(benchmark, bootstrap=20))
        )
        captions = [attributes["id"] for attributes in page.of("caption")]
        assert {"table-summary", "table-failures", "table-comparison", "table-timings"} <= set(captions)

    def test_by_the_command(
        self,
        benchmark: Benchmark,
        tuned: Path,
        call: Callable[..., tuple[int, str, str]],
        sheet: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        made = {"summary": sheet("Summary", ["objective"], [["psnr"]])}
        running = SimpleNamespace(read_benchmark=lambda folder: benchmark)
        monkeypatch.setitem(sys.modules, "isptune.benchmark.run_grid", running)
        tables = SimpleNamespace(benchmark_tables=lambda benchmark, targets: made)
        monkeypatch.setitem(sys.modules, "isptune.benchmark.benchmark_tables", tables)
        root = str(benchmark.directory)
        assert call("report", root, "--out", "b.html") == (0, "wrote b.html\n", "")
        assert 'id="table-summary"' in Path("b.html").read_text(encoding="utf-8")
        message = f"'{root}' is a benchmark, which has a report of its own: give it alone"
        assert call("report", str(tuned), root) == (2, "", f"isptune: error: {message}\n")
