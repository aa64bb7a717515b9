"""The tables of ``real_isps.py``, in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from isp_cells import defaults_for, gain_of, mean_of

Row = dict[str, Any]

TUNED = {"all": "all eight", "detail": "five: colours and brightness as shot"}


def summary(found: Sequence[Row]) -> list[str]:
    """Markdown: what each ISP gained over its own defaults."""
    lines = [
        "| ISP | sets | held out, defaults | held out, tuned | gain: median | lowest to highest | "
        "training gain |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for isp in names(found, "isp"):
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
    isps = names(found, "isp")
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
    isps = names(found, "isp")
    head = [f"`{isp}` {what}" for isp in isps for what in ("defaults", "tuned")]
    lines = ["| scene | sets | " + " | ".join(head) + " |", "| --- | --- |" + " --- |" * len(head)]
    differences = []
    for scene in sorted({name for row in found for name in row["held_out"]}, key=str.lower):
        mine = [row for row in found if scene in row["held_out"]]
        cells: list[str] = []
        tuned: dict[str, float | None] = {"libraw": None, "raw": None}
        for isp in isps:
            own = [row for row in mine if row["isp"] == isp]
            for versions in ([defaults_for(row) for row in own], own):
                levels = [version["held_out"][scene]["psnr"] for version in versions]
                cells.append(f"{statistics.mean(levels):.2f}" if levels else "")
                tuned[isp] = statistics.mean(levels) if levels else None
        lines.append(f"| {scene} | {len({row['set'] for row in mine})} | " + " | ".join(cells) + " |")
        if tuned["raw"] is not None and tuned["libraw"] is not None:
            differences.append(tuned["raw"] - tuned["libraw"])
    if differences:
        lines += [
            "",
            f"`raw` less LibRaw, both tuned, over these scenes: {statistics.median(differences):+.2f} dB in "
            f"the median, {_range(differences)}.",
        ]
    return lines


def parameters(found: Sequence[Row]) -> list[str]:
    """Markdown: what the median run of each ISP found."""
    lines = ["| ISP | found |", "| --- | --- |"]
    for isp in names(found, "isp"):
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
        if len(names(mine, "objective")) < 2:
            continue
        for objective in names(mine, "objective"):
            own = [row for row in mine if row["objective"] == objective]
            gains = [gain_of(row) for row in own]
            shares = [gain_of(row) / best[row["set"]] for row in own if row["set"] in best]
            share = f"{100 * statistics.median(shares):.0f}%" if shares else ""
            structure = statistics.median(gain_of(row, judge="ssim") for row in own)
            colour = statistics.median(gain_of(row, judge="ciede2000") for row in own)
            lines.append(
                f"| `{group[0]}` | {group[1]} | {TUNED[group[2]]} | `{objective}` | "
                f"{len(own)} | {statistics.median(gains):+.2f} dB | {_range(gains)} | {share} | "
                f"{sum(gain < 0 for gain in gains)} | {structure:+.3f} | {colour:+.2f} |"
            )
    return lines


def median_run(found: Sequence[Row]) -> Row:
    """The run whose held-out gain is the median."""
    return sorted(found, key=gain_of)[len(found) // 2]


def names(found: Sequence[Row], key: str) -> list[str]:
    return list(dict.fromkeys(row[key] for row in found))


def blindly_tuned(found: Sequence[Row]) -> list[str]:
    return names([row for row in found if row["objective"] != "psnr"], "tuned")


def _range(gains: Sequence[float]) -> str:
    return f"{min(gains):+.2f} to {max(gains):+.2f}"


def _number(row: Row | None, of: Any, form: str = ".2f") -> str:
    return "" if row is None else format(of(row), form)
