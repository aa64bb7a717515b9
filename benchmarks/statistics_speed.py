"""Nanoseconds a pixel of each statistic of the metric bank, and of psnr, ssim and ms-ssim.

    uv run python benchmarks/statistics_speed.py

Where there are compiled loops, they and the formulas (what runs of earlier versions go on with) are called in
turns, so that other work on the machine falls on both; times are the least of the turns, by the clock and of
the processors (all threads together), on eight pictures of 384 x 256 of blurred noise. Writes
statistics_speed.md into the folder of its own name.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
from measuring import machine
from torch import Tensor

from isptune_fidelity import functional as fidelity
from isptune_statistics import bank, functional, natural_scenes, niqe, structure

Way = Callable[[Tensor], object]

SIZE = (8, 3, 256, 384)


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(""))
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    noise = torch.rand(*SIZE, generator=torch.Generator().manual_seed(0))
    images = torch.nn.functional.avg_pool2d(noise, 3, 1, 1)
    text = (__doc__ or "").strip().partition("\n\n")[2].partition("\n\n")[2]
    lines = ["# Speed of the metric bank and of full-reference measures", "", text, "", machine(), ""]
    lines += ["| measure | ns a pixel | compiled | times as fast | processor ns | compiled | times less |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
    with torch.no_grad():
        for name, (plain, compiled) in measures(images[:1].flip(-1)).items():
            lines.append(row(name, images, plain, compiled, options.turns))
            print(lines[-1], flush=True)
    (options.out / "statistics_speed.md").write_text("\n".join([*lines, ""]))


def measures(reference: Tensor) -> dict[str, tuple[Way, Way | None]]:
    """By name what is called, by the formulas and in compiled loops where there are such."""
    pristine = niqe.load_pristine()
    banks = [bank.MetricBank(compiled=compiled) for compiled in (False, True)]

    def distances(compiled: bool) -> Way:
        return lambda images: [niqe.niqe_distance(one[None], pristine, compiled) for one in images]

    def coefficients(compiled: bool) -> Way:
        return lambda images: list(natural_scenes.coefficients_of(images, compiled))

    found: dict[str, tuple[Way, Way | None]] = {
        "psnr": (lambda images: fidelity.psnr(images, reference), None),
        "ssim": (
            lambda images: fidelity.ssim(images, reference),
            lambda images: fidelity.ssim(images, reference, compiled=True),
        ),
        "ms-ssim": (
            lambda images: fidelity.ms_ssim(images, reference),
            lambda images: fidelity.ms_ssim(images, reference, compiled=True),
        ),
        "niqe-distance": (distances(False), distances(True)),
        "mscn coefficients": (coefficients(False), coefficients(True)),
        "sharpness": (
            functional.sharpness,
            lambda images: functional.sharpness(images, compiled=True),
        ),
        "overshoot": (
            structure.overshoot,
            lambda images: structure.overshoot(images, compiled=True),
        ),
        "detail-1 to detail-4": (structure.octave_sharpness, None),
    }
    found |= {name: (function, None) for name, function in {**bank._PLAIN, **bank._OF_LUMA}.items()}
    return {**found, "all 24 columns of the bank": (banks[0], banks[1])}


def row(name: str, images: Tensor, plain: Way, compiled: Way | None, turns: int) -> str:
    ways = [plain] if compiled is None else [plain, compiled]
    clock: list[list[float]] = [[] for _ in ways]
    work: list[list[float]] = [[] for _ in ways]
    for turn in range(turns + 1):
        for place, way in enumerate(ways):
            start, used = time.perf_counter(), time.process_time()
            way(images)
            if turn:
                clock[place].append(time.perf_counter() - start)
                work[place].append(time.process_time() - used)
    pixels = images.numel() / 3
    cells = [name]
    for taken in (clock, work):
        least = [min(one) / pixels * 1e9 for one in taken]
        cells += [f"{one:.1f}" for one in least]
        cells += [f"{least[0] / least[1]:.1f}"] if compiled is not None else ["", ""]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
