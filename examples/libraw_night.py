"""Tune LibRaw on simulated raw pictures at ISO 1600, and look at one that the search was never told of.

It needs the extra `raw`. With raw files of your own, give their names in the place of the simulated ones. A
smaller budget of evaluations may be given: `python libraw_night.py 10`.
"""

import sys
from pathlib import Path

import isptune
import isptune_raw
from isptune.scenes import chart, write_image

ISO = 1600
SEARCHED = ("demosaic.algorithm", "denoise.threshold", "denoise.fbdd", "demosaic.median_passes")
BUDGET = int(sys.argv[1]) if len(sys.argv) > 1 else 40


def night(name: str, seed: int) -> str:
    """A simulated raw file with its reference beside it."""
    picture = chart(192, 144, seed)
    isptune_raw.write_dng(Path(f"{name}.dng"), isptune_raw.simulate(picture, iso=ISO, seed=seed))
    write_image(f"{name}.reference.png", picture, bits=16)
    return f"{name}.dng"


def main() -> None:
    scenes = [night(name, seed) for seed, name in enumerate(("first", "second", "third"))]
    pipeline = isptune.create_pipeline("libraw", scenes=scenes)
    result = isptune.tune(
        pipeline,
        "psnr",
        optimizer="cma",
        population=10,
        budget=BUDGET,
        start="own",
        parameters={name: {"fix": None} for name in pipeline.space.names if name not in SEARCHED},
        holdout=["third.dng"],
    )
    print({name: result.best_parameters[name] for name in SEARCHED})
    print(f"seen: {result.default_score:.2f} dB by default, {result.best_score:.2f} dB found")
    (judged,) = result.holdout.held_out
    print(f"held out: {judged.psnr_start:.2f} dB by default, {judged.psnr_found:.2f} dB found")
    defaults = pipeline.space.to_dicts(pipeline.space.start())[0]
    scene = pipeline.scenes[2]
    pictures = {
        "by default": pipeline.develop(defaults, scene),
        "found": pipeline.develop(result.best_parameters, scene),
        "reference": scene.reference,
    }
    isptune.figures.save(isptune.figures.draw_before_after(pictures), "libraw_night.png")


if __name__ == "__main__":
    main()
