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
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from isp_cells import SETUPS, Cell, defaults_for, gain_of, mean_of, pipeline_of, result_of, rows, scene_set
from measuring import machine
from simulated_raws import draw_pictures
from torch import Tensor

HERE = Path(__file__).with_suffix("")

Row = dict[str, Any]

_TUNED = {"all": "all eight", "detail": "five: colours and brightness as shot"}


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
    lines += [*scene_by_scene(mine), "", "What the median run found:", "", *parameters(mine), ""]
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
        for tuned in _blindly_tuned(blind):
            title = f"LibRaw at ISO 1600, {_TUNED[tuned]}"
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


def _setup_sentence(name: str) -> str:
    setup = SETUPS[name]
    blur = "**Photographs as they are**, sharper than any sensor sees."
    if setup.blur:
        blur = (
            f"**Behind a lens**: photographs blurred by {setup.blur} px in linear light, as a phone's lens "
            "and the area of a pixel do; what they see is the truth."
        )
    return (
        f"{blur} {setup.training} scenes of {setup.width}x{setup.height} px to tune on, "
        f"{setup.held_out} others to judge."
    )


def _prose(text: str) -> str:
    return " ".join(text.split())


def summary(found: Sequence[Row]) -> list[str]:
    """Markdown: what each ISP gained over its own defaults."""
    lines = [
        "| ISP | sets | held out, defaults | held out, tuned | gain: median | lowest to highest | "
        "training gain |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for isp in _names(found, "isp"):
        mine = [row for row in found if row["isp"] == isp]
        gains = [gain_of(row) for row in mine]
        before = statistics.median(mean_of(defaults_for(row), "held_out", "psnr") for row in mine)
        after = statistics.median(mean_of(row, "held_out", "psnr") for row in mine)
        seen = statistics.median(gain_of(row, "training") for row in mine)
        lines.append(
            f"| `{isp}` | {len(mine)} | {before:.2f} dB | {after:.2f} dB | "
            f"**{statistics.median(gains):+.2f} dB** | {_range(gains)} | {seen:+.2f} dB |"
        )
    return lines


def set_by_set(found: Sequence[Row]) -> list[str]:
    """Markdown: each set, both ISPs beside each other."""
    isps = _names(found, "isp")
    head = [f"`{isp}` {what}" for what in ("tuned on", "held out", "gain") for isp in isps]
    lines = ["| set | " + " | ".join(head) + " |", "| --- |" + " --- |" * len(head)]
    for number in sorted({row["set"] for row in found}):
        mine = {row["isp"]: row for row in found if row["set"] == number}
        cells = [_number(mine.get(isp), lambda row: mean_of(row, "training", "psnr")) for isp in isps]
        cells += [_number(mine.get(isp), lambda row: mean_of(row, "held_out", "psnr")) for isp in isps]
        cells += [_number(mine.get(isp), gain_of, "+.2f") for isp in isps]
        lines.append(f"| {number} | " + " | ".join(cells) + " |")
    return lines


def scene_by_scene(found: Sequence[Row]) -> list[str]:
    """Markdown: each photograph where it was held out."""
    isps = _names(found, "isp")
    head = [f"`{isp}` {what}" for isp in isps for what in ("defaults", "tuned")]
    lines = ["| scene | sets | " + " | ".join(head) + " |", "| --- | --- |" + " --- |" * len(head)]
    for scene in sorted({name for row in found for name in row["held_out"]}, key=str.lower):
        mine = [row for row in found if scene in row["held_out"]]
        cells = []
        for isp in isps:
            own = [row for row in mine if row["isp"] == isp]
            for versions in ([defaults_for(row) for row in own], own):
                levels = [version["held_out"][scene]["psnr"] for version in versions]
                cells.append(f"{statistics.mean(levels):.2f}" if levels else "")
        lines.append(f"| {scene} | {len({row['set'] for row in mine})} | " + " | ".join(cells) + " |")
    return lines


def parameters(found: Sequence[Row]) -> list[str]:
    """Markdown: what the median run of each ISP found."""
    lines = ["| ISP | found |", "| --- | --- |"]
    for isp in _names(found, "isp"):
        row = median_run([row for row in found if row["isp"] == isp])
        shown = [
            f"`{name}` {value:.4g}" if isinstance(value, float) else f"`{name}` {value}"
            for name, value in row["parameters"].items()
        ]
        lines.append(f"| `{isp}` | {', '.join(shown)} |")
    return lines


def without_reference(found: Sequence[Row]) -> list[str]:
    """Markdown: each objective beside psnr, for every ISP, ISO and choice of parameters."""
    lines = [
        "| ISP | ISO | tuned | objective | sets | gain in psnr | lowest to highest | share | below | ssim | "
        "CIEDE2000 |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    keys = ("isp", "iso", "tuned")
    for group in sorted({tuple(row[key] for key in keys) for row in found}):
        mine = [row for row in found if tuple(row[key] for key in keys) == group]
        best = {row["set"]: gain_of(row) for row in mine if row["objective"] == "psnr"}
        if len(_names(mine, "objective")) < 2:
            continue
        for objective in _names(mine, "objective"):
            own = [row for row in mine if row["objective"] == objective]
            gains = [gain_of(row) for row in own]
            shares = [gain_of(row) / best[row["set"]] for row in own if row["set"] in best]
            share = f"{100 * statistics.median(shares):.0f}%" if shares else ""
            structure = statistics.median(gain_of(row, judge="ssim") for row in own)
            colour = statistics.median(gain_of(row, judge="ciede2000") for row in own)
            lines.append(
                f"| `{group[0]}` | {group[1]} | {_TUNED[group[2]]} | `{objective}` | "
                f"{len(own)} | {statistics.median(gains):+.2f} dB | {_range(gains)} | {share} | "
                f"{sum(gain < 0 for gain in gains)} | {structure:+.3f} | {colour:+.2f} |"
            )
    return lines


def draw_tuned(found: Sequence[Row]) -> None:
    """Three held-out scenes of set 0, by the defaults and the tuned settings of each ISP."""
    sheet: list[dict[str, Tensor]] = [{}, {}, {}]
    for row in (row for row in found if row["set"] == 0):
        _add(sheet, row, {f"{row['isp']} as it is": None, f"{row['isp']} tuned": row["parameters"]})
    draw_pictures(HERE / "tuned.png", sheet)


def draw_without_reference(found: Sequence[Row]) -> None:
    """Three held-out scenes of set 0 by LibRaw at ISO 1600, as each objective tunes it."""
    mine = [row for row in found if (row["isp"], row["iso"], row["set"]) == ("libraw", 1600, 0)]
    for tuned in _blindly_tuned(mine):
        sheet: list[dict[str, Tensor]] = [{}, {}, {}]
        for number, row in enumerate(row for row in mine if row["tuned"] == tuned):
            more = {"defaults": None} if number == 0 else {}
            _add(sheet, row, more | {row["objective"]: row["parameters"]})
        draw_pictures(HERE / f"without_reference_{tuned}.png", sheet)


def _add(sheet: list[dict[str, Tensor]], row: Row, settings: dict[str, Any]) -> None:
    """Put what settings make of the first held-out scenes of a row before the references."""
    names = scene_set(row["set"], row["setup"])[1][: len(sheet)]
    pipeline = pipeline_of(row["isp"], names, row["iso"], row["setup"])
    for index, pictures in enumerate(sheet):
        reference = pictures.pop("reference", None)
        for title, values in settings.items():
            pictures[title] = pipeline.render(pipeline.space.from_dicts([values or {}]), index)
        found = pipeline.reference(index) if reference is None else reference
        assert found is not None
        pictures["reference"] = found


def median_run(found: Sequence[Row]) -> Row:
    """The run whose held-out gain is the median."""
    return sorted(found, key=gain_of)[len(found) // 2]


def _names(found: Sequence[Row], key: str) -> list[str]:
    return list(dict.fromkeys(row[key] for row in found))


def _blindly_tuned(found: Sequence[Row]) -> list[str]:
    return _names([row for row in found if row["objective"] != "psnr"], "tuned")


def _range(gains: Sequence[float]) -> str:
    return f"{min(gains):+.2f} to {max(gains):+.2f}"


def _number(row: Row | None, of: Any, form: str = ".2f") -> str:
    return "" if row is None else format(of(row), form)


if __name__ == "__main__":
    main()
