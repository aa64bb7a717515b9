"""LibRaw and the pipeline ``raw`` on simulated raws: tuned on some scenes, judged on scenes they never saw.

Tuned for psnr, and for objectives that see the pictures alone; judged by psnr, ssim and CIEDE2000 against
what is true of the scene. Runs that are in ``real_isps/cells.jsonl`` are not repeated, and the page is made
of all that are there::

    uv run python benchmarks/real_isps.py --sets 5
    uv run python benchmarks/real_isps.py --objectives severity,statistics --tuned detail --sets 10
    uv run python benchmarks/real_isps.py --sets 0    # the page alone

The photographs are those of scikit-image, scikit-learn and Debian's plasma-workspace-wallpapers.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from isp_cells import SETUPS, Cell, gain_of, pipeline_of, result_of, rows, scene_set
from isp_tables import (
    TUNED,
    Row,
    blindly_tuned,
    parameters,
    scene_by_scene,
    set_by_set,
    summary,
    without_reference,
)
from measuring import machine
from simulated_raws import draw_pictures
from torch import Tensor

HERE = Path(__file__).with_suffix("")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--isps", default="libraw,raw")
    parser.add_argument("--isos", default="1600")
    parser.add_argument("--objectives", default="psnr")
    parser.add_argument("--tuned", default="all", help="all, or detail: colours and brightness as shot")
    parser.add_argument("--setups", default="lens", help="lens, or sharp: the photographs as they are")
    parser.add_argument("--sets", type=int, default=5, help="sets of scenes, each with a seed of its own")
    options = parser.parse_args()
    torch.set_num_threads(1)
    grid = itertools.product(
        range(options.sets),
        options.setups.split(","),
        options.isos.split(","),
        options.tuned.split(","),
        options.objectives.split(","),
        options.isps.split(","),
    )
    for number, setup, iso, tuned, objective, isp in grid:
        row = result_of(Cell(isp, int(iso), objective, tuned, number, setup))
        print(isp, iso, objective, tuned, setup, number, f"{gain_of(row):+.2f} dB held out", flush=True)
    write([row for row in rows() if row["objective"] != "defaults"])


def write(found: list[Row]) -> None:
    """The page, and its pictures."""
    reached = [row for row in found if row["objective"] == "psnr" and row["tuned"] == "all"]
    lines = ["# Real ISPs on simulated raws", "", f"{_prose(_INTRO)} {machine()}", ""]
    lines += ["## Tuned for psnr at ISO 1600", ""]
    for setup in SETUPS:
        mine = [row for row in reached if row["setup"] == setup and row["iso"] == 1600]
        if mine:
            lines += [_setup_sentence(setup), "", *summary(mine), ""]
            lines += ["Set by set, in dB:", "", *set_by_set(mine), ""]
    mine = [row for row in reached if row["setup"] == "lens" and row["iso"] == 1600]
    lines += ["Scene by scene behind a lens, means over the sets that hold a scene out, in dB:", ""]
    lines += [
        *scene_by_scene(mine),
        _prose(_GAMUT),
        "",
        "What the median run found:",
        "",
        *parameters(mine),
        "",
    ]
    lines += ["![Held-out scenes of set 0, by defaults and as tuned](tuned.png)", ""]
    blind = [row for row in found if row["setup"] == "lens"]
    if any(row["objective"] != "psnr" for row in blind):
        lines += [
            "## With nothing but the pictures",
            "",
            _prose(_BLIND),
            "",
            *without_reference(blind),
            "",
        ]
        for tuned in blindly_tuned(blind):
            title = f"LibRaw at ISO 1600, {TUNED[tuned]}"
            lines += [f"![{title}](without_reference_{tuned}.png)", ""]
    (HERE / "real_isps.md").write_text("\n".join(lines))
    draw_tuned(mine)
    draw_without_reference(blind)


_INTRO = """
A phone is simulated (see `isptune_raw.simulate`). The scenes are all test photographs that
`photographs.py` lists, their middles at native resolution, in alphabetical order; a set is that list
shuffled by the set's number, which is the seed of its search too. No photograph was chosen by what it
gains. Eight parameters are searched: of LibRaw demosaicing, four colours, median passes, wavelet
threshold, FBDD, red, blue and brightness; of `raw` demosaicing, two strengths of noise reduction in the
mosaic, two after it, red, blue and exposure. `cma`, 300 evaluations, populations of 15, from the factory
defaults: a plain development with the white balance as shot, sRGB's curve and no automatic brightness.
"""

_BLIND = """
Tuned without a reference, judged against the truth on scenes that were held out; medians over the sets
of means over scenes. *Share* is the gain in psnr as a share of what tuning for psnr gains on the same
set with the same parameters; *below* counts the sets whose mean ends below the defaults. White balance
and brightness are a matter of taste where nothing says what is true: no objective that sees pictures
alone can know whether a yellow wall is white. In the variant of five parameters they stay as shot.
"""

_GAMUT = """
The sky of Kite lies outside of the colours that the camera can see: its red is below black, where LibRaw cuts
it off and `raw` does not.
"""

_SHARP = """
Noise reduction gains less there: the finest detail of such photographs cannot be told from noise, and errors
of demosaicing weigh as much as noise does.
"""


def _setup_sentence(name: str) -> str:
    setup = SETUPS[name]
    blur = "**Photographs as they are**, sharper than any sensor sees. " + _prose(_SHARP)
    if setup.blur:
        blur = (
            f"**Behind a lens**: photographs blurred by {setup.blur} px in linear light, as a phone's lens "
            "and the area of a pixel do; what they see is the truth. How strong the blur is (f/1.8, pixels "
            "of 1 um) and how many scenes train was settled after the first set had been seen."
        )
    return (
        f"{blur} {setup.training} scenes of {setup.width}x{setup.height} px to tune on, "
        f"{setup.held_out} others to judge."
    )


def _prose(text: str) -> str:
    return " ".join(text.split())


def draw_tuned(found: Sequence[Row]) -> None:
    """Three held-out scenes of set 0, by the defaults and the tuned settings of each ISP."""
    sheet: list[dict[str, Tensor]] = [{}, {}, {}]
    for row in (row for row in found if row["set"] == 0):
        _add(sheet, row, {f"{row['isp']} as it is": None, f"{row['isp']} tuned": row["parameters"]})
    draw_pictures(HERE / "tuned.png", sheet)


def draw_without_reference(found: Sequence[Row]) -> None:
    """Three held-out scenes of set 0 by LibRaw at ISO 1600, as each objective tunes it."""
    mine = [row for row in found if (row["isp"], row["iso"], row["set"]) == ("libraw", 1600, 0)]
    for tuned in blindly_tuned(mine):
        sheet: list[dict[str, Tensor]] = [{}, {}, {}]
        for number, row in enumerate(row for row in mine if row["tuned"] == tuned):
            more = {"defaults": None} if number == 0 else {}
            _add(sheet, row, more | {row["objective"]: row["parameters"]})
        draw_pictures(HERE / f"without_reference_{tuned}.png", sheet)


def _add(sheet: list[dict[str, Tensor]], row: Row, settings: dict[str, Any]) -> None:
    """Put what settings make of the first held-out scenes of a row before the references."""
    held_out = scene_set(row["set"], row["setup"])[1][: len(sheet)]
    pipeline = pipeline_of(row["isp"], held_out, row["iso"], row["setup"])
    for index, pictures in enumerate(sheet):
        reference = pictures.pop("reference", None)
        for title, values in settings.items():
            pictures[title] = pipeline.render(pipeline.space.from_dicts([values or {}]), index)
        found = pipeline.reference(index) if reference is None else reference
        assert found is not None
        pictures["reference"] = found


if __name__ == "__main__":
    main()
