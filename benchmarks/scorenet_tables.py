"""The page and the picture of ``scorenet_comparison.py``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from measuring import machine

from isptune.benchmark.paired_tests import holm, signed_rank_p
from isptune.benchmark.summaries import median_estimate

matplotlib.use("Agg")
from matplotlib import pyplot

Row = dict[str, Any]

PARTS = {
    "synthetic": ("The synthetic ISP", "normalised l1 reached (0 is the hidden optimum)", 1.0),
    "libraw": ("LibRaw at ISO 1600", "share of the gain of psnr, on held-out scenes", -1.0),
}
"""Title, what is measured, and the sign with which less is better."""

QUESTIONS = (
    ("new host", "qalign-tiny"),
    ("ScoreNet", "scorenet-align-tiny"),
    ("ScoreNet", "new host"),
    ("ScoreNet", "one context for all"),
    ("ScoreNet", "context from the picture"),
    ("ScoreNet", "context from metrics"),
    ("ScoreNet", "severity"),
)
"""Each against what it is to beat; these seven were chosen before the runs."""

ORDER = (
    *("psnr", "severity", "qalign-tiny", "scorenet-align-tiny", "new host"),
    *("one context for all", "context from the picture", "context from metrics", "ScoreNet"),
)

DRAWS = 10_000


def write_page(folder: Path, rows: Sequence[Row]) -> None:
    """scorenet_comparison.md and .png of the runs that are there."""
    lines = ["# ScoreNet on a host that has seen ISPs", "", _prose(INTRODUCTION), "", _prose(STATE)]
    lines += ["", machine(), "", "## Held-out photographs", "", _prose(VALIDATION), "", *validation(rows), ""]
    parts = [part for part in PARTS if any(row["part"] == part for row in rows)]
    for part in parts:
        mine = [row for row in rows if row["part"] == part]
        title, measured, _ = PARTS[part]
        lines += [f"## {title}: {measured}", "", _prose(SYNTHETIC if part == "synthetic" else LIBRAW), ""]
        lines += [*levels(mine, part), "", _prose(PAIRED), "", *paired(mine, part), ""]
    if parts:
        lines += ["![Every seed of every objective](scorenet_comparison.png)", ""]
        draw(folder / "scorenet_comparison.png", [row for row in rows if row["part"] in PARTS], parts)
    (folder / "scorenet_comparison.md").write_text("\n".join(lines), encoding="utf-8")


INTRODUCTION = """
The *new host* is `qalign-tiny` trained further on the distortion bank and on what `raw` and LibRaw make
of simulated raws at ISO 100 to 12,800 (`isptune train --data isp`). On it, frozen, contexts are trained
from the same pictures: one for all (CoOp), from the picture, from the metric bank, and *ScoreNet*, from
both. `qalign-tiny` and `scorenet-align-tiny` are the embedded ones, which have seen five synthetic
distortions alone. `psnr` knows the truth and is the bound. No photograph that is tuned on or judged by in
the last two tables was in any training.
"""

STATE = """
How far this went: the machine was shared by many, and the host's training was stopped at step 180 of 300,
before its learning rate had fallen; each step averaged the gradients of four batches of 16 pictures.
Contexts: 700 steps on 96 batches of 32, one training each. ScoreNet on CLIP-IQA: a tiny network of RN50's
architecture with **random weights** (CLIP's own are a download), 600 steps on 60 batches: it shows that
the way works and says nothing of CLIP. Where fewer than ten seeds stand in a table the others were not
run. On the synthetic ISP all ten were: ScoreNet ends nearer to the truth than its host and than one context
for all, and no nearer than a context from the metrics alone. The host is not embedded: the tables show what
it gains and what it loses. The same commands go on where this ended.
"""

SYNTHETIC = """
The five stages of the default chain, every seed with a hidden map and a test photograph of its own, one
crop of 192 pixels, 30 x 20 evaluations of `es` (the paper: 30 x 50).
"""

LIBRAW = """
Five parameters, colours and brightness as shot; 120 evaluations of `cma` on 8 scenes, 14 others held out,
every seed another set, as in [real_isps](../real_isps/real_isps.md).
"""

VALIDATION = """
Rank correlation (SRCC) of the score with the known quality on photographs held out of the training on
ISPs and of the contexts (the earlier training of `qalign-tiny`, from which the new host started, and that
of `scorenet-align-tiny` may have seen some of them): 320 pictures of the bank's chains at several sizes,
and 192 of ISPs; over all, and within each content (the mean over contents of 4 versions).
"""

PAIRED = """
Paired by seed, the first less the second; the interval is of the median, by bootstrap over seeds; p of the
two-sided signed-rank test, with Holm's correction for the questions of this table.
"""


def validation(rows: Sequence[Row]) -> list[str]:
    """Markdown: the correlations, by source of the pictures."""
    lines = ["| objective | bank | within | ISPs | within | both | within |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
    for row in (row for row in rows if row["part"] == "validation"):
        cells = [f"{row[key]:.2f} | {row[f'{key} within']:.2f}" for key in ("bank", "isps", "value")]
        lines.append(f"| {row['objective']} | " + " | ".join(cells) + " |")
    return lines


def levels(rows: Sequence[Row], part: str) -> list[str]:
    """Markdown: what each objective reached over its seeds."""
    is_share = part == "libraw"
    more = " below the defaults | gain in psnr |" if is_share else " best | worst |"
    lines = [f"| objective | seeds | median | 95% interval | quartiles |{more}"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
    for name in names(rows):
        mine = [row for row in rows if row["objective"] == name]
        values = np.array([row["value"] for row in mine])
        found = median_estimate(values, [row["scene"] for row in mine], count=DRAWS)
        low, high = np.quantile(values, [0.25, 0.75])
        interval = f"{found.low:.3f} to {found.high:.3f}" if len(values) > 1 else ""
        cells = [f"{found.value:.3f}", interval, f"{low:.3f} to {high:.3f}"]
        if is_share:
            gains = [row["gain"] for row in mine]
            cells += [f"{sum(gain < 0 for gain in gains)}", f"{np.median(gains):+.2f} dB"]
        else:
            cells += [f"{values.min():.3f}", f"{values.max():.3f}"]
        lines.append(f"| {name} | {len(values)} | " + " | ".join(cells) + " |")
    return lines


def paired(rows: Sequence[Row], part: str) -> list[str]:
    """Markdown: the questions, each with its answer."""
    sign = PARTS[part][2]
    asked = []
    for first, second in QUESTIONS:
        ours, theirs = (
            {row["seed"]: row for row in rows if row["objective"] == name} for name in (first, second)
        )
        seeds = sorted(ours.keys() & theirs.keys())
        if len(seeds) > 1:
            differences = np.array([ours[seed]["value"] - theirs[seed]["value"] for seed in seeds])
            asked.append((first, second, differences, [ours[seed]["scene"] for seed in seeds]))
    corrected = holm([signed_rank_p(differences) for _, _, differences, _ in asked])
    lines = [
        "| first | second | pairs | first better | median difference | 95% interval | p | p (Holm) | better |"
    ]
    lines += ["| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for (first, second, differences, scenes), p in zip(asked, corrected, strict=True):
        found = median_estimate(differences, scenes, count=DRAWS)
        better = int((sign * differences < 0).sum())
        answer = "undecided" if not p < 0.05 else first if sign * found.value < 0 else second
        cells = [f"{len(differences)}", f"{better}", f"{found.value:+.3f}"]
        cells += [
            f"{found.low:+.3f} to {found.high:+.3f}",
            f"{signed_rank_p(differences):.3f}",
            f"{p:.3f}",
            answer,
        ]
        lines.append(f"| {first} | {second} | " + " | ".join(cells) + " |")
    return lines


def draw(path: Path, rows: Sequence[Row], parts: Sequence[str]) -> None:
    """Every seed as a point, the median as a bar with its interval."""
    figure, axes = pyplot.subplots(1, len(parts), figsize=(5.2 * len(parts), 4.2), sharey=True, squeeze=False)
    everything = names(rows)
    for axis, part in zip(axes[0], parts, strict=True):
        for place, name in enumerate(everything):
            mine = [row for row in rows if row["part"] == part and row["objective"] == name]
            if not mine:
                continue
            values = [row["value"] for row in mine]
            found = median_estimate(values, [row["scene"] for row in mine], count=DRAWS)
            jitter = np.linspace(-0.18, 0.18, len(values))
            axis.scatter(values, place + jitter, s=14, color="#5b7da8", alpha=0.7, linewidths=0)
            axis.plot([found.low, found.high], [place, place], color="#22364f", linewidth=1.5)
            axis.plot([found.value] * 2, [place - 0.3, place + 0.3], color="#22364f", linewidth=2.5)
        axis.set_title(PARTS[part][0], fontsize=10)
        axis.set_xlabel(PARTS[part][1], fontsize=8)
        axis.axvline(0, color="#999999", linewidth=0.8)
        axis.grid(axis="x", color="#e5e5e5")
        axis.set_axisbelow(True)
        axis.tick_params(labelsize=8)
    axes[0][0].set_yticks(range(len(everything)), everything)
    axes[0][0].invert_yaxis()
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def names(rows: Sequence[Row]) -> list[str]:
    found = {row["objective"] for row in rows}
    return [name for name in ORDER if name in found]


def _prose(text: str) -> str:
    return " ".join(text.split())
