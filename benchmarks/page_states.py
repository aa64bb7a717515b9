"""Every state of the pages of a study, looked at by axe, with screenshots."""

from __future__ import annotations

import io
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from page_driver import ARGUMENTS, CHROMIUM, PATIENCE
from page_tour import tour
from PIL import Image

from isptune_study.storage import StudyStore

SIZES = {"desktop": (1280, 800), "phone": (390, 844)}


def states(
    playwright: Any, study: Path, out: Path | None = None, sizes: Sequence[str] = tuple(SIZES)
) -> dict[str, Any]:
    """Looks at every state at both widths; screenshots become one sheet for each width.

    Args:
        playwright: what drives the browser.
        study: three pairs or more, one of them for training; it is copied.
        out: folder of the sheets; there are none if None.
        sizes: by name.
    """
    from axe_core_python.sync_playwright import Axe

    axe, problems, looked = Axe(), [], 0
    started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    try:
        for width in sizes:
            wide, high = SIZES[width]
            shots: dict[str, Image.Image] = {}

            def look(name: str, page: Any, width: str = width, shots: dict[str, Any] = shots) -> None:
                if out:
                    time.sleep(0.15)
                    shots[name] = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
                problems.extend(f"{width}, {name}: {one}" for one in problems_of(axe, page))

            with tempfile.TemporaryDirectory() as folder:
                shutil.copytree(study, Path(folder) / "study")
                token = add_observer(Path(folder) / "study")
                context = started.new_context(
                    viewport={"width": wide, "height": high}, has_touch=width == "phone"
                )
                context.set_default_timeout(PATIENCE)
                for _ in tour(context, Path(folder) / "study", token, look):
                    looked += 1
                context.close()
            if out:
                write_sheet(shots, out / f"{width}.webp", columns=4 if width == "desktop" else 7)
    finally:
        started.close()
    return {
        "right": not problems,
        "looked_at": looked // len(sizes),
        "violations": len(problems),
        "problems": problems,
    }


def make_chart_study(study: Path) -> None:
    """A study of the generated chart through the synthetic ISP."""
    from isptune.cli import run

    arguments = ["study", "create", "chart:512x384", "--pipeline", "synthetic", "--images", "6"]
    if run([*arguments, "--opponents", "1", "--training", "1", "--out", str(study)]) != 0:
        raise RuntimeError("the study could not be made")


def add_observer(study: Path) -> str:
    """A new observer's token."""
    with StudyStore(study / "study.sqlite") as store:
        return store.add_observer("Bea")[1]


def problems_of(axe: Any, page: Any) -> list[str]:
    """What axe finds, serious or not."""
    # What passes is long, and nobody reads it.
    found = axe.run(page, options={"resultTypes": ["violations"]})
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:160]} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"][:1]
    ]


def write_sheet(shots: dict[str, Image.Image], path: Path, columns: int) -> None:
    """All screenshots in one picture, each half as large."""
    from PIL import ImageDraw

    width, height = next(iter(shots.values())).size
    width, height, line = width // 2, height // 2, 22
    rows = -(-len(shots) // columns)
    sheet = Image.new("RGB", (columns * (width + 8), rows * (height + line + 8)), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (name, shot) in enumerate(shots.items()):
        x, y = place % columns * (width + 8), place // columns * (height + line + 8)
        draw.text((x + 2, y + 2), name, fill="black", font_size=15)
        sheet.paste(shot.resize((width, height), Image.Resampling.LANCZOS), (x, y + line))
    sheet.save(path, quality=72, method=6)
