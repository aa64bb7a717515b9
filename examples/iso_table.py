"""Tune a table of parameters over four ISO numbers, and ask it for one between them.

It needs the extra `raw`. A smaller budget for each of its five runs may be given: `python iso_table.py 8`.
"""

import sys
from pathlib import Path

from torch.nn.functional import interpolate

import isptune
import isptune_raw
from isptune.scenes import chart, write_image

ISOS = (100, 400, 1600, 6400)
STAGES = [
    *("raw_white_balance", "raw_demosaic", "raw_colour", "raw_encoding"),
    {"name": "raw_guided_denoise", "prefix": "denoise"},
]
BUDGET = int(sys.argv[1]) if len(sys.argv) > 1 else 64


def main() -> None:
    Path("raws").mkdir(exist_ok=True)
    for iso in ISOS:
        # As a lens gives it: without details of one pixel.
        picture = interpolate(chart(64, 48, seed=iso)[None], scale_factor=2, mode="bilinear")[0]
        isptune_raw.write_dng(Path(f"raws/{iso}.dng"), isptune_raw.simulate(picture, iso=iso, seed=iso))
        write_image(f"raws/{iso}.reference.png", picture, bits=16)
    settings = {
        "scenes": ["raws/*.dng"],
        "pipeline": {"name": "raw", "options": {"stages": STAGES}},
        "objective": "psnr",
        "optimizer": "cma",
        "population": 8,
        "budget": BUDGET,
        "start": "own",
        # Colours are right as they are, and nobody says how noise reduction shall follow the ISO.
        "parameters": {"raw_*": {"fix": None}},
        "conditions": "iso",
    }
    table = isptune.tune_table(settings, out="by-iso")
    for entry in table.entries:
        gain = entry.tuned["own"] - entry.tuned["start"]
        print(f"{entry.name:>8}: denoise.luma {entry.parameters['denoise.luma']:.2g}, {gain:+.2f} dB")
    print(f" iso 640: denoise.luma {table.at(iso=640)['denoise.luma']:.2g}, interpolated")
    print(table.text("csv"))


if __name__ == "__main__":
    main()
