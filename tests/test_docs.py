"""Every example of the pages in ``docs/`` runs in its page's order, and every link leads somewhere.

``test_advice.py`` parses all command lines, also of blocks that are not run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from isptune.scenes import write_image
from isptune.tuning.settings import parse_config

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))

# Commands get these options by their beginnings: they are as short as they can be, and those on published weights,
# data and GPUs run on stand-ins of the same names.
SHORTER = {
    "isptune tune photo.png --objective qalign": [
        *("--device", "auto", "--budget", "2", "--population", "2", "--optimizer", "random"),
    ],
    "isptune score *.png --objective clipiqa": ["--checkpoint", "checkpoints/clip"],
    "isptune train scorenet --host clipiqa --data": [
        *("--steps", "2", "--option", "host_options={checkpoint: checkpoints/clip}"),
    ],
    "isptune evaluate --objective severity,niqe-distance": ["--bootstrap", "5"],
    "isptune bench": [
        "--engine",
        "in-process",
        "--seeds",
        "1",
        "--population",
        "10",
        "--budget",
        "20",
        "--no-report",
    ],
    "isptune tune chart:288x192 --pipeline raw": ["--population", "4", "--budget", "4"],
    "isptune tune mine.dng --pipeline raw": ["--population", "1", "--budget", "2"],
    "isptune tune": ["--population", "10", "--budget", "20"],
}
# Where the figures of the runs are drawn: of one objective and of several, of an own pipeline, and as a reader of runs
# finds them.
DRAWN = {
    "getting-started.md",
    "guides/several-objectives.md",
    "tutorials/pipeline.md",
    "tutorials/reading-runs.md",
}


def put_stand_ins() -> None:
    """Tiny weights and data under the names of published ones."""
    from isptune_clipiqa.tiny import write_tiny as write_clip
    from isptune_qalign.tiny import write_tiny as write_qalign

    write_qalign("one-align")
    write_clip("checkpoints/clip")
    Path("koniq10k").mkdir()
    rows = ["name,mos"]
    for index in range(6):
        write_image(f"koniq10k/{index}.png", torch.rand(3, 40, 48) * (index + 1) / 6)
        rows.append(f"{index}.png,{index}")
    Path("koniq10k/meta.csv").write_text("\n".join(rows) + "\n")


def is_run(page: str) -> bool:
    return re.search(r"```(sh|python)", (DOCS / page).read_text(encoding="utf-8")) is not None


def marked(page: str) -> Any:
    return pytest.param(page, marks=pytest.mark.draws if page in DRAWN else ())


@pytest.mark.parametrize("page", [marked(page) for page in PAGES if is_run(page)])
def test_the_examples_of_a_page_run(
    page: str, document: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = document(DOCS / page, SHORTER)
    if any(block.mark == "published" for block in shown.blocks):
        put_stand_ins()
    shown.run()
    if page == "tutorials/stage.md":
        assert shown.names["chain"].space.names == ["tone.gamma", "tone.shadows", "lens.level"]
    if page == "tutorials/synthetic.md":
        assert shown.names["result"].evaluations == 300
        assert shown.names["stopped"].stopped
    if page == "tutorials/which-objective.md":
        assert "the objective 'severity' is known to misjudge vignetting" in capsys.readouterr().err


def test_configurations_that_are_shown_are_understood(document: Callable) -> None:
    from isptune.benchmark.grid import parse_bench_config

    grid = document(DOCS / "tutorials/table1.md").texts("yaml")
    assert parse_bench_config(yaml.safe_load(grid[0])).name == "table1-paper"
    run = document(DOCS / "guides/configuration.md").texts("yaml")
    assert parse_config(yaml.safe_load(run[0])).optimizer.name == "cma"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str, document: Callable) -> None:
    path = DOCS / page
    assert [link for link in document(path).links if not path.parent.joinpath(link).exists()] == []


def test_every_page_is_in_the_navigation() -> None:
    listed = re.findall(
        r"^ +- (?:[\w ]+: )?(\S+\.md)$|^  - (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M
    )
    assert sorted(PAGES) == sorted(
        name for pair in listed for name in pair if name and "repository/" not in name
    )
