"""All that needs a GPU, measured in at most 8 minutes on one, with nothing downloaded.

    uv run python benchmarks/gpu.py
    uv run python benchmarks/gpu.py --dry-run     # every part at a small size on the CPU

The tests with the marker ``gpu``; the synthetic chain at 4K; ``raw`` forward and backward; ``severity``;
CLIP-IQA and Q-Align at their published sizes with random weights in bfloat16, which take the same time as
trained ones; a whole run of ``tune``; and a benchmark whose runs share the GPU through Ray.

Each part runs in a process of its own, under a limit of its own: one that fails or hangs costs that part
alone, and the table says why. Every figure is written into results.jsonl as soon as it is there, and gpu.md
is written anew after each part, so that a study that is cut off keeps what it has. Times are medians after a
warm-up; a *pass* is the time of one warm copy of the same pictures; the peak is that of a product of matrices
of 8192 x 8192 in bfloat16, measured in the same study; memory is what a call takes at its peak beyond what
was held before.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

# In the order in which they are run: name, seconds at most, and what it is.
PARTS: dict[str, tuple[float, str]] = {
    "peak": (30, "the peak of matrix products and of copies"),
    "chain": (70, "the synthetic chain at 4K"),
    "raw": (45, "`raw`, forward and backward"),
    "severity": (45, "`severity`"),
    "clipiqa": (45, "CLIP-IQA at its published size, random weights, bfloat16"),
    "qalign": (90, "Q-Align at its published size, random weights, bfloat16"),
    "tune": (45, "a whole run of `tune`"),
    "tests": (75, "the tests with the marker `gpu`"),
    "ray": (75, "a benchmark on Ray, a quarter of the GPU for each run"),
}
MOST_SECONDS = 470.0
ROW = "ROW "
Row = Mapping[str, Any]
Starter = Callable[[str], Sequence[str]]


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(""))
    parser.add_argument("--parts", default=",".join(PARTS), help="names separated by commas")
    parser.add_argument("--dry-run", action="store_true", help="small sizes on the CPU, in this process")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        show(options.only, options.dry_run)
        return
    names = options.parts.split(",")
    unknown = sorted({*names} - {*PARTS})
    if unknown:
        parser.error(f"there is no part '{unknown[0]}'; allowed: {', '.join(PARTS)}")
    sys.exit(study(names, options.out, options.dry_run))


def study(names: Sequence[str], out: Path, dry: bool) -> int:
    """Run the parts and write what they give; 0 where none failed, 1 where one did, 2 without a GPU."""
    import torch

    out.mkdir(parents=True, exist_ok=True)
    results = Results(out, dry)
    if not dry and not torch.cuda.is_available():
        results.write()
        print(f"this machine has no GPU; {out / 'gpu.md'} says so", file=sys.stderr)
        return 2
    begun = time.monotonic()
    for name in names:
        limit = min(PARTS[name][0], MOST_SECONDS - (time.monotonic() - begun))
        started = time.monotonic()
        if dry:
            reason = in_this_process(name, results.add)
        elif limit < 5:
            reason = "no time was left"
        else:
            reason = in_a_process(command(name), limit, results.add)
        results.end(name, time.monotonic() - started, reason)
    return 1 if any(results.reasons.values()) else 0


def command(name: str) -> list[str]:
    return [sys.executable, str(Path(__file__).resolve()), "--only", name]


def show(name: str, dry: bool) -> None:
    """Print the rows of a part, each as soon as it is there."""
    for row in rows_of(name, dry):
        print(ROW + json.dumps({"part": name, **row}), flush=True)


def rows_of(name: str, dry: bool) -> Iterable[Row]:
    import gpu_parts

    return gpu_parts.PARTS[name](gpu_parts.DRY if dry else gpu_parts.REAL)


def in_this_process(name: str, add: Callable[[Row], None]) -> str:
    """Run a part at a small size; why it failed, or nothing."""
    try:
        for row in rows_of(name, dry=True):
            add({"part": name, **row})
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def in_a_process(argv: Sequence[str], limit: float, add: Callable[[Row], None]) -> str:
    """Run a part in a process of its own, with whatever it starts; why it failed, or nothing."""
    process = subprocess.Popen(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        cwd=Path(__file__).resolve().parents[1],
    )
    late = threading.Event()

    def end() -> None:
        late.set()
        _kill(process)

    timer = threading.Timer(limit, end)
    timer.start()
    said: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(ROW):
            add(json.loads(line.removeprefix(ROW)))
        elif line.strip():
            said.append(line.strip())
    code = process.wait()
    timer.cancel()
    # What it left behind would hold the GPU.
    _kill(process)
    if late.is_set():
        return f"stopped after {limit:.0f} s"
    return f"exit code {code}: {said[-1][:200] if said else 'it said nothing'}" if code else ""


def _kill(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


class Results:
    """What was measured so far, in results.jsonl and gpu.md."""

    def __init__(self, out: Path, dry: bool) -> None:
        self.out, self.dry = out, dry
        self.rows: list[Row] = []
        self.seconds: dict[str, float] = {}
        self.reasons: dict[str, str] = {}
        (out / "results.jsonl").write_text("")

    def add(self, row: Row) -> None:
        """Keep a figure."""
        self.rows.append(row)
        with (self.out / "results.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(row, flush=True)

    def end(self, name: str, seconds: float, reason: str) -> None:
        """Note the end of a part."""
        self.seconds[name], self.reasons[name] = seconds, reason
        if reason:
            self.add({"part": name, "case": "", "failed": reason})
        self.write()

    def write(self) -> None:
        """Write the page anew."""
        text = "\n".join(page(self.rows, self.seconds, self.dry))
        (self.out / "gpu.md").write_text(text + "\n")


def page(rows: Sequence[Row], seconds: Mapping[str, float], dry: bool) -> list[str]:
    """The page: what was measured, and where the time went."""
    from measuring import machine

    about = (__doc__ or "").strip().partition("\n\n")[2].partition("\n\n")[2]
    lines = ["# On a GPU", "", about.strip(), ""]
    if not rows and not seconds:
        lines += ["**Not measured on a GPU**: the machines that these pages were made on have none.", ""]
        lines += ["| part | at most, s |", "| --- | --- |"]
        return lines + [f"| {said} | {limit:.0f} |" for limit, said in PARTS.values()]
    lines += [machine(), ""]
    if dry:
        lines += [
            "**A dry run**: small sizes on the CPU. It says that every part works, and no more.",
            "",
        ]
    head = ("part", "what", "time", "rate", "of the peak", "peak memory", "where the time goes")
    lines += [_row(head), _row(["---"] * len(head))]
    lines += [_row(cells(row)) for row in rows]
    lines += ["", "## Where the minutes went", "", "| part | seconds, with its start | share |"]
    total = sum(seconds.values()) or 1.0
    lines += ["| --- | --- | --- |"]
    lines += [f"| {name} | {spent:.1f} | {spent / total:.0%} |" for name, spent in seconds.items()]
    return lines


def cells(row: Row) -> list[str]:
    """A figure as a row of the table."""
    if "failed" in row:
        return [row["part"], row["case"], "", "", "", "", f"**failed**: {row['failed']}"]
    taken, rate, share, held = (row.get(key) for key in ("seconds", "rate", "of_peak", "peak_bytes"))
    return [
        row["part"],
        row["case"],
        "" if taken is None else f"{taken * 1e3:.3g} ms" if taken < 1 else f"{taken:.1f} s",
        "" if rate is None else f"{rate:.3g} {row['unit']}",
        "" if share is None else f"{share:.0%}",
        "" if held is None else f"{held / 2**30:.2f} GiB",
        row.get("note", ""),
    ]


def _row(cells_of_it: Iterable[str]) -> str:
    return "| " + " | ".join(text.replace("|", "/").replace("\n", " ") for text in cells_of_it) + " |"


if __name__ == "__main__":
    main()
